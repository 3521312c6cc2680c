#include "reports/html_report.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/base/base64.h"
#include "core/base/files.h"
#include "reports/text.h"
#include "tests/reports/golden.h"
#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

class HtmlReport : public testing::Test {
 protected:
  void SetUp() override {
    folder_ =
        std::filesystem::path(testing::TempDir()) /
        ("defused_html_" + std::to_string(::getpid()) + testing::UnitTest::GetInstance()->current_test_info()->name());
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + part.size())) ++count;
  return count;
}

TEST_F(HtmlReport, TellsTheStoryInOrder) {
  Report report = samples::report();
  samples::draw_pictures(report, folder_);
  const std::string page = html_report(report);
  std::size_t last = 0;
  for (const char* part : {"must not be promoted", "id=\"why\"", "id=\"next\"", "id=\"regions\"", "“7” read as “1”",
                           "id=\"flips\"", "id=\"numbers\"", "id=\"words\""}) {
    const std::size_t at = page.find(part, last);
    ASSERT_NE(at, std::string::npos) << part;
    last = at;
  }
}

TEST_F(HtmlReport, ShowsEveryPictureWithWordsForWhoCannotSeeIt) {
  Report report = samples::report();
  samples::draw_pictures(report, folder_);
  const std::string page = html_report(report);
  EXPECT_EQ(times(page, "src=\"data:image/png;base64,"), 5U * 6 + 5);
  EXPECT_EQ(times(page, "<img "), times(page, "alt=\""));
  EXPECT_NE(page.find("Picture of 7, read as 1; version 6 reads it as 7"), std::string::npos);
  EXPECT_NE(page.find("Generated picture of 7, read as 1"), std::string::npos);
}

TEST_F(HtmlReport, NeedsNothingFromAnywhereElse) {
  Report report = samples::report();
  samples::draw_pictures(report, folder_);
  const std::string page = html_report(report);
  for (const char* outside : {"http://", "https://", "<script", "<link", "url(", "@import", "<iframe"})
    EXPECT_EQ(page.find(outside), std::string::npos) << outside;
}

TEST_F(HtmlReport, EveryVerdictHasItsWordAndItsAdvice) {
  EXPECT_NE(html_report(samples::passing_report()).find("may be promoted"), std::string::npos);
  EXPECT_NE(html_report(samples::passing_report()).find("defusectl promote digits 7"), std::string::npos);
  const std::string open = html_report(samples::inconclusive_report());
  EXPECT_NE(open.find("cannot be decided yet"), std::string::npos);
  EXPECT_NE(open.find("This is not a pass"), std::string::npos);
  const std::string error = html_report(samples::error_report());
  EXPECT_NE(error.find("could not be judged"), std::string::npos);
  EXPECT_NE(error.find("out of memory (limit 4 GiB)"), std::string::npos);
  EXPECT_NE(error.find("defusectl retry digits 8"), std::string::npos);
  EXPECT_EQ(error.find("id=\"numbers\""), std::string::npos) << "there are no numbers to show";
}

TEST_F(HtmlReport, HostileNamesStayText) {
  Report report = samples::hostile_report();
  report.cause.clear();  // so that all sections are shown
  const std::string page = html_report(report);
  EXPECT_EQ(page.find("<script"), std::string::npos);
  EXPECT_EQ(page.find("\"'>"), std::string::npos);
  EXPECT_EQ(page.find('\x1b'), std::string::npos);
  EXPECT_EQ(page.find("\xe2\x80\xae"), std::string::npos);
  EXPECT_NE(page.find("{{verdict}}"), std::string::npos) << "a name that looks like a template is not one";
  EXPECT_EQ(times(page, "<style>"), 1U);
}

TEST_F(HtmlReport, CommandsNeverHoldAHostileName) {
  Report report = samples::report();
  report.model = ModelName("$(reboot)");
  for (Finding& finding : report.verdict.findings) finding.id = "x; reboot";
  for (Region& region : report.result.regions) region.id = "`reboot`";
  for (const std::string& step : next_steps(report)) {
    std::size_t tick = step.find('`');
    while (tick != std::string::npos) {
      const std::size_t end = step.find('`', tick + 1);
      ASSERT_NE(end, std::string::npos) << step;
      EXPECT_EQ(step.substr(tick, end - tick).find("reboot"), std::string::npos) << step;
      tick = step.find('`', end + 1);
    }
  }
}

TEST_F(HtmlReport, NeverFollowsALinkOrAPathOutOfTheResult) {
  Report report = samples::report();
  samples::draw_pictures(report, folder_ / "result");
  ASSERT_TRUE(write_atomically(folder_ / "secret.png", samples::tiny_png() + "secret"));
  const std::string name = report.result.flips.at(0).picture;
  std::filesystem::remove(report.pictures / name);
  std::filesystem::create_symlink(folder_ / "secret.png", report.pictures / name);
  report.result.flips.at(1).picture = "../secret.png";
  ASSERT_TRUE(write_atomically(report.pictures / report.result.flips.at(2).picture, "not a picture"));
  const std::string page = html_report(report);
  EXPECT_EQ(page.find(base64(samples::tiny_png() + "secret")), std::string::npos);
  EXPECT_EQ(page.find(base64("not a picture")), std::string::npos);
  EXPECT_EQ(times(page, "src=\"data:image/png;base64,"), 5U * 6 + 2);
}

TEST_F(HtmlReport, StaysUnderItsBudgetAndSaysWhatItLeavesOut) {
  Report report = samples::huge_report(1'000, 10'000);
  std::filesystem::create_directories(folder_);
  report.pictures = folder_;
  const std::string picture = samples::tiny_png() + std::string(60'000, 'x');
  for (std::size_t i = 0; i < 10; ++i)
    for (const RegionSample& sample : report.result.regions[i].samples)
      ASSERT_TRUE(write_atomically(folder_ / sample.picture, picture));
  const std::string page = html_report(report);
  EXPECT_LE(page.size(), kMaxHtmlBytes);
  EXPECT_NE(page.find("more pictures not shown here"), std::string::npos);
  EXPECT_NE(page.find("more regions not shown here"), std::string::npos);
  EXPECT_NE(page.find("more findings are in report.json"), std::string::npos);
}

TEST_F(HtmlReport, StaysUnderItsBudgetWhenEveryTextIsLong) {
  Report report = samples::huge_report(1'000, 2'000);
  const std::string lengthy(60'000, '<');
  for (Finding& finding : report.verdict.findings) finding.sentence = finding.id = lengthy;
  for (Region& region : report.result.regions) region.sentence = lengthy;
  report.verdict.reasons.assign(200, lengthy);
  report.result.classes.assign(10, lengthy);
  const std::string page = html_report(report);
  EXPECT_LE(page.size(), kMaxHtmlBytes);
  EXPECT_NE(page.find("must not be promoted"), std::string::npos);
}

TEST_F(HtmlReport, LooksAsPublished) {
  Report report = samples::report();
  report.result.regions.resize(2);
  EXPECT_GOLDEN(html_report(report, {samples::waiver()}), "report_fail.html");
}

}  // namespace
}  // namespace defuse
