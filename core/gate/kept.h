// The forms in which the cache keeps what stations made: a folder of arrays and a meta.json that says whose they are.
// Loading trusts nothing: what does not fit what is asked of it is `corrupt`, and the station makes it anew. Called by
// stations.cc only.
#pragma once
#include <filesystem>
#include <string>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/evidence/evaluation.h"

namespace defuse {

// `model`, `generator`: digests that the entry must have been made with.
Result<Evaluation> load_evaluation(const std::filesystem::path& folder, const std::string& model, const Dataset& test);
Result<void> save_evaluation(const Evaluation& value, const std::filesystem::path& folder);

Result<ProbeSet> load_probe_set(const std::filesystem::path& folder, const std::string& generator, int draws);
Result<void> save_probe_set(const ProbeSet& value, const std::filesystem::path& folder);

Result<ProbeEvaluation> load_answers(const std::filesystem::path& folder, const std::string& model,
                                     const ProbeSet& probes);
Result<void> save_answers(const ProbeEvaluation& value, const std::filesystem::path& folder);

}  // namespace defuse
