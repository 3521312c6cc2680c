#include "core/evaluate/evaluator.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/data/dataset_builder.h"
#include "core/evidence/predictions.h"
#include "tests/support/temp_tree.h"
#include "tests/support/torch_models.h"

namespace defuse {
namespace {

using testing::ModelKind;
using testing::TempTree;

const ImageShape kShape{1, 10, 10};
constexpr int kClasses = 4;

Dataset test_images(std::size_t n = 300) { return testing::banded_images(kShape, kClasses, n, 1); }

class EvaluatorTest : public ::testing::Test {
 protected:
  TorchModel load(int threads = 1) {
    InputSettings input;
    input.shape = kShape;
    auto model = TorchModel::load(tree_ / "digits/4/model.pt", input, {threads, "cpu"});
    if (!model) throw std::runtime_error(model.error().describe());
    return std::move(*model);
  }
  TorchModel make(ModelKind kind, int classes = kClasses) {
    testing::save_model(tree_ / "digits/4/model.pt", kind, kShape, classes);
    return load();
  }
  TorchModel good() {
    testing::save_linear_model(tree_ / "digits/4/model.pt", testing::band_weights(kShape, kClasses));
    return load();
  }

  TempTree tree_;
  NoProgress progress_;
};

TEST(Predictions, TheLowestOfEqualLogitsWins) {
  EXPECT_EQ(predicted_class(std::vector<float>{1, 3, 3, 2}), 1);
  EXPECT_EQ(predicted_class(std::vector<float>{-1}), 0);
}

TEST(Predictions, AnythingNotFiniteIsNoPrediction) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, infinity, -infinity}) {
    EXPECT_EQ(predicted_class(std::vector<float>{1, bad, 0}), -1);
    EXPECT_TRUE(std::isnan(cross_entropy(std::vector<float>{1, bad, 0}, 0)));
  }
  EXPECT_EQ(predicted_class(std::vector<float>{}), -1);
}

TEST(Predictions, CrossEntropyIsExactAlsoForLargeLogits) {
  EXPECT_NEAR(cross_entropy(std::vector<float>{0, 0, 0, 0}, 2), std::log(4.0), 1e-7);
  EXPECT_NEAR(cross_entropy(std::vector<float>{10000, 9999}, 1), 1 + std::log(1 + std::exp(-1.0)), 1e-6);
  EXPECT_EQ(cross_entropy(std::vector<float>{10000, 0}, 1), 10000);
}

TEST_F(EvaluatorTest, AModelThatIsRightIsRightEverywhere) {
  const Dataset data = test_images();
  const auto answer = evaluate(good(), "abc", data, kClasses, progress_);
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->model_digest, "abc");
  EXPECT_EQ(answer->data_digest, data.digest());
  ASSERT_EQ(answer->size(), data.size());
  for (std::size_t i = 0; i < data.size(); ++i) {
    EXPECT_EQ(answer->predicted[i], data.labels()[i]);
    EXPECT_FLOAT_EQ(answer->loss[i], cross_entropy(answer->logits.row(i), data.labels()[i]));
  }
  EXPECT_FALSE(answer->gave_probabilities);
}

TEST_F(EvaluatorTest, BlocksAreJoinedInOrder) {
  const std::size_t many = 5000;  // more than one block of 4,096
  const Dataset data = test_images(many);
  const auto answer = evaluate(good(), "abc", data, kClasses, progress_);
  ASSERT_TRUE(answer);
  std::vector<float> last(100);
  data.read(many - 1, 1, last);
  const auto alone = good().run(last, 1, true);
  ASSERT_TRUE(alone);
  for (std::size_t c = 0; c < kClasses; ++c) {
    EXPECT_NEAR(answer->logits.row(many - 1)[c], alone->logits.row(0)[c], 1e-5);
  }
}

TEST_F(EvaluatorTest, NanIsNoPredictionAndNoLoss) {
  const auto model = make(ModelKind::nan);
  const Dataset data = test_images();
  const auto answer = evaluate(model, "abc", data, kClasses, progress_);
  ASSERT_TRUE(answer) << answer.error().describe();
  std::size_t bad = 0;
  for (std::size_t i = 0; i < data.size(); ++i) {
    const bool bright = data.labels()[i] == 0;  // the first band holds the first pixel
    EXPECT_EQ(answer->predicted[i] == -1, bright);
    EXPECT_EQ(std::isnan(answer->loss[i]), bright);
    bad += bright ? 1 : 0;
  }
  EXPECT_EQ(bad, 75U);
}

