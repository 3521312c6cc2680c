// False discovery rates: adjustments for ranking many tests, and LOND over a whole stream at once. No check uses them;
// tests hold Holm's and the gate's own levels (core/stats/multiplicity.h, reuse.h) against them. Adjusted values come
// back in the order of the input. Pure functions, thread-safe.
#pragma once
#include <span>
#include <vector>

namespace defuse {

// Benjamini and Hochberg 1995: expected share of false rejections, for independent or positively dependent tests. For
// ranking.
std::vector<double> benjamini_hochberg(std::span<const double> p);
// Benjamini and Yekutieli 2001: the same under any dependence.
std::vector<double> benjamini_yekutieli(std::span<const double> p);

// LOND (Javanmard and Montanari 2015): false discovery rate over a stream of releases. Level i is beta_i times (1 +
// rejections so far), beta_i = 6 alpha / (pi^2 i^2), i from 1.
struct LondStep {
  double level = 0;
  bool rejected = false;
};
std::vector<LondStep> lond(std::span<const double> p, double alpha);

}  // namespace defuse
