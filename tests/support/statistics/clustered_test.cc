#include "tests/support/statistics/clustered.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/stats/intervals.h"
#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.05;

// Images, negative, positive flips of each cluster.
const std::vector<ClusterCounts> kExampleA = {{10, 9, 0}, {10, 1, 0}, {10, 0, 0}, {10, 0, 2},
                                              {10, 6, 0}, {10, 0, 0}, {10, 2, 1}, {10, 0, 1}};

TEST(Clustered, FlipRateOfWorkedExampleA) {
  const EffectiveCounts got = effective_flip_counts(kExampleA);
  expect_golden(got.rate, 0.225);
  expect_golden(got.standard_error, 0.1206381840);
  EXPECT_NEAR(got.design_effect, 6.6769073, 5e-8);
  EXPECT_NEAR(got.trials, 11.9815951, 5e-8);
  EXPECT_NEAR(got.successes, 2.6958589, 5e-8);
  expect_golden(clustered_flip_rate_upper(kExampleA, kAlpha), 0.5016743095);
  expect_golden(clopper_pearson_upper(18, 80, kAlpha), 0.3151691146);  // what ignoring the clusters would claim
}

TEST(ClusteredFlipRate, WithoutFlipsCountsClustersNotImages) {
  const std::vector<ClusterCounts> quiet(12, ClusterCounts{50, 0, 0});
  EXPECT_NEAR(clustered_flip_rate_upper(quiet, kAlpha), 1 - std::pow(kAlpha, 1.0 / 12), 1e-12);
  EXPECT_EQ(clustered_flip_rate_upper({}, kAlpha), 1);
}

TEST(ClusteredFlipRate, NeverClaimsMoreThanIndependentImagesWould) {
  const std::vector<ClusterCounts> even(8, ClusterCounts{10, 2, 0});  // no spread between clusters at all
  EXPECT_GE(clustered_flip_rate_upper(even, kAlpha), clopper_pearson_upper(16, 80, kAlpha) - 1e-12);
  const std::vector<ClusterCounts> single = {{40, 3, 0}};
  EXPECT_EQ(clustered_flip_rate_upper(single, kAlpha), 1);
}

TEST(RatioEstimate, OfNothingIsNothing) {
  EXPECT_EQ(ratio_estimate({}).drop, 0);
  EXPECT_EQ(ratio_estimate({}).standard_error, 0);
}

}  // namespace
}  // namespace defuse
