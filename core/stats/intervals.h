// Confidence bounds for shares and for paired differences of accuracy. Called by checks and by the region search; never
// decides anything. Pure functions, thread-safe. Golden values: tests/core/stats/intervals_test.cc.
//   Conventions: `alpha` is the chance to miss: a function named _lower or _upper is a one-sided bound of level
//   1 - alpha. No observations give 0 and 1, or -1 and 1 for differences. D is the drop of accuracy from incumbent to
//   candidate: (negative - positive flips) / N; above 0 the candidate is worse.
#pragma once
#include <cstdint>

#include "core/stats/four_counts.h"

namespace defuse {

double normal_cdf(double z);
double normal_quantile(double p);  // 0 < p < 1
// Quantile of Student's t with `degrees` > 0 degrees of freedom.
double student_quantile(double p, double degrees);
// Chance that such a t is `t` or larger.
double student_tail(double t, double degrees);

// --- one share, x of n. Requires 0 <= x <= n and 0 < alpha < 1. ---

// Clopper and Pearson 1934: coverage is never below 1 - alpha; for every limit that can block.
double clopper_pearson_lower(std::int64_t x, std::int64_t n, double alpha);
double clopper_pearson_upper(std::int64_t x, std::int64_t n, double alpha);
// The same with real x and n, for clustered counts whose effective size is not whole (clustered.h).
double clopper_pearson_lower_real(double x, double n, double alpha);
double clopper_pearson_upper_real(double x, double n, double alpha);

// --- paired difference D ---

// Tango 1998, score interval; the one that decides.
double tango_lower(const FourCounts& counts, double alpha);
double tango_upper(const FourCounts& counts, double alpha);

// T(delta) of Tango 1998: the score statistic of "the drop is delta"; falls as delta grows. 0 where it is 0/0.
double tango_statistic(const FourCounts& counts, double delta);

}  // namespace defuse
