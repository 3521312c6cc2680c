#include "core/stats/excess.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace defuse {
namespace {

// The tail by counting every (b, c) pair's trinomial probability.
double brute_force(std::int64_t b, std::int64_t c, std::int64_t n, double delta) {
  const double fixed = (static_cast<double>(c) + 0.5) / (static_cast<double>(n) + 1);
  const double broken = std::clamp(delta + fixed, 0.0, 1 - fixed);
  double p = 0;
  for (std::int64_t i = 0; i <= n; ++i)
    for (std::int64_t j = 0; i + j <= n; ++j) {
      if (i - j < b - c) continue;
      const auto rest = n - i - j;
      const double ways = std::lgamma(static_cast<double>(n + 1)) - std::lgamma(static_cast<double>(i + 1)) -
                          std::lgamma(static_cast<double>(j + 1)) - std::lgamma(static_cast<double>(rest + 1));
      p += std::exp(ways) * std::pow(broken, static_cast<double>(i)) * std::pow(fixed, static_cast<double>(j)) *
           std::pow(1 - broken - fixed, static_cast<double>(rest));
    }
  return p;
}

TEST(Excess, IsTheTrinomialTail) {
  for (const auto& [b, c, n] :
       std::vector<std::array<std::int64_t, 3>>{{7, 0, 12}, {3, 2, 9}, {0, 0, 5}, {10, 4, 30}, {2, 5, 20}})
    for (const double delta : {-0.2, 0.0, 0.05, 0.3})
      EXPECT_NEAR(excess_p(b, c, n, delta), brute_force(b, c, n, delta), 1e-10)
          << b << " " << c << " " << n << " " << delta;
}

TEST(Excess, LowerBoundIsWhereThePIsTheLevel) {
  for (const double level : {0.05, 0.001}) {
    const double bound = excess_lower(9, 1, 30, level);
    EXPECT_NEAR(excess_p(9, 1, 30, bound), level, 1e-4);
    EXPECT_LT(bound, 8.0 / 30);
  }
  EXPECT_LT(excess_lower(9, 1, 30, 0.001), excess_lower(9, 1, 30, 0.05));
  EXPECT_LT(excess_lower(9, 6, 30, 0.05), excess_lower(9, 1, 30, 0.05)) << "fixing counts against breaking";
}

TEST(Excess, OfNothingSaysNothing) {
  EXPECT_EQ(excess_p(0, 0, 0, 0), 1);
  EXPECT_EQ(excess_lower(0, 0, 0, 0.05), -1);
  EXPECT_LE(excess_lower(0, 0, 50, 0.05), 0);
}

TEST(Excess, CountsFractionsAgainstTheFinding) {
  const auto counts = net_counts(std::vector<double>{0.5, 0.4, 1.0, -0.25, 0});
  EXPECT_EQ(counts.broken, 1);  // 1.9 down
  EXPECT_EQ(counts.fixed, 1);   // 0.25 up
  EXPECT_EQ(counts.seeds, 5);
}

// How often it says "more than delta" when it is exactly delta. The nuisance is estimated, so the level is kept where
// images are hardly ever fixed, as with clear flips; where one in ten or three is, up to five times the level is seen.
// Limits are earned on honest retrains for that reason (docs/gate-quality.md).
TEST(Excess, KeepsItsLevelWhereHardlyAnythingIsMended) {
  constexpr int kTrials = 2000;
  constexpr double kLevel = 0.01;
  for (const auto& [fixed, most] : std::vector<std::pair<double, double>>{{0.0, 1.5}, {0.005, 1.5}, {0.3, 5.0}}) {
    for (const double delta : {0.0, 0.05}) {
      for (const std::int64_t n : {10, 40, 150}) {
        RandomStream random(11, static_cast<std::uint64_t>(1000 * (fixed + 10 * delta)), static_cast<std::uint64_t>(n));
        int rejected = 0;
        for (int t = 0; t < kTrials; ++t) {
          std::int64_t b = 0, c = 0;
          for (std::int64_t i = 0; i < n; ++i) {
            const double u = random.uniform();
            c += u < fixed ? 1 : 0;
            b += u >= fixed && u < 2 * fixed + delta ? 1 : 0;
          }
          rejected += excess_p(b, c, n, delta) <= kLevel ? 1 : 0;
        }
        EXPECT_LE(rejected, most * kLevel * kTrials + 3 * std::sqrt(kLevel * kTrials))
            << fixed << " " << delta << " " << n;
      }
    }
  }
}

}  // namespace
}  // namespace defuse
