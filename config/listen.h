// The form of an address to listen on (core/settings/text_forms.h says what a form is). Pure.
#pragma once
#include <string>
#include <string_view>

#include "core/base/json.h"

namespace defuse {

struct Address {
  std::string host;
  int port = 0;
};

// "host:port"; an IPv6 address stands in brackets.
struct Listen {
  bool read(std::string_view text, Address& out) const;
  std::string wants() const { return "host:port such as 127.0.0.1:8470 or [::1]:8470"; }
  Json write(const Address& value) const;
  Json schema() const { return {{"type", "string"}, {"pattern", "^.+:[0-9]+$"}}; }
};

// Whether only this machine can reach it: localhost, 127.0.0.0/8, ::1.
bool is_loopback(const std::string& host);

}  // namespace defuse
