// The published schema of reports says the same of findings, regions and so on as the descriptions by which they are
// written.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/base/files.h"
#include "core/base/schema_writer.h"
#include "core/wire/result_fields.h"
#include "tests/support/schema_shape.h"

namespace defuse {
namespace {

using schema::difference;
using schema::Shape;
using schema::shape_of;

Json published() {
  const auto text = read_file(std::filesystem::path(DEFUSED_SOURCE_DIR) / "reports/schema/report-v1.json");
  return text ? Json::parse(*text) : Json();
}

Shape part(const char* pointer) {
  const Json whole = published();
  return shape_of(whole.at(Json::json_pointer(pointer)), whole);
}

template <class S>
Shape described() {
  const Json schema = schema_of<S>();
  return shape_of(schema, schema);
}

// What a report leaves out.
void drop(Shape& shape, const std::string& name) {
  shape["properties"].erase(name);
  auto& required = shape["required"];
  required.erase(std::find(required.begin(), required.end(), name));
}

void or_null(Shape& shape) { shape["type"] = {"object", "null"}; }

TEST(ReportSchema, SaysWhatIsWritten) {
  EXPECT_EQ(difference(part("/$defs/counts"), described<FourCounts>()), "");
  EXPECT_EQ(difference(part("/$defs/finding"), described<Finding>()), "");
  EXPECT_EQ(difference(part("/$defs/outcome"), described<CheckOutcome>()), "");
  EXPECT_EQ(difference(part("/properties/verdict"), described<Verdict>()), "");
  EXPECT_EQ(difference(part("/$defs/waiver"), described<Waiver>()), "");
  EXPECT_EQ(difference(part("/$defs/sample"), described<RegionSample>()), "");
  EXPECT_EQ(difference(part("/$defs/score"), described<RegionScore>()), "");
  EXPECT_EQ(difference(part("/$defs/neighbour"), described<RegionNeighbour>()), "");
  EXPECT_EQ(difference(part("/$defs/noise_limit"), described<NoiseLimit>()), "");
  EXPECT_EQ(difference(part("/$defs/both_ways"), described<BothWays>()), "");
  EXPECT_EQ(difference(part("/$defs/sibling"), described<SiblingValues>()), "");
  EXPECT_EQ(difference(part("/properties/run/properties/stations/items"), described<StationTime>()), "");
}

TEST(ReportSchema, SaysWhatIsWrittenOrNull) {
  Shape comparison = described<Comparison>(), generator = described<GeneratorHealth>(), floor = described<NoiseFloor>();
  for (Shape* shape : {&comparison, &generator, &floor}) or_null(*shape);
  EXPECT_EQ(difference(part("/properties/comparison"), comparison), "");
  EXPECT_EQ(difference(part("/properties/generator"), generator), "");
  EXPECT_EQ(difference(part("/properties/noise_floor"), floor), "");
}

TEST(ReportSchema, NamesTheBoundsThatReadersMayRelyOn) {
  Shape novelty = described<RegionNovelty>(), confusion = described<Confusion>();
  or_null(novelty);
  or_null(confusion);
  novelty["properties"]["pair_distances"]["maxItems"] = limits::kQuantiles;
  confusion["properties"]["cells"]["items"]["properties"]["label"]["minimum"] = 0;
  EXPECT_EQ(difference(part("/$defs/novelty"), novelty), "");
  EXPECT_EQ(difference(part("/$defs/confusion"), confusion), "");
}

TEST(ReportSchema, SaysWhatAReportLeavesOutAndAdds) {
  Shape check = described<CheckResult>();
  drop(check, "findings");  // they stand in the verdict, with their waivers
  EXPECT_EQ(difference(part("/$defs/check"), check), "");

  Shape contract = described<ContractFacts>();
  drop(contract, "latency_ms");  // a time: it stands under `run`
  EXPECT_EQ(difference(part("/properties/contract"), contract), "");

  Shape region = described<Region>();
  Shape told = part("/$defs/region");
  EXPECT_TRUE(told["properties"].contains("label_by_person"));
  drop(told, "label_by_person");
  // Promised as texts only, so that a space may be added without breaking those who check reports.
  for (const char* name : {"space", "evidence"}) region["properties"][name] = {{"type", "string"}};
  or_null(region["properties"]["novelty"]);
  region["properties"]["novelty"]["properties"]["pair_distances"]["maxItems"] = limits::kQuantiles;
  EXPECT_EQ(difference(told, region), "");
}

TEST(ReportSchema, ADifferenceIsPrintedByItsPlace) {
  Shape finding = described<Finding>();
  finding["properties"]["n"]["type"] = "number";
  drop(finding, "waiver");
  EXPECT_EQ(
      difference(described<Finding>(), finding).find("/properties/n/type: published \"integer\", described \"number\""),
      0U)
      << difference(described<Finding>(), finding);
}

}  // namespace
}  // namespace defuse
