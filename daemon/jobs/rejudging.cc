#include "daemon/jobs/rejudging.h"

#include <spdlog/spdlog.h>

#include <set>
#include <utility>

#include "daemon/jobs/specify.h"

namespace defuse {
namespace {

constexpr std::chrono::hours kWaiverWarning{24 * 7};

}  // namespace

Rejudging::Rejudging(WorkThread& work, Store& store, LiveState& live, VerdictFiles& files, StateFolder state)
    : work_(work), store_(store), live_(live), files_(files), state_(std::move(state)) {}

Result<void> Rejudging::catch_up() {
  TRY(outdated, store_.versions.outdated(live_.clock().now()));
  std::set<std::pair<std::string, std::string>> seen;
  for (const auto& version : outdated)
    if (seen.insert({version.model, version.digest}).second)
      judge_again(version, "daemon", "a person's word came after its verdict");
  check_waivers();
  return {};
}

Result<JudgeRequest> Rejudging::request_for(const VersionRow& version) {
  TRY(verdict, store_.verdicts.latest(version.model, version.digest));
  if (!verdict) return fail(ErrorCode::not_found, "it has no verdict yet");
  if (!has_result(state_, verdict->job)) return fail(ErrorCode::not_found, "its last job left no result");
  TRY(spec, read_job(state_, verdict->job));
  TRY(request, judge_request(store_, *live_.config(), state_, spec, live_.clock().now()));
  request.suffix = std::to_string(request.now.time_since_epoch().count());
  return request;
}

void Rejudging::judge_again(const VersionRow& version, const std::string& who, const std::string& why) {
  const auto name = version.model + "/" + version.version;
  const auto request = request_for(version);
  if (!request)  // no verdict or no result yet is the common case
    return spdlog::log(request.error().code == ErrorCode::not_found ? spdlog::level::debug : spdlog::level::err,
                       "{}: not judged again: {}", name, request.error().describe());
  work_.run([request = *request] { return judge_result(request); },
            [this, who, why, name](const Result<Judged>& judged) {
              AuditEntry audit{who, "verdict.again", name, Json{{"why", why}}};
              const auto stored = judged ? store_.verdicts.put(judged->row, audit)
                                         : Result<void>(tl::unexpected<Error>(judged.error()));
              if (!stored) return spdlog::error("{}: cannot be judged again: {}", name, stored.error().describe());
              live_.counters().verdict(judged->row.model, judged->row.verdict.state, judged->row.created);
              spdlog::info("{}: judged again ({}): {}: {}", name, why, to_string(judged->row.verdict.state),
                           judged->row.verdict.reason);
              files_.verdict_given(judged->row.model, judged->row.version);
            });
}

Result<void> Rejudging::judge_again_about(const ModelName& model, const std::string& subject, const std::string& who,
                                          const std::string& why) {
  ++changes_;
  TRY(versions, store_.versions.told_of(model, subject));
  std::set<std::string> seen;
  for (const auto& version : versions)
    if (seen.insert(version.digest).second) judge_again(version, who, why);  // two of the same bytes share it
  return {};
}

void Rejudging::check_waivers() {
  const auto now = live_.clock().now();
  const auto all = store_.waivers.rows("");
  if (!all) return spdlog::error("waivers cannot be read: {}", all.error().describe());
  std::int64_t expiring = 0;
  for (const auto& row : *all) {
    if (row.removed) continue;
    const Waiver& waiver = row.waiver;
    if (waiver.expires > now && waiver.expires - now <= kWaiverWarning) ++expiring;
    if (waiver.expires > now || waiver.expires <= waivers_checked_) continue;
    // Expired since the last look; at the start, at any time: its verdicts are judged again unless they were already.
    // Most expired waivers cover nothing any more, and looking through every verdict for each would take long.
    ++changes_;
    if (!row.in_use) continue;
    const auto done = judge_again_about(waiver.model, waiver.id, "daemon", "waiver " + waiver.id + " expired");
    if (!done) spdlog::error("waiver {}: {}", waiver.id, done.error().describe());
  }
  waivers_checked_ = now;
  live_.counters().waivers_expiring(expiring);
}

}  // namespace defuse
