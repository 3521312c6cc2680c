// A worker's job made from files at hand, without a daemon: what `evaluate` and `correct` share.
#pragma once
#include <filesystem>

#include "core/registry/candidate.h"
#include "core/verdict/job.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/temp_folder.h"
#include "daemon/process/supervisor.h"

namespace defuse::ctl {

// The folder, made if need be, without links in its path.
Result<std::filesystem::path> ready_folder(const std::filesystem::path& path);

// From the configuration and the artifacts' files. `out`: where the cache goes if the request names no other place.
Result<JobSpec> specify(const EvaluateRequest& request, const std::filesystem::path& out);

// A version's folder as the daemon would see it, with all that its signature speaks of.
Result<Candidate> read_version_folder(const std::filesystem::path& folder);

// Who vouches for the candidate, by the configuration. No registry is looked at, so the version that its manifest names
// is taken as it stands. An error where signatures are enforced and it, or what it is compared with, is not signed.
Result<SignatureView> vouched_for(const EvaluateRequest& request, const JobSpec& job);

// Runs the worker on `folder` to its end, and shows how far it is. Ctrl-C stops it: `cancelled`.
Result<WorkerExit> run_worker(const JobSpec& job, const std::filesystem::path& folder, Console& console);

}  // namespace defuse::ctl
