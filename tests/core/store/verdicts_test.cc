// Verdicts, findings, regions and scores: written together with the end of their job, or not at all.
#include <cmath>

#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class StoreVerdicts : public StoreTest {};

TEST_F(StoreVerdicts, GivesBackWhatAFinishedJobFound) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), {}));
  const auto row = store_->verdicts.latest("digits", "d1").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->job, id);
  EXPECT_EQ(row->version, "1");
  EXPECT_EQ(row->created, clock_.now());
  EXPECT_EQ(row->incumbent_version, "0");
  EXPECT_EQ(row->report, "reports/digits/1");
  EXPECT_EQ(row->verdict.state, VerdictState::fail);
  EXPECT_EQ(row->verdict.reason, "class 7 breaks");
  EXPECT_EQ(row->verdict.reasons.size(), 2U);
  ASSERT_EQ(row->verdict.checks.size(), 1U);
  ASSERT_EQ(row->verdict.findings.size(), 1U);
  EXPECT_EQ(row->verdict.findings[0].id, "negative_flips/class/7");
  EXPECT_EQ(row->verdict.findings[0].value, 0.25);
  EXPECT_TRUE(std::isnan(row->verdict.findings[0].limit));
  const auto job = store_->jobs.find(id).value();
  EXPECT_EQ(job->state, JobState::done);
  EXPECT_EQ(job->finished, clock_.now());
  EXPECT_EQ(job->incumbent_digest, "d0");
  const auto audit = store_->audit.rows(0, 1).value().at(0);
  EXPECT_EQ(audit.action, "verdict");
  EXPECT_EQ(audit.subject, "digits/1");
  EXPECT_THAT(audit.detail, ::testing::HasSubstr(R"("verdict":"fail")"));
}

TEST_F(StoreVerdicts, AFailedJobKeepsTheCause) {
  const auto id = run("1", "d1");
  auto row = verdict("1", "d1", VerdictState::error);
  row.verdict.reason = "the worker was killed";
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::failed, row, {}));
  EXPECT_EQ(store_->jobs.find(id).value()->state, JobState::failed);
  EXPECT_EQ(store_->jobs.find(id).value()->error, "the worker was killed");
}

TEST_F(StoreVerdicts, FinishingTwiceIsAConflictAndDoublesNothing) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(
      store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), {region("r-1", RegionStatus::new_bug)}));
  const auto again = store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1", VerdictState::pass),
                                                 {region("r-2", RegionStatus::new_bug)});
  EXPECT_EQ(code_of(again), "conflict");
  EXPECT_EQ(number("SELECT count(*) FROM verdicts"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM findings"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM regions"), 1);
  EXPECT_EQ(number("SELECT count(*) FROM audit WHERE action = 'verdict'"), 1);
  EXPECT_EQ(store_->verdicts.latest("digits", "d1").value()->verdict.state, VerdictState::fail);
}

TEST_F(StoreVerdicts, ABadRegionUndoesTheWholeEnd) {
  const auto id = run("1", "d1");
  const auto finished =
      store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"),
                                  {region("r-1", RegionStatus::new_bug), region("", RegionStatus::new_bug)});
  EXPECT_EQ(code_of(finished), "invalid_input");
  EXPECT_EQ(store_->jobs.find(id).value()->state, JobState::running);
  EXPECT_FALSE(store_->verdicts.latest("digits", "d1").value());
  EXPECT_FALSE(store_->regions.find("r-1").value());
}

TEST_F(StoreVerdicts, OnlyARunningJobCanBeFinished) {
  const auto id = queue("1", "d1");
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), {})), "conflict");
  EXPECT_EQ(code_of(store_->verdicts.finish_job(77, JobState::done, verdict("1", "d1"), {})), "not_found");
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {}));
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::cancelled, verdict("1", "d1"), {})), "conflict");
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::running, verdict("1", "d1"), {})), "conflict");
  EXPECT_FALSE(store_->verdicts.latest("digits", "d1").value());
}

