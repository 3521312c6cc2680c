// What a job, its judgement and the scheduler are told of the line: the store's rows, the configuration and the state
// folder put together. Called by the job runner, on the main strand. Changes nothing.
#pragma once
#include "config/config.h"
#include "core/base/clock.h"
#include "core/store/store.h"
#include "core/verdict/job.h"
#include "daemon/jobs/scheduler.h"
#include "daemon/state/judge.h"

namespace defuse {

// The best job of the queue and what is known of its version; nothing of what the runner does just now.
Result<Snapshot> look_at_queue(Store& store, const Config& config, TimePoint now);

// Candidate, incumbent, siblings, known bugs and history, as they are now.
Result<JobSpec> specify(Store& store, const Config& config, const StateFolder& state, const JobRow& job);

// What people said and what earlier gates found, beside the job whose result is judged.
Result<JudgeRequest> judge_request(Store& store, const Config& config, const StateFolder& state, const JobSpec& spec,
                                   TimePoint now);

// Who vouches for the job's candidate, by the keys that count now.
SignatureView signature_of(Store& store, const Config& config, const JobSpec& spec);

// Why, where signatures are enforced, neither may be loaded nor may any result of the job count; empty if all is well.
std::string distrusted(Store& store, const Config& config, const JobSpec& spec);

}  // namespace defuse
