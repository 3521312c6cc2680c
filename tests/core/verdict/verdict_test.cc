#include "core/verdict/verdict.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

TEST(VerdictState, ReadsWhatItWrites) {
  for (const auto state : {VerdictState::pass, VerdictState::fail, VerdictState::inconclusive, VerdictState::error}) {
    const auto read = verdict_state_from(to_string(state));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, state);
  }
}

TEST(VerdictState, RefusesOtherWordsAndQuotesThem) {
  for (const char* word : {"", "PASS", "passed", "ok", "pass "}) {
    const auto read = verdict_state_from(word);
    ASSERT_FALSE(read.has_value());
    EXPECT_EQ(read.error().code, ErrorCode::invalid_input);
    EXPECT_NE(read.error().message.find("'" + std::string(word) + "'"), std::string::npos);
  }
}

TEST(Decision, ReadsWhatItWrites) {
  for (const auto decision :
       {Decision::ok, Decision::violation, Decision::undecided, Decision::error, Decision::note}) {
    const auto read = decision_from(to_string(decision));
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(*read, decision);
  }
  EXPECT_FALSE(decision_from("okay").has_value());
}

TEST(VerdictState, OnlyPassIsOk) {
  Verdict verdict;
  EXPECT_FALSE(verdict.ok()) << "a verdict nobody has made is not a pass";
  for (const auto state : {VerdictState::fail, VerdictState::inconclusive, VerdictState::error}) {
    verdict.state = state;
    EXPECT_FALSE(verdict.ok());
  }
  verdict.state = VerdictState::pass;
  EXPECT_TRUE(verdict.ok());
}

TEST(CheckMode, HasAWordForEveryMode) {
  EXPECT_EQ(to_string(CheckMode::block), "block");
  EXPECT_EQ(to_string(CheckMode::warn), "warn");
  EXPECT_EQ(to_string(CheckMode::shadow), "shadow");
  EXPECT_EQ(to_string(CheckMode::off), "off");
}

}  // namespace
}  // namespace defuse
