#include "reports/markdown_report.h"

#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "tests/reports/golden.h"
#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

std::string first_lines(const std::string& text, int count) {
  std::istringstream lines(text);
  std::string out, line;
  while (count-- > 0 && std::getline(lines, line)) out += line + "\n";
  return out;
}

TEST(MarkdownReport, GivesTheVerdictInItsFirstFiveLines) {
  EXPECT_NE(first_lines(markdown_report(samples::report()), 5).find("FAIL"), std::string::npos);
  EXPECT_NE(first_lines(markdown_report(samples::passing_report()), 5).find("PASS"), std::string::npos);
  EXPECT_NE(first_lines(markdown_report(samples::inconclusive_report()), 5).find("INCONCLUSIVE"), std::string::npos);
  EXPECT_NE(first_lines(markdown_report(samples::error_report()), 5).find("ERROR"), std::string::npos);
}

TEST(MarkdownReport, NamesTheCauseOfAnError) {
  EXPECT_NE(markdown_report(samples::error_report()).find("out of memory (limit 4 GiB)"), std::string::npos);
}

TEST(MarkdownReport, StaysUnderItsLimitAndSaysSo) {
  const std::string many = markdown_report(samples::huge_report(1'000, 10'000));
  EXPECT_LE(many.size(), kMaxMarkdown);
  EXPECT_NE(many.find("960 more regions in the full report"), std::string::npos);
  Report report = samples::huge_report(1'000, 10'000);
  for (Finding& finding : report.verdict.findings) finding.id = finding.sentence = std::string(60'000, '|');
  report.verdict.reasons.assign(1'000, std::string(60'000, '*'));
  report.verdict.warnings = report.verdict.reasons;
  const std::string lengthy = markdown_report(report);
  EXPECT_LE(lengthy.size(), kMaxMarkdown);
  EXPECT_NE(lengthy.find("Cut here"), std::string::npos);
  EXPECT_NE(lengthy.find("/v1/models/digits/versions/7/report"), std::string::npos);
}

TEST(MarkdownReport, HostileNamesStayText) {
  const std::string text = markdown_report(samples::hostile_report());
  EXPECT_EQ(text.find("<script"), std::string::npos);
  for (auto at = text.find("]("); at != std::string::npos; at = text.find("](", at + 1))
    EXPECT_EQ(text.at(at - 1), '\\') << "a link";
  EXPECT_EQ(text.find("://"), std::string::npos);
  EXPECT_EQ(text.find("@everyone"), std::string::npos);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(MarkdownReport, EveryRowOfATableHasAsManyCellsAsItsHead) {
  for (const Report& report : {samples::report(), samples::hostile_report()}) {
    std::istringstream lines(markdown_report(report));
    std::string line;
    int cells = 0;
    while (std::getline(lines, line)) {
      int now = 0;
      for (std::size_t i = 0; i < line.size(); ++i) now += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
      if (line.empty() || line[0] != '|') {
        cells = 0;
      } else if (cells == 0) {
        cells = now;
      } else {
        EXPECT_EQ(now, cells) << line;
      }
    }
  }
}

TEST(MarkdownReport, LooksAsPublished) {
  EXPECT_GOLDEN(markdown_report(samples::report(), {samples::waiver()}), "report_fail.md");
}

}  // namespace
}  // namespace defuse
