// Runs one worker at a time and says how it ended. Keeps to the limits the worker cannot be trusted with (wall clock,
// resident memory), reads its progress, keeps its last words, and ends its whole process group, so that no stray child
// outlives a job. Knows nothing of jobs' states, retries or verdicts: that is the job runner's. Main strand only; never
// blocks.
#pragma once
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.h"
#include "core/base/result.h"
#include "daemon/process/worker_cgroup.h"

namespace defuse {

struct WorkerLimits {
  std::chrono::milliseconds wall{std::chrono::minutes(30)};
  std::uint64_t memory = 4ULL << 30;  // resident bytes of the worker process
};

struct WorkerExit {
  bool clean = false;             // exit code 0: there should be a result to look at
  std::string cause;              // why not, for people; empty if clean
  std::optional<Error> reported;  // the worker's own error line
  bool stopped = false;           // it was asked to by stop()
  std::chrono::milliseconds ran{0};
};

struct SupervisorOptions {
  std::filesystem::path worker;                  // the program
  std::vector<std::string> environment;          // "NAME=value", all of it
  std::chrono::milliseconds tick{500};           // how often limits are looked at and progress is passed on
  std::chrono::milliseconds grace{5000};         // between SIGTERM and SIGKILL
  std::shared_ptr<const WorkerCgroups> cgroups;  // none: memory is kept by rlimits and by looking
  int nice = 0;  // how much lower than ours the worker's priority is: a daemon that shares its cores must still answer
};

class Supervisor {
 public:
  using OnProgress = std::function<void(const std::string& station, double fraction)>;
  using OnExit = std::function<void(const WorkerExit&)>;

  Supervisor(boost::asio::io_context& io, SupervisorOptions options);
  ~Supervisor();  // kills what still runs
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;

  // Starts `worker --job <folder>`; worker.log and worker.pid are written there. `conflict` if one runs already.
  // on_exit is called once, from the event loop, unless the Supervisor is destroyed first. Progress comes at most once
  // a tick.
  Result<void> start(const std::filesystem::path& folder, const WorkerLimits& limits, OnProgress on_progress,
                     OnExit on_exit);

  bool busy() const;
  enum class How { politely, at_once };
  void stop(How how);

 private:
  struct Run;
  boost::asio::io_context& io_;
  SupervisorOptions options_;
  std::shared_ptr<Run> run_;
};

// What a worker needs of our environment and nothing else: no tokens, no notify socket.
std::vector<std::string> worker_environment();

// Beside our own program, where $DEFUSED_WORKER says, or in the libexec folder.
Result<std::filesystem::path> find_worker();

// Kills the group of a worker that an earlier daemon left behind in this job folder, if it is still that worker.
void kill_stray_worker(const std::filesystem::path& folder);

}  // namespace defuse
