// One job between `running` and its end. The job runner starts workers, watches them, tries again and gives up; what
// differs between a gate and a repair is behind this interface. Main strand only, but for what is returned to be run on
// the work thread.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.h"
#include "core/store/store.h"
#include "core/verdict/job.h"
#include "daemon/state/judge.h"

namespace defuse {

// What remains when the files of a job are in place. `store` may be asked again until it succeeds.
struct Ending {
  JobState state = JobState::failed;
  std::function<Result<void>()> store;
  std::function<void()> stored;  // afterwards: counted, told, tidied
};

class RunningJob {
 public:
  // On the work thread: `corrupt` if what the worker left cannot be used, other errors for trouble that passes.
  using FileWork = std::function<Result<Ending>()>;

  explicit RunningJob(JobSpec spec) : spec_(std::move(spec)) {}
  virtual ~RunningJob() = default;

  const JobSpec& spec() const { return spec_; }
  std::string name() const { return spec_.model.str() + "/" + spec_.candidate.version.str(); }

  virtual std::string_view noun() const = 0;     // "gate", for the log
  virtual std::string_view working() const = 0;  // "running", for systemd's status
  virtual Result<void> prepare() = 0;            // a folder for the worker
  virtual bool has_result() const = 0;           // the worker left one
  virtual bool is_hopeless(ErrorCode code) const = 0;
  virtual Result<FileWork> take_result() = 0;
  virtual FileWork report_failure(const std::string& cause) = 0;

 private:
  const JobSpec spec_;
};

// Removes what a job that ended no longer needs. What cannot be removed costs room, and is logged.
void tidy(const StateFolder& state, std::int64_t id, KeepResult keep);

}  // namespace defuse
