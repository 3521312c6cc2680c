#include "core/stats/reuse.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/core/stats/golden.h"
#include "tests/support/statistics/multiplicity.h"

namespace defuse {
namespace {

TEST(TestSetReuse, MatchesThePublishedSizes) {
  EXPECT_NEAR(images_for_accuracy(0.01, 1e-4, 1, Reuse::planned), 46051.702, 5e-4);
  EXPECT_NEAR(images_for_accuracy(0.01, 1e-4, 32, Reuse::planned), 63380.381, 5e-4);
  EXPECT_NEAR(images_for_accuracy(0.01, 1e-4, 32, Reuse::adaptive), 156955.251, 5e-4);
  EXPECT_NEAR(images_for_drop(0.01, 0.1, 1e-4, 32, Reuse::planned), 29047.296, 5e-4);
  EXPECT_NEAR(images_for_drop(0.01, 0.1, 1e-4, 32, Reuse::adaptive), 67705.031, 5e-4);
  EXPECT_NEAR(images_for_drop(0.01, 0.1, 1e-4, 1, Reuse::planned), 21888.457, 5e-4);
  expect_golden(bennett_h(0.1), 0.004841197785);
}

TEST(TestSetReuse, SmallArgumentsOfBennettKeepTheirDigits) {
  EXPECT_NEAR(bennett_h(1e-8) / 5e-17, 1, 1e-7);
  EXPECT_NEAR(bennett_h(0.99e-4) / bennett_h(1.01e-4), std::pow(0.99 / 1.01, 2), 1e-5);  // both sides of the switch
}

TEST(TestSetReuse, TolerancesAreTheInverseOfTheSizes) {
  for (const auto reuse : {Reuse::planned, Reuse::adaptive})
    for (const std::int64_t judgements : {1, 7, 300}) {
      const double drop = drop_tolerance(20'000, 0.02, 0.05, judgements, reuse);
      ASSERT_LT(drop, 1);
      EXPECT_NEAR(images_for_drop(drop, 0.02, 0.05, judgements, reuse), 20'000, 1e-3);
      const double accuracy = accuracy_tolerance(20'000, 0.05, judgements, reuse);
      EXPECT_NEAR(images_for_accuracy(accuracy, 0.05, judgements, reuse), 20'000, 1e-6);
    }
}

TEST(TestSetReuse, EvidenceOnlyWearsNeverHeals) {
  for (const auto reuse : {Reuse::planned, Reuse::adaptive}) {
    double before = 0;
    for (std::int64_t judgements = 1; judgements < 2'000; judgements = judgements * 2 + 1) {
      const double now = drop_tolerance(10'000, 0.013, 0.05, judgements, reuse);
      EXPECT_GE(now, before) << judgements;
      EXPECT_LE(drop_tolerance(10'000, 0.013, 0.05, judgements, Reuse::planned), now + 1e-12) << judgements;
      before = now;
    }
  }
}

TEST(TestSetReuse, WithoutImagesNothingHolds) {
  EXPECT_EQ(accuracy_tolerance(0, 0.05, 1, Reuse::planned), 1);
  EXPECT_EQ(drop_tolerance(0, 0.1, 0.05, 1, Reuse::planned), 1);
  EXPECT_EQ(drop_tolerance(3, 0.1, 0.05, 100, Reuse::adaptive), 1);
  EXPECT_LT(drop_tolerance(10'000, 0, 0.05, 1, Reuse::planned), 0.01);  // models that never differ
}

TEST(StreamLevels, LondMatchesTheGoldenStream) {
  const std::array<double, 5> p = {.001, .2, .004, .9, .0005};
  const std::array<double, 5> level = {0.0303963551, 0.0151981775, 0.0067547456, 0.0056993166, 0.0036475626};
  const std::array<bool, 5> rejected = {true, false, true, false, true};
  std::int64_t rejections = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    const double alpha = lond_level(0.05, static_cast<std::int64_t>(i) + 1, rejections);
    expect_golden(alpha, level[i]);
    EXPECT_EQ(p[i] <= alpha, rejected[i]);
    rejections += p[i] <= alpha;
  }
}

TEST(StreamLevels, LondIsTheSameOneByOneAsAllAtOnce) {
  const std::array<double, 6> p = {.02, .01, .5, .003, .0001, .04};
  const auto steps = lond(p, 0.05);
  std::int64_t rejections = 0;
  for (std::size_t i = 0; i < p.size(); ++i) {
    EXPECT_DOUBLE_EQ(lond_level(0.05, static_cast<std::int64_t>(i) + 1, rejections), steps[i].level);
    rejections += steps[i].rejected;
  }
}

TEST(StreamLevels, NoHistoryBuysMoreThanAlpha) {
  for (std::int64_t i = 1; i < 200; ++i) {
    EXPECT_LE(lond_level(0.05, i, 1'000'000), 0.05);  // more rejections than candidates: a damaged store
    EXPECT_GT(lond_level(0.05, i, 0), 0);
  }
  double spent = 0;
  for (int i = 0; i < 40; ++i) spent += spending_level(0.05, 40);
  EXPECT_NEAR(spent, 0.05, 1e-12);
  EXPECT_EQ(spending_level(0.05, 0), 0.05);
}

}  // namespace
}  // namespace defuse
