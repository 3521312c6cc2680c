// Variational Bayesian Gaussian mixture with a Dirichlet-process (stick-breaking) prior, as scikit-learn's
// BayesianGaussianMixture computes it: equal to it from the same start to 1e-6. Torch stays inside; float64 throughout.
// Source: Blei and Jordan, Bayesian Analysis 2006; Bishop, PRML 10.2; update order and defaults of scikit-learn 1.2.1.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/result.h"
#include "core/mixture/kmeans.h"

namespace defuse {

enum class Covariance { full, diagonal, tied };

struct DpGmmSettings {
  int components = 20;  // truncation K, >= 1; n >= K
  Covariance covariance = Covariance::full;
  double concentration = 0;      // alpha_0; 0 = 1/K
  double tolerance = 1e-3;       // absolute change of the bound
  double regularisation = 1e-6;  // added to every covariance's diagonal
  int max_iterations = 500;
  std::uint64_t seed = 1;  // of k-means++
  int threads = 1;         // 0 = one per core; the result does not depend on it
};

struct DpGmm {
  int components = 0;
  int dimensions = 0;
  std::vector<double> weights;      // [k]
  std::vector<double> means;        // [k, d]
  std::vector<double> covariances;  // full [k, d, d], diagonal [k, d], tied [d, d]
  std::vector<double> counts;       // [k] N_k
  std::vector<double> bound;        // per iteration; never falls by more than rounding
  bool converged = false;           // why it stopped: the bound moved by less than the tolerance; else max_iterations
  KMeansRounds start;               // of the k-means that gave the first labels; empty where they were given
  std::vector<double> responsibilities;  // [n, k] of the last E step
  std::vector<int> labels;               // [n] argmax
};

// points: [n, d]. `invalid_input` for n < K, d < 1 or values that are not finite; `internal` if a covariance cannot be
// factored.
Result<DpGmm> fit_dp_gmm(const Matrix& points, const DpGmmSettings& settings);
// From given hard labels in [0, K) instead of k-means++; for parity with other implementations. points: [n, d]
// row-major f64.
Result<DpGmm> fit_dp_gmm_from(std::span<const double> points, std::size_t n, std::size_t d, std::span<const int> labels,
                              const DpGmmSettings& settings);

}  // namespace defuse
