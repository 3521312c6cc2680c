#include "core/map/sprite.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/base/image_io.h"

namespace defuse {
namespace {

TEST(Sprite, PutsSmallImagesSideBySideAsTheyAre) {
  const ImageShape shape{1, 2, 3};
  const auto sprite = sprite_of(51, shape, [](std::size_t i, std::span<float> out) {
    std::fill(out.begin(), out.end(), static_cast<float>(i) / 255.0F);
  });
  EXPECT_EQ(sprite.columns, 50);
  EXPECT_EQ(sprite.tile_width, 3);
  EXPECT_EQ(sprite.tile_height, 2);
  const auto image = decode_image(sprite.png);
  ASSERT_TRUE(image) << image.error().describe();
  EXPECT_EQ(image->shape, (ImageShape{1, 4, 150}));
  EXPECT_EQ(image->bytes[3 * 49 + 1], 49);
  EXPECT_EQ(image->bytes[2 * 150 + 1], 50) << "the second row begins";
  EXPECT_EQ(image->bytes[2 * 150 + 4], 0) << "nothing after the last";
}

TEST(Sprite, ShrinksLargeImagesByTheirMeans) {
  const ImageShape shape{3, 96, 48};
  const auto sprite = sprite_of(1, shape, [](std::size_t, std::span<float> out) {
    for (std::size_t p = 0; p < out.size(); ++p) out[p] = p % 2 == 0 ? 1.0F : 0.0F;
  });
  EXPECT_EQ(sprite.tile_height, 24);
  EXPECT_EQ(sprite.tile_width, 12);
  const auto image = decode_image(sprite.png);
  ASSERT_TRUE(image);
  EXPECT_EQ(image->shape, (ImageShape{3, 24, 12}));
  for (const auto value : image->bytes) EXPECT_NEAR(value, 128, 1);
}

}  // namespace
}  // namespace defuse
