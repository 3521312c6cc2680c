// A worker's job made from files at hand, without a daemon, and what comes of it: what `defusectl evaluate` and
// `defusectl correct` share.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "core/verdict/job.h"
#include "core/verdict/report.h"
#include "daemon/local/worker_client.h"

namespace defuse::local {

struct GateRequest {
  std::filesystem::path config;
  std::string model;
  std::filesystem::path candidate;              // folder of a version, or the artifact
  std::filesystem::path incumbent;              // the same; empty: none
  std::vector<std::filesystem::path> siblings;  // likewise, of the noise floor
  std::filesystem::path cache;                  // empty: where the caller says
};

// The folder, made if need be, without links in its path.
Result<std::filesystem::path> ready_folder(const std::filesystem::path& path);

// From the configuration and the artifacts' files. `out`: where the cache goes if the request names no other place.
Result<JobSpec> specify(const GateRequest& request, const std::filesystem::path& out);

// What the worker left in `folder`, decided with the daemon's own function. Knows no earlier releases: no waivers, no
// labels, no known regions. A worker that died, for whatever reason, makes the verdict `error`.
Report conclude(const JobSpec& job, const std::filesystem::path& folder, const WorkerExit& exit, TimePoint now);

}  // namespace defuse::local