TEST_F(StoreVerdicts, AVerdictAboutAnotherVersionIsRefused) {
  const auto id = run("1", "d1");
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, verdict("1", "changed"), {})), "invalid_input");
  auto other = verdict("1", "d1");
  other.job = id + 1;
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, other, {})), "invalid_input");
  EXPECT_EQ(store_->jobs.find(id).value()->state, JobState::running);
}

TEST_F(StoreVerdicts, ARedecidedVerdictCountsAndTheOldOneIsHistory) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), {}));
  auto waived = verdict("1", "d1", VerdictState::pass);
  waived.job = id;
  waived.verdict.findings[0].waiver = "w-1";
  ASSERT_TRUE(store_->verdicts.put(waived, by("ann", "redecide")));
  EXPECT_EQ(store_->verdicts.latest("digits", "d1").value()->verdict.state, VerdictState::pass);
  EXPECT_EQ(store_->verdicts.latest("digits", "d1").value()->verdict.findings.at(0).waiver, "w-1");
  const auto all = store_->verdicts.newest("digits", 10).value();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].verdict.state, VerdictState::pass);
  EXPECT_EQ(all[1].verdict.state, VerdictState::fail);
  EXPECT_EQ(all[1].verdict.findings.size(), 1U);
  EXPECT_EQ(store_->verdicts.newest("digits", 1).value().size(), 1U);
  EXPECT_EQ(store_->audit.rows(0, 1).value().at(0).who, "ann");
}

TEST_F(StoreVerdicts, NothingIsDecidedAgainBeforeItWasJudged) {
  const auto id = run("1", "d1");
  auto row = verdict("1", "d1", VerdictState::pass);
  row.job = id;
  EXPECT_EQ(code_of(store_->verdicts.put(row, by("ann", "redecide"))), "conflict");
  row.job = 99;
  EXPECT_EQ(code_of(store_->verdicts.put(row, by("ann", "redecide"))), "not_found");
  EXPECT_FALSE(store_->verdicts.latest("digits", "d1").value());
}

TEST_F(StoreVerdicts, AnUnreadableStoredVerdictIsCorruptNeverAbsent) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1", VerdictState::fail), {}));
  database().connection().exec("UPDATE verdicts SET verdict_json = '{\"verdict\":\"pass\"}'");
  EXPECT_EQ(code_of(store_->verdicts.latest("digits", "d1")), "corrupt");
  database().connection().exec("UPDATE verdicts SET verdict_json = 'nonsense'");
  EXPECT_EQ(code_of(store_->verdicts.newest("digits", 5)), "corrupt");
}

TEST_F(StoreVerdicts, VersionsWithoutOneAreThoseNobodyJudged) {
  for (const auto* version : {"1", "2", "10"}) put(version, std::string("d") + version);
  put("3", "d2");  // the bytes of version 2
  put("4", "d4");
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "4"));
  ASSERT_TRUE(store_->verdicts.finish_job(run("2", "d2"), JobState::done, verdict("2", "d2"), {}));
  std::vector<std::string> names;
  for (const auto& row : got(store_->versions.unjudged())) names.push_back(row.version);
  EXPECT_EQ(names, (std::vector<std::string>{"1", "10"}));
}

