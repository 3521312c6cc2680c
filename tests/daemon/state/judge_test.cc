// Judging as file work: what is lost on the way is an error, never a smaller result. Losses are made with real files.
#include "daemon/state/judge.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "config/config.h"
#include "core/base/files.h"
#include "core/cache/npy_array.h"
#include "core/wire/documents.h"
#include "tests/reports/sample_report.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;
using testing::TempTree;

// The first job of a line: a worker left the sample's result, with the frozen test of its one confirmed bug.
class Judging : public ::testing::Test {
 protected:
  void SetUp() override {
    request_.state = StateFolder{tree_.root() / "state"};
    ASSERT_TRUE(request_.state.create());
    result_ = samples::worker_result();
    result_.regions = {samples::region(0)};
    result_.checks.clear();
    result_.map.reset();  // it speaks of the other regions
    request_.job.id = result_.job;
    request_.job.model = result_.model;
    request_.job.candidate = result_.candidate;
    request_.job.incumbent = result_.incumbent;
    request_.now = samples::noon();
    ASSERT_FALSE(bug().frozen.empty());
    ASSERT_TRUE(prepare_job(request_.state, request_.job));
    ASSERT_TRUE(make_folder(results()));
    leave();
    keep_frozen(bug().frozen_cluster.size());
  }

  Region& bug() { return result_.regions.front(); }
  fs::path results() const { return request_.state.job(request_.job.id) / "result"; }
  // Where the copy belongs: named by the id that judging gives the region.
  fs::path kept() {
    const auto judged = judge_result(request_);
    EXPECT_TRUE(judged);
    return judged ? request_.state.absolute(judged->regions.front().frozen) : fs::path();
  }
  void leave() { ASSERT_TRUE(write_file(results() / "result.json", dump_json(to_json(result_)))); }
  void keep_frozen(std::size_t images) {
    const std::vector<float> pixels(images * 4, 0.5F);
    ASSERT_TRUE(save_npy_images(results() / bug().frozen, pixels, images, 1, 2, 2));
  }
  // The code of what judging fails with, or nothing if it does not.
  std::optional<ErrorCode> fails_with(const std::string& word) {
    const auto judged = judge_result(request_);
    if (judged) return std::nullopt;
    EXPECT_NE(judged.error().describe().find(word), std::string::npos) << judged.error().describe();
    return judged.error().code;
  }

  TempTree tree_;
  JudgeRequest request_;
  WorkerResult result_;
};

TEST_F(Judging, KeepsTheFrozenTestOfABug) {
  const auto judged = judge_result(request_);
  ASSERT_TRUE(judged) << judged.error().describe();
  ASSERT_EQ(judged->regions.size(), 1U);
  EXPECT_EQ(judged->regions.front().frozen_cluster, bug().frozen_cluster);
  EXPECT_EQ(read_file(request_.state.absolute(judged->regions.front().frozen), 1 << 20).value_or(""),
            read_file(results() / bug().frozen, 1 << 20).value_or("-"));
}

TEST_F(Judging, ARegionWithoutAFrozenTestNeedsNone) {
  bug().frozen.clear();
  bug().frozen_cluster.clear();
  leave();
  const auto judged = judge_result(request_);
  ASSERT_TRUE(judged) << judged.error().describe();
  EXPECT_TRUE(judged->regions.front().frozen.empty());
}

// The disk's fault: the job stays and is judged once that is over.
TEST_F(Judging, ACopyThatCannotBeMadeIsAnErrorNotABugWithoutATest) {
  const auto place = kept();
  fs::remove(place);
  ASSERT_TRUE(make_folder(place / "in the way"));  // a folder that is not empty: no file can take its name
  const auto code = fails_with("frozen test");
  ASSERT_TRUE(code);
  EXPECT_NE(*code, ErrorCode::corrupt) << "the worker is not to blame";
  fs::remove_all(place);
  const auto judged = judge_result(request_);
  ASSERT_TRUE(judged) << judged.error().describe();
  EXPECT_FALSE(judged->regions.front().frozen.empty());
}

// The worker's fault: what its result names must be there, whole and plain.
TEST_F(Judging, AFrozenTestThatIsNotWhatTheResultSaysIsCorrupt) {
  keep_frozen(bug().frozen_cluster.size() + 1);
  EXPECT_EQ(fails_with("does not hold the images"), ErrorCode::corrupt);
  ASSERT_TRUE(write_file(results() / bug().frozen, "no array"));
  EXPECT_EQ(fails_with("cannot be read"), ErrorCode::corrupt);
  fs::remove(results() / bug().frozen);
  EXPECT_EQ(fails_with("is not there"), ErrorCode::corrupt);
  fs::create_symlink("/etc/passwd", results() / bug().frozen);
  EXPECT_EQ(fails_with("is not there"), ErrorCode::corrupt);
}

TEST_F(Judging, IdsThatWereGivenAndCannotBeReadAreNotGivenAnew) {
  ASSERT_TRUE(judge_result(request_));
  const auto ids = request_.state.region_ids(request_.job.id);
  fs::remove(ids);
  ASSERT_TRUE(make_folder(ids));  // there, and no file
  EXPECT_TRUE(fails_with(ids.filename().string()));
  fs::remove(ids);
  ASSERT_TRUE(write_file(ids, "{\"half"));
  request_.suffix = "again";
  EXPECT_TRUE(fails_with("is damaged"));
  request_.suffix.clear();
  EXPECT_TRUE(judge_result(request_)) << "before anything refers to them they may be given anew";
}

TEST_F(Judging, WhatAnEarlierGateSaidOfARegionAndCannotBeReadIsAnError) {
  request_.earlier = {{"r-earlier", bug().label, bug().predicted_as, {1, 2, 3}, {}}};
  ASSERT_TRUE(judge_result(request_)) << "a region from before probe sets were remembered";
  fs::remove(request_.state.region_ids(request_.job.id));
  ASSERT_TRUE(make_folder(request_.state.probe_of_region("r-earlier")));
  EXPECT_TRUE(fails_with("r-earlier"));
}

TEST_F(Judging, AReportFolderThatCannotBeReplacedIsNotTakenForTheNewOne) {
  const auto first = judge_result(request_);
  ASSERT_TRUE(first);
  const auto folder = request_.state.absolute(first->row.report);
  fs::remove_all(folder);
  fs::remove_all(folder.parent_path());
  ASSERT_TRUE(write_file(folder.parent_path(), "a file where the reports of this version belong"));
  EXPECT_TRUE(fails_with(folder.parent_path().filename().string()));
}

TEST_F(Judging, AResultOfAnEarlierAttemptIsGoneBeforeTheNextBegins) {
  ASSERT_TRUE(has_result(request_.state, request_.job.id));
  ASSERT_TRUE(prepare_job(request_.state, request_.job));
  EXPECT_FALSE(has_result(request_.state, request_.job.id));
}

TEST(StateFolderTidying, SaysWhatItCannotLookInto) {
  TempTree tree;
  const StateFolder state{tree.root() / "state"};
  ASSERT_TRUE(state.create());
  EXPECT_TRUE(tidy_job(state, 7, KeepResult::no)) << "nothing there, nothing to do";
  ASSERT_TRUE(write_file(state.job(7), "a file, no folder"));
  EXPECT_FALSE(tidy_job(state, 7, KeepResult::no));
}

}  // namespace
}  // namespace defuse
