// From what a worker found to what people are told: the people's word on regions applied, the verdict decided, the
// report filled. Used by the daemon, and by `defusectl evaluate` without one. Pure functions; the same inputs give the
// same report.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/regions/identity.h"
#include "core/regions/label.h"
#include "core/settings/settings.h"
#include "core/verdict/job.h"
#include "core/verdict/report.h"
#include "core/verdict/verdict.h"

namespace defuse {

// Region id -> what people say of it.
using RegionLabels = std::map<RegionId, RegionLabel>;

// Ids that a worker gave, which knows no earlier releases -> the ids the regions are to have. One entry for every
// region.
using RegionIds = std::map<RegionId, RegionId>;
RegionIds settle_regions(const WorkerResult& result, const std::vector<RegionFingerprint>& earlier);

// Renames regions wherever a result speaks of them, sentences included. Findings of `known_regions` have settled ids
// already.
void rename_regions(const RegionIds& ids, WorkerResult& result);

// The blocking checks of these settings: what a verdict may not be without.
std::vector<std::string> required_checks(const ModelSettings& settings);

// Ok, or `corrupt` with what contradicts the job: a result of another job, version or incumbent, or a check twice.
Result<void> fits_job(const WorkerResult& result, const JobSpec& job);

// `settings` are those the job ran with. Modes are taken from them, not from the result: a model runs in the worker's
// process, and must not be able to call a check of its own `off`. `history` is the job's.
Report conclude(WorkerResult result, const ModelSettings& settings, const std::vector<Waiver>& waivers,
                const RegionLabels& labels, TimePoint now, const std::filesystem::path& pictures,
                const std::optional<JudgementHistory>& history = std::nullopt);

// Who vouches for the version; what is wrong with that becomes a warning of the verdict.
void note_signature(Report& report, const SignatureView& signature);

// For a job that ended without a result: verdict `error`, with the cause.
Report conclude_failure(const JobSpec& job, const std::string& cause, TimePoint now);

}  // namespace defuse
