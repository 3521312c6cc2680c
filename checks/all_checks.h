// The table of all checks, in the order in which they run and are shown: cheap and basic first. Called by the pipeline
// once a job.
#pragma once
#include <memory>
#include <vector>

#include "core/settings/settings.h"
#include "core/verdict/check.h"

namespace defuse {

// Every check whose mode is not `off`.
std::vector<std::unique_ptr<Check>> make_checks(const CheckSettings& settings);

}  // namespace defuse
