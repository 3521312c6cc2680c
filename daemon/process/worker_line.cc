#include "daemon/process/worker_line.h"

#include <algorithm>
#include <cmath>

#include "core/base/json.h"

namespace defuse {
namespace {

constexpr std::size_t kLongestMessage = 2000;  // of the worker's error, which may end up in reports

ErrorCode error_code_from(std::string_view text) {
  for (const auto code : {ErrorCode::not_found, ErrorCode::invalid_input, ErrorCode::unavailable, ErrorCode::io,
                          ErrorCode::corrupt, ErrorCode::cancelled, ErrorCode::exhausted, ErrorCode::conflict})
    if (to_string(code) == text) return code;
  return ErrorCode::internal;
}

}  // namespace

std::optional<WorkerLine> parse_worker_line(std::string_view line) {
  const auto json = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return std::nullopt;
  if (const auto error = json.find("error"); error != json.end() && error->is_object()) {
    const auto code = error->find("code");
    const auto message = error->find("message");
    if (code == error->end() || !code->is_string() || message == error->end() || !message->is_string())
      return std::nullopt;
    return WorkerLine{{},
                      0,
                      Error{error_code_from(code->get_ref<const std::string&>()),
                            message->get_ref<const std::string&>().substr(0, kLongestMessage),
                            {}}};
  }
  const auto name = json.find("station");
  const auto value = json.find("progress");
  if (name == json.end() || !name->is_string() || value == json.end() || !value->is_number()) return std::nullopt;
  const auto& text = name->get_ref<const std::string&>();
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == ' '; };
  if (text.empty() || text.size() > 64 || !std::all_of(text.begin(), text.end(), plain)) return std::nullopt;
  const double number = value->get<double>();
  return WorkerLine{text, std::isfinite(number) ? std::clamp(number, 0.0, 1.0) : 0.0, std::nullopt};
}

}  // namespace defuse