TEST_F(EvaluatorTest, TheWrongNumberOfClassesIsRefused) {
  const auto answer = evaluate(make(ModelKind::cnn, 3), "abc", test_images(), kClasses, progress_);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::invalid_input);
  EXPECT_NE(answer.error().message.find("3 outputs for 4 classes"), std::string::npos) << answer.error().message;
}

TEST_F(EvaluatorTest, LabelsBeyondTheClassesAreRefused) {
  const Dataset data = testing::banded_images(kShape, 5, 20, 1);
  const auto answer = evaluate(good(), "abc", data, kClasses, progress_);
  ASSERT_FALSE(answer);
  EXPECT_NE(answer.error().message.find("label 4"), std::string::npos) << answer.error().message;
}

TEST_F(EvaluatorTest, StopsWhenAsked) {
  struct Stop final : Progress {
    void report(std::string_view, double) override {}
    bool stop_requested() const override { return true; }
  } stop;
  const auto answer = evaluate(good(), "abc", test_images(), kClasses, stop);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::cancelled);
}

TEST_F(EvaluatorTest, InspectionOfASoundModelFindsNothing) {
  ContractFacts facts;
  facts = inspect(make(ModelKind::cnn), test_images(), facts);
  EXPECT_TRUE(facts.ran);
  EXPECT_EQ(facts.run_error, "");
  EXPECT_EQ(facts.batch_tried, 64);
  EXPECT_EQ(facts.output_shape, (std::vector<std::int64_t>{64, kClasses}));
  EXPECT_EQ(facts.not_deterministic, 0);
  EXPECT_EQ(facts.batch_dependent, 0);
  EXPECT_GT(facts.latency_ms, 0);
  EXPECT_EQ(facts.embedding, "graph");
}

TEST_F(EvaluatorTest, InspectionFindsChanceAndDependenceOnTheBatch) {
  ContractFacts facts;
  facts = inspect(make(ModelKind::random), test_images(), facts);
  EXPECT_TRUE(facts.ran);
  EXPECT_GT(facts.not_deterministic, 10);

  facts = inspect(make(ModelKind::batch_dependent), test_images(), facts);
  EXPECT_EQ(facts.not_deterministic, 0);
  EXPECT_GT(facts.batch_dependent, 50);
}

TEST_F(EvaluatorTest, AModelThatThrowsIsAFactNotAFailure) {
  ContractFacts facts;
  facts = inspect(make(ModelKind::throws), test_images(), facts);
  EXPECT_FALSE(facts.ran);
  EXPECT_NE(facts.run_error.find("this model is broken"), std::string::npos) << facts.run_error;

  facts = inspect(make(ModelKind::argmax), test_images(), facts);
  EXPECT_FALSE(facts.ran);
  EXPECT_EQ(facts.output_shape, std::vector<std::int64_t>{64});
  EXPECT_NE(facts.run_error.find("[64]"), std::string::npos) << facts.run_error;
}

TEST_F(EvaluatorTest, AnswersThatChangedSinceTheTestSetAreCounted) {
  const Dataset data = test_images();
  const auto answer = evaluate(good(), "abc", data, kClasses, progress_);
  ASSERT_TRUE(answer) << answer.error().describe();
  ContractFacts facts;
  facts = ask_again(good(), data, *answer, facts);
  EXPECT_EQ(facts.not_deterministic, 0);
  EXPECT_EQ(facts.run_error, "");

  facts = ask_again(make(ModelKind::cnn), data, *answer, facts);  // untrained: another model than the one that answered
  EXPECT_GT(facts.not_deterministic, 10);
  ContractFacts turned_nan;
  turned_nan = ask_again(make(ModelKind::nan), data, *answer, turned_nan);
  EXPECT_GT(turned_nan.not_deterministic, 0);
  ContractFacts turned_throwing;
  turned_throwing = ask_again(make(ModelKind::throws), data, *answer, turned_throwing);
  EXPECT_NE(turned_throwing.run_error.find("asked once more"), std::string::npos) << turned_throwing.run_error;
}

TEST_F(EvaluatorTest, AskingAgainForgetsNothingThatWasFoundBefore) {
  const Dataset data = test_images();
  const auto answer = evaluate(good(), "abc", data, kClasses, progress_);
  ASSERT_TRUE(answer) << answer.error().describe();
  ContractFacts facts;
  facts.not_deterministic = 7;
  facts = ask_again(good(), data, *answer, facts);
  EXPECT_EQ(facts.not_deterministic, 7);
}

TEST_F(EvaluatorTest, InspectionOfASmallSplitUsesWhatThereIs) {
  ContractFacts facts;
  facts = inspect(make(ModelKind::cnn), test_images(3), facts);
  EXPECT_TRUE(facts.ran);
  EXPECT_EQ(facts.batch_tried, 3);
}

}  // namespace
}  // namespace defuse
