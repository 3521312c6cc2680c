#include "config/forms.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>

namespace defuse {
namespace {

std::string plain(double value) { return dump_json(json_number(value)); }

std::string percent(double value) {
  const auto text = plain(value * 100);
  return (text.ends_with(".0") ? text.substr(0, text.size() - 2) : text) + "%";
}

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

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
  return std::string("a share such as 2% or 0.02 (") + (lower == Lower::inclusive ? "from " : "above ") + percent(min) +
         " to " + percent(max) + ")";
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

bool Listen::read(std::string_view text, Address& out) const {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const auto port = parse_unsigned(text.substr(colon + 1));
  if (!port || *port > 65535) return false;
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    if (!is_ipv6(std::string(host))) return false;
  } else if (host.empty() || !std::all_of(host.begin(), host.end(), [](unsigned char c) {
               return std::isalnum(c) != 0 || c == '.' || c == '-' || c == '_';
             })) {
    return false;
  }
  out = {std::string(host), static_cast<int>(*port)};
  return true;
}

Json Listen::write(const Address& value) const {
  const bool brackets = value.host.find(':') != std::string::npos;
  return (brackets ? "[" + value.host + "]" : value.host) + ":" + std::to_string(value.port);
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  in_addr four{};
  if (::inet_pton(AF_INET, host.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  return ::inet_pton(AF_INET6, host.c_str(), &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool Device::read(std::string_view text, std::string& out) const {
  out = text;
  if (text == "cpu" || text == "cuda") return true;
  if (!text.starts_with("cuda:")) return false;
  const auto number = parse_unsigned(text.substr(5));
  return number && *number < 64;
}

}  // namespace defuse
