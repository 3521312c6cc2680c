#include "daemon/job_runner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "daemon/specify.h"
#include "daemon/state/orphans.h"
#include "daemon/state/repair_job.h"

namespace defuse {
namespace {

namespace asio = boost::asio;

double seconds_between(TimePoint from, TimePoint to) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count()) / 1000.0;
}

}  // namespace

JobRunner::JobRunner(asio::io_context& io, Store& store, LiveState& live, StateFolder state,
                     SupervisorOptions supervision)
    : io_(io),
      store_(store),
      live_(live),
      state_(std::move(state)),
      supervisor_(io, std::move(supervision)),
      cache_(io, live, state_.cache()),
      wake_(io) {}

JobRunner::~JobRunner() {
  stopping_ = true;
  work_.join();
}

void tidy(const StateFolder& state, std::int64_t id, KeepResult keep) {
  if (const auto tidied = tidy_job(state, id, keep); !tidied)
    spdlog::warn("job {}: its folder cannot be tidied: {}", id, tidied.error().describe());
}

Result<void> JobRunner::recover() {
  if (const auto swept = sweep(state_); !swept)
    spdlog::warn("what was half written cannot be removed: {}", swept.error().describe());
  TRY_OK(count_jobs());
  TRY(running, store_.jobs.running());
  for (const auto& job : running) {
    kill_stray_worker(state_.job(job.id));
    auto spec = read_job(state_, job.id);
    if (!spec) spdlog::warn("job {}: its record cannot be read, so it runs again: {}", job.id, spec.error().describe());
    auto order = order_of(job);
    if (!order) spdlog::warn("job {}: its order cannot be read: {}", job.id, order.error().describe());
    const bool finished = order && (*order ? has_repair(state_, job.id) : has_result(state_, job.id));
    if (!current_ && spec && finished) {
      spdlog::info("job {} ({}/{}): its worker had finished before the restart; {} its result", job.id, job.model,
                   job.version, *order ? "taking in" : "judging");
      current_ = Current{std::move(*spec), false, false, "", 0, 0, std::move(*order)};
      continue;
    }
    JobStore::Move again;
    again.error = "the daemon ended while it ran";
    TRY_OK(move(job.id, JobState::queued, again));
    spdlog::info("job {} ({}/{}): queued again after a restart", job.id, job.model, job.version);
  }
  // One thread does this and all judging, so it is over before a report is written that has no row yet.
  TRY(referenced, store_.referenced());
  asio::post(work_, [state = state_, referenced = std::move(referenced)] { sweep_orphans(state, referenced); });
  if (current_) judge();
  cache_.collect();
  return {};
}

void JobRunner::advance() {
  for (;;) {
    Snapshot now;
    now.now = live_.clock().now();
    now.stopping = stopping_;
    now.worker_busy = current_.has_value() || supervisor_.busy();
    if (now.stopping || now.worker_busy) return;
    auto next = store_.jobs.next(now.now);
    auto due = store_.jobs.next_due();
    if (next && !*next && due && *due && was_set_back(**due, now.now)) next = store_.jobs.next(**due);
    if (!next || !due) {
      spdlog::error("the queue cannot be read: {}", (next ? due.error() : next.error()).describe());
      return look_later(kTroubleWait);
    }
    now.next = std::move(*next);
    now.next_due = *due;
    if (now.next) {
      now.model_configured = live_.config()->models.contains(now.next->model);
      auto version = store_.versions.current(now.next->model, now.next->version);
      if (!version) {
        spdlog::error("a version cannot be read: {}", version.error().describe());
        return look_later(kTroubleWait);
      }
      now.version = std::move(*version);
      const auto config = live_.config();
      const auto pending = signatures_pending(store_, *config, *now.next);
      if (!pending) {
        spdlog::error("signatures cannot be looked up: {}", pending.error().describe());
        return look_later(kTroubleWait);
      }
      now.signatures_pending = *pending;
      if (now.version) {
        const auto view = weigh_signature(now.version->signature, config->signature_of(now.next->model));
        if (view.refused()) now.unsigned_because = view.problem;
      }
    }
    const auto action = next_action(now);
    if (!action) return;
    if (const auto* begin = std::get_if<StartJob>(&*action)) return start(begin->id);
    if (const auto* later = std::get_if<WakeAt>(&*action))
      return look_later(std::max(std::chrono::milliseconds(1),
                                 std::chrono::duration_cast<std::chrono::milliseconds>(later->at - now.now)));
    const auto& drop = std::get<DropJob>(*action);
    JobStore::Move because;
    because.error = drop.why;
    if (const auto moved = move(drop.id, JobState::cancelled, because); !moved) {
      spdlog::error("job {}: cannot be dropped: {}", drop.id, moved.error().describe());
      return look_later(kTroubleWait);
    }
    spdlog::warn("job {}: dropped, {}", drop.id, drop.why);
  }
}