TEST_F(StoreVerdicts, VersionsToldAreThoseWhoseLatestVerdictSpeaksOfIt) {
  for (const auto* version : {"1", "2", "10"}) put(version, std::string("d") + version);
  put("3", "d2");  // the bytes of version 2
  auto of_region = verdict("1", "d1");
  of_region.verdict.findings.front().id = "misclassification_regions/r-0123456789ab";
  of_region.verdict.findings.front().region = "r-0123456789ab";
  auto waived = verdict("10", "d10");
  waived.verdict.findings.front().waiver = "w-1";
  ASSERT_TRUE(store_->verdicts.finish_job(run("1", "d1"), JobState::done, of_region, {}));
  ASSERT_TRUE(store_->verdicts.finish_job(run("2", "d2"), JobState::done, verdict("2", "d2"), {}));
  ASSERT_TRUE(store_->verdicts.finish_job(run("10", "d10"), JobState::done, waived, {}));
  const auto told = [&](const std::string& subject) {
    std::vector<std::string> names;
    for (const auto& row : got(store_->versions.told_of("digits", subject))) names.push_back(row.version);
    return names;
  };
  using Names = std::vector<std::string>;
  EXPECT_EQ(told("negative_flips/class/7"), (Names{"2", "3", "10"}));
  EXPECT_EQ(told("r-0123456789ab"), (Names{"1"}));
  EXPECT_EQ(told("misclassification_regions/r-0123456789ab"), (Names{"1"}));
  EXPECT_EQ(told("w-1"), (Names{"10"}));
  EXPECT_EQ(told(""), Names{});
  EXPECT_EQ(got(store_->versions.told_of("letters", "w-1")).size(), 0U);
  // Decided again without the waiver, and one that is gone.
  waived.job = got(store_->jobs.newest(1)).front().id;
  waived.verdict.findings.front().waiver.clear();
  ASSERT_TRUE(store_->verdicts.put(waived, {"anna", "verdict.again", "digits/10"}));
  EXPECT_EQ(told("w-1"), Names{});
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "2"));
  EXPECT_EQ(told("negative_flips/class/7"), (Names{"3", "10"}));
}

class StoreRegions : public StoreTest {
 protected:
  void judge(const std::string& version, const NewRegion& found) {
    const auto id = run(version, "d" + version);
    const auto finished = store_->verdicts.finish_job(id, JobState::done, verdict(version, "d" + version), {found});
    ASSERT_TRUE(finished) << finished.error().describe();
  }
};

TEST_F(StoreRegions, GivesBackWhatWasFound) {
  judge("1", region("r-1", RegionStatus::new_bug, "frozen/r-1.npy"));
  const auto row = store_->regions.find("r-1").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->model, "digits");
  EXPECT_EQ(row->label, 7);
  EXPECT_EQ(row->predicted_as, 1);
  EXPECT_EQ(row->first_version, "1");
  EXPECT_EQ(row->last_version, "1");
  EXPECT_EQ(row->human_label, RegionLabel());
  EXPECT_TRUE(row->confirmed);
  EXPECT_EQ(row->frozen, "frozen/r-1.npy");
  EXPECT_EQ(row->frozen_cluster, (std::vector<std::uint32_t>{4, 4, 9}));
  EXPECT_EQ(row->region.center, (std::vector<float>{0.5F, -1.25F}));
  EXPECT_EQ(row->region.members.size(), 2U);
  const auto scores = store_->regions.scores("r-1").value();
  ASSERT_EQ(scores.size(), 1U);
  EXPECT_EQ(scores[0].version, "1");
  EXPECT_EQ(scores[0].status, RegionStatus::new_bug);
  EXPECT_EQ(scores[0].score.seeds, 31);
  EXPECT_EQ(scores[0].score.generated, (FourCounts{1, 2, 3, 4}));
  EXPECT_EQ(scores[0].score.net_flip_rate, 0.4);
}

TEST_F(StoreRegions, SeenAgainKeepsItsOriginAndStaysConfirmed) {
  judge("1", region("r-1", RegionStatus::worse, "frozen/first.npy"));
  const auto first = clock_.now();
  clock_.advance(std::chrono::hours(1));
  auto later = region("r-1", RegionStatus::inherited, "frozen/second.npy");
  later.region.predicted_as = 9;
  judge("2", later);
  const auto row = store_->regions.find("r-1").value();
  EXPECT_EQ(row->first_version, "1");
  EXPECT_EQ(row->last_version, "2");
  EXPECT_EQ(row->first_seen, first);
  EXPECT_TRUE(row->confirmed);
  EXPECT_EQ(row->region.status, RegionStatus::inherited);
  EXPECT_EQ(row->frozen, "frozen/first.npy") << "the frozen test of a confirmed bug does not move";
  EXPECT_EQ(row->predicted_as, 1) << "what the frozen test is about";
  EXPECT_EQ(row->region.predicted_as, 9) << "as last seen";
  EXPECT_EQ(store_->regions.scores("r-1").value().size(), 2U);
}

