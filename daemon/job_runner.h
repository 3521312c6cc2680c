// Carries the queue out: starts workers, judges what they leave behind, retries, gives up, judges again when people's
// words change. Every change goes through the store; after a crash recover() goes on from what is on disk. Main strand
// only; reading results and writing reports happen on its own work thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "daemon/cache_keeper.h"
#include "daemon/live_state.h"
#include "daemon/process/supervisor.h"
#include "daemon/scheduler.h"
#include "daemon/state/judge.h"

namespace defuse {

// Removes what a job that ended no longer needs. What cannot be removed costs room, and is logged.
void tidy(const StateFolder& state, std::int64_t id, KeepResult keep);

class JobRunner {
 public:
  JobRunner(boost::asio::io_context& io, Store& store, LiveState& live, StateFolder state,
            SupervisorOptions supervision);
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Once, at start: stray workers ended, interrupted jobs judged or queued again, half-written things removed.
  Result<void> recover();
  // Looks at the queue and does what is next. Called whenever something may have changed.
  void advance();

  Result<std::int64_t> enqueue(const VersionRow& version, std::int64_t priority, const AuditEntry& audit);
  Result<std::int64_t> enqueue_repair(const VersionRow& version, const RepairOrder& order, const AuditEntry& audit);
  Result<void> cancel(std::int64_t job, const std::string& who);
  // Decides the latest verdict of this artifact again, from the stored result, in the background. Without running
  // anything.
  void judge_again(const VersionRow& version, const std::string& who, const std::string& why);
  // A label or waiver changed: what is being judged with the old ones is judged again when it is done.
  void note_words() { words_changed_ = current_ && current_->judging; }
  // Ends the worker; the job goes back into the queue for the next start. Nothing is begun after this.
  void shut_down();

  std::string summary() const;  // for STATUS=: "judging digits/3: evaluate 40 %; 2 queued"
  bool idle() const { return !current_ && judging_again_ == 0; }

  std::function<void(const std::string& model, const std::string& version)> on_verdict;  // after it is stored

 private:
  // After trouble that is not the job's own: a locked database, a full disk.
  static constexpr std::chrono::milliseconds kTroubleWait{5000};
  static std::string name_of(const JobSpec& spec) { return spec.model + "/" + spec.candidate.version; }

  struct Current {  // the one job between `running` and its end
    JobSpec spec;
    bool judging = false;
    bool cancelled = false;
    std::string station;
    double fraction = 0;
    std::int64_t replaces = 0;  // job whose result nobody needs once this one is judged; 0 if none
    std::optional<RepairOrder> order = std::nullopt;  // a repair's: taken in instead of judged
  };
  void start(std::int64_t id);
  void worker_ended(std::int64_t id, const WorkerExit& exit);
  void judge();
  void judged_now(const Result<Judged>& judged);
  void failed(const WorkerFailure& failure);
  void give_up(const std::string& cause);
  void finish(JobState state, const Judged& judged);
  Result<std::optional<RepairOrder>> order_of(const JobRow& job);
  void take_in();
  void taken_in(const Result<RepairResult>& taken);
  void end_repair(JobState state, const std::string& words);
  std::vector<std::filesystem::path> outlived_repairs(const std::string& model);
  void note_queued(std::int64_t id, const VersionRow& version, JobKind kind);
  void let_go();
  void progress(std::int64_t id, const std::string& station, double fraction);
  Result<void> move(std::int64_t id, JobState to, const JobStore::Move& move);
  void announce(std::int64_t id);
  void look_later(std::chrono::milliseconds wait);
  Result<void> count_jobs();
  void counted(std::optional<JobState> from, JobState to);

  boost::asio::io_context& io_;
  Store& store_;
  LiveState& live_;
  StateFolder state_;
  Supervisor supervisor_;
  CacheKeeper cache_;
  boost::asio::thread_pool work_{1};
  boost::asio::steady_timer wake_;
  std::optional<Current> current_;
  std::map<std::int64_t, int> failures_;  // of workers, in this life of the daemon
  std::map<JobState, std::int64_t> counts_;
  std::int64_t newest_job_ = 0;
  int judging_again_ = 0;
  bool words_changed_ = false;  // a person spoke while the current job was being judged
  bool stopping_ = false;
};

}  // namespace defuse
