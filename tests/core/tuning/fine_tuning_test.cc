#include "core/tuning/fine_tuning.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "core/base/sha256.h"
#include "core/torch/model.h"
#include "tests/support/temp_tree.h"
#include "tests/support/torch_models.h"

namespace defuse {
namespace {

using testing::ModelKind;
using testing::TempTree;

const ImageShape kShape{1, 8, 8};
constexpr int kClasses = 4;

class FineTuning : public ::testing::Test {
 protected:
  FineTuning() : train_(testing::banded_images(kShape, kClasses, 400, 3)) {
    input_.shape = kShape;
    settings_.steps = 150;
    settings_.batch = 32;
    settings_.learning_rate = 0.05;
    std::vector<std::uint32_t> all(train_.size());
    for (std::uint32_t i = 0; i < all.size(); ++i) all[i] = i;
    order_ = training_order(all, settings_);
  }

  // Every training image of class 1, as a region's.
  LabelledImages class_one() const {
    LabelledImages out;
    const auto pixels = static_cast<std::size_t>(kShape.pixels());
    const auto all = testing::all_images(train_);
    for (std::uint32_t i = 0; i < train_.size(); ++i) {
      if (train_.labels()[i] != 1) continue;
      out.samples.push_back({i, -1, 1, 0});
      out.pixels.insert(out.pixels.end(), all.begin() + static_cast<std::ptrdiff_t>(i * pixels),
                        all.begin() + static_cast<std::ptrdiff_t>((i + 1) * pixels));
    }
    return out;
  }

  ArtifactRef artifact(const char* file) const {
    return {{}, Digest(sha256_file(tree_ / file).value_or("")), tree_ / file};
  }

  Result<void> tune(const char* from, const TuningPlan& plan, const char* to, bool probabilities = false) {
    return fine_tune(
        artifact(from), input_, probabilities, train_, order_, plan, settings_, [](int) { return false; }, tree_ / to);
  }

  Matrix logits_of(const char* file) const {
    auto model = TorchModel::load(tree_ / file, input_, {1, "cpu"});
    EXPECT_TRUE(model) << model.error().describe();
    auto output = model->run(testing::all_images(train_), train_.size(), false);
    EXPECT_TRUE(output) << output.error().describe();
    return output->logits;
  }

  double accuracy(const char* file, std::int32_t label = -1) const {
    const auto logits = logits_of(file);
    double right = 0, n = 0;
    for (std::size_t i = 0; i < logits.rows; ++i) {
      if (label >= 0 && train_.labels()[i] != label) continue;
      const auto row = logits.row(i);
      right += std::max_element(row.begin(), row.end()) - row.begin() == train_.labels()[i] ? 1 : 0;
      n += 1;
    }
    return right / n;
  }

  // Right on every class but 1, which it never says.
  void save_blind(const char* file) {
    auto weights = testing::band_weights(kShape, kClasses);
    for (std::size_t j = 0; j < weights.cols; ++j) weights.row(1)[j] = 0;
    testing::save_linear_model(tree_ / file, weights);
  }

