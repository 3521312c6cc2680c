// Which versions a line's noise floor is made of, with the records of a real store.
#include "core/verdict/siblings.h"

#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class Siblings : public StoreTest {
 protected:
  void promote(const std::string& version, const std::string& digest, PromotionKind kind = PromotionKind::promote) {
    put(version, digest);
    const auto done = store_->promotions.promote("digits", Version(version), Digest(digest), kind, "ann", "");
    ASSERT_TRUE(done) << done.error().describe();
  }
  std::vector<SiblingRef> of(const NoiseFloorSettings& settings, const std::string& candidate,
                             const std::string& incumbent) {
    return siblings_of(settings, "digits", got(store_->versions.of("digits")), got(store_->promotions.of("digits")),
                       Digest(candidate), Digest(incumbent));
  }
  std::vector<SiblingRef> named(std::vector<std::string> names) {
    return of({.versions = std::move(names), .last_promoted = 0}, "new", "old");
  }
  // Versions of the last `count` promoted, newest first, beside candidate and incumbent.
  std::vector<std::string> last(int count, const std::string& candidate = "new", const std::string& incumbent = "old") {
    std::vector<std::string> versions;
    for (const auto& sibling : of({.versions = {}, .last_promoted = count}, candidate, incumbent)) {
      EXPECT_TRUE(sibling.problem.empty()) << sibling.problem;
      versions.push_back(sibling.version);
    }
    return versions;
  }
  using Versions = std::vector<std::string>;
};

TEST_F(Siblings, NobodyAsksForAnySoThereAreNone) {
  promote("1", "d1");
  EXPECT_TRUE(named({}).empty());
}

TEST_F(Siblings, NamedOnesComeWithDigestAndPathInTheOrderOfTheConfiguration) {
  put("3", "d3");
  put("10", "d10");
  const auto found = named({"10", "3"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].version, "10");
  EXPECT_EQ(found[0].digest, "d10");
  EXPECT_EQ(found[0].path, "/models/digits/10/model.pt");
  EXPECT_TRUE(found[0].problem.empty());
  EXPECT_EQ(found[1].digest, "d3");
}

TEST_F(Siblings, ANameThatTheRegistryDoesNotKnowComesBackWithTheReasonAndHidesNoOther) {
  put("3", "d3");
  put("4", "d4", "letters");
  const auto found = named({"4", "3"});
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].problem, "the registry has no version 4 of digits");
  EXPECT_TRUE(found[0].digest.empty());
  EXPECT_TRUE(found[0].path.empty());
  EXPECT_TRUE(found[1].problem.empty());
}

TEST_F(Siblings, ANamedVersionThatWasReplacedIsTheOneThatLiesThereNow) {
  put("3", "d3");
  put("3", "d4");
  EXPECT_EQ(named({"3"}).at(0).digest, "d4");
}

TEST_F(Siblings, TheLastPromotedAreTheNewestBesideIncumbentAndCandidate) {
  for (const char* version : {"1", "2", "3", "4", "5"}) promote(version, std::string("d") + version);
  EXPECT_EQ(last(2, "new", "d5"), (Versions{"4", "3"}));
  EXPECT_EQ(last(2, "d4", "d5"), (Versions{"3", "2"}));
  EXPECT_EQ(last(9, "new", "d5"), (Versions{"4", "3", "2", "1"})) << "fewer than asked for are no error";
}

TEST_F(Siblings, PassingIsWhatMakesASiblingNotAPersonsWord) {
  promote("1", "d1");
  promote("2", "d2", PromotionKind::override_verdict);
  promote("3", "d3");
  EXPECT_EQ(last(5, "new", "d3"), (Versions{"1"}));
}

TEST_F(Siblings, WhatARollbackTookOutOfProductionIsNoneUntilItPassesAgain) {
  promote("1", "d1");
  promote("2", "d2");
  promote("3", "d3");
  promote("2", "d2", PromotionKind::rollback);
  promote("1", "d1", PromotionKind::rollback);
  EXPECT_TRUE(last(5, "new", "d1").empty()) << "3 and 2 were both rolled back";
  promote("2", "d2");
  promote("4", "d4");
  EXPECT_EQ(last(5, "new", "d4"), (Versions{"2", "1"}));
}

TEST_F(Siblings, AVersionThatWasPromotedTwiceCountsOnce) {
  promote("1", "d1");
  promote("2", "d2");
  promote("1", "d1");
  promote("3", "d3");
  EXPECT_EQ(last(5, "new", "d3"), (Versions{"1", "2"}));
}

TEST_F(Siblings, WhereAnArtifactIsGoneTheNextOlderOneTakesItsPlace) {
  for (const char* version : {"1", "2", "3", "4"}) promote(version, std::string("d") + version);
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "3"));
  put("2", "another");  // replaced at its path: what was promoted is no longer there
  EXPECT_EQ(last(1, "new", "d4"), (Versions{"1"}));
}

TEST_F(Siblings, LinesDoNotShareTheirs) {
  put("1", "d1", "letters");
  ASSERT_TRUE(store_->promotions.promote("letters", "1", "d1", PromotionKind::promote, "ann", ""));
  EXPECT_TRUE(last(5).empty());
}

}  // namespace
}  // namespace defuse::testing
