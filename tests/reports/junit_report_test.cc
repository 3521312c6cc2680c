#include "reports/junit_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "core/base/files.h"
#include "tests/reports/golden.h"
#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

// The whole element of one case.
std::string test_case(const std::string& xml, const std::string& name) {
  const auto start = xml.find("\" name=\"" + name + "\"");
  if (start == std::string::npos) return "";
  const auto line_end = xml.find('\n', start);
  if (xml.compare(line_end - 2, 2, "/>") == 0) return xml.substr(start, line_end - start);
  return xml.substr(start, xml.find("</testcase>", start) - start);
}

bool red(const std::string& xml) {
  return xml.find("<failure") != std::string::npos || xml.find("<error") != std::string::npos;
}

TEST(JunitReport, IsGreenOnlyForAPass) {
  EXPECT_FALSE(red(junit_report(samples::passing_report())));
  EXPECT_TRUE(red(junit_report(samples::report())));
  EXPECT_TRUE(red(junit_report(samples::inconclusive_report())));
  EXPECT_TRUE(red(junit_report(samples::error_report())));
}

TEST(JunitReport, AVerdictThatNoFindingExplainsIsRedAllTheSame) {
  for (const VerdictState state : {VerdictState::fail, VerdictState::inconclusive, VerdictState::error}) {
    Report report = samples::passing_report();
    report.verdict.state = state;
    EXPECT_TRUE(red(test_case(junit_report(report), "verdict"))) << to_string(state);
    report.verdict = {};
    report.verdict.state = state;
    EXPECT_TRUE(red(junit_report(report))) << to_string(state);
  }
}

TEST(JunitReport, TellsViolationsFromErrorsAndFromThinEvidence) {
  const std::string fail = junit_report(samples::report(), {samples::waiver()});
  EXPECT_NE(test_case(fail, "negative_flips/class/7").find("<failure type=\"violation\""), std::string::npos);
  EXPECT_NE(
      test_case(junit_report(samples::inconclusive_report()), "check/accuracy").find("<error type=\"inconclusive\""),
      std::string::npos);
  const std::string error = test_case(junit_report(samples::error_report()), "verdict");
  EXPECT_NE(error.find("<error type=\"error\""), std::string::npos);
  EXPECT_NE(error.find("out of memory"), std::string::npos);
}

TEST(JunitReport, AWaivedFindingIsSkippedWithItsLastDay) {
  const std::string xml =
      test_case(junit_report(samples::report(), {samples::waiver()}), "misclassification_regions/r-aaaaaaaaaaa1");
  EXPECT_NE(xml.find("<skipped message=\"waived until 2026-03-31 by release-owner (VIS-341)"), std::string::npos);
  EXPECT_FALSE(red(xml));
}

TEST(JunitReport, ACheckThatOnlyWarnsIsNeverRedAndAShadowIsNotThere) {
  const std::string xml = junit_report(samples::report());
  EXPECT_NE(test_case(xml, "check/spotlight").find("<skipped message=\"warning only"), std::string::npos);
  EXPECT_EQ(xml.find("embedding_compatibility"), std::string::npos);
}

TEST(JunitReport, NamesHoldNoMeasuredNumber) {
  Report later = samples::report();
  later.version = Version("8");
  later.created += std::chrono::hours{24};
  later.result.job = 99;
  for (Finding& finding : later.verdict.findings) {
    finding.value = 0.123;
    finding.n = 77;
    finding.sentence = "another sentence";
  }
  const auto names = [](const std::string& xml) {
    std::multiset<std::string> out;
    const std::regex name("<testcase classname=\"([^\"]*)\" name=\"([^\"]*)\"");
    for (std::sregex_iterator i(xml.begin(), xml.end(), name), end; i != end; ++i)
      out.insert((*i)[1].str() + " " + (*i)[2].str());
    return out;
  };
  EXPECT_EQ(names(junit_report(samples::report())), names(junit_report(later)));
  EXPECT_EQ(names(junit_report(later)).size(), 16U);
}

TEST(JunitReport, TwoCasesNeverShareAName) {
  Report report = samples::report();
  for (Finding& finding : report.verdict.findings) finding.id = "same";
  const std::string xml = junit_report(report);
  EXPECT_NE(xml.find("name=\"same\""), std::string::npos);
  EXPECT_NE(xml.find("name=\"same (2)\""), std::string::npos);
}

TEST(JunitReport, CountsWhatItHolds) {
  const std::string xml = junit_report(samples::report());
  const auto count = [&](const std::string& part) {
    std::size_t n = 0;
    for (auto at = xml.find(part); at != std::string::npos; at = xml.find(part, at + 1)) ++n;
    return std::to_string(n);
  };
  const std::string expected = "tests=\"" + count("<testcase ") + "\" failures=\"" + count("<failure ") +
                               "\" errors=\"" + count("<error ") + "\" skipped=\"" + count("<skipped ") + "\"";
  EXPECT_NE(xml.find(expected), std::string::npos) << expected;
}

TEST(JunitReport, StaysUnderItsBudgetAndNeverLosesTheVerdict) {
  Report report = samples::huge_report(1'000, 10'000);
  for (Finding& finding : report.verdict.findings) finding.sentence = std::string(10'000, '<');
  const std::string xml = junit_report(report);
  EXPECT_LE(xml.size(), kMaxJunitBytes);
  EXPECT_TRUE(red(test_case(xml, "verdict")));
  EXPECT_NE(xml.find("some cases are not shown here"), std::string::npos);
}

TEST(JunitReport, HostileNamesStayTextAndAttachNothing) {
  const std::string xml = junit_report(samples::hostile_report());
  EXPECT_EQ(xml.find("<script"), std::string::npos);
  EXPECT_EQ(xml.find("[[ATTACHMENT"), std::string::npos);
  for (const char c : xml)
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 || c == '\n') << "an illegal character in XML";
}

TEST(JunitReport, IsWellFormedInTheEyesOfXmllint) {
  if (std::system("xmllint --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "xmllint is not installed";
  const auto file =
      std::filesystem::path(testing::TempDir()) / ("defused_junit_" + std::to_string(::getpid()) + ".xml");
  for (const Report& report :
       {samples::report(), samples::hostile_report(), samples::error_report(), samples::passing_report()}) {
    ASSERT_TRUE(write_atomically(file, junit_report(report, {samples::waiver()})));
    EXPECT_EQ(std::system(("xmllint --noout " + file.string()).c_str()), 0);
  }
  std::filesystem::remove(file);
}

TEST(JunitReport, LooksAsPublished) {
  EXPECT_GOLDEN(junit_report(samples::report(), {samples::waiver()}), "report_fail.junit.xml");
}

}  // namespace
}  // namespace defuse
