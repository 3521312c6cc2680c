#include "daemon/jobs/job_runner.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <cmath>
#include <utility>

#include "daemon/jobs/running_gate.h"
#include "daemon/jobs/running_repair.h"
#include "daemon/jobs/specify.h"
#include "daemon/state/orphans.h"

namespace defuse {
namespace {

namespace asio = boost::asio;

// After trouble that is not the job's own: a locked database, a full disk.
constexpr std::chrono::milliseconds kTroubleWait{5000};

}  // namespace

JobRunner::JobRunner(const Parts& parts, StateFolder state, SupervisorOptions supervision)
    : work_(parts.work),
      store_(parts.store),
      live_(parts.live),
      states_(parts.states),
      files_(parts.files),
      rejudging_(parts.rejudging),
      io_(parts.io),
      state_(std::move(state)),
      supervisor_(io_, std::move(supervision)),
      cache_(io_, live_, state_.cache()),
      wake_(io_) {}

JobRunner::~JobRunner() {
  stopping_ = true;
  work_.join();  // what runs there may be about the current job
}

Result<std::unique_ptr<RunningJob>> JobRunner::take_up(const JobRow& job, JobSpec spec) {
  if (job.kind == JobKind::gate)
    return std::make_unique<RunningGate>(std::move(spec),
                                         RunningGate::Parts{work_, store_, live_, states_, files_, rejudging_, state_});
  TRY(order, store_.jobs.repair_order(job.id));
  return std::make_unique<RunningRepair>(std::move(spec), std::move(order),
                                         RunningRepair::Parts{work_, store_, states_, state_});
}

Result<void> JobRunner::recover() {
  if (const auto swept = sweep(state_); !swept)
    spdlog::warn("what was half written cannot be removed: {}", swept.error().describe());
  TRY_OK(states_.count_all());
  TRY(running, store_.jobs.running());
  for (const auto& job : running) {
    kill_stray_worker(state_.job(job.id));
    auto run = [&]() -> Result<std::unique_ptr<RunningJob>> {
      TRY(spec, read_job(state_, job.id));
      return take_up(job, std::move(spec));
    }();
    if (!run) spdlog::warn("job {}: its record cannot be read, so it runs again: {}", job.id, run.error().describe());
    if (!current_ && run && (*run)->has_result()) {
      spdlog::info("job {} ({}/{}): its worker had finished before the restart; taking in its result", job.id,
                   job.model, job.version);
      current_ = Current{std::move(*run), Phase::running, "", 0};
      continue;
    }
    TRY_OK(queue_again(job));
  }
  // Before a report is written that has no row yet: the work thread does one thing after the other.
  TRY(referenced, store_.referenced());
  work_.run([state = state_, referenced = std::move(referenced)] { sweep_orphans(state, referenced); });
  if (current_) take_in();
  cache_.collect();
  return {};
}

Result<void> JobRunner::queue_again(const JobRow& job) {
  JobStore::Move again;
  again.error = "the daemon ended while it ran";
  TRY_OK(states_.move(job.id, JobState::queued, again));
  spdlog::info("job {} ({}/{}): queued again after a restart", job.id, job.model, job.version);
  return {};
}

void JobRunner::advance() {
  while (!stopping_ && !current_ && !supervisor_.busy()) {
    const auto now = look_at_queue(store_, *live_.config(), live_.clock().now());
    if (!now) {
      spdlog::error("the queue cannot be read: {}", now.error().describe());
      return look_later(kTroubleWait);
    }
    const auto action = next_action(*now);
    if (!action) return;
    if (const auto* begin = std::get_if<StartJob>(&*action)) return start(begin->id);
    if (const auto* later = std::get_if<WakeAt>(&*action))
      return look_later(std::max(std::chrono::milliseconds(1),
                                 std::chrono::duration_cast<std::chrono::milliseconds>(later->at - now->now)));
    const auto& drop = std::get<DropJob>(*action);
    JobStore::Move because;
    because.error = drop.why;
    if (const auto moved = states_.move(drop.id, JobState::cancelled, because); !moved) {
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

void JobRunner::try_later(std::function<void()> again) {
  wake_.expires_after(kTroubleWait);
  wake_.async_wait([this, again = std::move(again)](const boost::system::error_code& error) {
    if (!error && current_ && !stopping_) again();
  });
}

Result<void> JobRunner::begin(std::int64_t id) {
  TRY(row, store_.jobs.find(id));
  if (!row) return fail(ErrorCode::not_found, "no job " + std::to_string(id));
  TRY(spec, specify(store_, *live_.config(), state_, *row));
  TRY(run, take_up(*row, std::move(spec)));
  TRY_OK(run->prepare());
  cache_.job_begins();
  JobStore::Move running;
  running.incumbent = run->spec().incumbent.value_or(ArtifactRef{});
  TRY_OK(states_.move(id, JobState::running, running));
  current_ = Current{std::move(run), Phase::running, "", 0};
  return {};
}

void JobRunner::start(std::int64_t id) {
  if (const auto begun = begin(id); !begun) {
    cache_.job_ended();
    spdlog::error("job {}: cannot be started: {}", id, begun.error().describe());
    return look_later(kTroubleWait);
  }
  const auto& run = *current_->run;
  const auto& spec = run.spec();
  if (const auto problem = distrusted(store_, *live_.config(), spec); !problem.empty()) return give_up(problem);
  spdlog::info("job {} ({}, digest {}): {} started, against {}", id, run.name(), short_digest(spec.candidate.digest),
               run.noun(), spec.incumbent ? spec.incumbent->version.str() : "no incumbent");
  const WorkerLimits limits{spec.worker.timeout, spec.worker.memory};
  const auto started = supervisor_.start(
      state_.job(id), limits,
      [this, id](const std::string& station, double fraction) { progress(id, station, fraction); },
      [this, id](const WorkerExit& exit) { worker_ended(id, exit); });
  if (!started) failed({started.error().describe(), /*hopeless=*/false});
}

void JobRunner::progress(std::int64_t id, const std::string& station, double fraction) {
  if (!current_ || current_->run->spec().id != id) return;
  if (station != current_->station) spdlog::info("job {} ({}): {}", id, current_->run->name(), station);
  current_->station = station;
  current_->fraction = fraction;
  if (const auto noted = store_.jobs.set_progress(id, station, fraction); !noted)
    spdlog::debug("job {}: progress not stored: {}", id, noted.error().describe());
  states_.announce(id);
}

void JobRunner::worker_ended(std::int64_t id, const WorkerExit& exit) {
  if (!current_ || current_->run->spec().id != id) return;
  if (current_->phase == Phase::cancelled) return let_go();
  if (stopping_) return;
  spdlog::info("job {} ({}): worker ended after {:.1f} s{}{}", id, current_->run->name(),
               static_cast<double>(exit.ran.count()) / 1000.0, exit.clean ? "" : ": ", exit.cause);
  if (exit.clean) return take_in();
  const auto code = exit.reported ? exit.reported->code : ErrorCode::internal;
  failed({exit.cause, current_->run->is_hopeless(code)});
}

void JobRunner::take_in() {
  current_->phase = Phase::taking_in;
  // A key may have been taken away while the worker ran.
  if (const auto problem = distrusted(store_, *live_.config(), current_->run->spec()); !problem.empty())
    return give_up(problem);
  auto file_work = current_->run->take_result();
  if (!file_work) return taken_in(tl::unexpected<Error>(file_work.error()));
  work_.run(std::move(*file_work), [this](const Result<Ending>& taken) { taken_in(taken); });
}

void JobRunner::taken_in(const Result<Ending>& taken) {
  if (taken) return end(*taken);
  if (taken.error().code == ErrorCode::corrupt) return failed({taken.error().describe(), /*hopeless=*/false});
  // Not the worker's fault: a full disk, a locked database. Its result is kept, and taken in once that is over.
  spdlog::error("job {} ({}): its result cannot be taken in yet: {}", current_->run->spec().id, current_->run->name(),
                taken.error().describe());
  try_later([this] { take_in(); });
}

void JobRunner::failed(const WorkerFailure& failure) {
  const auto& spec = current_->run->spec();
  const int failures = ++failures_[spec.id];
  const auto row = store_.jobs.find(spec.id);
  const int attempts = row && *row ? (*row)->attempt : failures;
  const auto next = after_failure(failure, failures, attempts, spec.worker, live_.clock().now());
  if (std::holds_alternative<GiveUp>(next)) return give_up(failure.cause);
  JobStore::Move again;
  again.error = failure.cause;
  again.not_before = std::get<RetryAt>(next).not_before;
  if (const auto moved = states_.move(spec.id, JobState::queued, again); !moved) {
    spdlog::error("job {}: cannot be queued again: {}", spec.id, moved.error().describe());
    return give_up(failure.cause);
  }
  spdlog::warn("job {} ({}): attempt {} failed: {}; trying again at {}", spec.id, current_->run->name(), attempts,
               failure.cause, to_rfc3339(*again.not_before));
  let_go();
}

void JobRunner::give_up(const std::string& cause) {
  current_->phase = Phase::taking_in;
  work_.run(current_->run->report_failure(cause), [this, cause](const Result<Ending>& ending) {
    if (ending) return end(*ending);
    spdlog::error("job {}: its failure cannot be reported yet: {}", current_->run->spec().id,
                  ending.error().describe());
    try_later([this, cause] { give_up(cause); });
  });
}

void JobRunner::end(const Ending& ending) {
  const auto id = current_->run->spec().id;
  if (const auto stored = ending.store(); !stored) {
    const auto code = stored.error().code;
    const bool passing = code == ErrorCode::unavailable || code == ErrorCode::io || code == ErrorCode::exhausted;
    if (!passing && ending.state == JobState::done)
      return give_up("its result could not be stored: " + stored.error().message);
    spdlog::error("job {}: its end cannot be stored: {}", id, stored.error().describe());
    return try_later([this, ending] { end(ending); });
  }
  failures_.erase(id);
  ending.stored();
  let_go();
}

Result<void> JobRunner::cancel(std::int64_t id, const std::string& who) {
  const bool running = current_ && current_->run->spec().id == id;
  if (running && current_->phase == Phase::taking_in)
    return fail(ErrorCode::conflict, "job " + std::to_string(id) +
                                         " has run and its result is being taken in; it can no longer be cancelled");
  JobStore::Move by;
  by.who = who;
  by.error = kCancelledBy + who;
  TRY_OK(states_.move(id, JobState::cancelled, by));
  spdlog::info("job {}: cancelled by {}", id, who);
  if (!running) {  // an attempt may have been there before
    work_.run([state = state_, id] { tidy(state, id, KeepResult::no); });
    return {};
  }
  current_->phase = Phase::cancelled;
  if (supervisor_.busy())
    supervisor_.stop(Supervisor::How::at_once);  // worker_ended lets go of the job
  else
    let_go();
  return {};
}

void JobRunner::let_go() {
  if (current_->phase == Phase::cancelled)
    work_.run([state = state_, id = current_->run->spec().id] { tidy(state, id, KeepResult::no); });
  current_.reset();
  cache_.job_ended();
  asio::post(io_, [this] { advance(); });
}

void JobRunner::shut_down() {
  if (std::exchange(stopping_, true)) return;
  wake_.cancel();
  work_.close();
  cache_.shut_down();
  // A worker that has finished is left `running`: its result is on disk and the next start takes it in.
  if (current_ && current_->phase == Phase::running) {
    const auto id = current_->run->spec().id;
    JobStore::Move again;
    again.error = "the daemon was stopped while it ran";
    if (const auto moved = states_.move(id, JobState::queued, again); !moved)
      spdlog::warn("job {}: stays running until the next start: {}", id, moved.error().describe());
  }
  if (supervisor_.busy()) supervisor_.stop(Supervisor::How::at_once);
}

std::string JobRunner::summary() const {
  std::string text = "idle";
  if (current_ && current_->phase == Phase::taking_in)
    text = "judging " + current_->run->name();
  else if (current_)
    text = std::string(current_->run->working()) + " " + current_->run->name() +
           (current_->station.empty()
                ? std::string()
                : ": " + current_->station + " " + std::to_string(std::lround(current_->fraction * 100)) + " %");
  return text + "; " + std::to_string(states_.queued()) + " queued";
}

}  // namespace defuse
