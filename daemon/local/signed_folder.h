// Who vouches for versions that lie in folders.
#pragma once
#include <filesystem>

#include "core/registry/candidate.h"
#include "core/verdict/job.h"
#include "daemon/local/local_job.h"

namespace defuse::local {

// A version's folder as the daemon would see it, with all that its signature speaks of.
Result<Candidate> read_version_folder(const std::filesystem::path& folder);

// Who vouches for the candidate, by the configuration. No registry is looked at, so the version that its manifest names
// is taken as it stands. An error where signatures are enforced and it, or what it is compared with, is not signed.
Result<SignatureView> vouched_for(const GateRequest& request, const JobSpec& job);

}  // namespace defuse::local
