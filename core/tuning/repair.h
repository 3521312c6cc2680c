// The repair of one version, from its order to a tuned model and what it is worth. Runs in the worker, beside the
// gate's stations and on their cache. Never decides whether the new version may be promoted: it goes through the gate
// like any other.
#pragma once
#include <filesystem>

#include "core/base/progress.h"
#include "core/repair/repair.h"
#include "core/verdict/job.h"

namespace defuse {

// Leaves the chosen model as folder/model.pt (none where none was chosen). `conflict` if the regions' members are
// counted in another probe set than the line has now; `invalid_input` for a module that cannot be tuned, or where no
// region has enough training images to learn from.
Result<RepairResult> repair(const JobSpec& job, const RepairOrder& order, const std::filesystem::path& folder,
                            Progress& progress);

}  // namespace defuse
