#include "core/stats/power.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>

#include "core/stats/intervals.h"
#include "core/stats/paired_tests.h"
#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.05;
constexpr double kPower = 0.8;

TEST(DetectableDrop, MatchesGoldenTable) {
  const std::array<double, 5> psi = {0.01, 0.02, 0.05, 0.10, 0.1283};
  struct Row {
    std::int64_t n;
    std::array<double, 5> points;  // 0 = undefined
  };
  const std::array<Row, 5> rows = {{
      {500, {0, 1.5693, 2.4813, 3.5091, 3.9747}},
      {1000, {0.7855, 1.1108, 1.7564, 2.4839, 2.8135}},
      {5000, {0.3516, 0.4972, 0.7861, 1.1118, 1.2593}},
      {10000, {0.2486, 0.3516, 0.5559, 0.7862, 0.8905}},
      {50000, {0.1112, 0.1573, 0.2486, 0.3516, 0.3983}},
  }};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < psi.size(); ++i) {
      const auto got = detectable_drop(row.n, psi[i], kAlpha, kPower);
      ASSERT_EQ(got.has_value(), row.points[i] > 0) << row.n << " " << psi[i];
      if (got) {
        EXPECT_NEAR(*got * 100, row.points[i], 5.1e-5);
      }
    }
}

TEST(RequiredImages, MatchesGoldenTable) {
  EXPECT_NEAR(required_images(.01, .05, kAlpha, kPower), 3089.185, 5e-4);
  EXPECT_NEAR(required_images(.005, .02, kAlpha, kPower), 4943.953, 5e-4);
  EXPECT_NEAR(required_images(.01, .10, kAlpha, kPower), 6180.464, 5e-4);
  EXPECT_NEAR(required_images(.0025, .1283, kAlpha, kPower), 126913.44, 5e-3);
}

TEST(RequiredImages, IsTheInverseOfTheDetectableDrop) {
  for (const double psi : {0.02, 0.1, 0.4})
    for (const std::int64_t n : {800, 5000, 70000}) {
      const auto drop = detectable_drop(n, psi, kAlpha, kPower);
      ASSERT_TRUE(drop.has_value());
      EXPECT_NEAR(required_images(*drop, psi, kAlpha, kPower), static_cast<double>(n), 1e-6 * static_cast<double>(n));
    }
}

TEST(DetectableDrop, IsUndefinedWithoutImagesOrDiscordance) {
  EXPECT_FALSE(detectable_drop(0, 0.1, kAlpha, kPower).has_value());
  EXPECT_FALSE(detectable_drop(1000, 0, kAlpha, kPower).has_value());
  EXPECT_FALSE(detectable_drop(1, 0.1, kAlpha, kPower).has_value());
}

TEST(NonInferiorityImages, MatchesGoldenTableAndQuadruplesAtHalfTheMargin) {
  EXPECT_NEAR(non_inferiority_images(.01, .02, kAlpha, kPower), 1236.51, 5e-3);
  EXPECT_NEAR(non_inferiority_images(.01, .05, kAlpha, kPower), 3091.28, 5e-3);
  EXPECT_NEAR(non_inferiority_images(.01, .10, kAlpha, kPower), 6182.56, 5e-3);
  EXPECT_NEAR(non_inferiority_images(.005, .05, kAlpha, kPower), 4 * non_inferiority_images(.01, .05, kAlpha, kPower),
              1e-6);
  EXPECT_GT(non_inferiority_images(.01, .05, kAlpha, kPower, .005), 3091.28);
}

TEST(NonInferiorityImages, IsInfiniteWhereTheTrueDropReachesTheMargin) {
  EXPECT_EQ(non_inferiority_images(.01, .05, kAlpha, kPower, .01), std::numeric_limits<double>::infinity());
}

TEST(SmallestBlockingFlips, MatchesGoldenTable) {
  const std::array<std::int64_t, 7> family = {1, 5, 10, 20, 50, 100, 1000};
  const std::array<std::int64_t, 7> loose = {5, 7, 8, 9, 10, 11, 15};
  const std::array<std::int64_t, 7> strict = {7, 9, 10, 11, 13, 14, 17};
  for (std::size_t i = 0; i < family.size(); ++i) {
    EXPECT_EQ(smallest_blocking_flips(0.05, family[i]), loose[i]);
    EXPECT_EQ(smallest_blocking_flips(0.01, family[i]), strict[i]);
    // It is the smallest: one flip fewer does not reach the level.
    const double level = 0.05 / static_cast<double>(family[i]);
    EXPECT_LE(mcnemar_worse_p(loose[i], 0), level);
    EXPECT_GT(mcnemar_worse_p(loose[i] - 1, 0), level);
  }
  EXPECT_EQ(smallest_blocking_flips(0.0625, 1), 4);
}

TEST(NegativeFlipLimit, LargestPassingCountsMatchTheTable) {
  struct Row {
    std::int64_t n;
    std::array<std::int64_t, 5> most;  // flips that still pass; -1 = none does
  };
  const std::array<double, 5> limits = {0.005, 0.01, 0.02, 0.03, 0.05};
  const std::array<Row, 5> rows = {{{500, {-1, 1, 4, 8, 16}},
                                    {1000, {1, 4, 12, 20, 38}},
                                    {5000, {16, 38, 83, 129, 224}},
                                    {10000, {38, 83, 176, 271, 463}},
                                    {50000, {223, 463, 948, 1437, 2419}}}};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < limits.size(); ++i) {
      if (row.most[i] >= 0) {
        EXPECT_LT(clopper_pearson_upper(row.most[i], row.n, kAlpha), limits[i]);
      }
      EXPECT_GE(clopper_pearson_upper(row.most[i] + 1, row.n, kAlpha), limits[i]) << row.n << " " << limits[i];
    }
}

TEST(ImagesToBoundRate, IsTheFirstNumberThatSuffices) {
  const std::int64_t none = images_to_bound_rate(0, 0.01, kAlpha);
  EXPECT_LT(clopper_pearson_upper(0, none, kAlpha), 0.01);
  EXPECT_GE(clopper_pearson_upper(0, none - 1, kAlpha), 0.01);
  const std::int64_t some = images_to_bound_rate(0.015, 0.02, kAlpha);
  EXPECT_LT(clopper_pearson_upper_real(0.015 * static_cast<double>(some), static_cast<double>(some), kAlpha), 0.02);
  EXPECT_GT(some, none);
}

TEST(ImagesToBoundRate, IsZeroWhereNoNumberWould) {
  EXPECT_EQ(images_to_bound_rate(0.02, 0.02, kAlpha), 0);
  EXPECT_EQ(images_to_bound_rate(0.5, 0.02, kAlpha), 0);
  EXPECT_EQ(images_to_bound_rate(0, 0, kAlpha), 0);
}

}  // namespace
}  // namespace defuse
