// Intervals, in the notation of the header.
//   Wilson            (p + z^2/2n +- z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)
//   Clopper-Pearson   lower I^-1(tail; x, n-x+1), upper I^-1(1-tail; x+1, n-x), I^-1 the inverse regularised incomplete
//   beta Jeffreys          I^-1(tail; x+1/2, n-x+1/2) and its mirror; the ends are closed at x = 0 and x = n Newcombe,
//   Tango   see the functions; counts a, b, c, d as in FourCounts, N their sum
// All arithmetic is double: products of four counts overflow 64-bit integers beyond N of about 110,000.
#include "core/stats/intervals.h"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <boost/math/special_functions/beta.hpp>
#include <boost/math/special_functions/erf.hpp>
#include <cmath>
#include <limits>
#include <numbers>

#include "core/stats/boost_policy.h"

namespace defuse {
namespace {

double real(std::int64_t count) { return static_cast<double>(count); }

double square(double x) { return x * x; }

struct Table {
  double a, b, c, d, n;
  explicit Table(const FourCounts& counts)
      : a(real(counts.both_right)),
        b(real(counts.negative_flips)),
        c(real(counts.positive_flips)),
        d(real(counts.both_wrong)),
        n(real(counts.total())) {}
  double drop() const { return (b - c) / n; }
};

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

// Where the falling function T(delta) - target changes sign between low and high.
double bisect_tango(const FourCounts& counts, double target, double low, double high) {
  for (int step = 0; step < 200 && high - low > 1e-13; ++step) {
    const double middle = 0.5 * (low + high);
    (tango_statistic(counts, middle) > target ? low : high) = middle;
  }
  return 0.5 * (low + high);
}

}  // namespace

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double normal_quantile(double p) { return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * p, QuietPolicy()); }

double student_quantile(double p, double degrees) {
  return boost::math::quantile(boost::math::students_t_distribution<double, QuietPolicy>(degrees), p);
}

double student_tail(double t, double degrees) {
  const boost::math::students_t_distribution<double, QuietPolicy> student(degrees);
  return boost::math::cdf(boost::math::complement(student, t));
}

Bounds wilson_interval(std::int64_t x, std::int64_t n, double alpha) {
  return wilson(real(x), real(n), normal_quantile(1 - alpha / 2));
}

double wilson_lower(std::int64_t x, std::int64_t n, double alpha) {
  return wilson(real(x), real(n), normal_quantile(1 - alpha)).lower;
}

double wilson_upper(std::int64_t x, std::int64_t n, double alpha) {
  return wilson(real(x), real(n), normal_quantile(1 - alpha)).upper;
}

double clopper_pearson_lower_real(double x, double n, double alpha) {
  if (!(n > 0) || !(x > 0)) return 0;
  return beta_quantile(std::min(x, n), std::max(n - x, 0.0) + 1, alpha);
}

double clopper_pearson_upper_real(double x, double n, double alpha) {
  if (!(n > 0) || !(x < n)) return 1;
  return beta_quantile(std::max(x, 0.0) + 1, n - std::max(x, 0.0), 1 - alpha);
}

double clopper_pearson_lower(std::int64_t x, std::int64_t n, double alpha) {
  return clopper_pearson_lower_real(real(x), real(n), alpha);
}

double clopper_pearson_upper(std::int64_t x, std::int64_t n, double alpha) {
  return clopper_pearson_upper_real(real(x), real(n), alpha);
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
  const Table t(counts);
  if (t.n <= 0) return {-1, 1};
  const double z = normal_quantile(1 - alpha / 2);
  const double p1 = (t.a + t.b) / t.n;
  const double p2 = (t.a + t.c) / t.n;
  const Bounds one = wilson(t.a + t.b, t.n, z);
  const Bounds two = wilson(t.a + t.c, t.n, z);
  const double margins = (t.a + t.b) * (t.c + t.d) * (t.a + t.c) * (t.b + t.d);
  const double association = t.a * t.d - t.b * t.c;
  double phi = 0;
  if (margins > 0) phi = (association < 0 ? association : std::max(0.0, association - t.n / 2)) / std::sqrt(margins);
  const auto reach = [phi](double x, double y) {
    return std::sqrt(std::max(0.0, square(x) + square(y) - 2 * phi * x * y));
  };
  return {std::max(-1.0, p1 - p2 - reach(p1 - one.lower, two.upper - p2)),
          std::min(1.0, p1 - p2 + reach(p2 - two.lower, one.upper - p1))};
}

// With q the restricted maximum-likelihood estimate of P(incumbent wrong, candidate right) under "the drop is delta",
//   B = -b - c + (2N - b + c) delta,  C = -c delta (1 - delta),  q = (sqrt(B^2 - 8NC) - B) / 4N,
//   T = (b - c - N delta) / sqrt(N (2q + delta (1 - delta))).
// For B > 0 the difference would cancel, so q = -2C / (B + sqrt(B^2 - 8NC)) there.
double tango_statistic(const FourCounts& counts, double delta) {
  const Table t(counts);
  if (t.n <= 0) return 0;
  const double big_b = -t.b - t.c + (2 * t.n - t.b + t.c) * delta;
  const double big_c = -t.c * delta * (1 - delta);
  const double root = std::sqrt(std::max(0.0, big_b * big_b - 8 * t.n * big_c));
  double q = 0;
  if (big_b <= 0) {
    q = (root - big_b) / (4 * t.n);
  } else if (big_c != 0) {
    q = -2 * big_c / (big_b + root);
  }
  const double numerator = t.b - t.c - t.n * delta;
  const double variance = t.n * (2 * q + delta * (1 - delta));
  if (numerator == 0) return 0;
  if (variance <= 0) return std::copysign(std::numeric_limits<double>::infinity(), numerator);
  return numerator / std::sqrt(variance);
}

double tango_lower(const FourCounts& counts, double alpha) {
  if (counts.total() <= 0) return -1;
  const double drop = Table(counts).drop();
  return drop <= -1 ? -1 : bisect_tango(counts, normal_quantile(1 - alpha), -1, drop);
}

double tango_upper(const FourCounts& counts, double alpha) {
  if (counts.total() <= 0) return 1;
  const double drop = Table(counts).drop();
  return drop >= 1 ? 1 : bisect_tango(counts, -normal_quantile(1 - alpha), drop, 1);
}

Bounds tango_interval(const FourCounts& counts, double alpha) {
  return {tango_lower(counts, alpha / 2), tango_upper(counts, alpha / 2)};
}

double non_inferiority_p(const FourCounts& counts, double margin) {
  return counts.total() <= 0 ? 1 : normal_cdf(tango_statistic(counts, margin));
}

}  // namespace defuse
