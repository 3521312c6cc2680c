#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "core/verdict/verdict.h"
#include "tests/core/verdict/builders.h"

namespace defuse {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

CheckResult broken_class() {
  return result("negative_flips", {finding("negative_flips/overall", Decision::ok),
                                   finding("negative_flips/class/7", Decision::violation)});
}

CheckResult bad_region() {
  return result("misclassification_regions",
                {finding("misclassification_regions/r-0123456789ab", Decision::violation, "r-0123456789ab")});
}

TEST(Waivers, LiveWaiverTurnsAFullyWaivedCheckIntoPass) {
  const auto verdict =
      decided({passing("contract"), broken_class()}, with_incumbent(), {waiver("w-1", "negative_flips/class/7")});
  EXPECT_EQ(verdict.state, VerdictState::pass);
  EXPECT_NE(verdict.reason.find("w-1 until 2026-06-16"), std::string::npos) << verdict.reason;
  ASSERT_EQ(verdict.findings.size(), 3U);
  EXPECT_EQ(verdict.findings[2].waiver, "w-1");
  EXPECT_EQ(verdict.findings[2].decision, Decision::violation) << "the violation stays visible";
  EXPECT_EQ(verdict.checks[1].state, VerdictState::pass);
  EXPECT_NE(verdict.checks[1].reason.find("w-1"), std::string::npos);
  EXPECT_TRUE(verdict.warnings.empty());
}

TEST(Waivers, CoverARegionByItsIdInEveryCheck) {
  auto reopened =
      result("known_regions", {finding("known_regions/r-0123456789ab", Decision::violation, "r-0123456789ab")});
  const auto verdict = decided({bad_region(), reopened}, with_incumbent(), {waiver("w-1", "r-0123456789ab")});
  EXPECT_EQ(verdict.state, VerdictState::pass);
}

TEST(Waivers, CoverOnlyWhatTheyName) {
  const std::vector<Waiver> others = {waiver("w-1", "negative_flips/class/6"), waiver("w-2", "negative_flips/class/70"),
                                      waiver("w-3", "negative_flips"), waiver("w-4", "*"), waiver("w-5", "")};
  for (const auto& other : others)
    EXPECT_EQ(decided({broken_class()}, with_incumbent(), {other}).state, VerdictState::fail) << other.finding;
}

TEST(Waivers, AnEmptyRegionIsNoRegion) {
  // A finding without a region must not match a waiver whose field was left empty.
  EXPECT_EQ(decided({broken_class()}, with_incumbent(), {waiver("w-1", "")}).state, VerdictState::fail);
  EXPECT_EQ(decided({broken_class()}, with_incumbent(), {waiver("", "negative_flips/class/7")}).state,
            VerdictState::fail);
}

TEST(Waivers, ForAnotherModelOrVersionCoverNothing) {
  auto other_model = waiver("w-1", "negative_flips/class/7");
  other_model.model = "letters";
  EXPECT_EQ(decided({broken_class()}, with_incumbent(), {other_model}).state, VerdictState::fail);
  auto other_version = waiver("w-2", "negative_flips/class/7");
  other_version.versions = {"7", "80"};
  EXPECT_EQ(decided({broken_class()}, with_incumbent(), {other_version}).state, VerdictState::fail);
  other_version.versions = {"7", "8"};
  EXPECT_EQ(decided({passing("contract"), broken_class()}, with_incumbent(), {other_version}).state,
            VerdictState::pass);
}

TEST(Waivers, ExpireAtTheirInstant) {
  const auto at = [](TimePoint expires) {
    return decided({passing("contract"), broken_class()}, with_incumbent(),
                   {waiver("w-1", "negative_flips/class/7", expires)})
        .state;
  };
  EXPECT_EQ(at(kNow + milliseconds{1}), VerdictState::pass);
  EXPECT_EQ(at(kNow), VerdictState::fail);
  EXPECT_EQ(at(kNow - milliseconds{1}), VerdictState::fail);
}

TEST(Waivers, ExpiredWaiverIsNamedInTheReason) {
  const auto verdict =
      decided({broken_class()}, with_incumbent(), {waiver("w-1", "negative_flips/class/7", kNow - hours{24 * 14})});
  EXPECT_EQ(verdict.state, VerdictState::fail);
  EXPECT_NE(verdict.reason.find("w-1"), std::string::npos) << verdict.reason;
  EXPECT_NE(verdict.reason.find("2026-06-01"), std::string::npos) << verdict.reason;
  EXPECT_TRUE(verdict.findings[1].waiver.empty());
  EXPECT_TRUE(mentions(verdict.warnings, "w-1"));
}

TEST(Waivers, LiveWaiverCoversEvenBesideAnExpiredOne) {
  const auto verdict =
      decided({passing("contract"), broken_class()}, with_incumbent(),
              {waiver("w-1", "negative_flips/class/7", kNow - hours{1}), waiver("w-2", "negative_flips/class/7")});
  EXPECT_EQ(verdict.state, VerdictState::pass);
  EXPECT_EQ(verdict.findings[2].waiver, "w-2");
  EXPECT_TRUE(mentions(verdict.warnings, "w-1"));
}

TEST(Waivers, NeverTurnErrorOrThinEvidenceIntoPass) {
  for (const auto decision : {Decision::error, Decision::undecided}) {
    const auto alone = decided({with("accuracy", decision)}, with_incumbent(), {waiver("w-1", "accuracy/overall")});
    EXPECT_EQ(alone.state, decision == Decision::error ? VerdictState::error : VerdictState::inconclusive);
    // Beside a violation that is waived, they come to light.
    auto mixed =
        result("accuracy", {finding("accuracy/class/1", Decision::violation), finding("accuracy/overall", decision)});
    const auto beside =
        decided({mixed}, with_incumbent(), {waiver("w-1", "accuracy/class/1"), waiver("w-2", "accuracy/overall")});
    EXPECT_EQ(beside.state, alone.state);
  }
}

TEST(Waivers, OneWaivedViolationDoesNotExcuseAnother) {
  auto two = result(
      "accuracy", {finding("accuracy/class/1", Decision::violation), finding("accuracy/class/2", Decision::violation)});
  const auto verdict = decided({two}, with_incumbent(), {waiver("w-1", "accuracy/class/1")});
  EXPECT_EQ(verdict.state, VerdictState::fail);
  EXPECT_NE(verdict.reason.find("accuracy/class/2"), std::string::npos) << verdict.reason;
  EXPECT_FALSE(mentions(verdict.reasons, "sentence of accuracy/class/1")) << "what is waived is no reason to fail";
}

TEST(Waivers, CannotCoverAFailThatNamesNoViolation) {
  auto vague = passing("accuracy");
  vague.state = VerdictState::fail;
  EXPECT_EQ(decided({vague}, with_incumbent(), {waiver("w-1", "accuracy/overall")}).state, VerdictState::fail);
}

TEST(Waivers, WaiverIdsInAResultAreNotBelieved) {
  auto forged = broken_class();
  forged.findings[1].waiver = "w-99";
  const auto verdict = decided({forged});
  EXPECT_EQ(verdict.state, VerdictState::fail);
  EXPECT_TRUE(verdict.findings[1].waiver.empty());
}

TEST(Waivers, UnusedOnesAreWarnedAbout) {
  const auto verdict = decided({passing("contract")}, with_incumbent(), {waiver("w-1", "accuracy/overall")});
  EXPECT_EQ(verdict.state, VerdictState::pass);
  ASSERT_EQ(verdict.warnings.size(), 1U);
  EXPECT_NE(verdict.warnings[0].find("w-1"), std::string::npos);
}

TEST(Waivers, OnesForOtherVersionsAreNotWarnedAbout) {
  auto other = waiver("w-1", "accuracy/overall");
  other.versions = {"7"};
  EXPECT_TRUE(decided({passing("contract")}, with_incumbent(), {other}).warnings.empty());
}

TEST(Waivers, DoNotMakeAFirstReleasePass) {
  const Policy first{.bootstrap = Bootstrap::inconclusive, .has_incumbent = false, .required = {}};
  const auto verdict =
      decided({passing("contract"), without_incumbent("accuracy")}, first, {waiver("w-1", "accuracy/overall")});
  EXPECT_EQ(verdict.state, VerdictState::inconclusive);
}

TEST(Waivers, CoverWarnChecksToo) {
  auto warned = broken_class();
  warned.mode = CheckMode::warn;
  const auto verdict =
      decided({passing("contract"), warned}, with_incumbent(), {waiver("w-1", "negative_flips/class/7")});
  EXPECT_EQ(verdict.state, VerdictState::pass);
  EXPECT_EQ(verdict.findings[2].waiver, "w-1");
  EXPECT_TRUE(verdict.warnings.empty());
}

}  // namespace
}  // namespace defuse
