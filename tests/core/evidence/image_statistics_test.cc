#include "core/evidence/image_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/base/random.h"
#include "core/evidence/tail_moves.h"

namespace defuse {
namespace {

float value(const std::vector<float>& image, const ImageShape& shape, std::string_view name) {
  std::vector<float> out(kImageStatistics.size());
  image_statistics(image, shape, out);
  for (std::size_t i = 0; i < out.size(); ++i)
    if (kImageStatistics[i] == name) return out[i];
  ADD_FAILURE() << "no statistic is called " << name;
  return 0;
}

TEST(ImageStatistics, OfASinglePixelSayWhereItIs) {
  const ImageShape shape{1, 5, 5};
  std::vector<float> image(25, 0.0F);
  image[1 * 5 + 4] = 1;  // second row, last column: x = 1, y = -0.5
  EXPECT_FLOAT_EQ(value(image, shape, "centre x"), 1);
  EXPECT_FLOAT_EQ(value(image, shape, "centre y"), -0.5F);
  EXPECT_FLOAT_EQ(value(image, shape, "brightness"), 1.0F / 25);
  EXPECT_FLOAT_EQ(value(image, shape, "size"), 0);
  EXPECT_FLOAT_EQ(value(image, shape, "top right"), 1);
  EXPECT_FLOAT_EQ(value(image, shape, "bottom left"), 0);
}

TEST(ImageStatistics, OfADiagonalLeanWithIt) {
  const ImageShape shape{1, 5, 5};
  std::vector<float> falling(25, 0.0F), rising(25, 0.0F);
  for (std::size_t i = 0; i < 5; ++i) falling[i * 5 + i] = rising[i * 5 + 4 - i] = 1;
  EXPECT_FLOAT_EQ(value(falling, shape, "slant"), 1);
  EXPECT_FLOAT_EQ(value(rising, shape, "slant"), -1);
  EXPECT_FLOAT_EQ(value(falling, shape, "width"), value(falling, shape, "height"));
}

TEST(ImageStatistics, AreMeansOverChannelsAndFiniteForAnEmptyImage) {
  const ImageShape grey{1, 4, 4}, colour{3, 4, 4};
  std::vector<float> one(16, 0.0F), three(48, 0.0F);
  for (std::size_t i = 0; i < 16; ++i) {
    one[i] = static_cast<float>(i) / 16;
    three[i] = one[i] * 3;  // all in the first channel
  }
  for (const auto name : kImageStatistics)
    EXPECT_NEAR(value(one, grey, name), value(three, colour, name), 1e-5) << name;
  for (const auto name : kImageStatistics)
    EXPECT_TRUE(std::isfinite(value(std::vector<float>(16, 0.0F), grey, name))) << name;
}

// Codes whose first axis is the first statistic, with sign: the push of the most extreme seed goes along it, outwards.
TEST(TailMoves, GoWhereASeedIsExtremeAlready) {
  ProbeSet probes;
  RandomStream random(5);
  constexpr std::size_t kSeeds = 200;
  probes.codes = Matrix(kSeeds, 2);
  probes.statistics = Matrix(kSeeds, 3);
  for (std::size_t i = 0; i < kSeeds; ++i) {
    probes.seeds.push_back({Split::test, static_cast<std::uint32_t>(i), 0, Half::discover});
    const double t = i == 7 ? -6 : random.normal();
    probes.statistics.row(i)[0] = static_cast<float>(10 + 2 * t);
    probes.statistics.row(i)[1] = static_cast<float>(random.normal());
    probes.statistics.row(i)[2] = 3;  // says nothing
    probes.codes.row(i)[0] = static_cast<float>(t);
    probes.codes.row(i)[1] = static_cast<float>(random.normal());
  }
  probes.tails = tail_moves(probes);
  const auto tail = tail_of(probes, 7, 0);
  EXPECT_NEAR(tail[0], -1.0, 0.25);  // one standard deviation of the statistic is about one unit of the code
  EXPECT_NEAR(tail[1], 0.0, 0.2);
  EXPECT_EQ(tail_of(probes, 7, 2), (std::vector<float>{0, 0})) << "a flat statistic has no direction";
}

TEST(TailMoves, AreNoneForAClassOfAFewImages) {
  ProbeSet probes;
  probes.codes = Matrix(3, 2);
  probes.statistics = Matrix(3, 2);
  for (std::uint32_t i = 0; i < 3; ++i) probes.seeds.push_back({Split::test, i, 0, Half::discover});
  probes.tails = tail_moves(probes);
  EXPECT_EQ(tail_of(probes, 1, 0), (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace defuse
