// Runs one worker to its end, as the daemon would, for a program that has nothing else to do meanwhile.
#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "core/verdict/job.h"
#include "daemon/process/supervisor.h"

namespace defuse::local {

using OnProgress = std::function<void(const std::string& station, double fraction)>;

// `folder` holds job.json. The event loop is this function's own; Ctrl-C stops the worker: `cancelled`.
Result<WorkerExit> run_worker(const JobSpec& job, const std::filesystem::path& folder, const OnProgress& progress);

}  // namespace defuse::local
