// What a repair is asked to repair, by what a gate found and what people said of it.
#include "core/repair/order.h"

#include <gtest/gtest.h>

#include "core/wire/documents.h"

namespace defuse {
namespace {

Region region(const std::string& id, RegionStatus status) {
  Region found;
  found.id = RegionId(id);
  found.status = status;
  found.space = Space::codes;
  found.evidence = RegionEvidence::both;
  found.label = 7;
  found.predicted_as = 1;
  found.members = {{3, 0.1}, {8, 0.2}};
  return found;
}

GateFindings findings() {
  GateFindings found;
  found.digest = "d1";
  found.probe_digest = "p1";
  found.regions = {region("r-new", RegionStatus::new_bug), region("r-worse", RegionStatus::worse),
                   region("r-inherited", RegionStatus::inherited), region("r-fixed", RegionStatus::fixed),
                   region("r-suspected", RegionStatus::suspected)};
  return found;
}

std::string ids(const Result<RepairOrder>& order) {
  if (!order) return std::string(to_string(order.error().code));
  std::string text;
  for (const auto& repair : order->regions) text += repair.id + " ";
  return text;
}

TEST(RepairOrder, TakesEveryNewAndWorseRegionWithItsMembers) {
  const auto order = repair_order(findings(), {}, {});
  ASSERT_EQ(ids(order), "r-new r-worse ");
  EXPECT_EQ(order->probe_digest, "p1");
  EXPECT_EQ(order->regions[0].label, 7);
  EXPECT_EQ(order->regions[0].evidence, RegionEvidence::both);
  EXPECT_EQ(order->regions[0].seeds, (std::vector<std::uint32_t>{3, 8}));
}

TEST(RepairOrder, PeoplesWordsCountAsInTheGate) {
  auto found = findings();
  found.said = {{"r-new", RegionLabel::Word::ambiguous},
                {"r-worse", RegionLabel::of_class(3)},
                {"r-inherited", RegionLabel::Word::confirmed},
                {"r-fixed", RegionLabel::Word::confirmed}};
  const auto order = repair_order(found, {}, {});
  ASSERT_EQ(ids(order), "r-worse r-inherited ") << "what is fixed needs no repairing";
  EXPECT_EQ(order->regions[0].label, 3);
  found.said = {{"r-new", RegionLabel::Word::unrealistic}, {"r-worse", RegionLabel::of_class(1)}};
  EXPECT_EQ(ids(repair_order(found, {}, {})), "conflict") << "class 1 is what the version says there: it is right";
}

TEST(RepairOrder, NamedRegionsAreTakenWhateverTheirState) {
  auto found = findings();
  EXPECT_EQ(ids(repair_order(found, {"r-suspected", "r-new"}, {})), "r-new r-suspected ");
  EXPECT_EQ(ids(repair_order(found, {"r-new", "r-new"}, {})), "r-new ");
  EXPECT_EQ(ids(repair_order(found, {"r-new", "r-gone"}, {})), "not_found");
  found.said = {{"r-new", RegionLabel::Word::ambiguous}};
  const auto refused = repair_order(found, {"r-new"}, {});
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("people called it ambiguous"), std::string::npos);
}

TEST(RepairOrder, ReportsAreReadStrictly) {
  Json report = {{"digest", "d1"},
                 {"data", {{"probe_digest", "p1"}}},
                 {"regions", Json::array({to_json(region("r-new", RegionStatus::new_bug))})}};
  report["regions"][0]["label_by_person"] = "class:4";
  const auto found = gate_findings_from_json(report, "report.json");
  ASSERT_TRUE(found) << found.error().describe();
  EXPECT_EQ(found->said.at("r-new"), RegionLabel::of_class(4));
  EXPECT_EQ(found->regions[0].members.size(), 2U);
  report["regions"][0].erase("label");
  EXPECT_FALSE(gate_findings_from_json(report, "report.json"));
  EXPECT_FALSE(gate_findings_from_json({{"digest", "d1"}}, "report.json"));
}

}  // namespace
}  // namespace defuse