  TempTree tree_;
  Dataset train_;
  InputSettings input_;
  RepairSettings settings_;
  std::vector<std::uint32_t> order_;
};

TEST_F(FineTuning, MendsAClassThatTheModelNeverSaysAndKeepsTheOthers) {
  save_blind("blind.pt");
  ASSERT_EQ(accuracy("blind.pt", 1), 0);
  const auto region = class_one();
  ASSERT_TRUE(tune("blind.pt", {.lambda = 1, .samples = &region}, "repaired.pt"));
  EXPECT_GE(accuracy("repaired.pt", 1), 0.95);
  EXPECT_GE(accuracy("repaired.pt"), 0.95);
}

TEST_F(FineTuning, TheSameOrderGivesTheSameModel) {
  save_blind("blind.pt");
  const auto region = class_one();
  const TuningPlan plan{.lambda = 1, .samples = &region};
  ASSERT_TRUE(tune("blind.pt", plan, "one.pt"));
  ASSERT_TRUE(tune("blind.pt", plan, "two.pt"));
  EXPECT_EQ(logits_of("one.pt").data, logits_of("two.pt").data);
}

TEST_F(FineTuning, TunesEveryFormOfClassifierThatHasWeights) {
  const auto region = class_one();
  for (const auto kind : {ModelKind::cnn, ModelKind::pair, ModelKind::probabilities, ModelKind::branch}) {
    testing::save_model(tree_ / "model.pt", kind, kShape, kClasses);
    const double before = accuracy("model.pt");
    const auto tuned =
        tune("model.pt", {.lambda = 1, .samples = &region}, "tuned.pt", kind == ModelKind::probabilities);
    ASSERT_TRUE(tuned) << static_cast<int>(kind) << ": " << tuned.error().describe();
    EXPECT_GT(accuracy("tuned.pt"), before) << static_cast<int>(kind);
  }
}

TEST_F(FineTuning, AFrozenModuleSaysHowToExportIt) {
  testing::save_model(tree_ / "frozen.pt", ModelKind::frozen_cnn, kShape, kClasses);
  const auto region = class_one();
  const auto tuned = tune("frozen.pt", {.lambda = 1, .samples = &region}, "tuned.pt");
  ASSERT_FALSE(tuned);
  EXPECT_EQ(tuned.error().code, ErrorCode::invalid_input);
  EXPECT_NE(tuned.error().describe().find("without torch.jit.freeze"), std::string::npos) << tuned.error().describe();
  EXPECT_FALSE(std::filesystem::exists(tree_ / "tuned.pt"));
}

TEST_F(FineTuning, DistillationKeepsTheModelNearItsTeacher) {
  save_blind("blind.pt");
  Teacher teacher{logits_of("blind.pt"), {}};
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(train_.size()); ++i) teacher.row_of.push_back(i);
  const auto region = class_one();
  const auto distance = [&](const char* file) {
    const auto now = logits_of(file);
    double sum = 0;
    for (std::size_t i = 0; i < now.data.size(); ++i)
      sum += std::pow(static_cast<double>(now.data[i] - teacher.logits.data[i]), 2);
    return sum;
  };
  ASSERT_TRUE(tune("blind.pt", {.lambda = 1, .samples = &region}, "free.pt"));
  for (const auto kind : {Distillation::logits, Distillation::kl}) {
    ASSERT_TRUE(
        tune("blind.pt", {.lambda = 1, .samples = &region, .distillation = kind, .teacher = &teacher}, "near.pt"));
    EXPECT_LT(distance("near.pt"), 0.9 * distance("free.pt")) << to_string(kind);
  }
}

TEST_F(FineTuning, KnowsDropoutHoweverItIsWritten) {
  testing::save_script(tree_ / "dropout.pt",
                       "def forward(self, x):\n    return torch.dropout(torch.flatten(x, 1)[:, 0:4], 0.5, True)\n");
  testing::save_model(tree_ / "plain.pt", ModelKind::cnn, kShape, kClasses);
  EXPECT_TRUE(has_dropout(artifact("dropout.pt")).value());
  EXPECT_FALSE(has_dropout(artifact("plain.pt")).value());
  EXPECT_FALSE(has_dropout(artifact("nowhere.pt")));
}

TEST_F(FineTuning, StopsWhenItIsTold) {
  save_blind("blind.pt");
  const auto region = class_one();
  const auto stopped = fine_tune(
      artifact("blind.pt"), input_, false, train_, order_, {.lambda = 1, .samples = &region}, settings_,
      [](int step) { return step == 3; }, tree_ / "tuned.pt");
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
}

TEST_F(FineTuning, OnlyTheFileThatWasJudgedIsTuned) {
  save_blind("blind.pt");
  const auto judged = artifact("blind.pt");
  testing::save_model(judged.path, ModelKind::cnn, kShape, kClasses);
  const auto tuned = fine_tune(
      judged, input_, false, train_, order_, {}, settings_, [](int) { return false; }, tree_ / "tuned.pt");
  ASSERT_FALSE(tuned);
  EXPECT_EQ(tuned.error().code, ErrorCode::unavailable);
  EXPECT_NE(tuned.error().describe().find("blind.pt changed"), std::string::npos) << tuned.error().describe();
  EXPECT_EQ(has_dropout(judged).error().code, ErrorCode::unavailable);
  EXPECT_FALSE(std::filesystem::exists(tree_ / "tuned.pt"));
}

TEST_F(FineTuning, ANumberThatIsNoneIsAnError) {
  testing::save_model(tree_ / "nan.pt", ModelKind::nan, kShape, kClasses);
  const auto region = class_one();
  const auto tuned = tune("nan.pt", {.lambda = 1, .samples = &region}, "tuned.pt");
  ASSERT_FALSE(tuned);
  EXPECT_NE(tuned.error().describe().find("no longer a number"), std::string::npos) << tuned.error().describe();
}

TEST(TrainingOrder, EveryImageComesBeforeAnyComesTwice) {
  std::vector<std::uint32_t> images(100);
  for (std::uint32_t i = 0; i < 100; ++i) images[i] = 3 * i;
  RepairSettings settings;
  settings.steps = 5;
  settings.batch = 50;
  const auto order = training_order(images, settings);
  ASSERT_EQ(order.size(), 250U);
  EXPECT_EQ(std::set<std::uint32_t>(order.begin(), order.begin() + 100).size(), 100U);
  EXPECT_EQ(std::set<std::uint32_t>(order.begin() + 100, order.begin() + 200).size(), 100U);
}

}  // namespace
}  // namespace defuse
