#include "reports/sarif_report.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/reports/golden.h"
#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

const Json& run_of(const Json& sarif) { return sarif.at("runs").at(0); }

Json result_of(const Json& sarif, const std::string& fingerprint) {
  for (const Json& result : run_of(sarif).at("results"))
    if (result.at("partialFingerprints").at("defusedFinding/v1") == fingerprint) return result;
  return nullptr;
}

TEST(SarifReport, HasWhatTheStandardRequires) {
  static const std::set<std::string> kKinds{"pass", "fail", "review", "open", "informational"};
  for (const Report& report :
       {samples::report(), samples::error_report(), samples::passing_report(), samples::hostile_report()}) {
    const Json sarif = sarif_report(report);
    EXPECT_EQ(sarif.at("version"), "2.1.0");
    ASSERT_EQ(sarif.at("runs").size(), 1U);
    EXPECT_EQ(run_of(sarif).at("tool").at("driver").at("name"), "defused");
    std::set<std::string> rules;
    for (const Json& rule : run_of(sarif).at("tool").at("driver").at("rules"))
      rules.insert(rule.at("id").get<std::string>());
    for (const Json& result : run_of(sarif).at("results")) {
      EXPECT_TRUE(rules.contains(result.at("ruleId").get<std::string>()));
      EXPECT_TRUE(kKinds.contains(result.at("kind").get<std::string>()));
      EXPECT_EQ(result.at("kind") == "fail", result.at("level") != "none") << "a level belongs to the kind fail only";
      EXPECT_FALSE(result.at("message").at("text").get<std::string>().empty());
      const Json& place = result.at("locations").at(0).at("physicalLocation");
      EXPECT_EQ(place.at("artifactLocation").at("uri"), "defused.yaml");
      EXPECT_EQ(place.at("region").at("startLine"), 1);
    }
  }
}

TEST(SarifReport, RecognisesRegionsAcrossReleases) {
  const Json result = result_of(sarif_report(samples::report()), "r-aaaaaaaaaaa0");
  ASSERT_FALSE(result.is_null());
  EXPECT_EQ(result.at("kind"), "fail");
  EXPECT_EQ(result.at("level"), "error");
  EXPECT_EQ(result.at("baselineState"), "new");
  EXPECT_FALSE(result.contains("suppressions"));
}

TEST(SarifReport, AWaiverIsAnExternalSuppressionWithItsReason) {
  const Json result = result_of(sarif_report(samples::report(), {samples::waiver()}), "r-aaaaaaaaaaa1");
  ASSERT_EQ(result.at("suppressions").size(), 1U);
  EXPECT_EQ(result["suppressions"][0]["kind"], "external");
  EXPECT_EQ(result["suppressions"][0]["status"], "accepted");
  EXPECT_NE(result["suppressions"][0]["justification"].get<std::string>().find("until 2026-03-31"), std::string::npos);
}

TEST(SarifReport, OnlyAPassIsAPass) {
  EXPECT_EQ(result_of(sarif_report(samples::passing_report()), "verdict/digits").at("kind"), "pass");
  EXPECT_EQ(result_of(sarif_report(samples::report()), "verdict/digits").at("kind"), "fail");
  EXPECT_EQ(result_of(sarif_report(samples::inconclusive_report()), "verdict/digits").at("kind"), "review");
  const Json error = sarif_report(samples::error_report());
  EXPECT_EQ(result_of(error, "verdict/digits").at("kind"), "open");
  EXPECT_EQ(run_of(error).at("invocations").at(0).at("executionSuccessful"), false);
}

TEST(SarifReport, StaysWithinLimitsAndSaysWhatItLeavesOut) {
  Report report = samples::huge_report(1'000, 10'000);
  Json sarif = sarif_report(report);
  EXPECT_LE(run_of(sarif).at("results").size(), kMaxSarifResults);
  EXPECT_NE(dump_json(run_of(sarif).at("invocations")).find("findings not shown here"), std::string::npos);
  for (Finding& finding : report.verdict.findings) {
    finding.sentence = finding.id = std::string(60'000, '"');
    finding.check = finding.id + std::to_string(finding.n++);
  }
  EXPECT_LE(dump_json(sarif_report(report), 1).size(), kMaxSarifBytes);
}

TEST(SarifReport, LooksAsPublished) {
  EXPECT_GOLDEN(dump_json(sarif_report(samples::report(), {samples::waiver()}), 1) + "\n", "report_fail.sarif");
}

}  // namespace
}  // namespace defuse
