// Bounds, in the notation of the header.
//   Clopper-Pearson   lower I^-1(alpha; x, n-x+1), upper I^-1(1-alpha; x+1, n-x), I^-1 the inverse regularised
//                     incomplete beta function
//   Tango             see the functions; counts a, b, c, d as in FourCounts, N their sum
// All arithmetic is double: products of counts overflow 64-bit integers beyond N of about 110,000.
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

}  // namespace defuse
