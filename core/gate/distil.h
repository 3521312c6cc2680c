// Defuse's distillation: a Dirichlet-process Gaussian mixture over the codes on which the candidate fails. Here it
// groups and names what the search finds and proposes centres to it; it does not decide what is a region (methods "gate
// quality", lesson 3: a mixture models where errors are, not where their rate is high). Uses the discovery half only.
// Deterministic.
#pragma once
#include "core/regions/search.h"
#include "core/settings/settings.h"

namespace defuse {

struct Distilled {
  MixtureCenters centers;  // components that hold at least kLeastCodes codes
  std::int64_t codes = 0;  // error codes the mixture was fitted to
  int components = 0;      // kept
  bool converged = false;
};

// No error codes, or fewer than a mixture needs: an empty answer, not an error.
Result<Distilled> distil_errors(const ProbeSet& probes, const ProbeEvaluation& candidate,
                                const RegionSettings& settings, std::uint64_t seed, int threads);

}  // namespace defuse
