#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "core/verdict/verdict.h"
#include "tests/core/verdict/builders.h"

namespace defuse {
namespace {

TEST(Decide, PassesWhenEveryBlockingCheckPasses) {
  const auto verdict = decided({passing("contract"), passing("accuracy")}, with_incumbent({"contract", "accuracy"}));
  EXPECT_EQ(verdict.state, VerdictState::pass);
  EXPECT_TRUE(verdict.ok());
  EXPECT_NE(verdict.reason.find("contract, accuracy"), std::string::npos) << verdict.reason;
  EXPECT_EQ(verdict.checks.size(), 2U);
  EXPECT_EQ(verdict.findings.size(), 2U);
  EXPECT_TRUE(verdict.warnings.empty());
}

// Every pair of decisions in two blocking checks: fail before error before inconclusive before pass, in either order.
struct PairCase {
  Decision one, two;
  VerdictState expected;
};
class DecidePair : public testing::TestWithParam<PairCase> {};

TEST_P(DecidePair, TakesTheGraverOne) {
  const auto& [one, two, expected] = GetParam();
  EXPECT_EQ(decided({with("contract", one), with("accuracy", two)}).state, expected);
  EXPECT_EQ(decided({with("contract", two), with("accuracy", one)}).state, expected);
  // The same two inside one check.
  EXPECT_EQ(decided({result("accuracy", {finding("accuracy/a", one), finding("accuracy/b", two)})}).state, expected);
}

INSTANTIATE_TEST_SUITE_P(All, DecidePair,
                         testing::Values(PairCase{Decision::ok, Decision::ok, VerdictState::pass},
                                         PairCase{Decision::ok, Decision::note, VerdictState::pass},
                                         PairCase{Decision::ok, Decision::undecided, VerdictState::inconclusive},
                                         PairCase{Decision::ok, Decision::error, VerdictState::error},
                                         PairCase{Decision::ok, Decision::violation, VerdictState::fail},
                                         PairCase{Decision::undecided, Decision::undecided, VerdictState::inconclusive},
                                         PairCase{Decision::undecided, Decision::error, VerdictState::error},
                                         PairCase{Decision::undecided, Decision::violation, VerdictState::fail},
                                         PairCase{Decision::error, Decision::error, VerdictState::error},
                                         PairCase{Decision::error, Decision::violation, VerdictState::fail},
                                         PairCase{Decision::violation, Decision::violation, VerdictState::fail}));

TEST(Decide, ReasonsComeGravestFirstAndNameTheirCheck) {
  const auto verdict = decided({with("accuracy", Decision::undecided), with("contract", Decision::error),
                                with("negative_flips", Decision::violation)});
  ASSERT_EQ(verdict.reasons.size(), 3U);
  EXPECT_EQ(verdict.reasons[0], "negative_flips: sentence of negative_flips/overall.");
  EXPECT_NE(verdict.reasons[1].find("contract: "), std::string::npos);
  EXPECT_NE(verdict.reasons[2].find("accuracy: "), std::string::npos);
  EXPECT_EQ(verdict.reason, "Must not be promoted. " + verdict.reasons[0]);
}

TEST(Decide, EveryViolationIsAReason) {
  const auto verdict = decided({result("accuracy", {finding("accuracy/overall", Decision::violation),
                                                    finding("accuracy/class/3", Decision::violation)})});
  EXPECT_TRUE(mentions(verdict.reasons, "sentence of accuracy/overall"));
  EXPECT_TRUE(mentions(verdict.reasons, "sentence of accuracy/class/3"));
}

TEST(Decide, InconclusiveSaysHowManyMoreImagesWouldDo) {
  auto thin = with("accuracy", Decision::undecided);
  thin.more_images = 1200;
  const auto verdict = decided({passing("contract"), thin});
  EXPECT_EQ(verdict.state, VerdictState::inconclusive);
  EXPECT_NE(verdict.reason.find("1200 more test images"), std::string::npos) << verdict.reason;
}

// --- never green by accident (conventions, section 4): none of these may pass ---

TEST(NeverGreen, NoCheckAtAllIsAnError) {
  EXPECT_EQ(decided({}).state, VerdictState::error);
  EXPECT_EQ(decided({}, {.bootstrap = Bootstrap::allow, .has_incumbent = false, .required = {}}).state,
            VerdictState::error);
  EXPECT_EQ(decided({passing("contract", CheckMode::off)}).state, VerdictState::error);
}

TEST(NeverGreen, RequiredCheckThatDidNotRunIsAnErrorThatNamesIt) {
  const auto verdict = decided({passing("contract")}, with_incumbent({"contract", "accuracy"}));
  EXPECT_EQ(verdict.state, VerdictState::error);
  EXPECT_NE(verdict.reason.find("accuracy"), std::string::npos) << verdict.reason;
  ASSERT_EQ(verdict.checks.size(), 2U);
  EXPECT_EQ(verdict.checks[1].check, "accuracy");
  EXPECT_EQ(verdict.checks[1].state, VerdictState::error);
}

TEST(NeverGreen, UnknownRequiredCheckIsAnError) {
  EXPECT_EQ(decided({passing("contract")}, with_incumbent({"contract", "acuracy"})).state, VerdictState::error);
}

TEST(NeverGreen, ResultCannotTalkItselfOutOfBlocking) {
  // The modes of a result come from a worker; what blocks comes from the policy.
  for (const auto mode : {CheckMode::warn, CheckMode::shadow, CheckMode::off}) {
    const auto verdict = decided({passing("contract"), with("accuracy", Decision::violation, mode)},
                                 with_incumbent({"contract", "accuracy"}));
    EXPECT_NE(verdict.state, VerdictState::pass);
    EXPECT_NE(verdict.state, VerdictState::inconclusive);
  }
}

TEST(NeverGreen, StateAndFindingsThatDisagreeCountAsTheWorse) {
  auto claims_pass = with("accuracy", Decision::violation);
  claims_pass.state = VerdictState::pass;
  EXPECT_EQ(decided({claims_pass}).state, VerdictState::fail);
  claims_pass = with("accuracy", Decision::undecided);
  claims_pass.state = VerdictState::pass;
  EXPECT_EQ(decided({claims_pass}).state, VerdictState::inconclusive);
  claims_pass = with("accuracy", Decision::error);
  claims_pass.state = VerdictState::pass;
  EXPECT_EQ(decided({claims_pass}).state, VerdictState::error);
  for (const auto state : {VerdictState::fail, VerdictState::error, VerdictState::inconclusive}) {
    auto claims_harm = passing("accuracy");
    claims_harm.state = state;
    EXPECT_EQ(decided({claims_harm}).state, state);
  }
}

TEST(NeverGreen, UntouchedResultIsAnError) {
  CheckResult blank;
  blank.check = "accuracy";
  EXPECT_EQ(decided({blank}).state, VerdictState::error);
}

TEST(NeverGreen, OneGoodResultDoesNotHideABadOneOfTheSameCheck) {
  EXPECT_EQ(decided({passing("accuracy"), with("accuracy", Decision::violation)}).state, VerdictState::fail);
  EXPECT_EQ(decided({with("accuracy", Decision::violation), passing("accuracy")}).state, VerdictState::fail);
}

TEST(NeverGreen, GateInWhichNothingBlocksIsInconclusive) {
  const auto verdict = decided({passing("contract", CheckMode::warn), passing("accuracy", CheckMode::shadow)});
  EXPECT_EQ(verdict.state, VerdictState::inconclusive);
}

TEST(NeverGreen, NoIncumbentIsInconclusiveWhateverThePassingChecksSay) {
  const Policy first{.bootstrap = Bootstrap::inconclusive, .has_incumbent = false, .required = {}};
  for (const auto& results : {std::vector<CheckResult>{passing("contract"), without_incumbent("accuracy")},
                              std::vector<CheckResult>{passing("contract"), passing("accuracy")}}) {
    const auto verdict = decided(results, first);
    EXPECT_EQ(verdict.state, VerdictState::inconclusive);
    EXPECT_NE(verdict.reason.find("no incumbent yet"), std::string::npos) << verdict.reason;
    EXPECT_NE(verdict.reason.find("promote"), std::string::npos) << verdict.reason;
  }
}

TEST(NeverGreen, NoIncumbentDoesNotSoftenABrokenContract) {
  for (const auto bootstrap : {Bootstrap::inconclusive, Bootstrap::allow}) {
    const Policy first{.bootstrap = bootstrap, .has_incumbent = false, .required = {}};
    EXPECT_EQ(decided({with("contract", Decision::violation), without_incumbent("accuracy")}, first).state,
              VerdictState::fail);
    EXPECT_EQ(decided({with("contract", Decision::error), without_incumbent("accuracy")}, first).state,
              VerdictState::error);
  }
}

// --- bootstrap: allow ---

const Policy kAllow{.bootstrap = Bootstrap::allow, .has_incumbent = false, .required = {"contract", "accuracy"}};

TEST(BootstrapAllow, ForgivesChecksThatOnlyLackAnIncumbent) {
  const auto verdict = decided({passing("contract"), without_incumbent("accuracy")}, kAllow);
  EXPECT_EQ(verdict.state, VerdictState::pass);
  ASSERT_EQ(verdict.checks.size(), 2U);
  EXPECT_NE(verdict.checks[1].reason.find("no incumbent"), std::string::npos);
  EXPECT_EQ(verdict.reason.find("accuracy"), std::string::npos) << "what was not looked at has not passed";
}

TEST(BootstrapAllow, ForgivesNothingElse) {
  EXPECT_EQ(decided({passing("contract"), with("accuracy", Decision::undecided)}, kAllow).state,
            VerdictState::inconclusive);
  EXPECT_EQ(decided({passing("contract"), with("accuracy", Decision::error)}, kAllow).state, VerdictState::error);
  EXPECT_EQ(decided({passing("contract")}, kAllow).state, VerdictState::error) << "a missing check stays missing";
  auto mixed = without_incumbent("accuracy");
  mixed.findings.push_back(finding("accuracy/class/1", Decision::undecided));
  EXPECT_EQ(decided({passing("contract"), mixed}, kAllow).state, VerdictState::inconclusive);
}

TEST(BootstrapAllow, DoesNotApplyOnceThereIsAnIncumbent) {
  Policy policy = kAllow;
  policy.has_incumbent = true;
  EXPECT_EQ(decided({passing("contract"), without_incumbent("accuracy")}, policy).state, VerdictState::inconclusive);
}

TEST(BootstrapAllow, NeedsOneCheckThatTrulyPassed) {
  const Policy policy{.bootstrap = Bootstrap::allow, .has_incumbent = false, .required = {"accuracy"}};
  EXPECT_EQ(decided({without_incumbent("accuracy")}, policy).state, VerdictState::inconclusive);
}

// --- modes ---

TEST(Modes, WarnAndShadowNeverBlockButAreTold) {
  for (const auto decision : {Decision::violation, Decision::undecided, Decision::error}) {
    const auto verdict = decided({passing("contract"), with("accuracy", decision, CheckMode::warn),
                                  with("negative_flips", decision, CheckMode::shadow)},
                                 with_incumbent({"contract"}));
    EXPECT_EQ(verdict.state, VerdictState::pass);
    EXPECT_EQ(verdict.warnings.size(), 2U);
    EXPECT_TRUE(mentions(verdict.warnings, "Warning, not counted: accuracy"));
    EXPECT_TRUE(mentions(verdict.warnings, "Shadow, not counted: negative_flips"));
    EXPECT_EQ(verdict.findings.size(), 3U);
    EXPECT_EQ(verdict.checks[2].mode, CheckMode::shadow);
  }
}

TEST(Modes, WarnCheckThatPassesIsNotAWarning) {
  EXPECT_TRUE(decided({passing("contract"), passing("accuracy", CheckMode::warn)}).warnings.empty());
}

TEST(Decide, IsAFunctionOfItsInputs) {
  const std::vector<CheckResult> results = {passing("contract"), with("accuracy", Decision::violation)};
  const auto one = decided(results);
  const auto two = decided(results);
  EXPECT_EQ(one.reason, two.reason);
  EXPECT_EQ(one.reasons, two.reasons);
}

}  // namespace
}  // namespace defuse