TEST_F(StoreRegions, ASuspicionIsConfirmedLaterAndTakesItsFrozenTestThen) {
  judge("1", region("r-1", RegionStatus::suspected));
  EXPECT_FALSE(store_->regions.find("r-1").value()->confirmed);
  judge("2", region("r-1", RegionStatus::new_bug, "frozen/r-1.npy"));
  EXPECT_TRUE(store_->regions.find("r-1").value()->confirmed);
  EXPECT_EQ(store_->regions.find("r-1").value()->frozen, "frozen/r-1.npy");
}

TEST_F(StoreRegions, JudgingADigestAgainReplacesItsScore) {
  judge("1", region("r-1", RegionStatus::new_bug));
  auto again = region("r-1", RegionStatus::inherited);
  again.region.confirm.seeds = 40;
  judge("1", again);
  const auto scores = store_->regions.scores("r-1").value();
  ASSERT_EQ(scores.size(), 1U);
  EXPECT_EQ(scores[0].score.seeds, 40);
  EXPECT_EQ(scores[0].status, RegionStatus::inherited);
}

TEST_F(StoreRegions, ListsNewestFirstAndOnlyTheModelsOwn) {
  judge("1", region("r-1", RegionStatus::new_bug));
  clock_.advance(std::chrono::hours(1));
  judge("2", region("r-2", RegionStatus::new_bug));
  const auto rows = store_->regions.of("digits").value();
  ASSERT_EQ(rows.size(), 2U);
  EXPECT_EQ(rows[0].id, "r-2");
  EXPECT_TRUE(store_->regions.of("faces").value().empty());
  EXPECT_FALSE(store_->regions.find("r-9").value());
  EXPECT_TRUE(store_->regions.scores("r-9").value().empty());
}

TEST_F(StoreRegions, ARegionOfAnotherModelIsNotOverwritten) {
  judge("1", region("r-1", RegionStatus::new_bug));
  put("1", "x1", "faces");
  const auto id = store_->jobs.enqueue("faces", "1", "x1", 0, by("daemon", "enqueue")).value();
  ASSERT_TRUE(store_->jobs.move(id, JobState::running, {}));
  auto row = verdict("1", "x1");
  row.model = "faces";
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, row, {region("r-1", RegionStatus::fixed)})),
            "conflict");
  EXPECT_EQ(store_->regions.find("r-1").value()->model, "digits");
}

TEST_F(StoreRegions, APersonsWordIsKeptWithItsHistory) {
  judge("1", region("r-1", RegionStatus::new_bug));
  for (const auto* label : {"confirmed", "class:3", "ambiguous", "unrealistic", ""}) {
    ASSERT_TRUE(store_->regions.label("r-1", label, "ann", "looked at it")) << label;
    EXPECT_EQ(store_->regions.find("r-1").value()->human_label, RegionLabel::from(label).value());
  }
  EXPECT_EQ(number("SELECT count(*) FROM labels WHERE region = 'r-1' AND who = 'ann'"), 5);
  const auto words = store_->regions.labels("r-1").value();
  ASSERT_EQ(words.size(), 5U);
  EXPECT_EQ(words[1].label, "class:3");
  EXPECT_EQ(words[1].who, "ann");
  EXPECT_EQ(words[1].note, "looked at it");
  const auto audit = store_->audit.rows(0, 5).value();
  EXPECT_EQ(audit.at(0).action, "label");
  EXPECT_EQ(audit.at(0).subject, "r-1");
  EXPECT_EQ(audit.at(3).detail, R"({"label":"class:3","before":"confirmed","note":"looked at it"})");
}

