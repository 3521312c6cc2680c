// What a repair is to repair: from the report of a version's gate and from what people say of its regions. Shared by
// the daemon and by `defusectl correct`. Pure.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/regions/label.h"
#include "core/repair/repair.h"
#include "core/verdict/job.h"

namespace defuse {

// What of report.json a repair needs.
struct GateFindings {
  std::string digest;        // of the version that was judged
  std::string probe_digest;  // of the probe set that the members are counted in
  std::vector<Region> regions;
  std::map<std::string, RegionLabel> said;  // by people, when the report was written
};
Result<GateFindings> gate_findings_from_json(const Json& report, const std::string& name_for_errors);

// The regions named; or else every new and worse one, and those that people confirmed as a bug, less those that people
// set aside (as the gate does: ambiguous, unrealistic, or of the class that the version predicts). A class that people
// named is the one that is learnt. `not_found` for a region that the gate did not find, `conflict` if nothing is left.
Result<RepairOrder> repair_order(const GateFindings& found, const std::vector<std::string>& named,
                                 const RepairSettings& settings);

// manifest.json of a tuned model: its digest, and where it comes from.
Json repair_manifest(const JobSpec& job, const RepairOrder& order, const RepairResult& result,
                     const std::string& digest, const std::string& created_by);

}  // namespace defuse
