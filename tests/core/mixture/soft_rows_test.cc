#include "core/mixture/soft_rows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "core/base/random.h"

namespace defuse {
namespace {

TEST(SoftRows, AreTheSoftmaxAndItsEntropyAtEveryWidth) {
  RandomStream random(3);
  for (std::size_t k = 1; k <= 11; ++k) {
    const std::size_t n = 50;
    std::vector<double> u(n * k);
    for (double& v : u) v = 300 + 12 * random.normal();
    std::vector<double> r = u;
    const SoftRows soft = soften_rows(r, k);
    double entropy = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double* row = u.data() + i * k;
      const double most = *std::max_element(row, row + k);
      long double sum = 0;
      for (std::size_t j = 0; j < k; ++j) sum += std::exp(static_cast<long double>(row[j] - most));
      for (std::size_t j = 0; j < k; ++j) {
        const auto want = static_cast<double>(std::exp(static_cast<long double>(row[j] - most)) / sum);
        if (row[j] - most < -46) {
          EXPECT_EQ(r[i * k + j], 0) << k;
          continue;
        }
        EXPECT_NEAR(r[i * k + j], want, 2e-15 * want) << k;
        entropy -= want * std::log(want);
      }
    }
    EXPECT_NEAR(soft.entropy, entropy, 1e-12 * (1 + entropy)) << k;
    EXPECT_EQ(soft.filled, r.size() - static_cast<std::size_t>(std::count(r.begin(), r.end(), 0.0))) << k;
  }
}

TEST(SoftRows, AreEqualWhereTheScoresAre) {
  std::vector<double> r(6, -1e6);
  const SoftRows soft = soften_rows(r, 6);
  for (const double v : r) EXPECT_NEAR(v, 1.0 / 6, 1e-16);
  EXPECT_NEAR(soft.entropy, std::log(6), 1e-14);
  EXPECT_EQ(soft.filled, 6U);
}

// What a broken covariance makes of the scores must not pass for a certain answer.
TEST(SoftRows, NeverHideAScoreThatIsNotFinite) {
  for (const double broken : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()})
    for (std::size_t at = 0; at < 7; ++at) {
      std::vector<double> r{1, -200, 3, -500, 5, 0, -100};
      r[at] = broken;
      EXPECT_FALSE(std::isfinite(soften_rows(r, 7).entropy)) << at;
    }
}

TEST(SoftRows, WeightedRowsAreAddedUp) {
  RandomStream random(4);
  const std::size_t n = 20, k = 5;
  for (std::size_t width = 1; width <= 9; ++width) {
    std::vector<double> weights(n * k), rows(n * width), sums(k * width, 1.0), plain(k * width, 1.0);
    for (double& v : weights) v = random.uniform() < 0.5 ? 0.0 : random.uniform();
    for (double& v : rows) v = random.normal();
    for (std::size_t i = 0; i < n; ++i)
      for (std::size_t c = 0; c < k; ++c)
        for (std::size_t j = 0; j < width; ++j) plain[c * width + j] += weights[i * k + c] * rows[i * width + j];
    add_weighted_rows(weights, k, rows.data(), width, sums.data());
    for (std::size_t j = 0; j < plain.size(); ++j) EXPECT_NEAR(sums[j], plain[j], 1e-13) << width;
  }
}

}  // namespace
}  // namespace defuse
