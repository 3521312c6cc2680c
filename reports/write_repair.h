// The folder of a finished repair, as the daemon and `defusectl correct` leave it: correction.json, correction.md,
// sweep.svg and, where a model was chosen, manifest.json, labels.txt (if the version has one) and model.pt, which comes
// last. Every file appears whole. No state.
#pragma once
#include <filesystem>
#include <string>

#include "core/repair/order.h"

namespace defuse {

inline constexpr std::uint64_t kMaxModelBytes = 16ULL << 30;

// `tuned`: the chosen model as the worker left it; `corrupt` if it is no plain file.
Result<void> write_repair(const JobSpec& job, const RepairOrder& order, const RepairResult& result,
                          const std::filesystem::path& tuned, const std::filesystem::path& folder,
                          const std::string& created_by);

}  // namespace defuse
