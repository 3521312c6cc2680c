// Intervals that no check decides by: other methods and the two-sided forms, which tests and benchmarks hold ours
// against. Conventions of core/stats/intervals.h; a two-sided interval has alpha/2 in each tail. Pure functions,
// thread-safe.
#pragma once
#include <cstdint>
#include <span>

#include "core/stats/flips.h"
#include "core/stats/intervals.h"

namespace defuse {

struct Bounds {
  double lower = 0;
  double upper = 1;
};

// --- one share, x of n ---

// Wilson 1927: short and well centred; for display.
Bounds wilson_interval(std::int64_t x, std::int64_t n, double alpha = 0.05);
double wilson_lower(std::int64_t x, std::int64_t n, double alpha);
double wilson_upper(std::int64_t x, std::int64_t n, double alpha);

Bounds clopper_pearson_interval(std::int64_t x, std::int64_t n, double alpha = 0.05);

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

Bounds tango_interval(const FourCounts& counts, double alpha = 0.05);
// Of the mean net flip rate (core/stats/clustered.h).
Bounds mean_interval(std::span<const double> d, double alpha = 0.05);
Bounds relative_interval(const RelativeRate& rate, double alpha = 0.05);

// p of "the drop is at least `margin`" against "it is smaller"; below alpha exactly when tango_upper(counts, alpha) <
// margin. 1 without observations.
double non_inferiority_p(const FourCounts& counts, double margin);

}  // namespace defuse
