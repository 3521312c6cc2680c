// What went wrong, for people and for code. Every fallible function of defused returns Result<T> (result.h) with one of
// these. The code decides what happens next (retry, refuse, HTTP status); the message names the thing; callers add
// context lines
// ("while reading the test split") on the way up. A plain value, safe to copy between threads.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace defuse {

enum class ErrorCode {
  not_found,      // the thing asked for does not exist
  invalid_input,  // what a user or a file gave is wrong; trying again changes nothing
  unavailable,    // cannot be reached now; trying again may help
  io,             // the operating system refused or failed
  corrupt,        // data that was whole once no longer is
  cancelled,      // somebody asked for it to stop
  exhausted,      // out of memory, time, disk or retries
  conflict,       // the present state does not allow this move
  internal,       // a bug of ours
};

std::string_view to_string(ErrorCode code);

struct [[nodiscard]] Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  std::vector<std::string> context;  // innermost first

  // The same error with one more "while …" line.
  Error with(std::string line) &&;
  Error with(std::string line) const&;

  // "message (while a; while b)", for logs and terminals.
  std::string describe() const;
};

}  // namespace defuse
