// Which artifacts a model line's noise floor is made of: the configuration's words looked up in the store. Called when
// a job is specified. A version that cannot be found is returned with the reason, for the worker makes no floor then.
#pragma once
#include <string>
#include <vector>

#include "core/store/store.h"
#include "core/verdict/job.h"

namespace defuse {

// `last_promoted` counts versions that held the line by passing: not the incumbent, not the candidate, not one that a
// person promoted against its verdict or rolled back, not one whose artifact is gone.
Result<std::vector<SiblingRef>> siblings_of(Store& store, const NoiseFloorSettings& settings, const std::string& model,
                                            const std::string& candidate_digest, const std::string& incumbent_digest);

}  // namespace defuse
