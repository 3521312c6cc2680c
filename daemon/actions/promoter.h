// Puts a version into production, or goes back to the one before. Three steps, because reading the file may take long:
// whether the move is legal at all; then, on the caller's thread, whether the file is still the one that was judged;
// then the move, if nothing changed meanwhile. Any thread.
#pragma once
#include <functional>
#include <string>

#include "core/registry/candidate.h"
#include "core/registry/source.h"
#include "core/store/store.h"
#include "daemon/live/live_state.h"
#include "daemon/live/main_strand.h"
#include "daemon/live/verdict_files.h"

namespace defuse {

class Promoter {
 public:
  struct Parts {  // all of them outlive it
    MainStrand& strand;
    Store& store;
    LiveState& live;
    VerdictFiles& files;
  };
  using Identify = std::function<Result<Candidate>(const RegistryEntry&)>;  // reads the artifact; slow
  Promoter(const Parts& parts, Identify identify);

  Result<void> promote(const ModelName& model, const Version& version, const std::string& reason, PromotionKind kind,
                       const std::string& who);
  Result<std::string> rollback(const ModelName& model, const std::string& reason, const std::string& who);

 private:
  Result<VersionRow> to_promote(const ModelName& model, const Version& version, const std::string& reason,
                                PromotionKind kind);
  Result<VersionRow> to_roll_back_to(const ModelName& model);
  Result<void> same_file(const VersionRow& row, PromotionKind kind, const std::string& who);
  Result<void> carry_out(const VersionRow& row, const std::string& reason, PromotionKind kind, const std::string& who);

  MainStrand& strand_;
  Store& store_;
  LiveState& live_;
  VerdictFiles& files_;
  const Identify identify_;
};

}  // namespace defuse
