#include "tests/support/statistics/clustered.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/stats/intervals.h"
#include "core/stats/paired_tests.h"

namespace defuse {
namespace {

// Standard error of a ratio of sums over clusters: sqrt(J / (J - 1) sum u_j^2) / N, u_j the cluster's residual.
double ratio_error(double squared_residuals, double clusters, double images) {
  return clusters < 2 ? 0 : std::sqrt(clusters / (clusters - 1) * squared_residuals) / images;
}

}  // namespace

double sign_test_p(std::span<const double> d) {
  std::int64_t positive = 0, nonzero = 0;
  for (const double value : d) {
    if (std::isnan(value)) return 1;
    if (value > 0) ++positive;
    if (value != 0) ++nonzero;
  }
  return nonzero == 0 ? 1 : binomial_tail_p(positive, nonzero, 0.5);
}

double null_variance_z(std::span<const double> d) {
  double squares = 0;
  for (const double value : d) squares += value * value;
  return squares > 0 ? std::accumulate(d.begin(), d.end(), 0.0) / std::sqrt(squares) : 0;
}

RatioEstimate ratio_estimate(std::span<const ClusterCounts> clusters) {
  double images = 0, difference = 0, discordant = 0, count = 0;
  for (const auto& cluster : clusters) {
    if (cluster.images <= 0) continue;
    images += static_cast<double>(cluster.images);
    difference += static_cast<double>(cluster.negative - cluster.positive);
    discordant += static_cast<double>(cluster.negative + cluster.positive);
    count += 1;
  }
  RatioEstimate estimate;
  if (images <= 0) return estimate;
  estimate.drop = difference / images;
  double residuals = 0;
  for (const auto& cluster : clusters) {
    if (cluster.images <= 0) continue;
    const double residual =
        static_cast<double>(cluster.negative - cluster.positive) - estimate.drop * static_cast<double>(cluster.images);
    residuals += residual * residual;
  }
  estimate.standard_error = ratio_error(residuals, count, images);
  const double independent = (discordant / images - estimate.drop * estimate.drop) / images;
  if (independent > 0) estimate.design_effect = estimate.standard_error * estimate.standard_error / independent;
  return estimate;
}

EffectiveCounts effective_flip_counts(std::span<const ClusterCounts> clusters) {
  double images = 0, flips = 0, count = 0;
  for (const auto& cluster : clusters) {
    if (cluster.images <= 0) continue;
    images += static_cast<double>(cluster.images);
    flips += static_cast<double>(cluster.negative);
    count += 1;
  }
  EffectiveCounts effective;
  if (images <= 0) return effective;
  effective.rate = flips / images;
  double residuals = 0;
  for (const auto& cluster : clusters) {
    if (cluster.images <= 0) continue;
    const double residual =
        static_cast<double>(cluster.negative) - effective.rate * static_cast<double>(cluster.images);
    residuals += residual * residual;
  }
  effective.standard_error = ratio_error(residuals, count, images);
  const double independent = effective.rate * (1 - effective.rate) / images;
  if (independent > 0) effective.design_effect = effective.standard_error * effective.standard_error / independent;
  // A design effect below 1 would claim more evidence than there are images.
  effective.trials = effective.design_effect > 1 ? images / effective.design_effect : images;
  // Without variation inside or between clusters only the clusters themselves are independent.
  if (independent <= 0) effective.trials = count;
  effective.successes = effective.rate * effective.trials;
  return effective;
}

double clustered_flip_rate_upper(std::span<const ClusterCounts> clusters, double alpha) {
  const EffectiveCounts effective = effective_flip_counts(clusters);
  const auto used = std::count_if(clusters.begin(), clusters.end(), [](const auto& c) { return c.images > 0; });
  if (used < 2 && effective.rate > 0) return 1;  // one cluster says nothing of the spread between clusters
  return clopper_pearson_upper_real(effective.successes, effective.trials, alpha);
}

}  // namespace defuse
