#include "tests/support/statistics/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "core/stats/intervals.h"

namespace defuse {
namespace {

double real(std::int64_t count) { return static_cast<double>(count); }

double log_choose(std::int64_t n, std::int64_t k) {
  return std::lgamma(real(n) + 1) - std::lgamma(real(k) + 1) - std::lgamma(real(n - k) + 1);
}

}  // namespace

double binomial_point_p(std::int64_t x, std::int64_t n, double share) {
  if (share <= 0) return x == 0 ? 1 : 0;
  if (share >= 1) return x == n ? 1 : 0;
  return std::exp(log_choose(n, x) + real(x) * std::log(share) + real(n - x) * std::log1p(-share));
}

double binomial_tail_mid_p(std::int64_t x, std::int64_t n, double share) {
  if (x <= 0) return 1;
  if (x > n) return 0;
  return binomial_tail_p(x, n, share) - 0.5 * binomial_point_p(x, n, share);
}

double fisher_greater_p(std::int64_t x1, std::int64_t n1, std::int64_t x2, std::int64_t n2) {
  if (n1 <= 0 || n2 <= 0 || x1 <= 0) return 1;
  const std::int64_t successes = x1 + x2;
  const double all = log_choose(n1 + n2, successes);
  double p = 0;
  // From the far end, where the terms are smallest.
  for (std::int64_t x = std::min(n1, successes); x >= x1; --x)
    if (successes - x <= n2) p += std::exp(log_choose(n1, x) + log_choose(n2, successes - x) - all);
  return std::min(1.0, p);
}

McNemar mcnemar(std::int64_t b, std::int64_t c) {
  McNemar result;
  const std::int64_t n = b + c;
  if (n <= 0) return result;
  const double at_b = binomial_point_p(b, n, 0.5);
  result.exact_one_sided = binomial_tail_p(b, n, 0.5);
  result.mid_one_sided = result.exact_one_sided - 0.5 * at_b;
  // P(X <= min(b, c)) = P(X >= max(b, c)) by symmetry.
  result.exact_two_sided = std::min(1.0, 2 * binomial_tail_p(std::max(b, c), n, 0.5));
  result.mid_two_sided = b == c ? 1 - 0.5 * at_b : result.exact_two_sided - at_b;
  result.z = real(b - c) / std::sqrt(real(n));
  result.asymptotic_one_sided = normal_cdf(-result.z);
  result.asymptotic_two_sided = 2 * normal_cdf(-std::abs(result.z));
  const double corrected = std::max(std::abs(real(b - c)) - 1, 0.0) / std::sqrt(real(n));
  result.corrected_two_sided = 2 * normal_cdf(-corrected);
  return result;
}

// Sum over m = b + c of P(m) times the tail of Bin(m, negative share) from the first b that rejects. That b never falls
// as m grows, so it is followed, not searched anew.
double mcnemar_power(std::int64_t n, double negative_rate, double positive_rate, double alpha, McNemarKind kind) {
  const double psi = negative_rate + positive_rate;
  if (n <= 0 || !(psi > 0)) return 0;
  const auto rejects = [&](std::int64_t b, std::int64_t m) {
    const McNemar test = mcnemar(b, m - b);
    return (kind == McNemarKind::exact ? test.exact_one_sided : test.mid_one_sided) <= alpha;
  };
  std::vector<double> terms;
  std::int64_t first = 0;
  for (std::int64_t m = 1; m <= n; ++m) {
    while (first <= m && !rejects(first, m)) ++first;
    if (first > m) continue;
    terms.push_back(binomial_point_p(m, n, psi) * binomial_tail_p(first, m, negative_rate / psi));
  }
  std::sort(terms.begin(), terms.end());
  return std::min(1.0, std::accumulate(terms.begin(), terms.end(), 0.0));
}

}  // namespace defuse
