#include "core/verdict/job_state.h"

#include <string>

namespace defuse {

std::string_view to_string(JobKind kind) { return kind == JobKind::repair ? "correction" : "gate"; }

Result<JobKind> job_kind_from(std::string_view text) {
  for (const auto kind : {JobKind::gate, JobKind::repair})
    if (to_string(kind) == text) return kind;
  return fail(ErrorCode::invalid_input, "no such kind of job: '" + std::string(text) + "'");
}

std::string_view to_string(JobState state) {
  switch (state) {
    case JobState::queued:
      return "queued";
    case JobState::running:
      return "running";
    case JobState::done:
      return "done";
    case JobState::failed:
      return "failed";
    case JobState::cancelled:
      return "cancelled";
  }
  return "queued";
}

Result<JobState> job_state_from(std::string_view text) {
  for (const auto state : {JobState::queued, JobState::running, JobState::done, JobState::failed, JobState::cancelled})
    if (to_string(state) == text) return state;
  return fail(ErrorCode::invalid_input, "no such job state: '" + std::string(text) + "'");
}

bool may_move(JobState from, JobState to) {
  switch (from) {
    case JobState::queued:
      return to == JobState::running || to == JobState::cancelled;
    case JobState::running:
      return to == JobState::done || to == JobState::failed || to == JobState::cancelled || to == JobState::queued;
    case JobState::done:
    case JobState::failed:
    case JobState::cancelled:
      return false;
  }
  return false;
}

bool is_final(JobState state) {
  return state == JobState::done || state == JobState::failed || state == JobState::cancelled;
}

}  // namespace defuse
