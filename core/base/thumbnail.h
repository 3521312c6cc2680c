// Images made smaller for people to look at. Pure; thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/image_shape.h"

namespace defuse {

struct Thumbnail {
  ImageShape shape;
  std::vector<float> pixels;  // [C, H, W]
};

// requires: chw.size() == shape.pixels(), longest >= 1. Neither side longer than `longest`, the proportions kept as far
// as whole pixels allow; each pixel is the mean of those that it covers. An image that is small enough stays as it is.
Thumbnail shrink(const ImageShape& shape, std::span<const float> chw, std::int64_t longest);

// The shape that shrink() gives.
ImageShape shrunk(const ImageShape& shape, std::int64_t longest);

}  // namespace defuse
