#include "core/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

namespace defuse {
namespace {

struct Moments {
  double mean = 0, variance = 0, third = 0, fourth = 0;  // standardised third and fourth
};

template <class Draw>
Moments moments(int n, Draw draw) {
  std::vector<double> values(static_cast<std::size_t>(n));
  for (auto& value : values) value = draw();
  Moments m;
  for (const double v : values) m.mean += v / n;
  for (const double v : values) m.variance += (v - m.mean) * (v - m.mean) / n;
  const double deviation = std::sqrt(m.variance);
  for (const double v : values) {
    m.third += std::pow((v - m.mean) / deviation, 3) / n;
    m.fourth += std::pow((v - m.mean) / deviation, 4) / n;
  }
  return m;
}

constexpr int kDraws = 200'000;
// Five standard errors of a mean of kDraws values with unit variance.
const double kFive = 5 / std::sqrt(static_cast<double>(kDraws));

// Steele, Lea and Flood: SplitMix64 from state 0 gives this sequence; mix64(k * gamma) is its k-th value.
TEST(Mix64, IsSplitMix64) {
  constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15ULL;
  EXPECT_EQ(mix64(0), 0xe220a8397b1dcdafULL);
  EXPECT_EQ(mix64(kGamma), 0x6e789e6aa1b965f4ULL);
  EXPECT_EQ(mix64(2 * kGamma), 0x06c45d188009454fULL);
}

TEST(Mix64, FlipsHalfOfTheBitsForOneBitOfInput) {
  for (int bit = 0; bit < 64; ++bit) {
    int flipped = 0;
    for (std::uint64_t value = 0; value < 64; ++value)
      flipped += __builtin_popcountll(mix64(value) ^ mix64(value ^ (1ULL << bit)));
    EXPECT_NEAR(flipped / 64.0, 32, 5 * 4 / std::sqrt(64.0)) << bit;  // a coin per bit: standard deviation 4
  }
}

TEST(RandomStream, IsAFunctionOfSeedKeysAndPosition) {
  RandomStream one(7, 1, 2), same(7, 1, 2);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(one.bits(), same.bits());
}

TEST(RandomStream, StreamsOfOtherKeysDiffer) {
  std::set<std::uint64_t> first;
  int streams = 0;
  for (std::uint64_t seed = 0; seed < 8; ++seed)
    for (std::uint64_t a = 0; a < 8; ++a)
      for (std::uint64_t b = 0; b < 8; ++b, ++streams) first.insert(RandomStream(seed, a, b).bits());
  EXPECT_EQ(first.size(), static_cast<std::size_t>(streams));
}

TEST(RandomStream, UniformHasItsMomentsAndStaysInRange) {
  RandomStream random(1);
  double low = 1, high = 0;
  const Moments m = moments(kDraws, [&] {
    const double u = random.uniform();
    low = std::min(low, u);
    high = std::max(high, u);
    return u;
  });
  EXPECT_GE(low, 0);
  EXPECT_LT(high, 1);
  EXPECT_NEAR(m.mean, 0.5, kFive * std::sqrt(1.0 / 12));
  EXPECT_NEAR(m.variance, 1.0 / 12, kFive / std::sqrt(180.0));
}

TEST(RandomStream, NormalHasItsFirstFourMoments) {
  RandomStream random(2);
  const Moments m = moments(kDraws, [&] { return random.normal(); });
  EXPECT_NEAR(m.mean, 0, kFive);
  EXPECT_NEAR(m.variance, 1, kFive * std::sqrt(2.0));
  EXPECT_NEAR(m.third, 0, kFive * std::sqrt(6.0));
  EXPECT_NEAR(m.fourth, 3, kFive * std::sqrt(24.0));
}

TEST(RandomStream, NeighbouringStreamsAreUncorrelated) {
  // One normal from each of many streams whose keys differ by one: what perturbing image after image does.
  double product = 0;
  for (int i = 0; i < kDraws; ++i) {
    const auto key = static_cast<std::uint64_t>(i);
    product += RandomStream(3, key, 0).normal() * RandomStream(3, key + 1, 0).normal() / kDraws;
  }
  EXPECT_NEAR(product, 0, kFive);
}

TEST(RandomStream, GammaHasItsMoments) {
  for (const double shape : {1.0, 2.5, 50.0}) {
    RandomStream random(4);
    const Moments m = moments(kDraws, [&] { return random.gamma(shape); });
    EXPECT_NEAR(m.mean, shape, kFive * std::sqrt(shape));
    // Var of the sample variance is (kurtosis - 1) variance^2 / n, kurtosis 3 + 6/shape.
    EXPECT_NEAR(m.variance, shape, kFive * shape * std::sqrt(2 + 6 / shape));
  }
}

TEST(RandomStream, BetaHasItsMomentsAndStaysInRange) {
  const double a = 2, b = 5;
  RandomStream random(5);
  double low = 1, high = 0;
  const Moments m = moments(kDraws, [&] {
    const double x = random.beta(a, b);
    low = std::min(low, x);
    high = std::max(high, x);
    return x;
  });
  const double variance = a * b / ((a + b) * (a + b) * (a + b + 1));
  EXPECT_GT(low, 0);
  EXPECT_LT(high, 1);
  EXPECT_NEAR(m.mean, a / (a + b), kFive * std::sqrt(variance));
  EXPECT_NEAR(m.variance, variance, kFive * variance * 2);
}

TEST(RandomStream, BelowIsFairForBoundsThatDoNotDivideTwoToThe64) {
  for (const std::uint64_t bound : {1ULL, 2ULL, 3ULL, 10ULL, (1ULL << 63) + 1}) {
    RandomStream random(6);
    int low_half = 0;
    for (int i = 0; i < 60'000; ++i) {
      const std::uint64_t value = random.below(bound);
      ASSERT_LT(value, bound);
      if (value < bound / 2) ++low_half;
    }
    const double share = static_cast<double>(bound / 2) / static_cast<double>(bound);
    EXPECT_NEAR(low_half / 60'000.0, share, 5 * 0.5 / std::sqrt(60'000.0)) << bound;
  }
}

}  // namespace
}  // namespace defuse
