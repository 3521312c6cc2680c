// Synthetic pairs of models with known truth, for the region search's tests: Gaussian classes, an incumbent and an
// honest retrain that disagree at random (more often in each class's outskirts, as real retrains do), and on demand a
// pocket where the candidate fails.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/random.h"
#include "core/regions/search.h"

namespace defuse::planted {

enum class Shape { none, ball, tail };

struct Options {
  std::size_t seeds = 5000;
  std::size_t classes = 10;
  std::size_t dimensions = 8;
  int draws = 10;
  double noise = 0.3;  // of the draws, in standard deviations of a class
  double plausible = 0.7;
  double flip_rate = 0.01;  // each way, on real images; three times that in the outer fifth of a class
  Shape shape = Shape::none;
  std::int32_t label = 7;  // class that holds the pocket
  double mass = 0.01;      // of all seeds
  double strength = 1.0;   // share of the pocket's images that fail
  double gain = 0;  // share of the incumbent's other errors that the candidate fixes, so that accuracy does not fall
  double incumbent_error = 0.015;
  std::uint64_t seed = 1;
};

struct World {
  ProbeSet probes;
  ProbeEvaluation incumbent;
  ProbeEvaluation candidate;
  std::vector<bool> in_pocket;  // [seeds]

  RegionSearchInput input() const {
    RegionSearchInput in;
    in.probes = &probes;
    in.candidate = &candidate;
    in.incumbent = &incumbent;
    in.spaces = {{Space::codes, &probes.codes}};
    in.classes = 10;
    return in;
  }
};

// Distance to the pocket's middle, or how far out in its direction: smaller is deeper in the pocket.
inline double depth(const Options& o, std::span<const float> z, std::span<const float> centre) {
  double out = 0;
  if (o.shape == Shape::tail)
    return -(static_cast<double>(z[0] - centre[0]) + 0.5 * static_cast<double>(z[1] - centre[1]));
  for (std::size_t j = 0; j < z.size(); ++j) {
    const double middle = static_cast<double>(centre[j]) + (j < 2 ? 0.8 : 0.0);
    out += (static_cast<double>(z[j]) - middle) * (static_cast<double>(z[j]) - middle);
  }
  return std::sqrt(out);
}

inline World make(const Options& o) {
  World w;
  RandomStream random(o.seed, 77);
  const std::size_t n = o.seeds, d = o.dimensions;
  Matrix centres(o.classes, d);
  for (float& v : centres.data) v = static_cast<float>(4 * random.normal());

  w.probes.seeds.resize(n);
  w.probes.codes = Matrix(n, d);
  w.probes.draws = o.draws;
  std::vector<double> depths;
  std::vector<bool> outer(n);
  for (std::size_t i = 0; i < n; ++i) {
    Seed& seed = w.probes.seeds[i];
    seed.index = static_cast<std::uint32_t>(i);
    seed.label = static_cast<std::int32_t>(i % o.classes);
    seed.half = mix64(o.seed * 1000003 + i) % 2 == 0 ? Half::discover : Half::confirm;
    const auto centre = centres.row(i % o.classes);
    double radius = 0;
    for (std::size_t j = 0; j < d; ++j) {
      const double step = random.normal();
      radius += step * step;
      w.probes.codes.row(i)[j] = centre[j] + static_cast<float>(step);
    }
    outer[i] = radius > static_cast<double>(d) + 0.84 * std::sqrt(2.0 * static_cast<double>(d));
    if (seed.label == o.label) depths.push_back(depth(o, w.probes.codes.row(i), centre));
  }
  // The pocket ends where it holds the wanted share of all seeds.
  double edge = -1e9;
  if (o.shape != Shape::none) {
    std::vector<double> sorted = depths;
    std::sort(sorted.begin(), sorted.end());
    edge = sorted[static_cast<std::size_t>(o.mass * static_cast<double>(n)) - 1];
  }

  w.in_pocket.assign(n, false);
  for (ProbeEvaluation* e : {&w.incumbent, &w.candidate}) {
    e->real.resize(n);
    e->reconstructed.resize(n);
    e->perturbed.resize(n * static_cast<std::size_t>(o.draws));
    e->real_margin.resize(n);
    e->perturbed_margin.resize(n * static_cast<std::size_t>(o.draws));
  }
  w.probes.plausible.resize(n * static_cast<std::size_t>(o.draws));
  std::vector<float> moved(d);
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t label = w.probes.seeds[i].label;
    const auto wrong =
        static_cast<std::int32_t>((static_cast<std::size_t>(label) + 1 + random.below(o.classes - 1)) % o.classes);
    const auto bug = static_cast<std::int32_t>((static_cast<std::size_t>(label) + 4) % o.classes);
    const double often = outer[i] ? 3 : 1;
    const bool hard = random.uniform() < o.incumbent_error;    // both models fail
    const bool lost = random.uniform() < o.flip_rate * often;  // only the retrain fails
    const bool won = random.uniform() < o.flip_rate * often;   // only the incumbent fails
    const bool fixed = random.uniform() < o.gain;
    const auto centre = centres.row(i % o.classes);
    // Models are sure of what they ordinarily get right, and of a bug; not of what they flip on honestly.
    const auto margin = [&](bool right, bool sure) {
      const double size = sure ? 4 * (0.5 + random.uniform()) : 0.5 * random.uniform();
      return static_cast<float>(right ? size : -size);
    };
    const auto answer = [&](std::span<const float> z, bool near, std::size_t at,
                            std::vector<std::int32_t> ProbeEvaluation::*where,
                            std::vector<float> ProbeEvaluation::*how_sure) {
      const bool pocket =
          label == o.label && o.shape != Shape::none && depth(o, z, centre) <= edge && random.uniform() < o.strength;
      const bool both = hard && near && !fixed;
      (w.incumbent.*where)[at] = (hard && near) || (won && near) ? wrong : label;
      (w.candidate.*where)[at] = pocket ? bug : both || (lost && near) ? wrong : label;
      const bool unsure = near && (hard || lost || won);
      if (how_sure != nullptr) {
        (w.incumbent.*how_sure)[at] = margin((w.incumbent.*where)[at] == label, !unsure);
        (w.candidate.*how_sure)[at] = margin((w.candidate.*where)[at] == label, pocket || !unsure);
      }
      return pocket;
    };
    const auto z = w.probes.codes.row(i);
    answer(z, true, i, &ProbeEvaluation::real, &ProbeEvaluation::real_margin);
    answer(z, true, i, &ProbeEvaluation::reconstructed, nullptr);
    w.in_pocket[i] = label == o.label && o.shape != Shape::none && depth(o, z, centre) <= edge;
    for (int q = 0; q < o.draws; ++q) {
      for (std::size_t j = 0; j < d; ++j) moved[j] = z[j] + static_cast<float>(o.noise * random.normal());
      const std::size_t at = i * static_cast<std::size_t>(o.draws) + static_cast<std::size_t>(q);
      // A seed that flips does so on about half of its perturbations; another one on one in a hundred of them.
      answer(moved, random.uniform() < 0.5, at, &ProbeEvaluation::perturbed, &ProbeEvaluation::perturbed_margin);
      const auto upset = [&](ProbeEvaluation& model) {
        model.perturbed[at] = wrong;
        model.perturbed_margin[at] = -0.3F;
      };
      if (random.uniform() < 0.005 * often) upset(w.candidate);
      if (random.uniform() < 0.005 * often) upset(w.incumbent);
      w.probes.plausible[at] = random.uniform() < o.plausible ? 1 : 0;
    }
  }
  return w;
}

}  // namespace defuse::planted