void JobRunner::look_later(std::chrono::milliseconds wait) {
  wake_.expires_after(wait);
  wake_.async_wait([this](const boost::system::error_code& error) {
    if (!error) advance();
  });
}

void JobRunner::start(std::int64_t id) {
  const auto begin = [&]() -> Result<void> {
    TRY(row, store_.jobs.find(id));
    if (!row) return fail(ErrorCode::not_found, "no job " + std::to_string(id));
    TRY(spec, specify(store_, *live_.config(), state_, *row));
    TRY(order, order_of(*row));
    TRY_OK(order ? prepare_repair(state_, spec, *order) : prepare_job(state_, spec));
    TRY(earlier, store_.verdicts.latest(spec.model, spec.candidate.digest));
    const std::int64_t replaces = earlier && !order ? earlier->job : 0;
    cache_.job_begins();
    JobStore::Move running;
    running.incumbent = spec.incumbent.value_or(ArtifactRef{});
    TRY_OK(move(id, JobState::running, running));
    current_ = Current{std::move(spec), false, false, "", 0, replaces, std::move(order)};
    return {};
  };
  if (const auto begun = begin(); !begun) {
    cache_.job_ended();
    spdlog::error("job {}: cannot be started: {}", id, begun.error().describe());
    return look_later(kTroubleWait);
  }
  const auto& spec = current_->spec;
  if (const auto problem = distrusted(store_, *live_.config(), spec); !problem.empty()) return give_up(problem);
  spdlog::info("job {} ({}, digest {}): {} started, against {}", id, name_of(spec),
               spec.candidate.digest.str().substr(0, 12), current_->order ? "correction" : "gate",
               spec.incumbent ? spec.incumbent->version.str() : "no incumbent");
  const WorkerLimits limits{spec.worker.timeout, spec.worker.memory};
  const auto started = supervisor_.start(
      state_.job(id), limits,
      [this, id](const std::string& station, double fraction) { progress(id, station, fraction); },
      [this, id](const WorkerExit& exit) { worker_ended(id, exit); });
  if (!started) failed({started.error().describe(), /*hopeless=*/false});
}

void JobRunner::progress(std::int64_t id, const std::string& station, double fraction) {
  if (!current_ || current_->spec.id != id) return;
  if (station != current_->station) spdlog::info("job {} ({}): {}", id, name_of(current_->spec), station);
  current_->station = station;
  current_->fraction = fraction;
  if (const auto noted = store_.jobs.set_progress(id, station, fraction); !noted)
    spdlog::debug("job {}: progress not stored: {}", id, noted.error().describe());
  announce(id);
}

void JobRunner::worker_ended(std::int64_t id, const WorkerExit& exit) {
  if (!current_ || current_->spec.id != id) return;
  if (current_->cancelled || stopping_) {
    if (current_->cancelled) let_go();
    return;
  }
  spdlog::info("job {} ({}): worker ended after {:.1f} s{}{}", id, name_of(current_->spec),
               static_cast<double>(exit.ran.count()) / 1000.0, exit.clean ? "" : ": ", exit.cause);
  if (exit.clean) return judge();
  // A repair's order that no longer fits the line's probe set will not fit it at the next attempt either.
  const auto code = exit.reported ? exit.reported->code : ErrorCode::internal;
  failed({exit.cause, is_hopeless(code) || (current_->order && code == ErrorCode::conflict)});
}

void JobRunner::judge() {
  current_->judging = true;
  words_changed_ = false;
  // A key may have been taken away while the worker ran.
  if (const auto problem = distrusted(store_, *live_.config(), current_->spec); !problem.empty())
    return give_up(problem);
  if (current_->order) return take_in();
  auto request = judge_request(store_, *live_.config(), state_, current_->spec, live_.clock().now());
  if (!request) return judged_now(tl::unexpected<Error>(request.error()));
  asio::post(work_, [this, guard = asio::make_work_guard(io_), request = std::move(*request)] {
    asio::post(io_, [this, judged = judge_result(request)] { judged_now(judged); });
  });
}

