// Domino: a mixture over embeddings that also explains labels and the model's answers, so that a component is a group
// of alike images on which the model errs alike. Called by the gate benchmark. Like every search it finds something in
// any data; measure what it finds elsewhere. Pure, deterministic for a seed, thread-safe. Source: Eyuboglu et al.,
// "Domino", ICLR 2022, arXiv:2203.14960; settings of its experiments.
//   slice s ~ Cat(pi), z|s ~ N(m_s, diag v_s), y|s ~ Cat(p_s), answer|s ~ Cat(q_s), independent given s
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/result.h"
#include "core/numerics/principal.h"

namespace defuse {

struct DominoParameters {
  int components = 25;
  int keep = 5;                  // slices kept, those where answers differ most from labels
  std::size_t dimensions = 128;  // principal components, at most
  double weight = 10;            // gamma of labels and of answers, in the E step only
  int most_iterations = 100;
  double tolerance = 1e-3;  // of the mean log likelihood
  double noise = 1e-3;      // of the start by confusion
  std::uint64_t seed = 1;
};

// The mixture itself. z: [n, d]; answers: [n, c] probabilities.
struct DominoMixture {
  std::size_t components = 0, d = 0, classes = 0;
  std::vector<double> share;     // pi [k]
  std::vector<double> mean;      // [k, d]
  std::vector<double> variance;  // [k, d]
  std::vector<double> labels;    // p [k, c]
  std::vector<double> answers;   // q [k, c]
  double log_likelihood = 0;     // mean over points, at the last E step
  int iterations = 0;
  bool converged = false;
};
struct DominoData {
  std::span<const double> z;
  std::span<const std::int32_t> y;
  std::span<const double> answers;
  std::size_t d = 0, classes = 0;
  std::size_t size() const { return y.size(); }
};
// From responsibilities [n, k].
DominoMixture domino_m_step(const DominoData& data, std::span<const double> responsibilities, std::size_t components);
// Responsibilities [n, k]; fills mixture.log_likelihood.
std::vector<double> domino_e_step(const DominoData& data, DominoMixture& mixture, double weight);

struct Domino {
  PrincipalAxes axes;
  DominoMixture mixture;
  std::vector<std::size_t> slices;  // components, worst first
  std::vector<double> gap;          // [slices] max_j |q(j) - p(j)|
  double weight = 10;

  // Per row of `points` the component that the image belongs to by its embedding and true label alone; kNoComponent
  // where it has no finite embedding or its label is no class. The model's answer is left out on purpose: among images
  // picked for being answered wrongly the model is worse than any other by construction.
  static constexpr std::size_t kNoComponent = static_cast<std::size_t>(-1);
  std::vector<std::size_t> components_of(const Matrix& points, std::span<const std::int32_t> labels) const;
};

// `labels` and `answers` per row of `points`; rows with values that are not finite are left out. `invalid_input` for
// fewer usable rows than components or labels outside the answers' classes.
Result<Domino> find_domino(const Matrix& points, std::span<const std::uint32_t> rows,
                           std::span<const std::int32_t> labels, const Matrix& answers,
                           const DominoParameters& parameters);

}  // namespace defuse
