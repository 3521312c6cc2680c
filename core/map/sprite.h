// Many small images in one picture, for pages that show one of them at a time. Called by the map's station. Pure.
#pragma once
#include <functional>
#include <span>
#include <string>

#include "core/base/image_shape.h"
#include "core/base/result.h"

namespace defuse {

inline constexpr std::int64_t kTileSide = 24;  // pixels at most, either way
inline constexpr std::int64_t kSpriteColumns = 50;

struct Sprite {
  std::string png;
  std::int64_t columns = 0;
  std::int64_t tile_width = 0;
  std::int64_t tile_height = 0;
};

// `read(i, out)` gives image i as [C, H, W] in [0,1]. Larger images are shrunk, each pixel the mean of those it covers.
Sprite sprite_of(std::size_t images, const ImageShape& shape,
                 const std::function<void(std::size_t i, std::span<float> out)>& read);

}  // namespace defuse
