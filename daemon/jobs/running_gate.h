// A gate: its end is a verdict, with its regions, report and verdict files.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "daemon/jobs/job_states.h"
#include "daemon/jobs/rejudging.h"
#include "daemon/jobs/running_job.h"
#include "daemon/live/verdict_files.h"
#include "daemon/live/work_thread.h"

namespace defuse {

class RunningGate final : public RunningJob {
 public:
  struct Parts {
    WorkThread& work;
    Store& store;
    LiveState& live;
    JobStates& states;
    VerdictFiles& files;
    Rejudging& rejudging;
    const StateFolder& state;
  };
  RunningGate(JobSpec spec, const Parts& parts) : RunningJob(std::move(spec)), parts_(parts) {}

  std::string_view noun() const override { return "gate"; }
  std::string_view working() const override { return "running"; }
  Result<void> prepare() override;
  bool has_result() const override;
  bool is_hopeless(ErrorCode code) const override;
  Result<FileWork> take_result() override;
  FileWork report_failure(const std::string& cause) override;

 private:
  Ending ending(JobState state, Judged judged, std::uint64_t changes) const;
  void stored(JobState state, const Judged& judged, std::uint64_t changes, std::int64_t replaces) const;

  const Parts parts_;
};

}  // namespace defuse