TEST_F(StoreRegions, ListsAreFilteredSortedAndPaged) {
  auto small = region("r-1", RegionStatus::new_bug);
  small.region.confirm.candidate_error = 0.9;
  small.region.confirm.seeds = 10;
  auto large = region("r-2", RegionStatus::inherited);
  large.region.confirm.candidate_error = 0.5;
  large.region.confirm.seeds = 100;
  judge("1", large);
  clock_.advance(std::chrono::minutes(1));
  judge("2", small);
  const auto ids = [&](const RegionList& list) {
    std::vector<std::string> out;
    const auto page = store_->regions.page("digits", list).value();
    for (const auto& row : page.rows) out.push_back(row.id);
    return out;
  };
  using Ids = std::vector<std::string>;
  EXPECT_EQ(ids({}), (Ids{"r-2", "r-1"})) << "50 seeds fail in one, 9 in the other";
  EXPECT_EQ(ids({.newest = true}), (Ids{"r-1", "r-2"}));
  EXPECT_EQ(ids({.status = RegionStatus::new_bug}), (Ids{"r-1"}));
  EXPECT_EQ(ids({.offset = 1, .limit = 1}), (Ids{"r-1"}));
  EXPECT_EQ(store_->regions.page("digits", {.offset = 1, .limit = 1}).value().total, 2U);
  ASSERT_TRUE(store_->regions.label("r-2", "confirmed", "ann", ""));
  EXPECT_EQ(ids({.unlabelled = true}), (Ids{"r-1"}));
  EXPECT_EQ(ids({.offset = 9}), Ids{});
  EXPECT_TRUE(store_->regions.score("r-1", "d2").value());
  EXPECT_FALSE(store_->regions.score("r-1", "d1").value());
}

TEST_F(StoreRegions, WhatPeopleSayIsTheirMajority) {
  judge("1", region("r-1", RegionStatus::new_bug));
  ASSERT_TRUE(store_->regions.label("r-1", "confirmed", "ann", ""));
  EXPECT_EQ(store_->regions.find("r-1").value()->human_label, RegionLabel::Word::confirmed);
  ASSERT_TRUE(store_->regions.label("r-1", "ambiguous", "bob", ""));
  EXPECT_EQ(store_->regions.find("r-1").value()->human_label, RegionLabel()) << "one against one leaves it to the data";
  ASSERT_TRUE(store_->regions.label("r-1", "ambiguous", "cid", ""));
  EXPECT_EQ(store_->regions.find("r-1").value()->human_label, RegionLabel::Word::ambiguous);
  ASSERT_TRUE(store_->regions.label("r-1", "", "cid", ""));
  ASSERT_TRUE(store_->regions.label("r-1", "", "bob", ""));
  EXPECT_EQ(store_->regions.find("r-1").value()->human_label, RegionLabel::Word::confirmed)
      << "ann's word still stands";
  EXPECT_EQ(store_->regions.labels("r-1").value().size(), 5U);
  EXPECT_TRUE(store_->audit.verify());
}

TEST_F(StoreRegions, ALabelSurvivesTheNextSighting) {
  judge("1", region("r-1", RegionStatus::new_bug));
  ASSERT_TRUE(store_->regions.label("r-1", "ambiguous", "ann", ""));
  judge("2", region("r-1", RegionStatus::worse));
  EXPECT_EQ(store_->regions.find("r-1").value()->human_label, RegionLabel::Word::ambiguous);
}

TEST_F(StoreRegions, RefusesLabelsItDoesNotKnow) {
  judge("1", region("r-1", RegionStatus::new_bug));
  for (const auto* label :
       {"wrong", "class:", "class:-1", "class:x", "class:3x", "class:03", "class:99999999999", "Confirmed"})
    EXPECT_EQ(code_of(store_->regions.label("r-1", label, "ann", "")), "invalid_input") << label;
  EXPECT_EQ(code_of(store_->regions.label("r-9", "confirmed", "ann", "")), "not_found");
  EXPECT_EQ(code_of(store_->regions.label("r-1", "confirmed", "", "")), "invalid_input");
  EXPECT_EQ(number("SELECT count(*) FROM labels"), 0);
}

}  // namespace
}  // namespace defuse::testing
