// Judgements per test split: counted once per candidate, in order, anew for every split.
#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class StoreJudgements : public StoreTest {
 protected:
  DataStanding standing(const Digest& digest, const std::string& data = "data-1") {
    return got(store_->judgements.history("digits", digest)).standing(data);
  }
  // Runs and judges a candidate as the daemon does: its place is what the history says when its job begins.
  void judge(const Version& version, const Digest& digest, bool rejected, const std::string& data = "data-1") {
    const auto id = run(version, digest);
    auto row = verdict(version, digest, rejected ? VerdictState::fail : VerdictState::pass);
    const auto place = standing(digest, data);
    row.judgement = Judgement{data, place.position, place.rejections, rejected};
    ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::done, row, {}));
  }
};

TEST_F(StoreJudgements, ANewSplitStartsAnew) {
  const auto fresh = standing("d1");
  EXPECT_EQ(fresh.judgements, 1);
  EXPECT_EQ(fresh.position, 1);
  EXPECT_EQ(fresh.rejections, 0);
  judge("1", "d1", true);
  judge("2", "d2", true);
  EXPECT_EQ(standing("d3").position, 3);
  EXPECT_EQ(standing("d3", "data-2").position, 1);
  EXPECT_EQ(standing("d3", "data-2").judgements, 1);
}

TEST_F(StoreJudgements, EveryCandidateCountsOnceAndRejectionsAddUp) {
  judge("1", "d1", true);
  judge("2", "d2", false);
  judge("3", "d3", true);
  const auto next = standing("d4");
  EXPECT_EQ(next.judgements, 4);
  EXPECT_EQ(next.position, 4);
  EXPECT_EQ(next.rejections, 2);
}

TEST_F(StoreJudgements, ACandidateThatRunsAgainKeepsItsPlaceAndWhatItKnew) {
  judge("1", "d1", true);
  judge("2", "d2", false);
  judge("3", "d3", true);
  const auto again = standing("d2");
  EXPECT_EQ(again.position, 2);
  EXPECT_EQ(again.rejections, 1);
  EXPECT_EQ(again.judgements, 3);
  judge("2", "d2", true);
  EXPECT_EQ(number("SELECT count(*) FROM judgements"), 3);
  EXPECT_EQ(standing("d2").position, 2);
  EXPECT_EQ(standing("d4").rejections, 3);
}

TEST_F(StoreJudgements, ALabelThatChangesAVerdictIsNoNewJudgementButMayTakeARejectionBack) {
  judge("1", "d1", true);
  auto row = verdict("1", "d1", VerdictState::pass);
  row.job = got(store_->jobs.last_gate("digits", "d1"))->id;
  row.judgement = Judgement{"data-1", 1, 0, false};
  ASSERT_TRUE(store_->verdicts.put(row, by("anna", "verdict.again")));
  EXPECT_EQ(standing("d2").judgements, 2);
  EXPECT_EQ(standing("d2").rejections, 0);
}

TEST_F(StoreJudgements, AnAttemptWithoutAComparisonIsNoJudgement) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::failed, verdict("1", "d1", VerdictState::error), {}));
  EXPECT_EQ(standing("d2").position, 1);
  EXPECT_EQ(number("SELECT count(*) FROM judgements"), 0);
}

TEST_F(StoreJudgements, LinesDoNotShareACount) {
  judge("1", "d1", true);
  EXPECT_TRUE(got(store_->judgements.history("letters", "d1")).data.empty());
}

TEST_F(StoreJudgements, AVerdictThatCannotBeStoredIsNotCounted) {
  const auto id = run("1", "d1");
  auto row = verdict("1", "d1");
  row.judgement = Judgement{"data-1", 0, 0, true};  // no place below 1: the transaction fails as a whole
  EXPECT_FALSE(store_->verdicts.finish_job(id, JobState::done, row, {}));
  EXPECT_EQ(number("SELECT count(*) FROM verdicts"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM judgements"), 0);
}

}  // namespace
}  // namespace defuse::testing
