#include "core/compare/noise_floor.h"

#include <gtest/gtest.h>

#include <cmath>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/stats/intervals.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.0125;

SiblingValues sibling(const FourCounts& counts) {
  SiblingValues s;
  s.overall = counts;
  s.per_class = {counts};
  return s;
}

TEST(NoiseFloorRegions, WithoutSiblingsTheLimitIsTheDefault) {
  for (const double limit : {0.1, 0.2, 0.4}) EXPECT_NEAR(region_limit({}, limit, kAlpha).limit, limit, 1e-12);
}

// n = 2, values 0.10 0.12 and 0.08 0.10: m 0.10, S 0.0004; mu0 0.1, so nothing is off.
TEST(NoiseFloorRegions, FollowsTheFormula) {
  const std::vector<BothWays> values = {{0.10, 0.12}, {0.08, 0.10}};
  const double scale0 = 0.1 / (student_quantile(1 - kAlpha, 4) * std::sqrt(1.5));
  const double scale = std::sqrt((4 * scale0 * scale0 + 0.0004) / 6 * 1.25);
  const auto limit = region_limit(values, 0.2, kAlpha);
  EXPECT_NEAR(limit.limit, 0.1 + student_quantile(1 - kAlpha, 6) * scale, 1e-12);
  EXPECT_NEAR(limit.mean, 0.1, 1e-12);
  EXPECT_EQ(limit.largest, 0.12);
  EXPECT_EQ(limit.values, 4);
}

TEST(NoiseFloorRegions, QuietLinesTightenTheLimitAndNoisyOnesWidenIt) {
  const std::vector<BothWays> quiet(5, BothWays{0.02, 0.03}), noisy(5, BothWays{0.2, 0.3});
  EXPECT_LT(region_limit(quiet, 0.2, kAlpha).limit, 0.2);
  EXPECT_GT(region_limit(noisy, 0.2, kAlpha).limit, 0.3);
}

TEST(NoiseFloorRegions, SiblingWithATrueBugCannotOpenTheGate) {
  EXPECT_LE(region_limit(std::vector<BothWays>(3, BothWays{0.95, 0.1}), 0.2, kAlpha).limit, 0.9);
  EXPECT_EQ(region_limit(std::vector<BothWays>(20, BothWays{0, 0}), 0.03, kAlpha).limit, 0.02);
}

TEST(NoiseFloorRegions, SaysWhereTheCandidateLies) {
  const std::vector<BothWays> values = {{0.10, 0.12}, {0.08, 0.10}};
  auto limit = region_limit(values, 0.2, kAlpha);
  limit = with_region_placed(limit, values, limit.limit, kAlpha);
  EXPECT_NEAR(limit.p, kAlpha, 1e-9);
  EXPECT_EQ(limit.at_least, 0);
  limit = with_region_placed(limit, values, 0.10, kAlpha);
  EXPECT_EQ(limit.at_least, 3);
}

TEST(NoiseFloorRegions, OnlyRegressionsWithEnoughSeedsCount) {
  Region fixed, thin, bug, clear;
  fixed.status = RegionStatus::fixed;
  fixed.confirm.net_lower = 0.9;
  fixed.confirm.seeds = 100;
  thin.confirm.seeds = 3;
  thin.confirm.net_lower = 0.8;
  bug.confirm.seeds = clear.confirm.seeds = 30;
  bug.confirm.net_lower = 0.3;
  clear.measure = Measure::clear_flips;
  clear.confirm.net_lower = 0.15;
  const std::vector<Region> regions = {fixed, thin, bug, clear};
  EXPECT_EQ(largest_harm(regions, Measure::flips, 10), 0.3);
  EXPECT_EQ(largest_harm(regions, Measure::clear_flips, 10), 0.15);
  EXPECT_EQ(largest_harm({}, Measure::flips, 10), 0);
}

TEST(NoiseFloorSiblings, SignificantAndLargeDifferenceOfAccuracyContradictsEquality) {
  EXPECT_EQ(contradicts_equality({9700, 80, 60, 160}, 0.01), "");       // not significant enough
  EXPECT_EQ(contradicts_equality({96000, 1200, 900, 1900}, 0.01), "");  // significant, but 0.3 points
  EXPECT_NE(contradicts_equality({9500, 250, 50, 200}, 0.01).find("2.00 points lower"), std::string::npos);
  EXPECT_NE(contradicts_equality({9500, 50, 250, 200}, 0.01).find("2.00 points higher"), std::string::npos);
  EXPECT_NE(contradicts_equality({}, 0.01), "");
}

TEST(NoiseFloorFlips, LimitLiesAboveWhatSiblingsShowAndFollowsTheFormula) {
  NoiseFloor floor;
  floor.siblings = {sibling({9785, 65, 64, 86}), sibling({9770, 78, 68, 84})};
  floor = with_flip_limits(std::move(floor), kAlpha);
  const std::vector<double> v = {0.0065, 0.0064, 0.0078, 0.0068};
  const double m = (v[0] + v[1] + v[2] + v[3]) / 4;
  double squares = 0;
  for (const double x : v) squares += 0.5 * (x - m) * (x - m);
  const double scale0 = m / 4;  // larger than the binomial error here
  const double scale = std::sqrt((4 * scale0 * scale0 + squares) / 5 * 1.5);
  EXPECT_NEAR(floor.flips.limit, m + student_quantile(1 - kAlpha, 5) * scale, 1e-9);
  EXPECT_GT(floor.flips.limit, floor.flips.largest);
  ASSERT_EQ(floor.class_flips.size(), 1U);
}

TEST(NoiseFloorFlips, ClassWithoutAFlipSoFarKeepsALimitAboveNothing) {
  NoiseFloor floor;
  floor.siblings = {sibling({500, 0, 0, 0}), sibling({500, 0, 0, 0})};
  floor = with_flip_limits(std::move(floor), kAlpha);
  EXPECT_GT(floor.class_flips[0].limit, 1.0 / 500);
  EXPECT_LT(floor.class_flips[0].limit, 0.03);
}

TEST(NoiseFloorFlips, SiblingsThatAreLeftOutDoNotCount) {
  NoiseFloor floor;
  floor.siblings = {sibling({9785, 65, 64, 86}), sibling({5000, 4000, 1000, 0})};
  floor.siblings[1].left_out = "it is not equally good";
  floor = with_flip_limits(std::move(floor), kAlpha);
  EXPECT_EQ(floor.flips.values, 2);
  EXPECT_EQ(floor.flips.largest, 0.0065);
}

// Versions whose true flip rates vary by 15 % around one value, on shared images: a further one exceeds the limit
// seldom, whatever the number of siblings.
TEST(NoiseFloorFlips, EquallyGoodVersionExceedsTheLimitAtMostAtItsShare) {
  RandomStream random(3);
  const auto draw = [&] {
    const double rate = 0.01 * std::exp(0.15 * random.normal());
    std::int64_t flips = 0;
    for (int i = 0; i < 2000; ++i) flips += random.uniform() < rate;
    return flips;
  };
  for (const int siblings : {1, 2, 5}) {
    int above = 0;
    for (int round = 0; round < 400; ++round) {
      NoiseFloor floor;
      for (int s = 0; s < siblings; ++s) {
        const auto there = draw(), back = draw();
        floor.siblings.push_back(sibling({1950 - there, there, back, 50 - back}));
      }
      floor = with_flip_limits(std::move(floor), kAlpha);
      above += static_cast<double>(draw()) / 2000 > floor.flips.limit;
    }
    EXPECT_LE(above, 400 * 2 * kAlpha) << siblings;
  }
}

}  // namespace
}  // namespace defuse
