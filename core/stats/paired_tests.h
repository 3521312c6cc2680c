// Exact tests for one proportion against a reference, and for paired proportions. Called by the checks; never decides
// anything. Pure functions, thread-safe. Every p is in [0, 1]; "nothing to see" is exactly 1.
#pragma once
#include <cstdint>

namespace defuse {

// P(Bin(n, share) >= x). 1 for x <= 0.
double binomial_tail_p(std::int64_t x, std::int64_t n, double share);

// McNemar's exact test, the one that blocks: are there more negative flips b than positive ones c? Given b + c,
// b ~ Bin(b + c, 1/2), so p = P(Bin(b + c, 1/2) >= b); 1 without any flip.
double mcnemar_worse_p(std::int64_t b, std::int64_t c);

}  // namespace defuse
