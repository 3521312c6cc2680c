#include "core/registry/names.h"

#include <cstdio>

namespace defuse {

bool is_passing_name(std::string_view name) {
  if (name.empty() || name.front() == '.' || name.starts_with("tmp-")) return true;
  if (name.back() == '~' || (name.front() == '#' && name.back() == '#')) return true;
  return name.ends_with(".swp") || name.ends_with(".swo") || name.ends_with(".swx");
}

std::string printable_name(std::string_view name) {
  constexpr std::size_t kMost = 200;
  std::string shown;
  for (const char c : name.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f && c != '\\') {
      shown += c;
    } else {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned>(byte));
      shown += escaped;
    }
  }
  return name.size() > kMost ? shown + "…" : shown;
}

}  // namespace defuse
