// What the daemon does next about its queue, as pure functions of what it knows. The job runner asks after every event
// and carries the answer out; nothing here starts, stops or stores anything.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/clock.h"
#include "core/base/error.h"
#include "core/settings/settings.h"
#include "core/store/store.h"

namespace defuse {

struct Snapshot {
  TimePoint now;
  std::optional<JobRow> next;         // best queued job whose time has come
  std::optional<TimePoint> next_due;  // earliest time at which another may start
  bool model_configured = true;       // of `next`
  std::optional<VersionRow> version;  // current row of `next`'s version; none if it is unknown
  bool signatures_pending = false;    // they are being looked at: the watcher's news come here next
  std::string unsigned_because;       // why that version must not be run; empty if it may
};

struct StartJob {
  std::int64_t id = 0;
};
struct DropJob {  // cancelled: it can no longer be carried out
  std::int64_t id = 0;
  std::string why;
};
struct WakeAt {  // nothing to do before then
  TimePoint at;
};
using Action = std::variant<StartJob, DropJob, WakeAt>;

// The best job, or the time to look again; nothing where nothing is queued. For when no job is under way.
std::optional<Action> next_action(const Snapshot& snapshot);

// Newer versions overtake: later finds rank higher, and within one scan (entries come ordered) later versions do.
std::int64_t priority_of(TimePoint seen, std::size_t position_in_scan);

// How a worker ended when there is no result to judge.
struct WorkerFailure {
  std::string cause;      // for people
  bool hopeless = false;  // the same input would fail again
};
struct RetryAt {
  TimePoint not_before;
};
struct GiveUp {};
// No retry is put off as far as that: the clock was set back since, and the job is due.
bool was_set_back(TimePoint due, TimePoint now);
// `failures` counts this one; `attempts` also those that ended because the daemon itself went away, which only a hard
// cap bounds: a daemon that is restarted must not use up a version's chances, nor may a version restart the daemon for
// ever.
std::variant<RetryAt, GiveUp> after_failure(const WorkerFailure& failure, int failures, int attempts,
                                            const WorkerSettings& settings, TimePoint now);
inline constexpr int kMostAttempts = 25;

// Failures that trying again cannot repair.
bool is_hopeless(ErrorCode code);

}  // namespace defuse
