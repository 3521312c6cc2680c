// The one place where what SQLite and SQLiteCpp throw becomes an Error. Everything in core/store that touches the
// database runs inside sqlite_guard(), so no exception leaves the room. Stateless; thread-safe.
#pragma once
#include <exception>
#include <string>
#include <string_view>
#include <type_traits>

#include "core/base/result.h"

namespace SQLite {
class Exception;
}

namespace defuse {

// `unavailable` for locks, `corrupt`, `exhausted` for a full disk or no memory, `conflict` for a broken constraint,
// `io` for what the operating system refused, `internal` for the rest. The message names the file.
Error sqlite_error(const SQLite::Exception& exception, const std::string& file);
Error unexpected_error(const std::exception& exception, const std::string& file);

namespace detail {
Error current_exception_as_error(const std::string& file);
}

// Runs `work`, which returns a Result, and turns whatever it throws into an Error with the line "while <doing>".
template <class Work>
auto sqlite_guard(const std::string& file, std::string_view doing, Work&& work) -> std::invoke_result_t<Work> {
  try {
    return work();
  } catch (...) {
    return tl::unexpected<Error>(detail::current_exception_as_error(file).with("while " + std::string(doing)));
  }
}

}  // namespace defuse
