// Tail sums are regularised incomplete beta functions: P(Bin(n, p) >= x) = I_p(x, n - x + 1) for 0 < x <= n.
#include "core/stats/paired_tests.h"

#include <boost/math/special_functions/beta.hpp>

#include "core/stats/boost_policy.h"

namespace defuse {
namespace {

double real(std::int64_t count) { return static_cast<double>(count); }

}  // namespace

double binomial_tail_p(std::int64_t x, std::int64_t n, double share) {
  if (x <= 0) return 1;
  if (x > n || share <= 0) return 0;
  if (share >= 1) return 1;
  return boost::math::ibeta(real(x), real(n - x) + 1, share, QuietPolicy());
}

double mcnemar_worse_p(std::int64_t b, std::int64_t c) { return b + c <= 0 ? 1 : binomial_tail_p(b, b + c, 0.5); }

}  // namespace defuse
