// What can be said of an image without any model: brightness, contrast, sharpness, where its mass lies and how it is
// shaped. Releases often break on images that are too dark, too thin, shifted or slanted; a model's own embedding may
// have learnt to ignore exactly that, so the region search also looks here. Standard image moments on luminance (Hu,
// IRE Trans. Inf. Theory 1962). Pure; thread-safe.
#pragma once
#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "core/base/image_shape.h"

namespace defuse {

inline constexpr std::array<std::string_view, 16> kImageStatistics{
    "brightness", "contrast", "highlight", "centre x",     "centre y", "width",     "height",      "size",
    "slant",      "edges",    "sharpness", "edge per ink", "top left", "top right", "bottom left", "bottom right"};

// image: [C, H, W] in [0,1]. out: [kImageStatistics]; finite for finite pixels (an empty image has its middle as
// centre).
void image_statistics(std::span<const float> image, const ImageShape& shape, std::span<float> out);

}  // namespace defuse
