// What people and pipelines ask for, carried out on the main strand: each step checked against the present state,
// carried out and audited in the store, then everything that depends on it brought up to date. Any thread.
#pragma once
#include <cstdint>
#include <string>

#include "core/store/store.h"
#include "daemon/actions/promoter.h"
#include "daemon/api/read_model.h"
#include "daemon/jobs/job_runner.h"
#include "daemon/jobs/job_states.h"
#include "daemon/jobs/rejudging.h"
#include "daemon/live/live_state.h"
#include "daemon/live/main_strand.h"
#include "daemon/live/verdict_files.h"
#include "daemon/state/judge.h"

namespace defuse {

class ActionsOnStrand final : public Actions {
 public:
  struct Parts {  // all of them outlive it
    MainStrand& strand;
    Store& store;
    LiveState& live;
    JobStates& states;
    JobRunner& jobs;
    VerdictFiles& files;
    Rejudging& rejudging;
  };
  ActionsOnStrand(const Parts& parts, StateFolder state, Promoter::Identify identify);

  Result<std::int64_t> evaluate(const ModelName& model, const Version& version, const std::string& who) override;
  Result<std::int64_t> correct(const ModelName& model, const Version& version, const RepairRequest& wanted,
                               const std::string& who) override;
  Result<void> promote(const ModelName& model, const Version& version, const std::string& reason, PromotionKind kind,
                       const std::string& who) override;
  Result<std::string> rollback(const ModelName& model, const std::string& reason, const std::string& who) override;
  Result<void> cancel(std::int64_t job, const std::string& who) override;
  Result<void> label_region(const RegionId& id, const std::string& label, const std::string& note,
                            const std::string& who) override;
  Result<std::string> add_waiver(Waiver waiver, const std::string& who) override;
  Result<void> remove_waiver(const std::string& id, const std::string& who) override;

 private:
  Result<std::string> new_waiver(Waiver waiver, const std::string& who);

  MainStrand& strand_;
  Store& store_;
  LiveState& live_;
  JobStates& states_;
  JobRunner& jobs_;
  VerdictFiles& files_;
  Rejudging& rejudging_;
  const StateFolder state_;
  Promoter promoter_;
};

}  // namespace defuse
