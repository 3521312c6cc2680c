// Repairs as jobs of the daemon: ordered, supervised, taken in once, and never a verdict.
#include "core/base/sha256.h"
#include "core/wire/documents.h"
#include "daemon/state/repair_job.h"
#include "tests/daemon/whole_daemon.h"
#include "tests/support/repairs.h"

namespace defuse {
namespace {

// Gates as ever; a repair does what repair.sh says, in its job's folder.
constexpr const char* kMender =
    "here=$(dirname \"$0\")\n"
    "cd \"$2\"\n"
    "if [ -f correction.json ]; then echo repair >> \"$here/runs\"; . \"$here/repair.sh\"; exit 0; fi\n"
    "mkdir result.part\n"
    "sed \"s/\\\"job\\\":999/\\\"job\\\":$(basename \"$2\")/\" \"$here/give.json\" > result.part/result.json\n"
    "mv result.part result\n";
constexpr const char* kMends =
    "mkdir result.part; cp \"$here/repaired.json\" result.part/correction.json; echo tuned > result.part/model.pt\n"
    "mv result.part result\n";

struct Corrections : Daemon {
  RegionId region;

  // Version 2 has failed by one region.
  void SetUp() override {
    Daemon::SetUp();
    script = kMender;
    mends_by(kMends);
    with_incumbent();
    with_failed_two();
    region = (*store().regions.of("digits")).front().id;
    folder.file("repaired.json", dump_json(to_json(mended_result(region))));
  }
  void mends_by(const std::string& words) { folder.file("repair.sh", words); }
  RepairRequest wanted() const { return {{}, few_settings()}; }
  std::int64_t order() {
    const auto id = app->actions().correct("digits", "2", wanted(), "ann");
    EXPECT_TRUE(id) << id.error().describe();
    return id.value_or(0);
  }
  JobRow row(std::int64_t id) { return **store().jobs.find(id); }
  bool becomes(std::int64_t id, JobState state) {
    return comes_true([&] { return row(id).state == state; });
  }
  std::filesystem::path kept(std::int64_t id) { return StateFolder{config.state_dir}.correction(id); }
  void expect_verdict_untouched() {
    EXPECT_EQ(verdict("two")->verdict.state, VerdictState::fail);
    EXPECT_EQ(job("two")->kind, JobKind::gate);
    EXPECT_EQ(job("two")->state, JobState::done);
    EXPECT_EQ(verdict_file("2").value("verdict", ""), "fail");
    EXPECT_EQ((*store().verdicts.newest("digits", 99)).size(), 2U);
  }
};

TEST_F(Corrections, OneIsOrderedCarriedOutAndKept) {
  const auto id = order();
  ASSERT_TRUE(becomes(id, JobState::done)) << row(id).error;
  for (const char* name : {"correction.json", "correction.md", "sweep.svg", "model.pt", "manifest.json"})
    EXPECT_TRUE(std::filesystem::exists(kept(id) / name)) << name;
  const auto manifest = *parse_json(test::slurp(kept(id) / "manifest.json"), "manifest");
  EXPECT_EQ(manifest["sha256"], sha256_hex("tuned\n"));
  EXPECT_EQ(manifest["corrected_from"]["sha256"], digest("two"));
  EXPECT_EQ(manifest["correction"]["regions"], Json::array({region}));
  EXPECT_EQ(manifest["correction"]["lambda"], 1);
  expect_verdict_untouched();
  EXPECT_EQ((*store().audit.rows(0, 2)).back().action, "correct");
  EXPECT_EQ((*store().audit.rows(0, 2)).back().who, "ann");
  bool told = false;
  for (const auto& event : app->live().events_after(0, milliseconds(0)))
    told = told || (event.type == "job" && event.data.find("\"kind\":\"correction\"") != std::string::npos &&
                    event.data.find("\"done\"") != std::string::npos);
  EXPECT_TRUE(told);
  // What the gate needs to be judged again is still there.
  ASSERT_TRUE(app->actions().label_region(region, "ambiguous", "", "ann"));
  EXPECT_TRUE(comes_true([&] { return verdict("two")->verdict.ok(); }));
}

TEST_F(Corrections, AHopelessErrorIsFailedAtOnceWithTheWorkersWords) {
  mends_by("echo '{\"error\":{\"code\":\"invalid_input\",\"message\":\"the module is frozen\"}}'; exit 1");
  const auto id = order();
  ASSERT_TRUE(becomes(id, JobState::failed));
  EXPECT_EQ(row(id).attempt, 1);
  EXPECT_EQ(row(id).error, "the module is frozen");
  EXPECT_FALSE(std::filesystem::exists(kept(id)));
  expect_verdict_untouched();
}

TEST_F(Corrections, RubbishIsTriedAgainAndNeverKept) {
  auto other = mended_result("r-ffffffffffff");
  for (const std::string& rubbish :
       {std::string("rubbish"), dump_json(to_json(other)), dump_json(to_json(WorkerResult{}))}) {
    folder.file("repaired.json", rubbish);
    const auto id = order();
    ASSERT_TRUE(becomes(id, JobState::failed)) << rubbish;
    EXPECT_EQ(row(id).attempt, 2);
    EXPECT_NE(row(id).error.find("cannot be used"), std::string::npos) << row(id).error;
    EXPECT_FALSE(std::filesystem::exists(kept(id)));
  }
  folder.file("repaired.json", dump_json(to_json(mended_result(region))));
  mends_by("mkdir r; cp \"$here/repaired.json\" r/correction.json; ln -s /etc/passwd r/model.pt; mv r result");
  const auto id = order();
  ASSERT_TRUE(becomes(id, JobState::failed));
  EXPECT_NE(row(id).error.find("the tuned model is missing"), std::string::npos) << row(id).error;
  expect_verdict_untouched();
}

TEST_F(Corrections, OneThatTheDaemonLeftIsTakenUpAndEndsOnce) {
  mends_by("sleep 60");
  const auto id = order();
  ASSERT_TRUE(becomes(id, JobState::running));
  stop();
  mends_by(kMends);
  start();
  ASSERT_TRUE(becomes(id, JobState::done)) << row(id).error;
  EXPECT_EQ(row(id).attempt, 2);
  EXPECT_EQ((*store().jobs.repairs("digits", "", 9)).size(), 1U);
  expect_verdict_untouched();
}

TEST_F(Corrections, OneWhoseWorkerHadFinishedIsTakenInWithoutAnother) {
  mends_by("sleep 60");
  const auto id = order();
  ASSERT_TRUE(becomes(id, JobState::running));
  stop();
  {  // as if the daemon had been killed between the worker's end and ours
    auto opened = Store::open(StateFolder{config.state_dir}.database(), Store::Mode::read_write, clock);
    ASSERT_TRUE((*opened)->jobs.move(id, JobState::running, {}));
  }
  const auto result = std::filesystem::path("state/jobs") / std::to_string(id) / "result";
  folder.file((result / "correction.json").string(), dump_json(to_json(mended_result(region))));
  folder.file((result / "model.pt").string(), "tuned\n");
  folder.file("state/corrections/" + std::to_string(id) + "/model.pt", "half of an interrupted attempt");
  const auto ran = runs();
  start();
  ASSERT_TRUE(becomes(id, JobState::done)) << row(id).error;
  EXPECT_EQ(runs(), ran);
  EXPECT_EQ(test::slurp(kept(id) / "model.pt"), "tuned\n");
}

TEST_F(Corrections, GatesGoFirstAndACancelledOneLeavesNothing) {
  mends_by("sleep 60");
  const auto first = order();
  ASSERT_TRUE(becomes(first, JobState::running));
  give(answer("3", "three", one()));
  shelf.put("3", "three");
  ASSERT_TRUE(comes_true([&] { return job("three").has_value(); }));
  EXPECT_EQ(job("three")->state, JobState::queued) << "there is one worker";
  ASSERT_TRUE(app->actions().cancel(first, "ann"));
  ASSERT_TRUE(judged("three"));
  EXPECT_EQ(row(first).state, JobState::cancelled);
  EXPECT_FALSE(std::filesystem::exists(kept(first)));
  EXPECT_EQ(verdict("two")->verdict.state, VerdictState::fail);
}

TEST_F(Corrections, OnlyTheNewestAreKept) {
  std::vector<std::int64_t> ids;
  for (std::size_t i = 0; i < kRepairsKept + 2; ++i) {
    ids.push_back(order());
    ASSERT_TRUE(becomes(ids.back(), JobState::done)) << row(ids.back()).error;
  }
  ASSERT_TRUE(comes_true([&] { return !std::filesystem::exists(kept(ids[1])); }));
  EXPECT_FALSE(std::filesystem::exists(kept(ids[0])));
  EXPECT_TRUE(std::filesystem::exists(kept(ids[2]) / "model.pt"));
  EXPECT_TRUE(std::filesystem::exists(kept(ids.back()) / "model.pt"));
}

TEST_F(Corrections, PeoplesWordsAreThoseOfNowAndNothingToMendIsSaid) {
  const auto refused = [&](const Version& version, RepairRequest asked) {
    const auto id = app->actions().correct("digits", version, asked, "ann");
    return id ? "accepted" : std::string(to_string(id.error().code));
  };
  EXPECT_EQ(refused("1", wanted()), "conflict") << "it has no regions";
  EXPECT_EQ(refused("9", wanted()), "not_found");
  EXPECT_EQ(refused("2", {{"r-ffffffffffff"}, few_settings()}), "not_found");
  ASSERT_TRUE(app->actions().label_region(region, "ambiguous", "", "ann"));
  EXPECT_EQ(refused("2", wanted()), "conflict");
  clock.advance(milliseconds(1));  // judged again under a name of its own
  ASSERT_TRUE(app->actions().label_region(region, "class:4", "", "ann"));
  mends_by("sleep 60");
  const auto id = order();
  EXPECT_EQ((*store().jobs.repair_order(id)).regions.front().label, 4);
  EXPECT_EQ(order(), id) << "the same again is the same job";
  EXPECT_EQ(refused("2", {{}, {}}), "conflict") << "other settings are another one";
  shelf.remove("2");
  ASSERT_TRUE(
      comes_true([&] { return (*store().versions.current("digits", "2"))->presence == VersionPresence::deleted; }));
  EXPECT_EQ(refused("2", wanted()), "conflict");
}

}  // namespace
}  // namespace defuse
