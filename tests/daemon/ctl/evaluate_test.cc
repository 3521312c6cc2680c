// `defusectl evaluate` with a script in the worker's place: what a pipeline gets when the worker does its work, dies,
// or lies.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>

#include "core/base/sha256.h"
#include "core/verdict/job.h"
#include "core/wire/documents.h"
#include "daemon/ctl/ctl.h"
#include "tests/daemon/supported.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

constexpr const char* kConfig = R"(api_version: defused/v1
state_dir: state
registry: { path: registry }
models:
  digits:
    input: { shape: [1, 8, 8] }
    data:
      train: { npy: { images: x.npy, labels: y.npy } }
      test:  { npy: { images: x.npy, labels: y.npy } }
)";

class Evaluate : public ::testing::Test {
 protected:
  TempTree tree;
  FakeClock clock;
  std::string out, err;
  std::string candidate = "new.pt";

  void SetUp() override {
    tree.file("defused.yaml", kConfig).file("new.pt", "new model").file("digits/1/model.pt", "old model");
    tree.file("digits/1/labels.txt", "a\nb\n").folder("registry");
  }
  void TearDown() override { ::unsetenv("DEFUSED_WORKER"); }

  void worker(const std::string& script) {
    tree.file("worker", "#!/bin/sh\n" + script + "\n");
    std::filesystem::permissions(tree / "worker", std::filesystem::perms::owner_all);
    ::setenv("DEFUSED_WORKER", (tree / "worker").c_str(), 1);
  }

  // What an honest worker would leave, every blocking check with this state.
  WorkerResult result(VerdictState state) {
    WorkerResult made;
    made.job = 1;
    made.model = ModelName("digits");
    made.candidate = {Version("new"), Digest(sha256_hex("new model")), tree / "new.pt"};
    made.incumbent = ArtifactRef{Version("1"), Digest(sha256_hex("old model")), tree / "digits/1/model.pt"};
    made.classes = {"a", "b"};
    for (const char* check : {"contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions"}) {
      CheckResult one;
      one.check = check;
      one.state = state;
      one.reason = std::string(check) + " says so";
      if (state == VerdictState::fail) {
        Finding finding;
        finding.id = std::string(check) + "/overall";
        finding.check = check;
        finding.subject = "overall";
        finding.decision = Decision::violation;
        finding.sentence = "It breaks things.";
        one.findings = {finding};
      }
      made.checks.push_back(one);
    }
    defuse::test::support(made);
    return made;
  }
  void worker_leaves(const WorkerResult& result) {
    tree.file("prepared/result.json", dump_json(to_json(result)));
    worker("cp -r '" + (tree / "prepared").string() + "' \"$2/result\"");
  }

  int run(std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"evaluate",
                                      "--config",
                                      (tree / "defused.yaml").string(),
                                      "--model",
                                      "digits",
                                      "--candidate",
                                      (tree / candidate).string(),
                                      "--report",
                                      (tree / "report").string()};
    if (more.empty()) more = {"--incumbent", (tree / "digits/1").string()};
    words.insert(words.end(), more.begin(), more.end());
    std::ostringstream data, said;
    const int code = ctl::run(words, {data, said, clock, false, false});
    out = data.str();
    err = said.str();
    return code;
  }
  bool exists(const std::string& name) { return std::filesystem::exists(tree / name); }
};

TEST_F(Evaluate, ExitCodeIsTheVerdictAndReportsAreWritten) {
  for (const auto& [state, code] : {std::pair{VerdictState::pass, 0}, std::pair{VerdictState::fail, 1},
                                    std::pair{VerdictState::inconclusive, 3}, std::pair{VerdictState::error, 4}}) {
    worker_leaves(result(state));
    EXPECT_EQ(run(), code) << to_string(state) << err;
    EXPECT_NE(out.find("digits new: " + std::string(to_string(state))), std::string::npos) << out;
    for (const char* file :
         {"report.json", "report.html", "report.md", "report.junit.xml", "report.sarif", "verdict.json"})
      EXPECT_TRUE(exists(std::string("report/") + file)) << file;
  }
  worker_leaves(result(VerdictState::pass));
  EXPECT_EQ(run({"--incumbent", (tree / "digits/1/model.pt").string(), "--output", "json"}), 0);
  ASSERT_TRUE(Json::accept(out));
  EXPECT_EQ(Json::parse(out)["verdict"], "pass");
}

