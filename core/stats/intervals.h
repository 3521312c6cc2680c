// Confidence intervals for shares and for paired differences of accuracy. Called by checks and by the region search;
// never decides anything. Pure functions, thread-safe. Golden values: tests/core/stats/intervals_test.cc.
//   Conventions: `alpha` is the chance to miss. A two-sided interval has level 1 - alpha (alpha/2 in each tail); a
//   function named _lower or _upper is a one-sided bound of level 1 - alpha. No observations give [0, 1], or [-1, 1]
//   for differences. D is the drop of accuracy from incumbent to candidate: (negative - positive flips) / N; above 0
//   the candidate is worse.
#pragma once
#include <cstdint>

#include "core/stats/four_counts.h"

namespace defuse {

struct Bounds {
  double lower = 0;
  double upper = 1;
};

double normal_cdf(double z);
double normal_quantile(double p);  // 0 < p < 1
// Quantile of Student's t with `degrees` > 0 degrees of freedom.
double student_quantile(double p, double degrees);
// Chance that such a t is `t` or larger.
double student_tail(double t, double degrees);

// --- one share, x of n. Requires 0 <= x <= n and 0 < alpha < 1. ---

// Wilson 1927: short and well centred; for display.
Bounds wilson_interval(std::int64_t x, std::int64_t n, double alpha = 0.05);
double wilson_lower(std::int64_t x, std::int64_t n, double alpha);
double wilson_upper(std::int64_t x, std::int64_t n, double alpha);

// Clopper and Pearson 1934: coverage is never below 1 - alpha; for every limit that can block.
Bounds clopper_pearson_interval(std::int64_t x, std::int64_t n, double alpha = 0.05);
double clopper_pearson_lower(std::int64_t x, std::int64_t n, double alpha);
double clopper_pearson_upper(std::int64_t x, std::int64_t n, double alpha);
// The same with real x and n, for clustered counts whose effective size is not whole (clustered.h).
double clopper_pearson_lower_real(double x, double n, double alpha);
double clopper_pearson_upper_real(double x, double n, double alpha);

// Equal-tailed posterior under Beta(1/2, 1/2): short intervals without a guarantee.
Bounds jeffreys_interval(std::int64_t x, std::int64_t n, double alpha = 0.05);
double jeffreys_lower(std::int64_t x, std::int64_t n, double alpha);
double jeffreys_upper(std::int64_t x, std::int64_t n, double alpha);

// --- difference of two independent shares, x1/n1 - x2/n2 (Newcombe 1998, hybrid score) ---
Bounds newcombe_unpaired_interval(std::int64_t x1, std::int64_t n1, std::int64_t x2, std::int64_t n2,
                                  double alpha = 0.05);

// --- paired difference D ---

// Newcombe 1998, method 10; for display.
Bounds newcombe_paired_interval(const FourCounts& counts, double alpha = 0.05);

// Tango 1998, score interval; the one that decides.
Bounds tango_interval(const FourCounts& counts, double alpha = 0.05);
double tango_lower(const FourCounts& counts, double alpha);
double tango_upper(const FourCounts& counts, double alpha);

// T(delta) of Tango 1998: the score statistic of "the drop is delta"; falls as delta grows. 0 where it is 0/0.
double tango_statistic(const FourCounts& counts, double delta);
// p of "the drop is at least `margin`" against "it is smaller"; below alpha exactly when tango_upper(counts, alpha) <
// margin. 1 without observations.
double non_inferiority_p(const FourCounts& counts, double margin);

}  // namespace defuse
