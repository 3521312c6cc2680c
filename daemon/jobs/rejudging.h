// Decides verdicts again when a label or a waiver changed what they rest on: from the result that the last gate left,
// in the background, without running a model. Main strand only.
#pragma once
#include <cstdint>
#include <string>

#include "core/store/store.h"
#include "daemon/live/live_state.h"
#include "daemon/live/verdict_files.h"
#include "daemon/live/work_thread.h"
#include "daemon/state/judge.h"

namespace defuse {

class Rejudging {
 public:
  Rejudging(WorkThread& work, Store& store, LiveState& live, VerdictFiles& files, StateFolder state);

  // Once, at the start: a label or a waiver changed, or one expired, and the daemon ended before the verdict followed.
  Result<void> catch_up();
  // The latest verdict of this artifact.
  void judge_again(const VersionRow& version, const std::string& who, const std::string& why);
  // Versions whose verdict speaks of this finding, region or waiver.
  Result<void> judge_again_about(const ModelName& model, const std::string& subject, const std::string& who,
                                 const std::string& why);
  void check_waivers();  // those that expired since the last look
  // Grows with every change of a label or a waiver: a gate that is judged meanwhile is judged again.
  std::uint64_t changes() const { return changes_; }

 private:
  Result<JudgeRequest> request_for(const VersionRow& version);

  WorkThread& work_;
  Store& store_;
  LiveState& live_;
  VerdictFiles& files_;
  const StateFolder state_;
  TimePoint waivers_checked_{};
  std::uint64_t changes_ = 0;
};

}  // namespace defuse
