#include "core/registry/source.h"

#include <algorithm>
#include <string_view>

namespace defuse {
namespace {

constexpr std::size_t kMaxName = 200;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

bool is_integer(std::string_view text) { return !text.empty() && std::all_of(text.begin(), text.end(), is_digit); }

std::string_view without_leading_zeros(std::string_view digits) {
  const auto first = digits.find_first_not_of('0');
  return first == std::string_view::npos ? digits.substr(digits.size() - 1) : digits.substr(first);
}

}  // namespace

bool version_less(const std::string& a, const std::string& b) {
  const bool a_integer = is_integer(a);
  const bool b_integer = is_integer(b);
  if (a_integer != b_integer) return a_integer;
  if (!a_integer) return a < b;
  // Compared as texts, so that 200 digits do not overflow. "007" and "7" are two versions: the bytes break the tie.
  const auto a_value = without_leading_zeros(a);
  const auto b_value = without_leading_zeros(b);
  if (a_value.size() != b_value.size()) return a_value.size() < b_value.size();
  if (a_value != b_value) return a_value < b_value;
  return a < b;
}

bool is_valid_name(const std::string& name) {
  if (name.empty() || name.size() > kMaxName || !is_alphanumeric(name.front())) return false;
  if (name.starts_with("tmp-")) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace defuse
