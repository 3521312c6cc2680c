// Letters of protocols, where a locale must not decide. Pure.
#pragma once
#include <string>
#include <string_view>

namespace defuse {

// A to Z in lower case; every other byte as it is.
inline std::string lower_ascii(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace defuse
