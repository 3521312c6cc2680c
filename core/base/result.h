// Result<T>: a value or an Error. TRY is the project's one macro: it binds the value or returns the error.
//   TRY(bytes, read_file(path));                       // declares `auto bytes`
//   TRY_OK(write_atomically(path, bytes));             // for Result<void>
//   return fail(ErrorCode::not_found, "no model named x");
#pragma once
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "core/base/error.h"

namespace defuse {

// A class and not an alias, so that the compiler refuses a result that nobody looks at: a failed write that is dropped
// is how evidence gets lost. Where a failure truly does not matter, `harmless` says why.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
  Result() = default;
  Result(tl::expected<T, Error> other) : tl::expected<T, Error>(std::move(other)) {}  // NOLINT: the same thing
};

// Drops a result whose failure costs nothing but time or room: `harmless(cache.put(…), "it is made again")`.
template <class T>
void harmless(const Result<T>& /*result*/, const char* /*why*/) {}

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message), {}});
}

// Adds a context line to a failed result: `return while_doing("while reading labels", read_labels(path));`
template <class T>
Result<T> while_doing(std::string line, Result<T> result) {
  if (!result) return tl::unexpected<Error>(std::move(result.error()).with(std::move(line)));
  return result;
}

}  // namespace defuse

#define DEFUSE_CONCAT_(a, b) a##b
#define DEFUSE_CONCAT(a, b) DEFUSE_CONCAT_(a, b)
#define DEFUSE_TRY_(tmp, name, expr)                                        \
  auto tmp = (expr);                                                        \
  if (!tmp) return tl::unexpected<::defuse::Error>(std::move(tmp.error())); \
  auto name = std::move(*tmp)
#define TRY(name, expr) DEFUSE_TRY_(DEFUSE_CONCAT(try_result_, __LINE__), name, expr)
#define TRY_OK(expr)                                                                                         \
  do {                                                                                                       \
    if (auto try_ok_ = (expr); !try_ok_) return tl::unexpected<::defuse::Error>(std::move(try_ok_.error())); \
  } while (false)
