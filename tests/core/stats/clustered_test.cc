#include "core/stats/clustered.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"
#include "core/stats/paired_tests.h"
#include "tests/core/stats/golden.h"
#include "tests/support/statistics/clustered.h"
#include "tests/support/statistics/intervals.h"

namespace defuse {
namespace {

constexpr double kAlpha = 0.05;

// The worked examples: images, negative, positive flips of each cluster.
const std::vector<ClusterCounts> kExampleA = {{10, 9, 0}, {10, 1, 0}, {10, 0, 0}, {10, 0, 2},
                                              {10, 6, 0}, {10, 0, 0}, {10, 2, 1}, {10, 0, 1}};
const std::vector<ClusterCounts> kExampleB = {{10, 7, 0}, {10, 3, 0}, {10, 5, 1}, {10, 4, 0}, {10, 0, 1},
                                              {10, 6, 0}, {10, 2, 0}, {10, 8, 1}, {10, 0, 0}, {10, 3, 1}};
const std::vector<ClusterCounts> kExampleC = {{8, 4, 0},  {12, 1, 1}, {6, 3, 0}, {10, 0, 2},
                                              {10, 5, 0}, {5, 2, 0},  {9, 0, 0}};

double pooled_p(const std::vector<ClusterCounts>& clusters) {
  std::int64_t b = 0, c = 0;
  for (const auto& cluster : clusters) {
    b += cluster.negative;
    c += cluster.positive;
  }
  return mcnemar_worse_p(b, c);
}

// All 2^n signings, one by one.
double brute_force(const std::vector<double>& d) {
  double observed = 0;
  for (const double v : d) observed += v;
  const unsigned all = 1U << d.size();
  unsigned hits = 0;
  for (unsigned mask = 0; mask < all; ++mask) {
    double sum = 0;
    for (std::size_t j = 0; j < d.size(); ++j) sum += ((mask >> j) & 1U) != 0 ? std::abs(d[j]) : -std::abs(d[j]);
    if (sum >= observed - 1e-9) ++hits;
  }
  return static_cast<double>(hits) / static_cast<double>(all);
}

TEST(Clustered, WorkedExampleA) {
  const auto d = net_flip_rates(kExampleA);
  expect_golden(pooled_p(kExampleA), 0.0021717548);  // what pooling would falsely block on
  expect_golden(sign_test_p(d), 0.34375);
  expect_golden(sign_flip_p(d), 0.1875);
  expect_golden(null_variance_z(d), 1.2572371142);
  expect_golden(normal_cdf(-null_variance_z(d)), 0.1043338938);
  const MeanTest test = mean_test(d);
  expect_golden(test.mean, 0.175);
  expect_golden(test.deviation, 0.3770183777);
  expect_golden(test.standard_error, 0.1332961258);
  expect_golden(test.t, 1.3128663643);
  expect_golden(test.p, 0.1153143773);
  expect_golden(mean_upper(d, kAlpha), 0.4275399880);
  EXPECT_NEAR(ratio_estimate(kExampleA).design_effect, 5.8165875, 5e-8);
}

TEST(Clustered, WorkedExampleB) {
  const auto d = net_flip_rates(kExampleB);
  expect_golden(sign_test_p(d), 0.01953125);
  expect_golden(sign_flip_p(d), 0.00390625);
  const MeanTest test = mean_test(d);
  expect_golden(test.mean, 0.34);
  expect_golden(test.t, 3.9000674758);
  expect_golden(test.p, 0.0018095198);
  expect_golden(mean_interval(d).lower, 0.1427897107);
  expect_golden(mean_interval(d).upper, 0.5372102893);
}

TEST(Clustered, WorkedExampleCWithUnequalSizes) {
  const auto d = net_flip_rates(kExampleC);
  expect_golden(pooled_p(kExampleC), 0.0037689209);
  expect_golden(sign_test_p(d), 3.0 / 16);
  expect_golden(sign_flip_p(d), 1.0 / 16);
  expect_golden(null_variance_z(d), 1.7441631985);
  const MeanTest test = mean_test(d);
  expect_golden(test.t, 2.1474873987);
  expect_golden(test.p, 0.0376836130);
  expect_golden(test.mean, 0.2428571429);
  const RatioEstimate ratio = ratio_estimate(kExampleC);
  expect_golden(ratio.drop, 0.2);
  expect_golden(ratio.standard_error, 0.1194121403);
}

TEST(NetFlipRates, DropEmptyClusters) {
  const std::vector<ClusterCounts> clusters = {{4, 1, 0}, {0, 0, 0}, {2, 0, 2}};
  EXPECT_EQ(net_flip_rates(clusters), (std::vector<double>{0.25, -1}));
}

TEST(SignFlip, CountsEverySigningOfTinyInputs) {
  RandomStream random(3);
  for (int round = 0; round < 200; ++round) {
    std::vector<double> d(1 + random.below(11));
    for (auto& value : d) {
      const auto denominator = static_cast<double>(1 + random.below(11));
      const auto numerator = static_cast<double>(random.below(23)) - 11;
      value = std::clamp(numerator / denominator, -1.0, 1.0);
    }
    if (std::all_of(d.begin(), d.end(), [](double v) { return v == 0; })) continue;
    EXPECT_NEAR(sign_flip_p(d), brute_force(d), 1e-12) << round;
  }
}

TEST(SignFlip, IsTheSignTestForEqualSizes) {
  const std::vector<double> d = {1, 1, 1, -1, 1, 0, 0, 1, 1, 1, -1};
  EXPECT_NEAR(sign_flip_p(d), sign_test_p(d), 1e-12);
}

TEST(SignFlip, CannotGoBelowOneSigning) {
  for (std::size_t n = 1; n <= 60; ++n)
    EXPECT_DOUBLE_EQ(sign_flip_p(std::vector<double>(n, 0.3)), std::pow(0.5, static_cast<double>(n)));
  EXPECT_GT(sign_flip_p(std::vector<double>(3000, 1.0)), 0);  // 2^-3000 is no double; 0 would claim certainty
}

TEST(SignFlip, SamplesWhereNoCommonGridExists) {
  std::vector<double> d;
  for (int j = 1; j <= 14; ++j) d.push_back((j % 4 == 0 ? -1 : 1) * std::sqrt(j) / 4.0);
  const double exact = brute_force(d);
  const double sampled = sign_flip_p(d, 17);
  // Five standard errors of a share of 99,999 draws.
  EXPECT_NEAR(sampled, exact, 5 * std::sqrt(exact * (1 - exact) / 99999));
  EXPECT_EQ(sampled, sign_flip_p(d, 17)) << "the same seed gives the same p";
}

TEST(SignFlip, SampledPIsNeverZero) {
  std::vector<double> d;
  for (int j = 1; j <= 40; ++j) d.push_back(std::sqrt(j) / 7.0);
  EXPECT_DOUBLE_EQ(sign_flip_p(d), 1e-5);
}

TEST(SignFlip, HandlesManySeedsOfMixedSizesQuickly) {
  RandomStream random(9);
  std::vector<double> d;
  for (int j = 0; j < 400; ++j) {
    const auto n = static_cast<double>(1 + random.below(11));
    d.push_back(std::round((random.uniform() * 2 - 0.9) * n) / n);
  }
  const double p = sign_flip_p(d);
  EXPECT_NEAR(p, normal_cdf(-null_variance_z(d)), 0.01);
}

TEST(SignFlip, SumsToMoreThanOneOverBothDirections) {
  for (const auto* example : {&kExampleA, &kExampleB, &kExampleC}) {
    auto d = net_flip_rates(*example);
    const double worse = sign_flip_p(d);
    for (auto& value : d) value = -value;
    EXPECT_GE(worse + sign_flip_p(d), 1 - 1e-12);
  }
}

TEST(SignFlip, NothingMeasuredIsNoEvidence) {
  EXPECT_EQ(sign_flip_p({}), 1);
  EXPECT_EQ(sign_test_p({}), 1);
  EXPECT_EQ(null_variance_z({}), 0);
  EXPECT_EQ(sign_flip_p(std::vector<double>{0, 0, 0}), 1);
  EXPECT_EQ(sign_test_p(std::vector<double>{0, 0, 0}), 1);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(sign_flip_p(std::vector<double>{1, 1, 1, 1, 1, 1, nan}), 1);
  EXPECT_EQ(sign_test_p(std::vector<double>{1, 1, 1, 1, 1, 1, nan}), 1);
}

TEST(SignFlip, HoldsItsLevelForEqualModels) {
  // Under the null each d_j is symmetric; an exact test rejects at most alpha of the time (plus five standard errors).
  RandomStream random(21);
  int rejected = 0;
  constexpr int kRounds = 4000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> d(15);
    for (auto& value : d) {
      const double size = static_cast<double>(random.below(6)) / 5;
      value = random.below(2) == 0 ? size : -size;
    }
    if (sign_flip_p(d) <= kAlpha) ++rejected;
  }
  EXPECT_LE(rejected, kRounds * kAlpha + 5 * std::sqrt(kRounds * kAlpha * (1 - kAlpha)));
  EXPECT_GT(rejected, kRounds * kAlpha / 2);
}

TEST(NetRateLowerBound, IsMinusOneWithoutTwoClusters) {
  EXPECT_EQ(net_rate_lower_bound({}, kAlpha), -1);
  EXPECT_EQ(net_rate_lower_bound(std::vector<double>{1}, kAlpha), -1);
  EXPECT_EQ(net_rate_upper_bound(std::vector<double>{0}, kAlpha), 1);
  EXPECT_EQ(net_rate_lower_bound(std::vector<double>{1, std::numeric_limits<double>::quiet_NaN()}, kAlpha), -1);
}

TEST(NetRateLowerBound, DoesNotCollapseWhenAllClustersAgree) {
  const std::vector<double> all(20, 1.0);
  // The t bound alone would be 1.
  EXPECT_NEAR(net_rate_lower_bound(all, kAlpha), std::pow(kAlpha, 1.0 / 20), 1e-12);
  const std::vector<double> none(20, 0.0);
  EXPECT_EQ(net_rate_lower_bound(none, kAlpha), 0);
  EXPECT_NEAR(net_rate_upper_bound(none, kAlpha), 1 - std::pow(kAlpha, 1.0 / 20), 1e-12);
}

TEST(NetRateLowerBound, LiesBelowTheMeanAndFallsWithAlpha) {
  for (const auto* example : {&kExampleA, &kExampleB, &kExampleC}) {
    const auto d = net_flip_rates(*example);
    const double mean = mean_test(d).mean;
    EXPECT_LT(net_rate_lower_bound(d, kAlpha), mean);
    EXPECT_LT(net_rate_lower_bound(d, 0.005), net_rate_lower_bound(d, kAlpha));
    EXPECT_GT(net_rate_upper_bound(d, kAlpha), mean);
  }
}

TEST(NetRateLowerBound, CoversTheTrueRateOfClusteredFlips) {
  // Seeds flip wholly or not at all, 30 % of them; the bound may exceed 0.3 in at most alpha of the rounds.
  RandomStream random(31);
  int above = 0;
  constexpr int kRounds = 2000;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> d(25);
    for (auto& value : d) value = random.uniform() < 0.3 ? 1 : 0;
    if (net_rate_lower_bound(d, kAlpha) > 0.3) ++above;
  }
  EXPECT_LE(above, kRounds * kAlpha + 5 * std::sqrt(kRounds * kAlpha * (1 - kAlpha)));
}

}  // namespace
}  // namespace defuse
