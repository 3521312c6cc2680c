// Other ways of testing and bounding what comes in clusters (core/stats/clustered.h): the sign test that the gate
// benchmark's rivals use, a large-sample z, and estimates weighted by images. Pure functions, thread-safe.
#pragma once
#include <span>

#include "core/stats/clustered.h"

namespace defuse {

// One-sided exact sign test of "worse": P(Bin(nonzero, 1/2) >= number of d_j > 0). 1 if every d_j is 0.
double sign_test_p(std::span<const double> d);

// Sum d_j / sqrt(sum d_j^2), standard normal for many clusters if there is no difference. 0 if every d_j is 0.
double null_variance_z(std::span<const double> d);

// Drop weighted by images: D = sum (b_j - c_j) / sum n_j, with the standard error that clusters give it.
struct RatioEstimate {
  double drop = 0;
  double standard_error = 0;
  double design_effect = 1;  // variance against that of as many independent images
};
RatioEstimate ratio_estimate(std::span<const ClusterCounts> clusters);

// Upper bound of the negative flip rate sum b_j / sum n_j (Korn and Graubard's form of Clopper and Pearson's bound: the
// sample counts as rate * n* of n* = N / design effect). Without any flip 1 - alpha^(1/clusters).
double clustered_flip_rate_upper(std::span<const ClusterCounts> clusters, double alpha);
struct EffectiveCounts {
  double rate = 0;
  double standard_error = 0;
  double design_effect = 1;
  double trials = 0;     // n*
  double successes = 0;  // x*
};
EffectiveCounts effective_flip_counts(std::span<const ClusterCounts> clusters);

}  // namespace defuse
