#include "core/stats/excess.h"

#include <algorithm>
#include <boost/math/distributions/binomial.hpp>
#include <cmath>

#include "core/stats/boost_policy.h"

namespace defuse {
namespace {

using Binomial = boost::math::binomial_distribution<double, QuietPolicy>;

// P(Bin(n, p) >= k)
double upper_tail(std::int64_t n, double p, std::int64_t k) {
  if (k <= 0) return 1;
  if (k > n || p <= 0) return 0;
  if (p >= 1) return 1;
  return boost::math::cdf(boost::math::complement(Binomial(static_cast<double>(n), p), static_cast<double>(k - 1)));
}

}  // namespace

double excess_p(std::int64_t b, std::int64_t c, std::int64_t n, double delta) {
  if (n <= 0) return 1;
  const double fixed = (static_cast<double>(c) + 0.5) / (static_cast<double>(n) + 1);
  const double broken = std::clamp(delta + fixed, 0.0, 1 - fixed);
  const double given_not_fixed = std::min(1.0, broken / (1 - fixed));
  const std::int64_t excess = b - c;
  const Binomial of_fixed(static_cast<double>(n), fixed);
  double p = 0;
  double seen = 0;
  for (std::int64_t m = 0; m <= n && seen < 1 - 1e-13; ++m) {
    const double weight = boost::math::pdf(of_fixed, static_cast<double>(m));
    seen += weight;
    p += weight * upper_tail(n - m, given_not_fixed, excess + m);
  }
  return std::min(1.0, p);
}

double excess_lower(std::int64_t b, std::int64_t c, std::int64_t n, double level) {
  if (n <= 0) return -1;
  double low = -1;
  double high = static_cast<double>(b - c) / static_cast<double>(n);
  if (excess_p(b, c, n, low) > level) return -1;
  for (int step = 0; step < 60 && high - low > 1e-9; ++step) {
    const double middle = (low + high) / 2;
    (excess_p(b, c, n, middle) <= level ? low : high) = middle;
  }
  return low;
}

NetCounts net_counts(std::span<const double> d) {
  double broken = 0;
  double fixed = 0;
  for (const double x : d) (x > 0 ? broken : fixed) += std::abs(x);
  return {static_cast<std::int64_t>(std::floor(broken + 1e-9)), static_cast<std::int64_t>(std::ceil(fixed - 1e-9)),
          static_cast<std::int64_t>(d.size())};
}

}  // namespace defuse
