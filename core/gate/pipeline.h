// The worker's half of the data's path, one job to a call. Every station stores its result before the next one starts,
// so a worker that was killed resumes at the first one missing. The verdict is not made here: the daemon decides
// (core/verdict/decide.cc).
#pragma once
#include <filesystem>
#include <memory>
#include <span>

#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/verdict/check.h"
#include "core/verdict/job.h"

namespace defuse {

// Pictures and frozen tests go into `folder`, which exists. A candidate that cannot be loaded or run is not an error:
// it is a result whose contract says so. Errors are what kept the gate from being made at all: data that cannot be
// read, a full disk, an artifact that changed.
Result<WorkerResult> run_pipeline(const JobSpec& job, std::span<const std::unique_ptr<Check>> checks,
                                  const std::filesystem::path& folder, Progress& progress);

}  // namespace defuse
