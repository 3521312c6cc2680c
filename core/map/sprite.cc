#include "core/map/sprite.h"

#include <algorithm>
#include <vector>

#include "core/image_io.h"

namespace defuse {
namespace {

// The mean of the pixels that tile pixel (x, y) covers; a pixel counts for the tile pixel it begins in, and every tile
// pixel has one at least.
float mean_of(std::span<const float> plane, const ImageShape& shape, const Sprite& sprite, std::int64_t x,
              std::int64_t y) {
  const auto from = [](std::int64_t at, std::int64_t side, std::int64_t tiles) { return at * side / tiles; };
  const auto left = from(x, shape.width, sprite.tile_width);
  const auto right = std::max(left + 1, from(x + 1, shape.width, sprite.tile_width));
  const auto top = from(y, shape.height, sprite.tile_height);
  const auto bottom = std::max(top + 1, from(y + 1, shape.height, sprite.tile_height));
  float sum = 0;
  for (auto row = top; row < bottom; ++row)
    for (auto column = left; column < right; ++column)
      sum += plane[static_cast<std::size_t>(row * shape.width + column)];
  return sum / static_cast<float>((bottom - top) * (right - left));
}

}  // namespace

Sprite sprite_of(std::size_t images, const ImageShape& shape,
                 const std::function<void(std::size_t i, std::span<float> out)>& read) {
  Sprite sprite;
  const auto longer = std::max(shape.height, shape.width);
  const auto fit = [&](std::int64_t side) {
    return longer <= kTileSide ? side : std::max<std::int64_t>(1, side * kTileSide / longer);
  };
  sprite.tile_width = fit(shape.width);
  sprite.tile_height = fit(shape.height);
  sprite.columns = std::min(kSpriteColumns, std::max<std::int64_t>(1, static_cast<std::int64_t>(images)));
  const auto rows = (static_cast<std::int64_t>(images) + sprite.columns - 1) / sprite.columns;
  // Pictures are grey or RGB (encode_png): of other numbers of channels the first is shown.
  const ImageShape whole{shape.channels == 3 ? 3 : 1, rows * sprite.tile_height, sprite.columns * sprite.tile_width};
  std::vector<float> sheet(static_cast<std::size_t>(whole.pixels()));
  std::vector<float> image(static_cast<std::size_t>(shape.pixels()));
  const auto plane = static_cast<std::size_t>(shape.height * shape.width);
  for (std::size_t i = 0; i < images; ++i) {
    read(i, image);
    const auto x0 = static_cast<std::int64_t>(i) % sprite.columns * sprite.tile_width;
    const auto y0 = static_cast<std::int64_t>(i) / sprite.columns * sprite.tile_height;
    for (std::int64_t c = 0; c < whole.channels; ++c)
      for (std::int64_t y = 0; y < sprite.tile_height; ++y)
        for (std::int64_t x = 0; x < sprite.tile_width; ++x)
          sheet[static_cast<std::size_t>((c * whole.height + y0 + y) * whole.width + x0 + x)] =
              mean_of(std::span(image).subspan(static_cast<std::size_t>(c) * plane, plane), shape, sprite, x, y);
  }
  sprite.png = encode_png(whole, sheet);
  return sprite;
}

}  // namespace defuse
