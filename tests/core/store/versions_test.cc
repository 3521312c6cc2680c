// What the store remembers of versions.
#include <algorithm>

#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class StoreVersions : public StoreTest {};

TEST_F(StoreVersions, GivesBackWhatWasPut) {
  put("3", "d3");
  const auto row = store_->versions.current("digits", "3").value();
  ASSERT_TRUE(row);
  EXPECT_EQ(row->digest, "d3");
  EXPECT_EQ(row->artifact, "/models/digits/3/model.pt");
  EXPECT_EQ(row->fingerprint, "f-d3");
  EXPECT_EQ(row->labels, (std::vector<std::string>{"zero", "one"}));
  EXPECT_EQ(row->presence, VersionPresence::present);
  EXPECT_TRUE(row->current);
  EXPECT_EQ(row->replaced, 0);
  EXPECT_EQ(row->first_seen, clock_.now());
  EXPECT_EQ(row->last_seen, clock_.now());
}

TEST_F(StoreVersions, UnknownOnesAreNothingAndNoError) {
  const auto version = store_->versions.current("digits", "3");
  ASSERT_TRUE(version);
  EXPECT_FALSE(version->has_value());
  const auto by_digest = store_->versions.by_digest("digits", "d3");
  ASSERT_TRUE(by_digest);
  EXPECT_FALSE(by_digest->has_value());
  EXPECT_TRUE(store_->versions.models().value().empty());
}

TEST_F(StoreVersions, ListsIntegersAsIntegersThenNames) {
  for (const auto* version : {"10", "beta", "2", "alpha"}) put(version, std::string("d") + version);
  std::vector<std::string> names;
  for (const auto& row : got(store_->versions.of("digits"))) names.push_back(row.version);
  EXPECT_EQ(names, (std::vector<std::string>{"2", "10", "alpha", "beta"}));
}

TEST_F(StoreVersions, ListsAllModelsInOrder) {
  put("1", "d1", "faces");
  put("2", "d2");
  put("1", "d3");
  EXPECT_EQ(store_->versions.models().value(), (std::vector<ModelName>{"digits", "faces"}));
  std::vector<std::string> names;
  for (const auto& row : got(store_->versions.all())) names.push_back(row.model + "/" + row.version);
  EXPECT_EQ(names, (std::vector<std::string>{"digits/1", "digits/2", "faces/1"}));
}

TEST_F(StoreVersions, WhatIsKnownIsTheCurrentOnesOfAllModels) {
  put("1", "d1", "faces");
  put("2", "d2");
  put("2", "d3");  // in its place
  put("3", "d4");
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "3"));
  std::vector<std::string> known;
  for (const auto& version : got(store_->versions.known()))
    known.push_back(version.model + "/" + version.version + " " + version.fingerprint +
                    (version.present ? "" : " deleted"));
  std::sort(known.begin(), known.end());
  EXPECT_EQ(known, (std::vector<std::string>{"digits/2 f-d3", "digits/3 f-d4 deleted", "faces/1 f-d1"}));
}

TEST_F(StoreVersions, SameDigestAgainOnlyRefreshes) {
  put("3", "d3");
  const auto first = clock_.now();
  clock_.advance(std::chrono::minutes(1));
  auto again = candidate("3", "d3");
  again.labels = {"a"};
  ASSERT_TRUE(store_->versions.put(again, "other"));
  const auto row = store_->versions.current("digits", "3").value();
  EXPECT_EQ(row->fingerprint, "other");
  EXPECT_EQ(row->labels, (std::vector<std::string>{"a"}));
  EXPECT_EQ(row->first_seen, first);
  EXPECT_EQ(row->last_seen, clock_.now());
  EXPECT_EQ(row->replaced, 0);
  EXPECT_TRUE(store_->audit.rows(0, 10).value().empty());
}

TEST_F(StoreVersions, AnotherDigestAtTheSamePathReplacesAndIsAudited) {
  put("3", "d3");
  put("3", "d4");
  EXPECT_EQ(store_->versions.current("digits", "3").value()->digest, "d4");
  EXPECT_EQ(store_->versions.current("digits", "3").value()->replaced, 1);
  EXPECT_EQ(store_->versions.of("digits").value().size(), 1U);
  const auto old = store_->versions.by_digest("digits", "d3").value();
  ASSERT_TRUE(old);
  EXPECT_FALSE(old->current);
  const auto audit = store_->audit.rows(0, 10).value();
  ASSERT_EQ(audit.size(), 1U);
  EXPECT_EQ(audit[0].action, "version.replaced");
  EXPECT_EQ(audit[0].subject, "digits/3");
  EXPECT_EQ(audit[0].detail, R"({"old_digest":"d3","new_digest":"d4"})");
}

