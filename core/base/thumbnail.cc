#include "core/base/thumbnail.h"

#include <algorithm>

namespace defuse {
namespace {

// The mean over the pixels that pixel (x, y) of `small` covers; a pixel counts for the one it begins in.
float mean_of(std::span<const float> plane, const ImageShape& shape, const ImageShape& small, std::int64_t x,
              std::int64_t y) {
  const auto left = x * shape.width / small.width, right = (x + 1) * shape.width / small.width;
  const auto top = y * shape.height / small.height, bottom = (y + 1) * shape.height / small.height;
  float sum = 0;
  for (auto row = top; row < bottom; ++row)
    for (auto column = left; column < right; ++column)
      sum += plane[static_cast<std::size_t>(row * shape.width + column)];
  return sum / static_cast<float>((bottom - top) * (right - left));
}

}  // namespace

ImageShape shrunk(const ImageShape& shape, std::int64_t longest) {
  const auto longer = std::max(shape.height, shape.width);
  if (longer <= longest) return shape;
  const auto fit = [&](std::int64_t side) { return std::max<std::int64_t>(1, side * longest / longer); };
  return {shape.channels, fit(shape.height), fit(shape.width)};
}

Thumbnail shrink(const ImageShape& shape, std::span<const float> chw, std::int64_t longest) {
  Thumbnail out{shrunk(shape, longest), {}};
  if (out.shape == shape) {
    out.pixels.assign(chw.begin(), chw.end());
    return out;
  }
  const auto plane = static_cast<std::size_t>(shape.height * shape.width);
  out.pixels.reserve(static_cast<std::size_t>(out.shape.pixels()));
  for (std::int64_t c = 0; c < shape.channels; ++c)
    for (std::int64_t y = 0; y < out.shape.height; ++y)
      for (std::int64_t x = 0; x < out.shape.width; ++x)
        out.pixels.push_back(mean_of(chw.subspan(static_cast<std::size_t>(c) * plane, plane), shape, out.shape, x, y));
  return out;
}

}  // namespace defuse
