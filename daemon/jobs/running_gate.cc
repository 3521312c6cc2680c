#include "daemon/jobs/running_gate.h"

#include <spdlog/spdlog.h>

#include <memory>
#include <utility>

#include "daemon/jobs/scheduler.h"
#include "daemon/jobs/specify.h"

namespace defuse {
namespace {

double seconds_of(const Result<std::optional<JobRow>>& job) {
  if (!job || !*job || !(*job)->started || !(*job)->finished) return 0;
  return static_cast<double>((*(*job)->finished - *(*job)->started).count()) / 1000.0;
}

}  // namespace

Result<void> RunningGate::prepare() { return prepare_job(parts_.state, spec()); }

bool RunningGate::has_result() const { return defuse::has_result(parts_.state, spec().id); }

bool RunningGate::is_hopeless(ErrorCode code) const { return defuse::is_hopeless(code); }

Result<RunningJob::FileWork> RunningGate::take_result() {
  TRY(request, judge_request(parts_.store, *parts_.live.config(), parts_.state, spec(), parts_.live.clock().now()));
  return FileWork([this, request = std::move(request), changes = parts_.rejudging.changes()]() -> Result<Ending> {
    TRY(judged, judge_result(request));
    return ending(JobState::done, std::move(judged), changes);
  });
}

RunningJob::FileWork RunningGate::report_failure(const std::string& cause) {
  JudgeRequest request;
  request.state = parts_.state;
  request.job = spec();
  request.now = parts_.live.clock().now();
  request.signature = signature_of(parts_.store, *parts_.live.config(), spec());
  return [this, request = std::move(request), cause, changes = parts_.rejudging.changes()]() -> Result<Ending> {
    TRY(judged, judge_failure(request, cause));
    return ending(JobState::failed, std::move(judged), changes);
  };
}

Ending RunningGate::ending(JobState state, Judged judged, std::uint64_t changes) const {
  struct Kept {
    Judged judged;
    std::int64_t replaces = 0;  // the job whose result nobody needs once this one is stored; 0 if none
  };
  const auto kept = std::make_shared<Kept>(Kept{std::move(judged), 0});
  Ending ending;
  ending.state = state;
  ending.store = [this, state, kept]() -> Result<void> {
    TRY(earlier, parts_.store.verdicts.latest(spec().model, spec().candidate.digest));
    kept->replaces = earlier ? earlier->job : 0;
    return parts_.store.verdicts.finish_job(spec().id, state, kept->judged.row, kept->judged.regions);
  };
  ending.stored = [this, state, kept, changes] { stored(state, kept->judged, changes, kept->replaces); };
  return ending;
}

void RunningGate::stored(JobState state, const Judged& judged, std::uint64_t changes, std::int64_t replaces) const {
  const auto& [work, store, live, states, files, rejudging, folder] = parts_;
  const auto& verdict = judged.row.verdict;
  const bool done = state == JobState::done;
  const double seconds = seconds_of(store.jobs.find(spec().id));
  live.counters().verdict(spec().model, verdict.state, judged.row.created);
  if (done) live.counters().job_finished(seconds, judged.stations);
  spdlog::log(done ? spdlog::level::info : spdlog::level::warn, "job {} ({}): {} after {:.1f} s: {}", spec().id, name(),
              to_string(verdict.state), seconds, verdict.reason);
  states.finished(spec().id, state);
  work.run([folder = folder, id = spec().id, replaces, done] {
    tidy(folder, id, done ? KeepResult::yes : KeepResult::no);
    if (replaces != 0 && replaces != id) tidy(folder, replaces, KeepResult::no);
  });
  files.verdict_given(spec().model, spec().candidate.version);
  if (rejudging.changes() == changes) return;
  if (const auto version = store.versions.by_digest(spec().model, spec().candidate.digest); version && *version)
    rejudging.judge_again(**version, "daemon", "a person's word changed while it was being judged");
}

}  // namespace defuse
