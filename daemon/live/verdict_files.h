// The verdict files under <state>/verdicts, for pipelines that only share a disk: each says what /gate says of its
// version. Whoever knows that an answer may have changed has it written again here. Main strand only.
#pragma once
#include <string>
#include <vector>

#include "core/registry/diff.h"
#include "core/store/store.h"
#include "core/verdict/standing.h"
#include "daemon/live/live_state.h"
#include "daemon/state/judge.h"

namespace defuse {

// Another file than the one that was judged lies there, and is not whole yet.
bool is_being_written(const ReadModel& read, const VersionRow& version);

class VerdictFiles {
 public:
  VerdictFiles(Store& store, LiveState& live, StateFolder state);

  void refresh(const ModelName& model, const Version& version);
  void refresh_all(const ModelName& model);
  // Files may have become untrue while no daemon ran, and whoever reads them trusts a daemon that is ready.
  void refresh_present(const std::vector<KnownVersion>& known);
  // A verdict was stored: for all versions with these bytes, and told to those who listen.
  void verdict_given(const ModelName& model, const Version& version);

 private:
  void write(const ModelName& model, const Version& version, const Result<Standing>& found);
  Result<void> write_standing(const ModelName& model, const Version& version, const Standing& standing);

  Store& store_;
  LiveState& live_;
  const StateFolder state_;
};

}  // namespace defuse
