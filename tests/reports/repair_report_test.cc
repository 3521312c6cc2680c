#include "reports/repair_report.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace defuse {
namespace {

RepairResult sample() {
  RepairResult result;
  result.before = {.validation = 0.985,
                   .validation_regions = 0.02,
                   .test = 0.984,
                   .regions = 0.03,
                   .by_region = {{"r-0123456789ab", 40, 200, 0.03}}};
  for (const double lambda : {0.01, 0.1, 1.0}) {
    RepairRun run;
    run.name = "regions";
    run.lambda = lambda;
    run.score = {.validation = 0.984,
                 .validation_regions = 0.5 + 0.2 * lambda,
                 .test = 0.983,
                 .regions = 0.5 + 0.4 * lambda,
                 .by_region = {{"r-0123456789ab", 40, 200, 0.5 + 0.4 * lambda}}};
    run.flips = {980, 4, 12, 4};
    result.runs.push_back(run);
  }
  RepairRun baseline = result.runs[0];
  baseline.kind = RunKind::baseline;
  baseline.name = "errors only | <b>with</b> training images";
  result.runs.push_back(baseline);
  RepairRun failed = baseline;
  failed.name = "random generated images";
  failed.problem = "the loss is no longer a number";
  result.runs.push_back(failed);
  result.chosen = 2;
  result.reason = "lambda 1";
  result.notes = {"region r-ba9876543210 is left out"};
  return result;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(CorrectionReport, TheTableHasEveryRunAndTheChosenRegionsBeforeAndAfter) {
  const auto text = repair_markdown({"digits", "7"}, sample());
  EXPECT_NE(text.find("# Correction of digits 7"), std::string::npos);
  EXPECT_NE(text.find("**regions (chosen)** | 1 | 90 %"), std::string::npos) << text;
  EXPECT_NE(text.find("the loss is no longer a number"), std::string::npos);
  EXPECT_NE(text.find("| r-0123456789ab | 40 | 200 |"), std::string::npos) << text;
  EXPECT_NE(text.find("r-ba9876543210 is left out"), std::string::npos);
  EXPECT_EQ(text.find("<b>"), std::string::npos) << "names are escaped";
}

TEST(CorrectionReport, ThePictureHasAMarkForEachRunInBothPanels) {
  const auto svg = repair_svg({"digits", "<7>"}, sample());
  EXPECT_EQ(svg.rfind("<svg", 0), 0U);
  EXPECT_EQ(count(svg, "<title>regions, lambda"), 6U);
  EXPECT_EQ(count(svg, "<title>errors only"), 2U);
  EXPECT_EQ(count(svg, "random generated"), 0U) << "a run that failed has no place";
  EXPECT_EQ(count(svg, "<polyline"), 2U);
  EXPECT_EQ(svg.find("<7>"), std::string::npos);
  EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
}

TEST(CorrectionReport, WithoutAnythingHeldOutThePictureStillStands) {
  auto result = sample();
  result.chosen.reset();
  result.before.regions = kNone;
  for (auto& run : result.runs) run.score.regions = kNone;
  const auto svg = repair_svg({"digits", "7"}, result);
  EXPECT_EQ(svg.find("nan"), std::string::npos) << svg;
  EXPECT_NE(repair_markdown({"digits", "7"}, result).find("Nothing was chosen"), std::string::npos);
}

}  // namespace
}  // namespace defuse
