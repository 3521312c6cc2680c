// What a job and its judgement are told of the line: the store's rows, the configuration and the state folder put
// together. Called by the job runner, on the main strand. Changes nothing.
#pragma once
#include "config/config.h"
#include "core/clock.h"
#include "core/pipeline/job.h"
#include "core/store/store.h"
#include "daemon/judge.h"

namespace defuse {

// Candidate, incumbent, siblings, known bugs and history, as they are now.
Result<JobSpec> specify(Store& store, const Config& config, const StateFolder& state, const JobRow& job);

// What people said and what earlier gates found, beside the job whose result is judged.
Result<JudgeRequest> judge_request(Store& store, const StateFolder& state, const JobSpec& spec, TimePoint now);

}  // namespace defuse