void JobRunner::judged_now(const Result<Judged>& judged) {
  if (stopping_ || !current_) return;
  if (judged) return finish(JobState::done, *judged);
  if (judged.error().code == ErrorCode::corrupt) return failed({judged.error().describe(), /*hopeless=*/false});
  // Not the worker's fault: a full disk, a locked database. Its result is kept, and judged once that is over.
  spdlog::error("job {} ({}): its result cannot be judged yet: {}", current_->spec.id, name_of(current_->spec),
                judged.error().describe());
  wake_.expires_after(kTroubleWait);
  wake_.async_wait([this](const boost::system::error_code& error) {
    if (!error && current_ && !stopping_) judge();
  });
}

void JobRunner::failed(const WorkerFailure& failure) {
  const auto id = current_->spec.id;
  const int failures = ++failures_[id];
  const auto row = store_.jobs.find(id);
  const int attempts = row && *row ? (*row)->attempt : failures;
  const auto next = after_failure(failure, failures, attempts, current_->spec.worker, live_.clock().now());
  if (std::holds_alternative<GiveUp>(next)) return give_up(failure.cause);
  JobStore::Move again;
  again.error = failure.cause;
  again.not_before = std::get<RetryAt>(next).not_before;
  if (const auto moved = move(id, JobState::queued, again); !moved) {
    spdlog::error("job {}: cannot be queued again: {}", id, moved.error().describe());
    return give_up(failure.cause);
  }
  spdlog::warn("job {} ({}): attempt {} failed: {}; trying again at {}", id, name_of(current_->spec), attempts,
               failure.cause, to_rfc3339(*again.not_before));
  let_go();
}

void JobRunner::give_up(const std::string& cause) {
  if (current_->order) return end_repair(JobState::failed, cause);
  current_->judging = true;
  JudgeRequest request;
  request.state = state_;
  request.job = current_->spec;
  request.now = live_.clock().now();
  request.signature = signature_of(store_, *live_.config(), current_->spec);
  asio::post(work_, [this, guard = asio::make_work_guard(io_), request = std::move(request), cause] {
    asio::post(io_, [this, cause, judged = judge_failure(request, cause)] {
      if (stopping_ || !current_) return;
      if (judged) return finish(JobState::failed, *judged);
      spdlog::error("job {}: its failure cannot be reported yet: {}", current_->spec.id, judged.error().describe());
      wake_.expires_after(kTroubleWait);
      wake_.async_wait([this, cause](const boost::system::error_code& error) {
        if (!error && current_ && !stopping_) give_up(cause);
      });
    });
  });
}

void JobRunner::finish(JobState state, const Judged& judged) {
  const auto spec = current_->spec;
  const auto before = store_.jobs.find(spec.id);
  const auto stored = store_.verdicts.finish_job(spec.id, state, judged.row, judged.regions);
  if (!stored) {
    const auto code = stored.error().code;
    const bool passing = code == ErrorCode::unavailable || code == ErrorCode::io || code == ErrorCode::exhausted;
    if (!passing && state == JobState::done)
      return give_up("its result could not be stored: " + stored.error().message);
    spdlog::error("job {}: its verdict cannot be stored: {}", spec.id, stored.error().describe());
    wake_.expires_after(kTroubleWait);
    wake_.async_wait([this, state, judged](const boost::system::error_code& error) {
      if (!error && current_ && !stopping_) finish(state, judged);
    });
    return;
  }
  counted(JobState::running, state);
  failures_.erase(spec.id);
  const auto& verdict = judged.row.verdict;
  const auto now = live_.clock().now();
  const double seconds = before && *before && (*before)->started ? seconds_between(*(*before)->started, now) : 0;
  live_.counters().verdict(spec.model, verdict.state, judged.row.created);
  if (state == JobState::done) live_.counters().job_finished(seconds, judged.stations);
  spdlog::log(state == JobState::done ? spdlog::level::info : spdlog::level::warn, "job {} ({}): {} after {:.1f} s: {}",
              spec.id, name_of(spec), to_string(verdict.state), seconds, verdict.reason);
  announce(spec.id);
  asio::post(work_, [state_folder = state_, id = spec.id, replaces = current_->replaces, state] {
    tidy(state_folder, id, state == JobState::done ? KeepResult::yes : KeepResult::no);
    if (replaces != 0 && replaces != id) tidy(state_folder, replaces, KeepResult::no);
  });
  if (on_verdict) on_verdict(spec.model, spec.candidate.version);
  if (std::exchange(words_changed_, false))
    if (const auto version = store_.versions.by_digest(spec.model, spec.candidate.digest); version && *version)
      judge_again(**version, "daemon", "a person's word changed while it was being judged");
  let_go();
}

