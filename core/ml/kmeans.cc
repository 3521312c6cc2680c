// Lloyd's k-means.
// Source: Arthur and Vassilvitskii, "k-means++", SODA 2007 (greedy variant: several candidates a step, the best one
// stays).
//   n points   d dimensions   k clusters   x [n,d]   c [k,d] centres   D_i = min_j |x_i - c_j|^2
// 1. The first centre is a point drawn uniformly; each further one the best of 2 + ln k points drawn with probability
// D_i / sum D.
// 2. Repeat: assign every point to its nearest centre (lowest index on ties); move the centres to the means.
// 3. A cluster that lost all points takes the point farthest from its own centre, so k clusters stay in use.
// Stops when labels repeat or when the centres hardly move.
#include "core/ml/kmeans.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "core/random.h"

namespace defuse {
namespace {

struct Data {
  std::span<const double> points;
  std::size_t n;
  std::size_t d;
  std::span<const double> row(std::size_t i) const { return points.subspan(i * d, d); }
};

double squared_distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t j = 0; j < a.size(); ++j) sum += (a[j] - b[j]) * (a[j] - b[j]);
  return sum;
}

// Index drawn with probability weight / total; the last positive one if rounding runs past the end.
std::size_t draw_weighted(std::span<const double> weights, double total, RandomStream& random) {
  const double target = random.uniform() * total;
  double sum = 0;
  std::size_t last = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (weights[i] <= 0) continue;
    sum += weights[i];
    last = i;
    if (sum > target) return i;
  }
  return last;
}

std::vector<double> plus_plus_start(const Data& data, std::size_t k, RandomStream& random) {
  std::vector<double> centers;
  centers.reserve(k * data.d);
  std::vector<double> nearest(data.n, std::numeric_limits<double>::infinity());
  const auto take = [&](std::size_t chosen) {
    const auto point = data.row(chosen);
    centers.insert(centers.end(), point.begin(), point.end());
    for (std::size_t i = 0; i < data.n; ++i) nearest[i] = std::min(nearest[i], squared_distance(data.row(i), point));
  };
  take(random.below(data.n));
  const int trials = 2 + static_cast<int>(std::log(static_cast<double>(k)));
  while (centers.size() < k * data.d) {
    double total = 0;
    for (const double v : nearest) total += v;
    if (!(total > 0)) {  // fewer distinct points than clusters: the rest are copies and stay empty
      take(random.below(data.n));
      continue;
    }
    std::size_t best = 0;
    double best_total = std::numeric_limits<double>::infinity();
    for (int t = 0; t < trials; ++t) {
      const std::size_t candidate = draw_weighted(nearest, total, random);
      double sum = 0;
      for (std::size_t i = 0; i < data.n; ++i) {
        sum += std::min(nearest[i], squared_distance(data.row(i), data.row(candidate)));
      }
      if (sum < best_total) {
        best_total = sum;
        best = candidate;
      }
    }
    take(best);
  }
  return centers;
}

// Labels and squared distances to the nearest centre. Centres are laid out [d, k] so that the inner loop runs over
// clusters and vectorises without changing the order of any sum.
void assign(const Data& data, std::span<const double> centers, std::size_t k, std::vector<int>& labels,
            std::vector<double>& distances) {
  std::vector<double> turned(k * data.d);
  for (std::size_t c = 0; c < k; ++c) {
    for (std::size_t j = 0; j < data.d; ++j) turned[j * k + c] = centers[c * data.d + j];
  }
  std::vector<double> sums(k);
  for (std::size_t i = 0; i < data.n; ++i) {
    std::fill(sums.begin(), sums.end(), 0.0);
    const auto point = data.row(i);
    for (std::size_t j = 0; j < data.d; ++j) {
      const double* column = turned.data() + j * k;
      for (std::size_t c = 0; c < k; ++c) sums[c] += (point[j] - column[c]) * (point[j] - column[c]);
    }
    const auto least = std::min_element(sums.begin(), sums.end());
    labels[i] = static_cast<int>(least - sums.begin());
    distances[i] = *least;
  }
}

// Means of the clusters; an empty one takes the farthest point of all, which then counts as at its centre.
std::vector<double> means_of(const Data& data, std::size_t k, const std::vector<int>& labels,
                             std::vector<double>& distances) {
  std::vector<double> means(k * data.d, 0.0);
  std::vector<double> counts(k, 0.0);
  for (std::size_t i = 0; i < data.n; ++i) {
    const auto c = static_cast<std::size_t>(labels[i]);
    counts[c] += 1;
    const auto point = data.row(i);
    for (std::size_t j = 0; j < data.d; ++j) means[c * data.d + j] += point[j];
  }
  for (std::size_t c = 0; c < k; ++c) {
    if (counts[c] > 0) {
      for (std::size_t j = 0; j < data.d; ++j) means[c * data.d + j] /= counts[c];
      continue;
    }
    const auto farthest = std::max_element(distances.begin(), distances.end());
    const auto point = data.row(static_cast<std::size_t>(farthest - distances.begin()));
    std::copy(point.begin(), point.end(), means.begin() + static_cast<std::ptrdiff_t>(c * data.d));
    *farthest = 0;
  }
  return means;
}

double mean_variance(const Data& data) {
  double total = 0;
  for (std::size_t j = 0; j < data.d; ++j) {
    double mean = 0;
    for (std::size_t i = 0; i < data.n; ++i) mean += data.row(i)[j];
    mean /= static_cast<double>(data.n);
    for (std::size_t i = 0; i < data.n; ++i) total += (data.row(i)[j] - mean) * (data.row(i)[j] - mean);
  }
  return total / static_cast<double>(data.n * data.d);
}

}  // namespace

Result<KMeans> fit_kmeans(std::span<const double> points, std::size_t n, std::size_t d,
                          const KMeansSettings& settings) {
  if (d < 1 || points.size() != n * d) return fail(ErrorCode::invalid_input, "k-means: points are not an n by d table");
  if (settings.clusters < 1 || n < static_cast<std::size_t>(settings.clusters)) {
    return fail(ErrorCode::invalid_input, "k-means: " + std::to_string(settings.clusters) +
                                              " clusters need at least as many points, got " + std::to_string(n));
  }
  if (!std::all_of(points.begin(), points.end(), [](double v) { return std::isfinite(v); })) {
    return fail(ErrorCode::invalid_input, "k-means: a point is not finite");
  }
  const Data data{points, n, d};
  const auto k = static_cast<std::size_t>(settings.clusters);
  RandomStream random(settings.seed, /*a=*/0x6b6d65616e73ULL);
  const double stand_still = settings.tolerance * mean_variance(data);

  KMeans fit;
  fit.labels.assign(n, -1);
  fit.centers = plus_plus_start(data, k, random);
  std::vector<double> distances(n, 0.0);
  std::vector<int> labels(n, -1);
  for (fit.iterations = 1; fit.iterations <= settings.max_iterations; ++fit.iterations) {
    assign(data, fit.centers, k, labels, distances);
    const bool same = labels == fit.labels;
    fit.labels = labels;
    if (same) break;
    std::vector<double> moved = means_of(data, k, labels, distances);
    double shift = 0;
    for (std::size_t i = 0; i < moved.size(); ++i) shift += (moved[i] - fit.centers[i]) * (moved[i] - fit.centers[i]);
    fit.centers = std::move(moved);
    if (shift <= stand_still) break;
  }
  assign(data, fit.centers, k, fit.labels, distances);
  for (const double v : distances) fit.inertia += v;
  return fit;
}

}  // namespace defuse
