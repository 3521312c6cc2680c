#include "reports/page_json.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

TEST(PageJson, NamesClassesAndTellsFlipsTheirTruth) {
  const Json page = page_json(samples::report());
  EXPECT_EQ(page["schema"], "defused/page/v1");
  EXPECT_EQ(page["classes"].size(), 10U);
  EXPECT_EQ(page["flips"][0]["label"], "7");
  EXPECT_EQ(page["flips"][0]["candidate"], "1");
  EXPECT_EQ(page["flip_count"], 61);
  EXPECT_EQ(page["confusion"]["cells"][2]["candidate"], 42);
  EXPECT_EQ(page["confusion"]["cells"][4]["predicted_name"], "no answer");
  EXPECT_EQ(page["regions"].size(), 5U);
  EXPECT_EQ(page["regions"][0]["nearest"][1]["label"], "1");
  EXPECT_TRUE(page["regions"][3]["nearest"].empty());
  EXPECT_TRUE(page["map"].get<bool>());
}

TEST(PageJson, IsSmallForTheLargestReport) {
  Report report = samples::huge_report(1'000, 10'000);
  report.result.classes.assign(1'000, std::string(5'000, 'x'));
  for (Region& region : report.result.regions) region.sentence = std::string(60'000, 'y');
  for (int i = 0; i < 60; ++i) report.result.flips.push_back(report.result.flips[0]);
  const Json page = page_json(report);
  EXPECT_LT(dump_json(page).size(), kMaxPageFile / 2);
  EXPECT_EQ(page["regions"].size(), kPageRegions);
  EXPECT_EQ(page["region_count"], 1'000);
}

TEST(PageJson, HoldsNothingThatCouldLeaveItsFolder) {
  Report report = samples::hostile_report();
  report.result.flips = samples::report().result.flips;
  report.result.flips[0].picture = "../../etc/passwd.png";
  const Json page = page_json(report);
  EXPECT_EQ(page["flips"][0]["picture"], "");
  EXPECT_EQ(dump_json(page).find("../"), std::string::npos);
}

TEST(MapJson, IsTheMapOrNothing) {
  Report report = samples::report();
  const Json map = map_json(report);
  EXPECT_EQ(map["schema"], "defused/map/v1");
  EXPECT_EQ(map["label"], Json::array({7, 7, 1, 1}));
  EXPECT_EQ(map["train"], Json::array({0, 1, 0, 1}));
  EXPECT_LT(dump_json(map).size(), kMaxMapFile);
  report.result.map.reset();
  EXPECT_TRUE(map_json(report).is_null());
}

TEST(MapJson, TheLargestMapFitsWhatAPageReads) {
  Report report = samples::report();
  const MapPoint point{-123.456789F,   123.456789F, -0.0123456F, 98765.4321F, Split::train,
                       4'000'000'000U, 99'999,      99'999,      99'999,      4};
  report.result.map->points.assign(kMapSeeds, point);
  EXPECT_LT(dump_json(map_json(report)).size(), kMaxMapFile / 4);
}

}  // namespace
}  // namespace defuse
