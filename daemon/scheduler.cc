#include "daemon/scheduler.h"

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

std::string name_or_none(const std::string& version) { return version.empty() ? "no incumbent" : version; }

}  // namespace

std::optional<Action> next_action(const Snapshot& snapshot) {
  if (snapshot.stopping || snapshot.worker_busy) return std::nullopt;
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
                               (job.kind == JobKind::gate ? "judged" : "mended")};
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

std::vector<PromotionRow> lineage(const std::vector<PromotionRow>& promotions) {
  std::vector<PromotionRow> line;
  for (auto row = promotions.rbegin(); row != promotions.rend(); ++row) {
    if (row->kind == "rollback") {
      const auto back_to =
          std::find_if(line.rbegin(), line.rend(), [&](const auto& p) { return p.digest == row->digest; });
      if (back_to != line.rend()) {
        line.erase(back_to.base(), line.end());
        continue;
      }
    }
    if (line.empty() || line.back().digest != row->digest) line.push_back(*row);
  }
  std::reverse(line.begin(), line.end());
  return line;
}

std::optional<PromotionRow> opponent(const std::string& candidate_digest, const std::vector<PromotionRow>& promotions) {
  for (const auto& promotion : lineage(promotions))
    if (promotion.digest != candidate_digest) return promotion;
  return std::nullopt;
}

Result<void> may_promote(const VersionRow& version, const std::optional<VerdictRow>& verdict,
                         const std::optional<PromotionRow>& incumbent, const std::vector<Waiver>& waivers,
                         TimePoint now) {
  const auto name = version.model + "/" + version.version;
  if (version.presence == VersionPresence::deleted)
    return fail(ErrorCode::conflict, name + " is no longer in the registry");
  if (incumbent && incumbent->digest == version.digest)
    return fail(ErrorCode::conflict, name + " is the incumbent already");
  if (!verdict) return fail(ErrorCode::conflict, name + " has not been judged yet");

  const auto present = incumbent ? incumbent->digest : std::string();
  if (verdict->incumbent_digest != present)
    return fail(ErrorCode::conflict, name + " was judged against " + name_or_none(verdict->incumbent_version) +
                                         ", but the incumbent is now " +
                                         (incumbent ? incumbent->version : std::string("none")) +
                                         ": evaluate it again");
  // A version cannot be compared before its line has an incumbent, and it has none before somebody promotes the first.
  const bool first_of_line = verdict->verdict.state == VerdictState::inconclusive && !incumbent;
  if (!verdict->verdict.ok() && !first_of_line)
    return fail(ErrorCode::conflict, name + "'s verdict is " + std::string(to_string(verdict->verdict.state)) + ": " +
                                         verdict->verdict.reason);
  for (const auto& finding : verdict->verdict.findings) {
    if (finding.waiver.empty()) continue;
    const auto found =
        std::find_if(waivers.begin(), waivers.end(), [&](const Waiver& w) { return w.id == finding.waiver; });
    if (found == waivers.end() || found->expires <= now)
      return fail(ErrorCode::conflict,
                  name + "'s verdict rests on waiver " + finding.waiver + ", which is no longer in force");
  }
  return {};
}

Result<PromotionRow> rollback_target(const std::vector<PromotionRow>& promotions) {
  const auto line = lineage(promotions);
  if (line.empty()) return fail(ErrorCode::conflict, "no version of this model was ever promoted");
  if (line.size() < 2)
    return fail(ErrorCode::conflict, "no other version was the incumbent before " + line.front().version);
  return line[1];
}

}  // namespace defuse
