// How well found slices match true ones, and how alike two searches are. Called by tests and by the gate benchmark.
// Slices are sets of indices in any order; scores are per point. Ties go to the lower index. Pure, thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/slices/row_sets.h"

namespace defuse {

// Share of the k highest-scored points that belong to the slice. `in_slice`: [n]. 0 for k = 0.
double precision_at(std::span<const double> scores, std::span<const std::uint8_t> in_slice, std::size_t k);
// (1/R) sum over relevant ranks j of the precision at j. 0 without relevant points.
double average_precision(std::span<const std::uint8_t> relevance_by_rank);
double average_precision(std::span<const double> scores, std::span<const std::uint8_t> in_slice);
// For every true slice the best of the found ones, then the mean: the papers' "P@k".
double mean_best_precision_at(std::span<const std::vector<double>> found_scores,
                              std::span<const std::vector<std::uint8_t>> truths, std::size_t k);

// |H and T| / |H|.
double blindspot_precision(const Slice& found, const Slice& truth);
// |union over the found that belong to T (precision > lambda_p) of (H and T)| / |T|.
double blindspot_recall(std::span<const Slice> found, const Slice& truth, double lambda_p);

struct DiscoveryRates {
  double lambda_p = 0.5;   // a found slice belongs to a truth if its precision exceeds this
  double lambda_r = 0.5;   // a truth is covered if its recall exceeds this
  double discovered = 0;   // share of the truths that are covered; 0 without truths
  double false_found = 0;  // share of the found slices that belong to no truth; 0 without any
};
DiscoveryRates discovery_rates(std::span<const Slice> found, std::span<const Slice> truths, double lambda_p,
                               double lambda_r);
// Both lambdas at .5 .6 .7 .8 .9: 25 pairs, lambda_p outermost.
std::vector<DiscoveryRates> discovery_grid(std::span<const Slice> found, std::span<const Slice> truths);

// For every slice of `one` the Jaccard index of its best match in `other`; what refits are compared by.
std::vector<double> best_match_jaccard(std::span<const Slice> one, std::span<const Slice> other);

}  // namespace defuse