TEST_F(StoreVersions, KeepsWhoVouchesForThemAndAuditsEveryChangeOfIt) {
  Candidate candidate;
  candidate.model = "digits";
  candidate.version = "3";
  candidate.digest = "d3";
  candidate.artifact = "/models/digits/3/model.pt";
  candidate.seen_at = clock_.now();
  ASSERT_TRUE(store_->versions.put(candidate, "f"));
  EXPECT_EQ(store_->versions.current("digits", "3").value()->signature, SignatureRecord{});
  EXPECT_TRUE(store_->audit.rows(0, 10).value().empty()) << "nobody looked, nobody is told";
  candidate.signature = {SignatureState::missing, "", "", "it is not signed", "keys"};
  for (int twice = 0; twice < 2; ++twice) ASSERT_TRUE(store_->versions.put(candidate, "f"));
  candidate.signature = {SignatureState::valid, "fingerprint", "release-ci", "", "keys"};
  ASSERT_TRUE(store_->versions.put(candidate, "f"));
  EXPECT_EQ(store_->versions.current("digits", "3").value()->signature, candidate.signature);
  const auto known = store_->versions.known().value();
  ASSERT_EQ(known.size(), 1U);
  EXPECT_EQ(known[0].signature.state, SignatureState::valid);
  EXPECT_EQ(known[0].signature.keys, "keys");
  const auto audit = store_->audit.rows(0, 10).value();
  ASSERT_EQ(audit.size(), 2U);
  EXPECT_EQ(audit[0].action, "version.signature");
  EXPECT_EQ(audit[0].detail, R"({"digest":"d3","signature":"valid","key":"release-ci","problem":null})");
  EXPECT_EQ(audit[1].detail, R"({"digest":"d3","signature":"missing","key":null,"problem":"it is not signed"})");
}

TEST_F(StoreVersions, AnEarlierDigestMayComeBackToItsPath) {
  put("3", "d3");
  put("3", "d4");
  put("3", "d3");
  EXPECT_EQ(store_->versions.current("digits", "3").value()->digest, "d3");
  EXPECT_EQ(store_->versions.current("digits", "3").value()->replaced, 2);
  EXPECT_EQ(store_->versions.of("digits").value().size(), 1U);
}

TEST_F(StoreVersions, DeletedOnesStayKnownAndMayReturn) {
  put("3", "d3");
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "3"));
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "3"));
  EXPECT_EQ(store_->versions.current("digits", "3").value()->presence, VersionPresence::deleted);
  put("3", "d3");
  EXPECT_EQ(store_->versions.current("digits", "3").value()->presence, VersionPresence::present);
  std::vector<std::string> actions;
  for (const auto& row : got(store_->audit.rows(0, 10))) actions.push_back(row.action);
  EXPECT_EQ(actions, (std::vector<std::string>{"version.returned", "version.deleted"}));
}

TEST_F(StoreVersions, DeletingAnUnknownOneIsNotFound) {
  EXPECT_EQ(code_of(store_->versions.mark_deleted("digits", "3")), "not_found");
}

TEST_F(StoreVersions, OfSeveralPathsWithOneDigestAReadableOneIsGiven) {
  put("3", "same");
  put("4", "same");
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "4"));
  EXPECT_EQ(store_->versions.by_digest("digits", "same").value()->version, "3");
}

TEST_F(StoreVersions, RefusesACandidateWithoutADigest) {
  EXPECT_EQ(code_of(store_->versions.put(candidate("3", ""), "f")), "invalid_input");
  EXPECT_TRUE(store_->versions.models().value().empty());
}

TEST_F(StoreVersions, KeepsHostileNamesAsTheyAre) {
  const std::string name = "x'; DROP TABLE versions; --";
  put(name, "d1");
  EXPECT_EQ(store_->versions.current("digits", Version(name)).value()->version, name);
}

}  // namespace
}  // namespace defuse::testing
