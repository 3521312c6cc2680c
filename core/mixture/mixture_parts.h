// What the files of the mixture share: its problem, its parameters, and one pass over the points. Symbols as in
// dp_gmm.cc. Included only by dp_gmm.cc and mixture_sweep.cc; needs Torch. No state; thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"
#include "core/mixture/dp_gmm.h"
#include "core/torch/thread_team.h"
#include "core/torch/torch.h"

namespace defuse::mixture {

using torch::Tensor;

struct Problem {
  Tensor x;        // [n,d] centred
  Tensor centre;   // [d] what was subtracted: m_0 in the caller's coordinates
  Tensor scatter;  // Sigma_0: [d,d], or [d] for diagonal
  Tensor square;   // x'x [d,d], for tied
  Tensor left;     // [d(d+1)/2] i and …
  Tensor right;    // … j of every pair i <= j
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::int64_t k = 0;
  std::int64_t width = 0;  // of f(x)
  Covariance covariance = Covariance::full;
  double alpha = 0;
  double regularisation = 0;
};

struct Parameters {
  Tensor counts;      // [K] N_k
  Tensor a;           // [K]
  Tensor b;           // [K]
  Tensor kappa;       // [K]
  Tensor nu;          // [K]; the same number K times for tied
  Tensor means;       // [K,d] centred
  Tensor covariance;  // [K,d,d], [K,d] or [d,d]
  Tensor factor;      // P: as covariance
  Tensor log_det;     // [K] ld_k
};

// What one pass over the points leaves.
struct Sums {
  Tensor of_f;         // [K,width] sum_i r_ik f(x_i)
  double entropy = 0;  // -sum r ln r
};

inline torch::TensorOptions f64() { return torch::TensorOptions().dtype(torch::kFloat64); }

inline std::vector<double> values_of(const Tensor& tensor) {
  const Tensor flat = tensor.contiguous();
  const double* first = flat.data_ptr<double>();
  return {first, first + flat.numel()};
}

// sum_{t<d} f((nu_k - t)/2) for every k.
template <class Function>
Tensor over_degrees(const Problem& p, const Parameters& q, Function f) {
  const Tensor steps = torch::arange(p.d, f64());
  return f(0.5 * (q.nu.unsqueeze(1) - steps)).sum(1);
}

// Of f(x).
std::int64_t feature_count(Covariance covariance, std::int64_t d);

// sum_i r_ik f(x_i) for r = 1 where k is the label of i, else 0.
Tensor sums_of_labels(const Problem& p, std::span<const int> labels);

// E step with these parameters, and what the M step needs of it. `last` also receives the responsibilities. `internal`
// if they are not finite.
Result<Sums> sweep(const Problem& p, ThreadTeam& team, const Parameters& q, DpGmm* last);

}  // namespace defuse::mixture
