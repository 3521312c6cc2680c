// A repair's files: its order put beside job.json, what its worker leaves read with suspicion and put in place. As
// judge.h, safe to repeat at any point after a kill -9, and touches no store. Runs on the job runner's work thread.
#pragma once
#include <cstdint>

#include "core/repair/repair.h"
#include "core/verdict/job.h"
#include "daemon/state/judge.h"

namespace defuse {

inline constexpr std::size_t kRepairsKept = 20;  // finished ones of a model, newest first: each holds a whole model

// As prepare_job, with the order.
Result<void> prepare_repair(const StateFolder& state, const JobSpec& job, const RepairOrder& order);
bool has_repair(const StateFolder& state, std::int64_t id);  // the worker left one

// What a worker said must be about the regions and the weights that were asked for: `corrupt` otherwise.
Result<void> fits_order(const RepairResult& result, const RepairOrder& order);

// Checks the worker's result and makes state.correction(id) of it, which appears whole and replaces what an interrupted
// attempt left there. `corrupt` if the result is too large or not what it should be.
Result<RepairResult> take_repair(const StateFolder& state, const JobSpec& job, const RepairOrder& order);

}  // namespace defuse
