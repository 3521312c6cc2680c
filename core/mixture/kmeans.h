// Lloyd's k-means from a greedy k-means++ start (Arthur and Vassilvitskii, SODA 2007). Called by the Dirichlet-process
// mixture for its first labels. Plain loops, no Torch and no BLAS: the same input gives the same labels on every
// machine. Pure; thread-safe.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace defuse {

struct KMeansSettings {
  int clusters = 8;  // >= 1; n >= clusters
  int max_iterations = 300;
  double tolerance = 1e-4;  // stops when the centres' squared shift falls below this share of the mean variance
  std::uint64_t seed = 1;
  int threads = 1;  // 0 = one per core; the result does not depend on it
};

// How the fit came about, for whoever asks whether it converged.
struct KMeansRounds {
  enum class Stop {
    labels_repeat,    // no point changed its cluster, so that further rounds would change nothing
    centers_still,    // the centres moved by less than the tolerance
    iteration_limit,  // max_iterations were not enough for either
  };
  // By round: the sum of squared distances once the points were assigned, before the centres moved. Never rises by
  // more than rounding.
  std::vector<double> objective;
  Stop stop = Stop::iteration_limit;
};

struct KMeans {
  std::vector<int> labels;      // [n] in [0, clusters); a cluster may be empty only if there are fewer distinct points
  std::vector<double> centers;  // [clusters, d]
  double inertia = 0;           // sum of squared distances to the nearest centre, after the last move
  int iterations = 0;           // rounds, at most max_iterations
  KMeansRounds rounds;
};

// points: [n, d] row-major. `invalid_input` for n < clusters, d < 1 or values that are not finite.
Result<KMeans> fit_kmeans(std::span<const double> points, std::size_t n, std::size_t d, const KMeansSettings& settings);

// From given centres [clusters, d] instead; `seed` is not used.
Result<KMeans> fit_kmeans_from(std::span<const double> points, std::size_t n, std::size_t d,
                               std::span<const double> centers, const KMeansSettings& settings);

}  // namespace defuse
