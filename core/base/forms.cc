#include "core/base/forms.h"

namespace defuse::form {
namespace {

// 10 and not 10.0
std::string shown(double value) {
  const std::string text = dump_json(json_number(value));
  return text.ends_with(".0") ? text.substr(0, text.size() - 2) : text;
}

bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

std::string Text::read(const Json& json, std::string& out) const {
  if (!json.is_string()) return "expected a text";
  const auto& text = json.get_ref<const std::string&>();
  if (text.size() > kMaxText) return "longer than " + std::to_string(kMaxText) + " bytes";
  out = text;
  return {};
}

std::string FileName::read(const Json& json, std::string& out) const {
  std::string why = Text::read(json, out);
  if (!why.empty()) return why;
  // A leading dot would hide the file or leave the folder ("..").
  if (out.size() > 200 || out.starts_with('.') || !std::all_of(out.begin(), out.end(), is_plain))
    return "expected a plain file name";
  return {};
}

std::string Path::read(const Json& json, std::filesystem::path& out) const {
  std::string text;
  std::string why = Text::read(json, text);
  if (why.empty()) out = text;
  return why;
}

std::string Time::read(const Json& json, TimePoint& out) const {
  std::string text;
  std::string why = Text::read(json, text);
  if (!why.empty()) return why;
  const auto parsed = parse_rfc3339(text);
  if (!parsed) return parsed.error().message;
  out = *parsed;
  return {};
}

std::string Flag::read(const Json& json, bool& out) const {
  if (!json.is_boolean()) return "expected true or false";
  out = json.get<bool>();
  return {};
}

std::string Whole::read_between(const Json& json, std::int64_t highest, std::int64_t& out) const {
  if (!json.is_number_integer() || (json.is_number_unsigned() && json.get<std::uint64_t>() > INT64_MAX))
    return "expected a whole number";
  out = json.get<std::int64_t>();
  if (out >= least && out <= highest) return {};
  return "out of range: expected " + std::to_string(least) + " to " + std::to_string(highest);
}

std::string Figure::read_number(const Json& json, double& out) const {
  if (!json.is_number() && !json.is_null()) return "expected a number";
  out = json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
  return {};
}

std::string Within::read(const Json& json, double& out) const {
  if (!json.is_number() && !json.is_null()) return "expected a number";
  if (json.is_number()) out = json.get<double>();
  if (json.is_null() || !(out >= least && out <= most)) return "expected " + shown(least) + " to " + shown(most);
  return {};
}

}  // namespace defuse::form
