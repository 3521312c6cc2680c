// Where a version stands, as a pure function of what is on record: each reason for which a pass no longer counts.
#include "core/verdict/standing.h"

#include <gtest/gtest.h>

#include "core/verdict/trust.h"

namespace defuse {
namespace {

const TimePoint kNow = *parse_rfc3339("2026-03-01T12:00:00Z");

PromotionRow incumbent_of(const Digest& digest) {
  PromotionRow row;
  row.model = "digits";
  row.version = "1";
  row.digest = digest;
  row.kind = PromotionKind::promote;
  return row;
}

ModelFacts line() {
  ModelFacts facts;
  facts.model = "digits";
  facts.watched = facts.known = true;
  facts.incumbent = incumbent_of("old");
  facts.registry.read = true;
  facts.now = kNow;
  return facts;
}

VersionFacts version(const Digest& digest = "new") {
  VersionFacts facts;
  facts.row.model = "digits";
  facts.row.version = "2";
  facts.row.digest = digest;
  facts.row.fingerprint = "as judged";
  return facts;
}

VersionFacts judged(VerdictState state) {
  auto facts = version();
  VerdictRow row;
  row.model = "digits";
  row.version = "2";
  row.digest = "new";
  row.incumbent_version = "1";
  row.incumbent_digest = "old";
  row.verdict.state = state;
  row.verdict.reason = "because";
  facts.judged = std::move(row);
  return facts;
}

JobRow job_in(JobState state) {
  JobRow job;
  job.id = 7;
  job.state = state;
  return job;
}

TEST(Standing, AFreshVerdictIsTheAnswer) {
  const std::pair<VerdictState, GateAnswer> all[] = {{VerdictState::pass, GateAnswer::pass},
                                                     {VerdictState::fail, GateAnswer::fail},
                                                     {VerdictState::inconclusive, GateAnswer::inconclusive},
                                                     {VerdictState::error, GateAnswer::error}};
  for (const auto& [state, answer] : all) {
    const auto standing = standing_of(line(), judged(state));
    EXPECT_EQ(standing.answer, answer);
    EXPECT_EQ(standing.verdict, state);
    EXPECT_EQ(standing.kind, Standing::Kind::judged);
    EXPECT_EQ(standing.reason, "because");
  }
}

TEST(Standing, APassAgainstAFormerIncumbentIsInconclusive) {
  auto facts = line();
  facts.incumbent = incumbent_of("another");
  const auto standing = standing_of(facts, judged(VerdictState::pass));
  EXPECT_TRUE(standing.stale);
  EXPECT_EQ(standing.answer, GateAnswer::inconclusive);
  facts.incumbent.reset();
  EXPECT_EQ(standing_of(facts, judged(VerdictState::pass)).answer, GateAnswer::inconclusive);
}

TEST(Standing, ANewerJobUnderWayOutweighsThePass) {
  auto facts = judged(VerdictState::pass);
  for (const auto state : {JobState::queued, JobState::running}) {
    facts.job = job_in(state);
    const auto standing = standing_of(line(), facts);
    EXPECT_EQ(standing.answer, GateAnswer::not_judged);
    EXPECT_FALSE(standing.verdict);
  }
  facts.job = job_in(JobState::done);
  EXPECT_EQ(standing_of(line(), facts).answer, GateAnswer::pass);
}

TEST(Standing, WithoutAVerdictNothingIsAnswered) {
  EXPECT_EQ(standing_of(line(), version()).answer, GateAnswer::not_judged);
  auto facts = version();
  for (const auto state :
       {JobState::queued, JobState::running, JobState::cancelled, JobState::done, JobState::failed}) {
    facts.job = job_in(state);
    EXPECT_EQ(standing_of(line(), facts).answer, GateAnswer::not_judged) << to_string(state);
  }
}

TEST(Standing, APassThatLeansOnAWaiverFallsWithIt) {
  auto facts = judged(VerdictState::pass);
  Finding finding;
  finding.check = "accuracy";
  finding.decision = Decision::violation;
  finding.waiver = "w-1";
  facts.judged->verdict.findings.push_back(finding);
  facts.judged->verdict.checks.push_back({"accuracy", CheckMode::block, VerdictState::pass, ""});
  EXPECT_EQ(standing_of(line(), facts).answer, GateAnswer::fail) << "withdrawn";
  auto live = line();
  live.waivers["w-1"].expires = kNow + std::chrono::hours(1);
  EXPECT_EQ(standing_of(live, facts).answer, GateAnswer::pass);
  live.waivers["w-1"].expires = kNow;
  EXPECT_EQ(standing_of(live, facts).answer, GateAnswer::fail) << "expired";
  facts.judged->verdict.checks.front().mode = CheckMode::warn;
  EXPECT_EQ(standing_of(live, facts).answer, GateAnswer::pass) << "it blocked nothing";
}

TEST(Standing, OtherBytesInItsPlaceAreNotWhatWasJudged) {
  auto facts = line();
  RegistryEntry entry;
  entry.model = "digits";
  entry.version = "2";
  entry.state = EntryState::settling;
  entry.fingerprint = "as judged";
  facts.registry.not_ready = {entry};
  EXPECT_EQ(standing_of(facts, judged(VerdictState::pass)).answer, GateAnswer::pass) << "the same bytes, touched";
  facts.registry.not_ready.front().fingerprint = "other bytes";
  EXPECT_EQ(standing_of(facts, judged(VerdictState::pass)).answer, GateAnswer::not_judged);
  facts.registry.not_ready.front().state = EntryState::refused;
  EXPECT_EQ(standing_of(facts, judged(VerdictState::pass)).answer, GateAnswer::error);
}

TEST(Standing, WhatIsGoneOrNoLongerWatchedIsUnknown) {
  auto facts = judged(VerdictState::pass);
  facts.row.presence = VersionPresence::deleted;
  EXPECT_EQ(standing_of(line(), facts).answer, GateAnswer::unknown);
  auto forgotten = line();
  forgotten.watched = false;
  EXPECT_EQ(standing_of(forgotten, judged(VerdictState::pass)).answer, GateAnswer::unknown);
}

TEST(Standing, NoRecordIsUnknownOnlyOnceTheRegistryWasRead) {
  EXPECT_EQ(standing_without_record(line(), "9").answer, GateAnswer::unknown);
  auto facts = line();
  facts.registry.read = false;
  EXPECT_EQ(standing_without_record(facts, "9").answer, GateAnswer::not_judged);
  facts = line();
  facts.registry.problem = "stale file handle";
  EXPECT_EQ(standing_without_record(facts, "9").answer, GateAnswer::not_judged);
  facts.known = false;
  EXPECT_EQ(standing_without_record(facts, "9").answer, GateAnswer::unknown);
}

TEST(Standing, WhereSignaturesAreEnforcedAnUnsignedPassIsAnError) {
  auto facts = line();
  facts.signature.mode = SignatureMode::enforce;
  const auto standing = standing_of(facts, judged(VerdictState::pass));
  EXPECT_NE(standing.answer, GateAnswer::pass);
  EXPECT_NE(standing.reason.find("signatures are enforced"), std::string::npos) << standing.reason;
}

TEST(Distrust, HasAReasonOnlyWhereSignaturesAreEnforced) {
  SignatureSettings settings;
  EXPECT_EQ(distrust(settings, "1", std::nullopt).problem, "");
  settings.mode = SignatureMode::enforce;
  EXPECT_EQ(distrust(settings, "1", std::nullopt).problem, "1, which was never seen in the registry");
  EXPECT_NE(distrust(settings, "1", version().row).problem, "");
}

}  // namespace
}  // namespace defuse
