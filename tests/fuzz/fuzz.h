// What every fuzz target shares. A property that does not hold ends the process, so that libFuzzer keeps the input. One
// target, one thread.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/base/json.h"

namespace defuse::fuzz {

inline void require(bool holds, std::string_view property, std::string_view seen = {}) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %.*s\n%.*s\n", static_cast<int>(property.size()), property.data(),
               static_cast<int>(seen.size()), seen.data());
  std::abort();
}

// Whoever reads the error must learn what it is about.
inline void require_names(const Error& error, std::string_view thing) {
  require(error.code != ErrorCode::internal, "no input is a bug of ours", error.describe());
  require(error.message.find(thing) != std::string::npos, "the error names the thing", error.message);
}

inline bool is_utf8(std::string_view text) {
  try {
    (void)Json(text).dump();  // strict by default
    return true;
  } catch (const Json::exception&) {
    return false;
  }
}

// The first byte says how to read the rest.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const auto first = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return first;
  }
  // Two bytes of length, little end first, and as much; less if there is less.
  std::string_view piece() {
    std::size_t length = byte();
    length |= std::size_t{byte()} << 8;
    const auto piece = rest_.substr(0, length);
    rest_.remove_prefix(piece.size());
    return piece;
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace defuse::fuzz
