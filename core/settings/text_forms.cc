#include "core/settings/text_forms.h"

namespace defuse {
namespace {

std::string plain(double value) { return dump_json(json_number(value)); }

}  // namespace

bool Number::read(std::string_view text, double& out) const {
  const auto value = parse_number(text);
  out = value.value_or(0);
  return value && contains(out);
}

std::string Number::wants() const {
  return std::string("a number ") + (lower == Lower::inclusive ? "from " : "above ") + plain(min) + " to " + plain(max);
}

Json Number::schema() const {
  return {{"type", "number"}, {lower == Lower::inclusive ? "minimum" : "exclusiveMinimum", min}, {"maximum", max}};
}

bool Fraction::read(std::string_view text, double& out) const {
  const auto value = parse_fraction(text);
  out = value.value_or(0);
  return value && contains(out);
}

std::string Fraction::wants() const {
  return std::string("a share such as 2% or 0.02 (") + (lower == Lower::inclusive ? "from " : "above ") +
         format_fraction(min) + " to " + format_fraction(max) + ")";
}

Json Fraction::schema() const {
  return {{"anyOf", Json::array({Number::schema(), Json{{"type", "string"}, {"pattern", "^[0-9.eE+-]+ ?%?$"}}})}};
}

bool Size::read(std::string_view text, std::uint64_t& out) const {
  const auto value = parse_size(text);
  out = value.value_or(0);
  return value && out >= min && out <= max;
}

std::string Size::wants() const {
  return "a size such as 512MiB or 4GB (from " + format_size(min) + " to " + format_size(max) + ")";
}

Json Size::schema() const { return {{"type", "string"}, {"pattern", "^[0-9.]+ ?(B|kB|MB|GB|KiB|MiB|GiB)$"}}; }

bool Device::read(std::string_view text, std::string& out) const {
  out = text;
  if (text == "cpu" || text == "cuda") return true;
  if (!text.starts_with("cuda:")) return false;
  const auto number = parse_unsigned(text.substr(5));
  return number && *number < 64;
}

}  // namespace defuse
