// Ratios that compare two models by their flips. Pure functions, thread-safe. Sources: Yan et al., arXiv:2011.09161
// (negative flip rate, relative negative flip rate); Srivastava et al., KDD 2020 (BTC, BEC). Interval of the relative
// rate: delta method on its logarithm, multinomial counts. NaN where a denominator is 0: say that it does not apply,
// never 0 or 1.
#pragma once
#include "core/stats/four_counts.h"

namespace defuse {

struct FlipRates {
  double negative = 0;     // NFR = b / N
  double positive = 0;     // PFR = c / N
  double relative = 0;     // R = b N / ((a + b)(b + d)): 1 = as many negative flips as independent errors would make
  double error_share = 0;  // NFI = b / (b + d): share of the candidate's errors that are new
  double trust = 0;        // BTC = a / (a + b): share of what worked that still works
  double error = 0;        // BEC = d / (b + d): share of the candidate's errors that the incumbent made too
  double unrepaired = 0;   // d / (c + d): share of the incumbent's errors that remain
};
FlipRates flip_rates(const FourCounts& counts);

// With fewer negative flips than this the relative rate's interval is not to be trusted.
inline constexpr std::int64_t kFewestFlipsForRelative = 10;

struct RelativeRate {
  bool defined = false;  // b > 0, a + b > 0, b + d > 0
  double rate = 0;       // R
  double log_error = 0;  // s: standard error of log R
};
RelativeRate relative_flip_rate(const FourCounts& counts);
double relative_lower(const RelativeRate& rate, double alpha);
double relative_upper(const RelativeRate& rate, double alpha);

// R = [b / (b + d)] / [(a + b) / N]: the share of new ones among the candidate's errors over a denominator that a test
// split knows well. Given the number of errors b is binomial, so Clopper-Pearson bounds R for any b, also where the
// delta method has no standard error (d = 0) or is too sure (few flips). What decides takes the wider of both, and the
// exact one alone below kFewestFlipsForRelative. Without errors: p 1, bounds 0 and infinity.
double relative_flip_p(const FourCounts& counts, double limit);  // of "R is at most the limit"
double relative_flip_lower(const FourCounts& counts, double alpha);
double relative_flip_upper(const FourCounts& counts, double alpha);

}  // namespace defuse
