// Where the gate's question is looked for: on the seeds of one half of a class, the geometry with the strongest
// evidence that the candidate got worse inside it, one for every kind of evidence. Called by find_regressions, which
// measures what is found on the other half. Pure; deterministic; thread-safe.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "core/regions/confirm.h"

namespace defuse {

// One kind of evidence: a member of the family of tests, in every class.
struct RegressionKind {
  ImageKind evidence;
  Measure measure;
  double weight;  // of alpha; they add up to 1
};
inline constexpr std::array kRegressionKinds{RegressionKind{ImageKind::real, Measure::clear_flips, 0.35},
                                             RegressionKind{ImageKind::real, Measure::flips, 0.25},
                                             RegressionKind{ImageKind::generated, Measure::clear_flips, 0.25},
                                             RegressionKind{ImageKind::generated, Measure::flips, 0.15}};

// A region's geometry.
struct Cut {
  bool draws = false;  // of generated images by their own codes or statistics; else of seeds
  std::size_t space = 0;
  bool half_space = false;
  std::vector<float> vector;  // centre, or direction
  double limit = 0;           // squared radius, or cut
  double evidence = 0;        // nats

  // How deep a point lies inside, in the geometry's own units; negative outside.
  double depth(std::span<const float> x) const;
};
using Cuts = std::array<std::optional<Cut>, kRegressionKinds.size()>;

// Net rate of one seed, or of one draw, by how flips are counted. NaN for a seed that says nothing.
double net_of(const SeedObservation& o, Measure measure);
int net_of(const DrawObservation& o, Measure measure);

// The best geometry of every kind on `seeds`: balls around flips and groups of flips, half-spaces, and cuts of single
// axes, in every space; nothing where no geometry has evidence. `score`: from scores_of.
using KindScores = std::array<std::vector<double>, kRegressionKinds.size()>;  // [seeds] net rates
KindScores scores_of(const SearchView& view);
Cuts find_cuts(const SearchView& view, const KindScores& score, const std::vector<std::uint32_t>& seeds);

}  // namespace defuse
