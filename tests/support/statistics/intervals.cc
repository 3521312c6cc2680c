// Intervals, in the notation of the header.
//   Wilson    (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
//   Jeffreys  I^-1(tail; x+1/2, n-x+1/2) and its mirror, I^-1 the inverse regularised incomplete beta; the ends are
//             closed at x = 0 and x = n
//   Newcombe  see the functions; counts a, b, c, d as in FourCounts, N their sum
#include "tests/support/statistics/intervals.h"

#include <algorithm>
#include <boost/math/special_functions/beta.hpp>
#include <cmath>

#include "core/stats/boost_policy.h"
#include "core/stats/clustered.h"

namespace defuse {
namespace {

double real(std::int64_t count) { return static_cast<double>(count); }

double square(double x) { return x * x; }

// Both ends at the given z; tails are the caller's business.
Bounds wilson(double x, double n, double z) {
  if (n <= 0) return {0, 1};
  const double p = x / n;
  const double scale = 1 + z * z / n;
  const double middle = (p + z * z / (2 * n)) / scale;
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / scale;
  return {x <= 0 ? 0 : std::max(0.0, middle - half), x >= n ? 1 : std::min(1.0, middle + half)};
}

double beta_quantile(double a, double b, double p) { return boost::math::ibeta_inv(a, b, p, QuietPolicy()); }

}  // namespace

Bounds wilson_interval(std::int64_t x, std::int64_t n, double alpha) {
  return wilson(real(x), real(n), normal_quantile(1 - alpha / 2));
}

double wilson_lower(std::int64_t x, std::int64_t n, double alpha) {
  return wilson(real(x), real(n), normal_quantile(1 - alpha)).lower;
}

double wilson_upper(std::int64_t x, std::int64_t n, double alpha) {
  return wilson(real(x), real(n), normal_quantile(1 - alpha)).upper;
}

Bounds clopper_pearson_interval(std::int64_t x, std::int64_t n, double alpha) {
  return {clopper_pearson_lower(x, n, alpha / 2), clopper_pearson_upper(x, n, alpha / 2)};
}

double jeffreys_lower(std::int64_t x, std::int64_t n, double alpha) {
  return n <= 0 || x <= 0 ? 0 : beta_quantile(real(x) + 0.5, real(n - x) + 0.5, alpha);
}

double jeffreys_upper(std::int64_t x, std::int64_t n, double alpha) {
  return n <= 0 || x >= n ? 1 : beta_quantile(real(x) + 0.5, real(n - x) + 0.5, 1 - alpha);
}

Bounds jeffreys_interval(std::int64_t x, std::int64_t n, double alpha) {
  return {jeffreys_lower(x, n, alpha / 2), jeffreys_upper(x, n, alpha / 2)};
}

Bounds newcombe_unpaired_interval(std::int64_t x1, std::int64_t n1, std::int64_t x2, std::int64_t n2, double alpha) {
  if (n1 <= 0 || n2 <= 0) return {-1, 1};
  const Bounds one = wilson_interval(x1, n1, alpha);
  const Bounds two = wilson_interval(x2, n2, alpha);
  const double p1 = real(x1) / real(n1);
  const double p2 = real(x2) / real(n2);
  return {p1 - p2 - std::hypot(p1 - one.lower, two.upper - p2), p1 - p2 + std::hypot(one.upper - p1, p2 - two.lower)};
}

// With p1, p2 the accuracies of incumbent and candidate and (l, u) their Wilson intervals,
//   L = D - sqrt((p1-l1)^2 + (u2-p2)^2 - 2 phi (p1-l1)(u2-p2)),   U mirrored,
// phi = A / sqrt(Pi) with A = ad - bc and Pi the product of the four margins; a positive A is first lowered by N/2, at
// most to 0.
Bounds newcombe_paired_interval(const FourCounts& counts, double alpha) {
  if (counts.total() <= 0) return {-1, 1};
  // As doubles: products of four counts overflow 64-bit integers beyond N of about 110,000.
  const double a = real(counts.both_right), b = real(counts.negative_flips), c = real(counts.positive_flips),
               d = real(counts.both_wrong), n = real(counts.total());
  const double z = normal_quantile(1 - alpha / 2);
  const double p1 = (a + b) / n;
  const double p2 = (a + c) / n;
  const Bounds one = wilson(a + b, n, z);
  const Bounds two = wilson(a + c, n, z);
  const double margins = (a + b) * (c + d) * (a + c) * (b + d);
  const double association = a * d - b * c;
  double phi = 0;
  if (margins > 0) phi = (association < 0 ? association : std::max(0.0, association - n / 2)) / std::sqrt(margins);
  const auto reach = [phi](double x, double y) {
    return std::sqrt(std::max(0.0, square(x) + square(y) - 2 * phi * x * y));
  };
  return {std::max(-1.0, p1 - p2 - reach(p1 - one.lower, two.upper - p2)),
          std::min(1.0, p1 - p2 + reach(p2 - two.lower, one.upper - p1))};
}

Bounds tango_interval(const FourCounts& counts, double alpha) {
  return {tango_lower(counts, alpha / 2), tango_upper(counts, alpha / 2)};
}

Bounds mean_interval(std::span<const double> d, double alpha) {
  return {mean_lower(d, alpha / 2), mean_upper(d, alpha / 2)};
}

Bounds relative_interval(const RelativeRate& rate, double alpha) {
  return {relative_lower(rate, alpha / 2), relative_upper(rate, alpha / 2)};
}

double non_inferiority_p(const FourCounts& counts, double margin) {
  return counts.total() <= 0 ? 1 : normal_cdf(tango_statistic(counts, margin));
}

}  // namespace defuse
