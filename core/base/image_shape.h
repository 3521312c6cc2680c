// The size of one image, as models take it: channels first. Plain value.
#pragma once
#include <cstdint>

namespace defuse {

struct ImageShape {
  std::int64_t channels = 1;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t pixels() const { return channels * height * width; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace defuse
