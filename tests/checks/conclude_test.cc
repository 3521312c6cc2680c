#include "checks/conclude.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "tests/checks/check_input.h"

namespace defuse {
namespace {

Finding of(Decision decision, const std::string& sentence) {
  Finding finding;
  finding.decision = decision;
  finding.sentence = sentence;
  return finding;
}

TEST(Conclude, TakesTheGravestFindingAndItsSentence) {
  CheckResult result;
  result.findings = {of(Decision::ok, "fine")};
  conclude(result, "all is well");
  EXPECT_EQ(result.state, VerdictState::pass);
  EXPECT_EQ(result.reason, "all is well");
  result.findings.push_back(of(Decision::undecided, "thin"));
  conclude(result, "all is well");
  EXPECT_EQ(result.state, VerdictState::inconclusive);
  EXPECT_EQ(result.reason, "thin");
  result.findings.push_back(of(Decision::error, "broken"));
  conclude(result, "all is well");
  EXPECT_EQ(result.state, VerdictState::error);
  result.findings.push_back(of(Decision::violation, "harm"));
  result.findings.push_back(of(Decision::violation, "more harm"));
  conclude(result, "all is well");
  EXPECT_EQ(result.state, VerdictState::fail);
  EXPECT_EQ(result.reason, "harm (and 1 more like it)");
}

TEST(Conclude, NotesCountAsNothingAndNothingAtAllIsAnError) {
  CheckResult result;
  conclude(result, "all is well");
  EXPECT_EQ(result.state, VerdictState::error);
  result.findings = {of(Decision::note, "by the way")};
  conclude(result, "all is well");
  EXPECT_EQ(result.state, VerdictState::pass);
}

// The ways in which two models cannot be compared. None is a pass, and only a missing incumbent is forgivable.
TEST(CannotCompare, IsQuietWhereEverythingIsThere) {
  World world;
  world.add_all({90, 1, 1, 8});
  EXPECT_FALSE(cannot_compare(world.input(), "accuracy", CheckMode::block).has_value());
}

TEST(CannotCompare, NoIncumbentIsInconclusiveAndSaysSo) {
  World world;
  world.add_all({90, 1, 1, 8});
  const auto got = cannot_compare(world.input_without_incumbent(), "accuracy", CheckMode::warn);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->state, VerdictState::inconclusive);
  EXPECT_TRUE(got->no_incumbent);
  EXPECT_EQ(got->mode, CheckMode::warn);
  EXPECT_EQ(got->check, "accuracy");
}

void expect_error(const CheckInput& in, const std::string& words) {
  const auto got = cannot_compare(in, "accuracy", CheckMode::block);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->state, VerdictState::error);
  EXPECT_FALSE(got->no_incumbent);
  EXPECT_NE(got->reason.find(words), std::string::npos) << got->reason;
}

TEST(CannotCompare, EverythingElseIsAnErrorThatNamesItsCause) {
  World world;
  world.add_all({90, 1, 1, 8});
  CheckInput in = world.input_without_incumbent();
  in.incumbent_problem = "model.pt: unexpected end of file";
  expect_error(in, "unexpected end of file");

  in = world.input();
  in.candidate = nullptr;
  world.facts.run_error = "expected 3 channels";
  expect_error(in, "expected 3 channels");

  in = world.input();
  in.comparison = nullptr;
  expect_error(in, "could not be compared");

  in = world.input();
  in.test_labels = in.test_labels.first(5);
  expect_error(in, "5 are labelled");

  Evaluation elsewhere = world.incumbent;
  elsewhere.data_digest = "other data";
  in = world.input();
  in.incumbent = &elsewhere;
  expect_error(in, "other test images");
  elsewhere = world.incumbent;
  elsewhere.predicted.pop_back();
  expect_error(in, "other test images");

  Comparison partial;
  partial.overall = {1, 0, 0, 0};
  in = world.input();
  in.comparison = &partial;
  expect_error(in, "covers 1 of 1000 images");

  World empty;
  expect_error(empty.input(), "holds no image");
}

TEST(Words, AreShortAndExact) {
  EXPECT_EQ(percent(0.0125), "1.25 %");
  EXPECT_EQ(percent(0.5), "50 %");
  EXPECT_EQ(percent(1), "100 %");
  EXPECT_EQ(percent(0), "0 %");
  EXPECT_EQ(percent(-0.00001), "0 %");
  EXPECT_EQ(percent(0.003), "0.3 %");
  EXPECT_EQ(percent(std::numeric_limits<double>::quiet_NaN()), "n/a");
  EXPECT_EQ(points(-0.011), "-1.1 points");
  EXPECT_EQ(images(1), "1 image");
  EXPECT_EQ(images(0), "0 images");
}

TEST(Words, NameClasses) {
  CheckInput in;
  in.classes = {"cat", "1", ""};
  EXPECT_EQ(class_words(in, 0), "class 'cat' (0)");
  EXPECT_EQ(class_words(in, 1), "class 1");
  EXPECT_EQ(class_words(in, 2), "class 2");
  EXPECT_EQ(class_words(in, 9), "class 9");
  EXPECT_EQ(class_name(in, -1), "-1");
}

}  // namespace
}  // namespace defuse
