// The life of a job. One enum, one table of legal moves; JobStore::change_state is the only function that changes a
// state.
//
//   queued ──► running ──► done
//     ▲ │         │ ├────► failed      (retries used up; the verdict is `error` with the cause)
//     │ │         │ └────► cancelled
//     │ └─────────┼──────► cancelled
//     └───────────┘ retry  (worker died; or the daemon restarted and found it running)
#pragma once
#include <string_view>

#include "core/base/result.h"

namespace defuse {

enum class JobKind {
  gate,    // judges a version; the only kind with a verdict
  repair,  // repairs one (core/tuning)
};

std::string_view to_string(JobKind kind);
Result<JobKind> job_kind_from(std::string_view text);

enum class JobState { queued, running, done, failed, cancelled };

std::string_view to_string(JobState state);
Result<JobState> job_state_from(std::string_view text);
bool may_move(JobState from, JobState to);
bool is_final(JobState state);

}  // namespace defuse
