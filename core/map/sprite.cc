#include "core/map/sprite.h"

#include <algorithm>
#include <vector>

#include "core/base/image_io.h"
#include "core/base/thumbnail.h"

namespace defuse {
Sprite sprite_of(std::size_t images, const ImageShape& shape,
                 const std::function<void(std::size_t i, std::span<float> out)>& read) {
  Sprite sprite;
  const auto tile = shrunk(shape, kTileSide);
  sprite.tile_width = tile.width;
  sprite.tile_height = tile.height;
  sprite.columns = std::min(kSpriteColumns, std::max<std::int64_t>(1, static_cast<std::int64_t>(images)));
  const auto rows = (static_cast<std::int64_t>(images) + sprite.columns - 1) / sprite.columns;
  // Pictures are grey or RGB (encode_png): of other numbers of channels the first is shown.
  const ImageShape whole{shape.channels == 3 ? 3 : 1, rows * sprite.tile_height, sprite.columns * sprite.tile_width};
  std::vector<float> sheet(static_cast<std::size_t>(whole.pixels()));
  std::vector<float> image(static_cast<std::size_t>(shape.pixels()));
  for (std::size_t i = 0; i < images; ++i) {
    read(i, image);
    const auto small = shrink(shape, image, kTileSide);
    const auto x0 = static_cast<std::int64_t>(i) % sprite.columns * tile.width;
    const auto y0 = static_cast<std::int64_t>(i) / sprite.columns * tile.height;
    for (std::int64_t line = 0; line < whole.channels * tile.height; ++line) {
      const auto c = line / tile.height, y = line % tile.height;
      std::copy_n(small.pixels.begin() + line * tile.width, tile.width,
                  sheet.begin() + (c * whole.height + y0 + y) * whole.width + x0);
    }
  }
  sprite.png = encode_png(whole, sheet);
  return sprite;
}

}  // namespace defuse
