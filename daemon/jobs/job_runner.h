// Carries the queue out: starts workers, has taken in what they leave behind, retries, gives up. Every change goes
// through the store; after a crash recover() goes on from what is on disk. Main strand only; files are read and written
// on the work thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "daemon/jobs/cache_keeper.h"
#include "daemon/jobs/job_states.h"
#include "daemon/jobs/rejudging.h"
#include "daemon/jobs/running_job.h"
#include "daemon/jobs/scheduler.h"
#include "daemon/live/live_state.h"
#include "daemon/live/verdict_files.h"
#include "daemon/live/work_thread.h"
#include "daemon/process/supervisor.h"

namespace defuse {

class JobRunner {
 public:
  // All of them outlive it.
  struct Parts {
    boost::asio::io_context& io;
    WorkThread& work;
    Store& store;
    LiveState& live;
    JobStates& states;
    VerdictFiles& files;
    Rejudging& rejudging;
  };
  JobRunner(const Parts& parts, StateFolder state, SupervisorOptions supervision);
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Once, at start: stray workers ended, interrupted jobs taken in or queued again, half-written things removed.
  Result<void> recover();
  // Looks at the queue and does what is next. Called whenever something may have changed.
  void advance();
  Result<void> cancel(std::int64_t job, const std::string& who);
  // Ends the worker; the job goes back into the queue for the next start. Nothing is begun after this.
  void shut_down();

  std::string summary() const;  // for STATUS=: "running digits/3: evaluate 40 %; 2 queued"

 private:
  enum class Phase { running, taking_in, cancelled };
  struct Current {  // the one job between `running` and its end
    std::unique_ptr<RunningJob> run;
    Phase phase = Phase::running;
    std::string station;
    double fraction = 0;
  };
  Result<std::unique_ptr<RunningJob>> take_up(const JobRow& job, JobSpec spec);
  Result<void> queue_again(const JobRow& job);
  void start(std::int64_t id);
  Result<void> begin(std::int64_t id);
  void progress(std::int64_t id, const std::string& station, double fraction);
  void worker_ended(std::int64_t id, const WorkerExit& exit);
  void take_in();
  void taken_in(const Result<Ending>& taken);
  void failed(const WorkerFailure& failure);
  void give_up(const std::string& cause);
  void end(const Ending& ending);
  void let_go();
  void look_later(std::chrono::milliseconds wait);
  void try_later(std::function<void()> again);  // with the current job, after trouble that is not its own

  WorkThread& work_;
  Store& store_;
  LiveState& live_;
  JobStates& states_;
  VerdictFiles& files_;
  Rejudging& rejudging_;
  boost::asio::io_context& io_;
  const StateFolder state_;
  Supervisor supervisor_;
  CacheKeeper cache_;
  boost::asio::steady_timer wake_;
  std::optional<Current> current_;
  std::map<std::int64_t, int> failures_;  // of workers, in this life of the daemon
  bool stopping_ = false;
};

}  // namespace defuse
