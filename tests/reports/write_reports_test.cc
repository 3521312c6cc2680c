#include "reports/write_reports.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "core/base/files.h"
#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {
namespace fs = std::filesystem;

class WriteReports : public testing::Test {
 protected:
  void SetUp() override {
    root_ = fs::path(testing::TempDir()) / ("defused_write_" + std::to_string(::getpid()) +
                                            testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::create_directories(root_);
  }
  void TearDown() override { fs::remove_all(root_); }
  fs::path root_;
};

TEST_F(WriteReports, WritesEveryFormatAndThePictures) {
  Report report = samples::report();
  samples::draw_pictures(report, root_ / "result");
  ASSERT_TRUE(write_reports(report, root_ / "out"));
  for (const char* name : {"report.json", "report.html", "report.md", "report.junit.xml", "report.sarif"})
    EXPECT_GT(fs::file_size(root_ / "out" / name), 500U) << name;
  EXPECT_EQ(*read_file(root_ / "out" / report.result.flips[0].picture), samples::tiny_png());
  EXPECT_TRUE(fs::exists(root_ / "out" / report.result.regions[4].samples[5].picture));
}

TEST_F(WriteReports, WritesWhatThePageOfTheVersionShows) {
  Report report = samples::report();
  samples::draw_pictures(report, root_ / "result");
  ASSERT_TRUE(write_reports(report, root_ / "out"));
  for (const char* name : {"page.json", "map.json"})
    EXPECT_TRUE(parse_json(*read_file(root_ / "out" / name), name)) << name;
  EXPECT_TRUE(fs::exists(root_ / "out" / "map.png"));
  EXPECT_TRUE(fs::exists(root_ / "out" / report.result.regions[0].novelty->nearest_wrong[0].image.picture));
  report.result.map->tile_width = 2;
  ASSERT_TRUE(write_reports(report, root_ / "other"));
  EXPECT_FALSE(fs::exists(root_ / "other" / "map.png")) << "it is not as wide as the map says";
  report.result.map.reset();
  ASSERT_TRUE(write_reports(report, root_ / "none"));
  EXPECT_FALSE(fs::exists(root_ / "none" / "map.json"));
}

TEST_F(WriteReports, TheSameInputsGiveTheSameBytes) {
  Report report = samples::report();
  samples::draw_pictures(report, root_ / "result");
  ASSERT_TRUE(write_reports(report, root_ / "one"));
  ASSERT_TRUE(write_reports(report, root_ / "two"));
  for (const auto& entry : fs::directory_iterator(root_ / "one"))
    EXPECT_EQ(*read_file(entry.path()), *read_file(root_ / "two" / entry.path().filename())) << entry.path();
}

TEST_F(WriteReports, MissingPicturesAreNoReasonToStaySilent) {
  Report report = samples::report();
  report.pictures = root_ / "gone";
  ASSERT_TRUE(write_reports(report, root_ / "out"));
  EXPECT_TRUE(fs::exists(root_ / "out" / "report.html"));
}

TEST_F(WriteReports, LeavesPicturesAloneThatAlreadyLieThere) {
  Report report = samples::report();
  samples::draw_pictures(report, root_ / "out");
  ASSERT_TRUE(write_reports(report, root_ / "out"));
  EXPECT_EQ(*read_file(root_ / "out" / report.result.flips[0].picture), samples::tiny_png());
}

TEST_F(WriteReports, NeverWritesOutsideItsFolder) {
  Report report = samples::report();
  samples::draw_pictures(report, root_ / "result");
  ASSERT_TRUE(write_atomically(root_ / "stolen.png", samples::tiny_png()));
  report.result.flips[0].picture = "../stolen.png";
  report.result.flips[1].picture = "report.json";
  ASSERT_TRUE(write_atomically(root_ / "result" / "report.json", samples::tiny_png()));
  ASSERT_TRUE(write_reports(report, root_ / "a" / "out"));
  EXPECT_FALSE(fs::exists(root_ / "a" / "stolen.png"));
  EXPECT_TRUE(read_file(root_ / "a" / "out" / "report.json")->starts_with("{"));
}

TEST_F(WriteReports, AReportThatCannotBeWrittenIsAnErrorThatNamesTheFile) {
  ASSERT_TRUE(write_atomically(root_ / "file", "in the way"));
  const auto written = write_reports(samples::report(), root_ / "file" / "out");
  ASSERT_FALSE(written);
  EXPECT_NE(written.error().describe().find("file"), std::string::npos);
}

TEST(VerdictDocument, SaysWhatAPipelineAsks) {
  const Json document = verdict_document(samples::report());
  EXPECT_EQ(document.at("schema"), "defused/verdict/v1");
  EXPECT_EQ(document.at("verdict"), "fail");
  EXPECT_EQ(document.at("ok"), false);
  EXPECT_EQ(document.at("incumbent"), "6");
  EXPECT_EQ(document.at("report"), "/v1/models/digits/versions/7/report");
  EXPECT_EQ(document.at("created"), "2026-03-01T12:00:00.000Z");
  EXPECT_EQ(document.at("findings_left_out"), 0);
  ASSERT_EQ(document.at("findings").size(), 4U);
  EXPECT_EQ(document["findings"][0]["decision"], "violation");
  EXPECT_EQ(document["findings"][3]["waiver"], "w-1") << "what is waived comes last";
}

TEST(VerdictDocument, OnlyAPassIsOk) {
  EXPECT_EQ(verdict_document(samples::passing_report()).at("ok"), true);
  EXPECT_EQ(verdict_document(samples::inconclusive_report()).at("ok"), false);
  const Json error = verdict_document(samples::error_report());
  EXPECT_EQ(error.at("ok"), false);
  EXPECT_NE(error.at("reason").get<std::string>().find("out of memory"), std::string::npos);
}

TEST(VerdictDocument, StaysSmallAndSaysHowManyFindingsItLeavesOut) {
  Report report = samples::huge_report(1'000, 10'000);
  report.verdict.reasons.assign(500, std::string(50'000, 'x'));
  report.verdict.reason = std::string(60'000, 'y');
  const Json document = verdict_document(report);
  EXPECT_LE(dump_json(document, 2).size(), kMaxVerdictDocument);
  EXPECT_GT(document.at("findings_left_out").get<int>(), 9'000);
  EXPECT_GT(document.at("findings").size(), 10U);
  Report hostile = samples::hostile_report();
  hostile.verdict.findings.assign(5'000, hostile.verdict.findings.at(2));
  EXPECT_LE(dump_json(verdict_document(hostile), 2).size(), kMaxVerdictDocument);
}

}  // namespace
}  // namespace defuse
