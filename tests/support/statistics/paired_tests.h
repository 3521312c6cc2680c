// Tests that no check decides by: Fisher's for two independent proportions, mid-p forms, and all of McNemar's; with the
// power of the latter. Tests and benchmarks hold ours (core/stats/paired_tests.h, power.h) against them. Every p is in
// [0, 1]; "nothing to see" is exactly 1. Pure functions, thread-safe.
#pragma once
#include <cstdint>

#include "core/stats/paired_tests.h"

namespace defuse {

// P(Bin(n, share) = x).
double binomial_point_p(std::int64_t x, std::int64_t n, double share);
// P(Bin(n, share) >= x) less half of P(= x). 1 for x <= 0.
double binomial_tail_mid_p(std::int64_t x, std::int64_t n, double share);

// Fisher's exact test, one-sided: is x1/n1 above x2/n2? Hypergeometric tail, summed in log space.
double fisher_greater_p(std::int64_t x1, std::int64_t n1, std::int64_t x2, std::int64_t n2);

// McNemar: is b (negative flips) different from c (positive flips)? Given b + c, b ~ Bin(b + c, 1/2). One-sided: "more
// negative". Without any flip every p is 1. Mid-p for reports, exact for blocking (Fagerland et al., BMC Med Res
// Methodol 13:91, 2013).
struct McNemar {
  double exact_one_sided = 1;
  double mid_one_sided = 1;
  double exact_two_sided = 1;
  double mid_two_sided = 1;
  double z = 0;  // (b - c) / sqrt(b + c)
  double asymptotic_one_sided = 1;
  double asymptotic_two_sided = 1;
  double corrected_two_sided = 1;  // chi-squared with continuity correction
};
McNemar mcnemar(std::int64_t b, std::int64_t c);

enum class McNemarKind { exact, mid };
// Chance that McNemar's one-sided test rejects at alpha, by summing trinomial probabilities. For n up to a few
// thousand.
double mcnemar_power(std::int64_t n, double negative_rate, double positive_rate, double alpha, McNemarKind kind);

}  // namespace defuse
