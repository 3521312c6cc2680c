#include "core/base/error.h"

#include <utility>

namespace defuse {

std::string_view to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
      return "not_found";
    case ErrorCode::invalid_input:
      return "invalid_input";
    case ErrorCode::unavailable:
      return "unavailable";
    case ErrorCode::io:
      return "io";
    case ErrorCode::corrupt:
      return "corrupt";
    case ErrorCode::cancelled:
      return "cancelled";
    case ErrorCode::exhausted:
      return "exhausted";
    case ErrorCode::conflict:
      return "conflict";
    case ErrorCode::internal:
      return "internal";
  }
  return "internal";
}

Error Error::with(std::string line) && {
  context.push_back(std::move(line));
  return std::move(*this);
}

Error Error::with(std::string line) const& { return Error(*this).with(std::move(line)); }

std::string Error::describe() const {
  if (context.empty()) return message;
  std::string text = message + " (";
  for (std::size_t i = 0; i < context.size(); ++i) text += (i ? "; " : "") + context[i];
  return text + ")";
}

}  // namespace defuse
