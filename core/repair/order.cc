#include "core/repair/order.h"

#include <algorithm>

#include "core/wire/documents.h"
#include "core/wire/limits.h"

namespace defuse {
namespace {

bool is_bug(const Region& region, const RegionLabel& said) {
  if (said.without_class() || said.named_class() == region.predicted_as) return false;
  if (said.word() == RegionLabel::Word::confirmed && region.status != RegionStatus::fixed) return true;
  return region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
}

RegionToRepair to_mend(const Region& region, const RegionLabel& said) {
  RegionToRepair repair{region.id, said.named_class().value_or(region.label), region.evidence, {}};
  for (const auto& member : region.members) repair.seeds.push_back(member.seed);
  return repair;
}

}  // namespace

Result<GateFindings> gate_findings_from_json(const Json& report, const std::string& name) {
  JsonReader r(report, name);
  GateFindings found;
  found.digest = r.text("digest");
  const Json& data = r.object("data");
  const Json& regions = r.array("regions");
  TRY_OK(r.status());
  if (const auto probe = data.find("probe_digest"); probe != data.end() && probe->is_string())
    found.probe_digest = probe->get<std::string>();
  if (regions.size() > limits::kRegions)
    return fail(ErrorCode::invalid_input, name + ".regions: more than " + std::to_string(limits::kRegions));
  for (std::size_t i = 0; i < regions.size(); ++i) {
    TRY(region, region_from_json(regions[i], name + ".regions[" + std::to_string(i) + "]"));
    if (const auto said = regions[i].find("label_by_person"); said != regions[i].end() && said->is_string())
      if (const auto label = RegionLabel::from(said->get_ref<const std::string&>())) found.said[region.id] = *label;
    found.regions.push_back(std::move(region));
  }
  return found;
}

Result<RepairOrder> repair_order(const GateFindings& found, const std::vector<std::string>& named,
                                 const RepairSettings& settings) {
  RepairOrder order;
  order.settings = settings;
  order.probe_digest = found.probe_digest;
  std::vector<std::string> missing = named;
  for (const auto& region : found.regions) {
    const auto word = found.said.find(region.id);
    const RegionLabel said = word == found.said.end() ? RegionLabel() : word->second;
    const auto asked = std::find(missing.begin(), missing.end(), region.id);
    if (asked != missing.end()) {
      if (said.without_class())
        return fail(ErrorCode::conflict, "region " + region.id + " cannot be repaired: people called it " +
                                             to_string(said) + ", so there is no label to be learnt");
      std::erase(missing, region.id);
    } else if (!named.empty() || !is_bug(region, said)) {
      continue;
    }
    order.regions.push_back(to_mend(region, said));
  }
  if (!missing.empty()) return fail(ErrorCode::not_found, "the gate found no region " + missing.front());
  if (order.regions.empty())
    return fail(ErrorCode::conflict,
                "the gate found no new or worse region that people did not set aside; name the regions to be repaired");
  return order;
}

Json repair_manifest(const JobSpec& job, const RepairOrder& order, const RepairResult& result,
                     const std::string& digest, const std::string& created_by) {
  Json regions = Json::array();
  for (const auto& region : order.regions) regions.push_back(region.id);
  const auto& chosen = result.runs[*result.chosen];
  return {{"sha256", digest},
          {"created_by", created_by},
          {"corrected_from", {{"version", job.candidate.version}, {"sha256", job.candidate.digest}}},
          {"correction",
           {{"regions", std::move(regions)}, {"lambda", chosen.lambda}, {"settings", to_json(order.settings)}}}};
}

}  // namespace defuse
