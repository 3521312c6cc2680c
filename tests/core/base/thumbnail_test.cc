#include "core/base/thumbnail.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace defuse {
namespace {

TEST(Thumbnail, SmallImagesStayAsTheyAre) {
  const std::vector<float> pixels{0, 0.25F, 0.5F, 1, 0.75F, 0.1F};
  const auto same = shrink({1, 2, 3}, pixels, 3);
  EXPECT_EQ(same.shape, (ImageShape{1, 2, 3}));
  EXPECT_EQ(same.pixels, pixels);
}

TEST(Thumbnail, EachPixelIsTheMeanOfThoseItCovers) {
  std::vector<float> pixels(2 * 4 * 4);  // two channels, 0 to 15 and 16 to 31
  std::iota(pixels.begin(), pixels.end(), 0.0F);
  const auto half = shrink({2, 4, 4}, pixels, 2);
  EXPECT_EQ(half.shape, (ImageShape{2, 2, 2}));
  EXPECT_EQ(half.pixels, (std::vector<float>{2.5F, 4.5F, 10.5F, 12.5F, 18.5F, 20.5F, 26.5F, 28.5F}));
}

TEST(Thumbnail, ProportionsAreKeptAndNoSideVanishes) {
  EXPECT_EQ(shrunk({3, 480, 640}, 192), (ImageShape{3, 144, 192}));
  EXPECT_EQ(shrunk({1, 2, 1000}, 10), (ImageShape{1, 1, 10}));
  EXPECT_EQ(shrunk({1, 7, 7}, 1), (ImageShape{1, 1, 1}));
  // Sides that do not divide: every pixel of the image counts once.
  const std::vector<float> ones(7 * 5, 1.0F);
  for (const auto longest : {1, 2, 3, 4, 6})
    for (const float value : shrink({1, 7, 5}, ones, longest).pixels) EXPECT_EQ(value, 1.0F) << longest;
}

}  // namespace
}  // namespace defuse
