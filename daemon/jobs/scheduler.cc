#include "daemon/jobs/scheduler.h"

#include <algorithm>

namespace defuse {
namespace {

// Whatever the configuration says, a retry is not put off for longer than this.
constexpr std::chrono::milliseconds kLongestBackoff = std::chrono::minutes(10);

std::chrono::milliseconds backoff(std::chrono::milliseconds first, int failures) {
  auto wait = std::max(first, std::chrono::milliseconds(0));
  for (int i = 1; i < failures && wait < kLongestBackoff; ++i) wait *= 2;
  return std::min(wait, kLongestBackoff);
}

}  // namespace

std::optional<Action> next_action(const Snapshot& snapshot) {
  if (!snapshot.next) {
    if (snapshot.next_due) return WakeAt{*snapshot.next_due};
    return std::nullopt;
  }
  const auto& job = *snapshot.next;
  if (!snapshot.model_configured) return DropJob{job.id, "model " + job.model + " is no longer configured"};
  if (!snapshot.version || snapshot.version->presence == VersionPresence::deleted)
    return DropJob{job.id, "version " + job.version + " is no longer in the registry"};
  if (snapshot.version->digest != job.digest)
    return DropJob{job.id, "version " + job.version + " was replaced by another file before it could be " +
                               (job.kind == JobKind::gate ? "judged" : "repaired")};
  if (snapshot.signatures_pending) return std::nullopt;
  if (!snapshot.unsigned_because.empty())
    return DropJob{job.id, "version " + job.version + " is not signed as it must be: " + snapshot.unsigned_because};
  return StartJob{job.id};
}

std::int64_t priority_of(TimePoint seen, std::size_t position_in_scan) {
  // Milliseconds times 1000 leaves room for the order inside one scan; versions beyond the first 999 of a scan share a
  // rank with the next millisecond's, which only matters for who goes first.
  return seen.time_since_epoch().count() * 1000 +
         static_cast<std::int64_t>(std::min<std::size_t>(position_in_scan, 999));
}

bool was_set_back(TimePoint due, TimePoint now) { return due - now > kLongestBackoff; }

std::variant<RetryAt, GiveUp> after_failure(const WorkerFailure& failure, int failures, int attempts,
                                            const WorkerSettings& settings, TimePoint now) {
  if (failure.hopeless || failures > settings.retries || attempts >= kMostAttempts) return GiveUp{};
  return RetryAt{now + backoff(settings.backoff, failures)};
}

bool is_hopeless(ErrorCode code) {
  switch (code) {
    case ErrorCode::not_found:
    case ErrorCode::invalid_input:
    case ErrorCode::corrupt:
      return true;
    case ErrorCode::unavailable:
    case ErrorCode::io:
    case ErrorCode::cancelled:
    case ErrorCode::exhausted:
    case ErrorCode::conflict:
    case ErrorCode::internal:
      return false;
  }
  return false;
}

}  // namespace defuse
