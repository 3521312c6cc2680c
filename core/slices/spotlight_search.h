// Where does the candidate lose more than the incumbent did, among images that it finds alike itself? Spotlights on the
// difference of losses in the candidate's last hidden layer, found on the discovery half of the real seed images,
// frozen, and measured on the confirmation half. Called by the pipeline's station of that name; the `spotlight` check
// concludes. Pure, deterministic, thread-safe.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/evidence/evaluation.h"
#include "core/slices/spotlight.h"
#include "core/stats/four_counts.h"

namespace defuse {

struct SpotlightSearchSettings {
  double alpha = 0.0125;  // of all spotlights together
  SpotlightParameters spotlight;
};

// What the confirmation half says of a frozen spotlight. One image is one observation.
struct ConfirmedSpotlight {
  std::string id;  // "s-" and 12 hex, of its images: another group never has the same
  int order = 0;
  SpotlightState state = SpotlightState::converged;
  FourCounts discover;  // on the half it was found on: looks worse than it is
  FourCounts confirm;
  std::int32_t label = -1;  // the commonest true class of its images on both halves
  double label_share = 0;
  std::int32_t predicted_as = -1;  // the candidate's commonest wrong answer there; -1 if it errs nowhere
  double net_rate = 0;             // of flips on the confirmation half
  double net_lower = -1;           // one-sided bound of it at alpha / spotlights
  double p = 1;                    // exact sign-flip test, one-sided
  double p_adjusted = 1;           // Holm over the spotlights
};

struct SpotlightSearch {
  std::vector<ConfirmedSpotlight> found;  // in the order of the search
  std::int64_t discovery_seeds = 0;       // with finite answers of both models
  std::int64_t confirmation_seeds = 0;
};

// `invalid_input`, in words for people, if the candidate has no embeddings or the parts do not fit together.
Result<SpotlightSearch> search_spotlights(const ProbeSet& probes, const ProbeEvaluation& candidate,
                                          const ProbeEvaluation& incumbent, const SpotlightSearchSettings& settings);

}  // namespace defuse
