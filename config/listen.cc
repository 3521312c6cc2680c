#include "config/listen.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>

#include "core/settings/units.h"

namespace defuse {
namespace {

bool is_ipv6(const std::string& host) {
  in6_addr address{};
  return ::inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

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

}  // namespace defuse
