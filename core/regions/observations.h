// What each seed image says about two models: one observation per seed and kind of image. Called by the region search
// only. Pure; thread-safe.
//   real       the seed itself: net = candidate wrong - incumbent wrong.
//   generated  its plausible perturbations, pooled: net = (negative - positive flips) / images. Every plausible draw
//   counts for both models
//              alike: to keep only draws the incumbent gets right would make any second model look worse. A seed whose
//              own reconstruction neither model reads as its class is left out, because there the decoder lost the
//              class, not the model.
#pragma once
#include <vector>

#include "core/regions/search.h"

namespace defuse {

struct SeedObservation {
  FourCounts counts;
  bool usable = false;
  double net = 0;              // in [-1, 1]
  double clear_net = 0;        // the same of clear flips (clear_flips.h)
  double candidate_error = 0;  // in [0, 1]
  double incumbent_error = 0;  // in [0, 1]; 0 without an incumbent
};

struct DrawObservation {
  bool usable = false;  // plausible, and its seed's reconstruction is recognised
  std::int8_t net = 0;  // 1 negative flip, -1 positive flip
  std::int8_t clear_net = 0;
};

struct Observations {
  std::vector<SeedObservation> real;       // [seeds]
  std::vector<SeedObservation> generated;  // [seeds]; none usable where generated images are no evidence
  std::vector<DrawObservation> draws;      // [seeds * draws] what `generated` pools

  const std::vector<SeedObservation>& of(ImageKind evidence) const {
    return evidence == ImageKind::real ? real : generated;
  }
};

// Requires an input that `check_search_input` accepts.
Observations observe_seeds(const RegionSearchInput& input);

// `invalid_input` naming what does not fit: sizes, labels, another probe set.
Result<void> check_search_input(const RegionSearchInput& input, const RegionSearchSettings& settings);

}  // namespace defuse