TEST_F(Evaluate, WorkerThatDiesIsAnErrorWithItsCauseAndOldReportsGo) {
  worker_leaves(result(VerdictState::pass));
  ASSERT_EQ(run(), 0);
  worker("kill -SEGV $$");
  EXPECT_EQ(run(), 4);
  EXPECT_NE(out.find("signal 11"), std::string::npos) << out;
  EXPECT_NE(tree.read("report/report.json").find("\"error\""), std::string::npos);
  worker(R"(echo '{"error":{"code":"invalid_input","message":"model.pt is cut short"}}'; exit 1)");
  EXPECT_EQ(run(), 4);
  EXPECT_NE(out.find("model.pt is cut short"), std::string::npos) << out;
  worker("exit 0");
  EXPECT_EQ(run(), 4) << "no result is no pass";
}

// Whoever reads the folder after a kill must not find an older pass there.
TEST_F(Evaluate, AnOlderReportThatCannotBeRemovedIsAnErrorBeforeAnythingRuns) {
  worker_leaves(result(VerdictState::pass));
  tree.file("report/verdict.json/in the way", "");
  EXPECT_EQ(run(), 4);
  EXPECT_NE(err.find("verdict.json"), std::string::npos) << err;
  EXPECT_FALSE(exists("report/report.json"));
}

TEST_F(Evaluate, WhatAnEarlierWorkerLeftIsNotTakenForThisOnes) {
  worker_leaves(result(VerdictState::pass));
  const std::vector<std::string> words = {"--incumbent", (tree / "digits/1").string(), "--work",
                                          (tree / "work").string()};
  ASSERT_EQ(run(words), 0) << err;
  ASSERT_TRUE(exists("work/result/result.json"));
  worker("exit 0");
  EXPECT_EQ(run(words), 4);
}

TEST_F(Evaluate, ResultThatDoesNotFitTheJobIsAnError) {
  auto other = result(VerdictState::pass);
  other.candidate.digest = Digest(sha256_hex("another model"));
  worker_leaves(other);
  EXPECT_EQ(run(), 4);
  auto short_of_one = result(VerdictState::pass);
  short_of_one.checks.pop_back();
  worker_leaves(short_of_one);
  EXPECT_EQ(run(), 4) << "a blocking check without a result";
  tree.file("prepared/result.json", "{}");
  EXPECT_EQ(run(), 4);
  tree.file("prepared/result.json", "nonsense");
  EXPECT_EQ(run(), 4);
}

TEST_F(Evaluate, WrongUseIs2AndLeavesNoReport) {
  worker_leaves(result(VerdictState::pass));
  ASSERT_EQ(run(), 0);
  EXPECT_EQ(run({"--incumbent", (tree / "nowhere").string()}), 2);
  EXPECT_FALSE(exists("report/verdict.json")) << "an earlier verdict would be taken for this one's";
  candidate = "nowhere.pt";
  EXPECT_EQ(run(), 2);
  EXPECT_NE(err.find("nowhere.pt"), std::string::npos) << err;
  candidate = "new.pt";
  tree.file("defused.yaml", std::string(kConfig) + "treshold: 1\n");
  EXPECT_EQ(run(), 2);
  EXPECT_NE(err.find("treshold"), std::string::npos);
}

TEST_F(Evaluate, MissingWorkerIs4) {
  ::setenv("DEFUSED_WORKER", (tree / "no-worker").c_str(), 1);
  EXPECT_EQ(run(), 4);
}

TEST_F(Evaluate, JobSaysWhatIsToBeCompared) {
  worker("cp \"$2/job.json\" '" + (tree / "seen.json").string() + "'; exit 1");
  EXPECT_EQ(run(), 4);
  const auto job = Json::parse(tree.read("seen.json"));
  EXPECT_EQ(job["model"], "digits");
  EXPECT_NE(tree.read("seen.json").find(sha256_hex("new model")), std::string::npos);
  EXPECT_NE(tree.read("seen.json").find(sha256_hex("old model")), std::string::npos);
  EXPECT_TRUE(exists("report/.cache"));
}

}  // namespace
}  // namespace defuse::testing
