// t-SNE: points of many dimensions laid out in the plane so that neighbours stay neighbours. For people to look at;
// nothing is decided by it. Called by latent_map.cc. Deterministic for a seed, whatever the number of threads, since
// every point's sums are its own and are added in order.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/result.h"

namespace defuse {

// Calls work(0) … work(tasks - 1), each once, on any thread.
using Spread = std::function<void(std::size_t tasks, const std::function<void(std::size_t)>& work)>;

struct TsneSettings {
  double perplexity = 30;    // effective number of neighbours, van der Maaten & Hinton 2008; less where points are few
  int iterations = 1000;     // the first `early` of them exaggerated
  int early = 250;           // both as in van der Maaten 2014
  double exaggeration = 12;  // of the affinities, early
  double theta = 0.5;        // of the quad-tree; 0 is exact
  double early_momentum = 0.5;
  double momentum = 0.8;
  double learning_rate = 0;  // 0 = max(n / exaggeration / 4, 50), Belkina et al. 2019
  std::uint64_t seed = 0;    // of the start, where none is given
};

// Symmetric affinities of neighbours, by row: value[first[i]] … value[first[i + 1] - 1] belong to point i. They sum
// to 1.
struct Affinities {
  std::vector<std::size_t> first;    // [n + 1]
  std::vector<std::uint32_t> other;  // ascending within a row
  std::vector<double> value;

  std::size_t size() const { return first.empty() ? 0 : first.size() - 1; }
};

// Requires n >= 4 finite points. `invalid_input` otherwise.
Result<Affinities> affinities_of(const Matrix& points, double perplexity, const Spread& spread);

// dKL/dy into `gradient` [n, 2] for a layout y [n, 2]; affinities are taken `exaggeration` times. Returns the
// normaliser Z = sum of w over pairs.
double tsne_gradient(const Affinities& p, std::span<const double> y, double theta, double exaggeration,
                     const Spread& spread, std::span<double> gradient);

// KL(P || Q) of a layout, exact: every pair is looked at.
double tsne_divergence(const Affinities& p, std::span<const double> y, const Spread& spread);

struct Layout {
  std::vector<double> y;  // [n, 2]
  double divergence = 0;
  int iterations = 0;
};

// `start`: [n, 2], or empty for normal noise of 1e-4. `go_on` is asked before every iteration; once it says no, the
// answer is `cancelled`, since half a layout would depend on the machine's speed.
Result<Layout> tsne(const Matrix& points, std::span<const double> start, const TsneSettings& settings,
                    const Spread& spread, const std::function<bool()>& go_on);

}  // namespace defuse
