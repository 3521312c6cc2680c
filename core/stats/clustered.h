// Tests and bounds for observations that come in clusters: several perturbations of one seed image are one observation,
// not many. Called by the region search and by known_regions; never decides anything. Pure functions, thread-safe.
//   A cluster j has n_j images, b_j negative and c_j positive flips; d_j = (b_j - c_j) / n_j in [-1, 1] is its net flip
//   rate. Exact tests assume that without a real difference each d_j is symmetric about 0.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace defuse {

struct ClusterCounts {
  std::int64_t images = 0;
  std::int64_t negative = 0;  // flips: incumbent right, candidate wrong
  std::int64_t positive = 0;  // flips: incumbent wrong, candidate right
};

// d_j of every cluster that has images; empty clusters are dropped.
std::vector<double> net_flip_rates(std::span<const ClusterCounts> clusters);

// One-sided exact sign-flip test of "worse": the share of all sign vectors whose sum of +-|d_j| reaches sum d_j. Exact
// where the |d_j| lie on a common grid that dynamic programming can hold (fractions with small denominators do);
// elsewhere estimated with 99,999 random sign vectors drawn from `seed`, p = (1 + hits) / 100,000. 1 if every d_j is 0.
// Its smallest value is 2^-n for n nonzero clusters. NaN in d gives 1: what could not be measured is no evidence.
double sign_flip_p(std::span<const double> d, std::uint64_t seed = 1);

// Mean of d_j with Student's t. Needs two clusters: below that the bounds are -1 and 1 and p is 1.
struct MeanTest {
  double mean = 0;
  double deviation = 0;       // standard deviation of d_j
  double standard_error = 0;  // of the mean
  double t = 0;               // mean / standard_error; 0 where that is 0/0
  double p = 1;               // one-sided, "worse"
};
MeanTest mean_test(std::span<const double> d);
double mean_lower(std::span<const double> d, double alpha);
double mean_upper(std::span<const double> d, double alpha);

// The lower bound that blocks on a region: the smaller of the t bound of the mean d_j and Clopper and Pearson's bound
// for max(0, sum d_j) of n. The first knows the spread, the second does not collapse when all d_j are equal. -1 for n
// < 2.
double net_rate_lower_bound(std::span<const double> d, double alpha);
// Its mirror: an upper bound of the mean d_j, with Clopper and Pearson's for max(0, sum d_j) of n. 1 for n < 2.
double net_rate_upper_bound(std::span<const double> d, double alpha);

}  // namespace defuse
