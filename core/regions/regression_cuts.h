// Where the gate's question is looked for: on the seeds of one half of a class, the geometry with the strongest
// evidence that the candidate got worse inside it, one for every kind of evidence. Called by search_regions, which has
// what is found measured on the other half (regressions.h). Pure; deterministic; thread-safe.
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

using KindScores = std::array<std::vector<double>, kRegressionKinds.size()>;  // [seeds] net rates
KindScores scores_of(const SearchView& view);

// What the scan is to be asked about the seeds of one class and half, for every kind of evidence that is wanted; in
// every space the same. `score`: from scores_of, outliving the questions.
std::vector<ScanQuestion> regression_questions(const SearchView& view, const KindScores& score,
                                               std::span<const std::uint32_t> seeds);

// Puts into `best` what one space has better: the balls that the scan found for those questions, half-spaces, and cuts
// of single axes. Geometries without evidence are none.
void look_for_cuts(const SearchView& view, const KindScores& score, std::size_t space, ClassSpace& of_class,
                   std::span<const std::vector<ScanBall>> balls, Cuts& best);

}  // namespace defuse
