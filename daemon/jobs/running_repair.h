// A repair: nothing is judged, its end is a folder with what it is worth, or the reason why there is none.
#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/repair/repair.h"
#include "daemon/jobs/job_states.h"
#include "daemon/jobs/running_job.h"
#include "daemon/live/work_thread.h"

namespace defuse {

class RunningRepair final : public RunningJob {
 public:
  struct Parts {
    WorkThread& work;
    Store& store;
    JobStates& states;
    const StateFolder& state;
  };
  RunningRepair(JobSpec spec, RepairOrder order, const Parts& parts)
      : RunningJob(std::move(spec)), order_(std::move(order)), parts_(parts) {}

  std::string_view noun() const override { return "correction"; }
  std::string_view working() const override { return "repairing"; }
  Result<void> prepare() override;
  bool has_result() const override;
  bool is_hopeless(ErrorCode code) const override;
  Result<FileWork> take_result() override;
  FileWork report_failure(const std::string& cause) override;

 private:
  Ending ending(JobState state, const std::string& words) const;
  std::vector<std::filesystem::path> outlived() const;

  const RepairOrder order_;
  const Parts parts_;
};

}  // namespace defuse