void JobRunner::judge_again(const VersionRow& version, const std::string& who, const std::string& why) {
  if (stopping_) return;
  const auto request = [&]() -> Result<JudgeRequest> {
    TRY(verdict, store_.verdicts.latest(version.model, version.digest));
    if (!verdict) return fail(ErrorCode::not_found, "it has no verdict yet");
    if (!has_result(state_, verdict->job)) return fail(ErrorCode::not_found, "its last job left no result");
    TRY(spec, read_job(state_, verdict->job));
    TRY(made, judge_request(store_, *live_.config(), state_, spec, live_.clock().now()));
    made.suffix = std::to_string(made.now.time_since_epoch().count());
    return made;
  }();
  const auto name = version.model + "/" + version.version;
  if (!request)  // no verdict or no result yet is the common case
    return spdlog::log(request.error().code == ErrorCode::not_found ? spdlog::level::debug : spdlog::level::err,
                       "{}: not judged again: {}", name, request.error().describe());
  ++judging_again_;
  asio::post(work_, [this, guard = asio::make_work_guard(io_), request = *request, who, why, name] {
    asio::post(io_, [this, who, why, name, judged = judge_result(request)] {
      --judging_again_;
      if (stopping_) return;
      AuditEntry audit{who, "verdict.again", name, Json{{"why", why}}};
      const auto stored =
          judged ? store_.verdicts.put(judged->row, audit) : Result<void>(tl::unexpected<Error>(judged.error()));
      if (!stored) return spdlog::error("{}: cannot be judged again: {}", name, stored.error().describe());
      live_.counters().verdict(judged->row.model, judged->row.verdict.state, judged->row.created);
      spdlog::info("{}: judged again ({}): {}: {}", name, why, to_string(judged->row.verdict.state),
                   judged->row.verdict.reason);
      if (on_verdict) on_verdict(judged->row.model, judged->row.version);
    });
  });
}

Result<void> JobRunner::cancel(std::int64_t id, const std::string& who) {
  const bool running = current_ && current_->spec.id == id;
  if (running && current_->judging)
    return fail(ErrorCode::conflict, "job " + std::to_string(id) +
                                         " has run and its result is being taken in; it can no longer be cancelled");
  JobStore::Move by;
  by.who = who;
  by.error = "cancelled by " + who;
  TRY_OK(move(id, JobState::cancelled, by));
  spdlog::info("job {}: cancelled by {}", id, who);
  if (!running) {  // an attempt may have been there before
    asio::post(work_, [state = state_, id] { tidy(state, id, KeepResult::no); });
    return {};
  }
  current_->cancelled = true;
  if (supervisor_.busy())
    supervisor_.stop(Supervisor::How::at_once);  // worker_ended lets go of the job
  else
    let_go();
  return {};
}

void JobRunner::let_go() {
  if (current_->cancelled)
    asio::post(work_, [state = state_, id = current_->spec.id] { tidy(state, id, KeepResult::no); });
  current_.reset();
  cache_.job_ended();
  asio::post(io_, [this] { advance(); });
}

void JobRunner::shut_down() {
  if (std::exchange(stopping_, true)) return;
  wake_.cancel();
  cache_.shut_down();
  // A worker that has finished is left `running`: its result is on disk and the next start judges it.
  if (current_ && !current_->judging && !current_->cancelled) {
    JobStore::Move again;
    again.error = "the daemon was stopped while it ran";
    if (const auto moved = move(current_->spec.id, JobState::queued, again); !moved)
      spdlog::warn("job {}: stays running until the next start: {}", current_->spec.id, moved.error().describe());
  }
  if (supervisor_.busy()) supervisor_.stop(Supervisor::How::at_once);
}

}  // namespace defuse
