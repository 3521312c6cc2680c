// Which artifacts a model line's noise floor is made of: the configuration's words looked up among the line's versions.
// A version that cannot be found is returned with the reason, for the worker makes no floor then. Pure.
#pragma once
#include <string>
#include <vector>

#include "core/verdict/job.h"
#include "core/verdict/records.h"

namespace defuse {

// `versions` are the line's current ones, `promotions` come newest first. `last_promoted` counts versions that held the
// line by passing: not the incumbent, not the candidate, not one that a person promoted against its verdict or rolled
// back, not one whose artifact is gone.
std::vector<SiblingRef> siblings_of(const NoiseFloorSettings& settings, const ModelName& model,
                                    const std::vector<VersionRow>& versions,
                                    const std::vector<PromotionRow>& promotions, const Digest& candidate_digest,
                                    const Digest& incumbent_digest);

}  // namespace defuse
