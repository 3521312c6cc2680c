// Jobs' states: changed in the store, counted, and told to those who listen. Main strand only.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/store/store.h"
#include "daemon/live/live_state.h"

namespace defuse {

// What begins the reason of a job that a person cancelled; one that the daemon dropped has another.
inline constexpr const char* kCancelledBy = "cancelled by ";

class JobStates {
 public:
  JobStates(Store& store, LiveState& live) : store_(store), live_(live) {}

  Result<void> count_all();  // once, at the start
  Result<std::int64_t> enqueue(const VersionRow& version, std::int64_t priority, const AuditEntry& audit);
  Result<std::int64_t> enqueue_repair(const VersionRow& version, const RepairOrder& order, const AuditEntry& audit);
  Result<void> move(std::int64_t id, JobState to, const JobStore::Move& move);
  void finished(std::int64_t id, JobState state);  // a running one, which the store has moved together with its verdict
  void announce(std::int64_t id);
  std::int64_t queued() const;

 private:
  void note_queued(std::int64_t id, const VersionRow& version, JobKind kind);
  void counted(std::optional<JobState> from, JobState to);

  Store& store_;
  LiveState& live_;
  std::map<JobState, std::int64_t> counts_;
  std::int64_t newest_ = 0;
};

}  // namespace defuse
