// Clustered observations. The sign-flip test asks how many of the 2^n ways to sign the |d_j| reach the observed sum.
// With the |d_j| as whole numbers w_j on a common grid, a signing reaches it exactly when the w_j signed negative sum
// to at most
//   h = sum of w_j over d_j < 0,
// so p = P(S <= h), S = sum of w_j each taken with probability 1/2: one pass of dynamic programming per cluster, h + 1
// cells.
#include "core/stats/clustered.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

#include "core/base/random.h"
#include "core/stats/boost_policy.h"
#include "core/stats/intervals.h"

namespace defuse {
namespace {

constexpr std::int64_t kLargestDenominator = 1000;
constexpr std::int64_t kLargestGrid = 1'000'000;
constexpr double kMostCells = 6e7;  // of the dynamic programme: about 0.1 s
constexpr int kRandomSignings = 99'999;

// The smallest denominator that gives `value` to 1e-9, by continued fractions; nullopt if it is above the limit.
std::optional<std::int64_t> denominator_of(double value) {
  double rest = value;
  std::int64_t before = 0, denominator = 1;
  for (int step = 0; step < 32; ++step) {
    const double scaled = value * static_cast<double>(denominator);
    if (std::abs(scaled - std::round(scaled)) < 1e-9) return denominator;
    rest = 1 / (rest - std::floor(rest));
    if (!(rest < 1e9)) return std::nullopt;
    const std::int64_t next = static_cast<std::int64_t>(std::floor(rest)) * denominator + before;
    before = denominator;
    denominator = next;
    if (denominator > kLargestDenominator) return std::nullopt;
  }
  return std::nullopt;
}

// d as signed whole numbers on the coarsest common grid; nullopt if there is none of reasonable size.
std::optional<std::vector<std::int64_t>> on_grid(const std::vector<double>& d) {
  std::int64_t grid = 1;
  for (const double value : d) {
    const auto denominator = denominator_of(std::abs(value));
    if (!denominator) return std::nullopt;
    grid = std::lcm(grid, *denominator);
    if (grid > kLargestGrid) return std::nullopt;
  }
  std::vector<std::int64_t> whole;
  std::int64_t divisor = 0;
  for (const double value : d) {
    whole.push_back(static_cast<std::int64_t>(std::llround(value * static_cast<double>(grid))));
    divisor = std::gcd(divisor, whole.back());
  }
  for (auto& value : whole) value /= std::max<std::int64_t>(divisor, 1);
  return whole;
}

// P(S <= h) for S = sum of weights each taken with probability 1/2.
double half_sum_tail(const std::vector<std::int64_t>& weights, std::int64_t h) {
  const auto cells = static_cast<std::size_t>(h) + 1;
  std::vector<double> now(cells, 0.0), next(cells, 0.0);
  now[0] = 1;
  for (const std::int64_t weight : weights) {
    const auto w = static_cast<std::size_t>(weight);
    for (std::size_t s = 0; s < std::min(w, cells); ++s) next[s] = 0.5 * now[s];
    for (std::size_t s = w; s < cells; ++s) next[s] = 0.5 * (now[s] + now[s - w]);
    now.swap(next);
  }
  std::sort(now.begin(), now.end());
  return std::accumulate(now.begin(), now.end(), 0.0);
}

std::optional<double> exact_sign_flip(const std::vector<double>& d) {
  const auto whole = on_grid(d);
  if (!whole) return std::nullopt;
  std::vector<std::int64_t> weights;
  std::int64_t total = 0, negative = 0;
  for (const std::int64_t value : *whole) {
    weights.push_back(std::abs(value));
    total += std::abs(value);
    if (value < 0) negative -= value;
  }
  // S and total - S are equally distributed, so the longer half need not be walked.
  const bool mirrored = 2 * negative > total;
  const std::int64_t h = mirrored ? total - negative - 1 : negative;
  if (static_cast<double>(h + 1) * static_cast<double>(weights.size()) > kMostCells) return std::nullopt;
  if (h < 0) return 1;
  const double tail = half_sum_tail(weights, h);
  return mirrored ? 1 - tail : tail;
}

double sampled_sign_flip(const std::vector<double>& d, std::uint64_t seed) {
  double limit = 1e-9;  // sums that are equal on paper must count as reached
  for (const double value : d) limit += value < 0 ? -value : 0;
  RandomStream random(seed, /*a=*/0x5167f11bULL);
  int hits = 0;
  for (int draw = 0; draw < kRandomSignings; ++draw) {
    double sum = 0;
    std::uint64_t bits = 0;
    for (std::size_t j = 0; j < d.size(); ++j) {
      if (j % 64 == 0) bits = random.bits();
      sum += (bits & 1) != 0 ? std::abs(d[j]) : 0.0;
      bits >>= 1;
      if (sum > limit) break;
    }
    if (sum <= limit) ++hits;
  }
  return (1.0 + hits) / (1.0 + kRandomSignings);
}

double total_of(std::span<const double> d) { return std::accumulate(d.begin(), d.end(), 0.0); }

}  // namespace

std::vector<double> net_flip_rates(std::span<const ClusterCounts> clusters) {
  std::vector<double> d;
  d.reserve(clusters.size());
  for (const auto& cluster : clusters)
    if (cluster.images > 0)
      d.push_back(static_cast<double>(cluster.negative - cluster.positive) / static_cast<double>(cluster.images));
  return d;
}

double sign_flip_p(std::span<const double> d, std::uint64_t seed) {
  std::vector<double> nonzero;
  for (const double value : d) {
    if (!std::isfinite(value)) return 1;
    if (value != 0) nonzero.push_back(value);
  }
  if (nonzero.empty()) return 1;
  if (const auto exact = exact_sign_flip(nonzero))
    return std::clamp(*exact, std::numeric_limits<double>::min(), 1.0);  // 2^-n underflows beyond n = 1022
  return sampled_sign_flip(nonzero, seed);
}

MeanTest mean_test(std::span<const double> d) {
  MeanTest test;
  const double n = static_cast<double>(d.size());
  if (d.empty()) return test;
  test.mean = total_of(d) / n;
  if (d.size() < 2) return test;
  double squares = 0;
  for (const double value : d) squares += (value - test.mean) * (value - test.mean);
  test.deviation = std::sqrt(squares / (n - 1));
  test.standard_error = test.deviation / std::sqrt(n);
  if (test.standard_error > 0) {
    test.t = test.mean / test.standard_error;
    const boost::math::students_t_distribution<double, QuietPolicy> student(n - 1);
    test.p = boost::math::cdf(boost::math::complement(student, test.t));
  }
  return test;
}

double mean_lower(std::span<const double> d, double alpha) {
  if (d.size() < 2) return -1;
  const MeanTest test = mean_test(d);
  const double reach = student_quantile(1 - alpha, static_cast<double>(d.size() - 1)) * test.standard_error;
  return std::max(-1.0, test.mean - reach);
}

double mean_upper(std::span<const double> d, double alpha) {
  if (d.size() < 2) return 1;
  const MeanTest test = mean_test(d);
  const double reach = student_quantile(1 - alpha, static_cast<double>(d.size() - 1)) * test.standard_error;
  return std::min(1.0, test.mean + reach);
}

double net_rate_lower_bound(std::span<const double> d, double alpha) {
  if (d.size() < 2 || std::any_of(d.begin(), d.end(), [](double v) { return !std::isfinite(v); })) return -1;
  const double n = static_cast<double>(d.size());
  const double flips = std::min(n, std::max(0.0, total_of(d)));
  return std::min(clopper_pearson_lower_real(flips, n, alpha), mean_lower(d, alpha));
}

double net_rate_upper_bound(std::span<const double> d, double alpha) {
  if (d.size() < 2 || std::any_of(d.begin(), d.end(), [](double v) { return !std::isfinite(v); })) return 1;
  const double n = static_cast<double>(d.size());
  const double flips = std::min(n, std::max(0.0, total_of(d)));
  return std::max(clopper_pearson_upper_real(flips, n, alpha), mean_upper(d, alpha));
}

}  // namespace defuse
