#include "core/torch/model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <stdexcept>
#include <thread>

#include "core/base/sha256.h"
#include "core/torch/thread_team.h"
#include "tests/support/temp_tree.h"
#include "tests/support/torch_models.h"

namespace defuse {
namespace {

using testing::ModelKind;
using testing::TempTree;

const ImageShape kShape{1, 10, 10};

InputSettings plain_input(const ImageShape& shape = kShape) {
  InputSettings input;
  input.shape = shape;
  return input;
}

TorchModel must_load(const std::filesystem::path& file, const InputSettings& input = plain_input(), int threads = 1) {
  auto model = TorchModel::load(file, input, {threads, "cpu"});
  if (!model) throw std::runtime_error(model.error().describe());
  return std::move(*model);
}

TorchModel make(const TempTree& tree, ModelKind kind, int threads = 1, int classes = 4) {
  const auto file = tree / "digits/4/model.pt";
  testing::save_model(file, kind, kShape, classes);
  return must_load(file, plain_input(), threads);
}

std::vector<float> images(std::size_t n, const ImageShape& shape = kShape) {
  return testing::all_images(testing::banded_images(shape, 4, n, 1));
}

TEST(TorchModel, GivesTheLogitsOfNormalisedImages) {
  const TempTree tree;
  const ImageShape shape{2, 1, 2};
  Matrix weights(2, 4);
  weights.data = {1, 0, 0, 0, 0, 1, 2, 3};
  testing::save_linear_model(tree / "m/1/model.pt", weights);
  InputSettings input = plain_input(shape);
  input.mean = {0.5, 0.25};
  input.std = {0.5, 0.125};
  const auto model = must_load(tree / "m/1/model.pt", input);
  const std::vector<float> image = {1, 0, 0.5F, 0.25F};  // becomes 1, -1, 2, 0
  const auto output = model.run(image, 1, false);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_EQ(output->logits.data, (std::vector<float>{1, 3}));
  EXPECT_FALSE(model.gives_probabilities());
}

TEST(TorchModel, ParsesTheBytesThatItHashedAndNoOthers) {
  TempTree tree;
  const auto by_path = make(tree, ModelKind::cnn).run(images(20), 20, false);
  const auto file = tree / "digits/4/model.pt";
  const auto digest = sha256_file(file).value();
  const auto by_digest = TorchModel::load(file, plain_input(), {1, "cpu", digest});
  ASSERT_TRUE(by_digest) << by_digest.error().describe();
  EXPECT_EQ(by_digest->run(images(20), 20, false)->logits.data, by_path->logits.data);
  auto bytes = tree.read("digits/4/model.pt");
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  tree.file("digits/4/model.pt", bytes);
  const auto other = TorchModel::load(file, plain_input(), {1, "cpu", digest});
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::unavailable);
  EXPECT_NE(other.error().message.find("model.pt changed: the job is for digest " + digest.substr(0, 12)),
            std::string::npos)
      << other.error().message;
  tree.file("digits/4/model.pt", "no archive");
  const auto rubbish = TorchModel::load(file, plain_input(), {1, "cpu", sha256_hex("no archive")});
  ASSERT_FALSE(rubbish);
  EXPECT_EQ(rubbish.error().code, ErrorCode::corrupt) << rubbish.error().message;
}

TEST(TorchModel, TurnsProbabilitiesIntoLogProbabilities) {
  const TempTree tree;
  const auto logits = make(tree, ModelKind::cnn).run(images(200), 200, false);
  const auto model = make(tree, ModelKind::probabilities);
  const auto output = model.run(images(200), 200, false);
  ASSERT_TRUE(logits && output);
  EXPECT_TRUE(model.gives_probabilities());
  for (std::size_t i = 0; i < 200; ++i) {
    double sum = 0;
    for (const float value : logits->logits.row(i)) sum += std::exp(static_cast<double>(value));
    for (std::size_t c = 0; c < 4; ++c) {
      EXPECT_NEAR(static_cast<double>(output->logits.row(i)[c]),
                  static_cast<double>(logits->logits.row(i)[c]) - std::log(sum),
                  1e-5);  // float32 softmax and log
    }
  }
}

TEST(TorchModel, AProbabilityOfZeroHasAFiniteLogarithm) {
  const TempTree tree;
  testing::save_script(tree / "m/1/model.pt",
                       "def forward(self, x):\n    x = torch.flatten(x, 1)[:, 0:1]\n"
                       "    return torch.cat([torch.ones_like(x), torch.zeros_like(x)], 1)\n");
  const auto model = must_load(tree / "m/1/model.pt");
  const auto output = model.run(images(3), 3, false);
  ASSERT_TRUE(output);
  EXPECT_TRUE(model.gives_probabilities());
  EXPECT_FLOAT_EQ(output->logits.data[0], 0);
  EXPECT_NEAR(output->logits.data[1], std::log(1e-12), 1e-3);
}

TEST(TorchModel, TakesEmbeddingsFromThePairTheModelReturns) {
  const TempTree tree;
  const auto model = make(tree, ModelKind::pair);
  const auto output = model.run(images(150), 150, true);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_EQ(model.embedding_source(), "output");
  EXPECT_EQ(output->embeddings.rows, 150U);
  EXPECT_EQ(output->embeddings.cols, 12U);
}

TEST(TorchModel, FindsTheSameEmbeddingInTheGraphFrozenOrNot) {
  const TempTree tree;
  const auto expected = make(tree, ModelKind::pair).run(images(150), 150, true);
  for (const auto kind : {ModelKind::cnn, ModelKind::frozen_cnn, ModelKind::probabilities}) {
    const auto model = make(tree, kind);
    const auto output = model.run(images(150), 150, true);
    ASSERT_TRUE(expected && output);
    EXPECT_EQ(model.embedding_source(), "graph");
    EXPECT_EQ(output->embeddings.data, expected->embeddings.data);
    if (kind != ModelKind::probabilities) {
      EXPECT_EQ(output->logits.data, expected->logits.data);
    }
  }
}

TEST(TorchModel, LogitsAreTheSameWithAndWithoutEmbeddings) {
  const TempTree tree;
  const auto model = make(tree, ModelKind::cnn);
  const auto with = model.run(images(130), 130, true);
  const auto without = model.run(images(130), 130, false);
  ASSERT_TRUE(with && without);
  EXPECT_EQ(with->logits.data, without->logits.data);
  EXPECT_TRUE(without->embeddings.empty());
}

TEST(TorchModel, SaysWhyThereIsNoEmbedding) {
  const TempTree tree;
  const auto convolutional = make(tree, ModelKind::convolutional);
  auto output = convolutional.run(images(5), 5, true);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_TRUE(output->embeddings.empty());
  EXPECT_EQ(convolutional.embedding_source(), "none: no linear layer reaches the model's output");

  const auto branch = make(tree, ModelKind::branch);
  output = branch.run(images(5), 5, true);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_TRUE(output->embeddings.empty());
  EXPECT_EQ(branch.embedding_source(), "none: the last linear layer sits inside a branch or loop of the model");
}

TEST(TorchModel, GivesTheBitsOfTheModelAsWrittenInEveryTuning) {
  const TempTree tree;
  for (const auto kind : {ModelKind::cnn, ModelKind::pair, ModelKind::frozen_cnn, ModelKind::probabilities}) {
    testing::save_model(tree / "m/1/model.pt", kind, kShape, 4);
    const auto data = images(700);
    const auto plain = must_load(tree / "m/1/model.pt").run(data, 700, true);
    ASSERT_TRUE(plain);
    for (const Tuning tuning : {Tuning{128, false, true}, Tuning{128, true, true}, Tuning{256, true, true},
                                Tuning{256, false, false}, Tuning{64, false, false}}) {
      auto model = TorchModel::load(tree / "m/1/model.pt", plain_input(), {2, "cpu"});
      ASSERT_TRUE(model);
      model->suggest(tuning);
      const auto output = model->run(data, 700, true);
      ASSERT_TRUE(output) << output.error().describe();
      // Smaller batches than the model's own may round otherwise, and are then not taken.
      EXPECT_TRUE(model->tuned() || tuning.batch < 128);
      EXPECT_EQ(output->logits.data, plain->logits.data) << static_cast<int>(kind) << " batch " << tuning.batch;
      EXPECT_EQ(output->embeddings.data, plain->embeddings.data);
    }
  }
}

TEST(TorchModel, ModelsThatDifferByWeightsAloneShareAStructure) {
  const TempTree tree;
  testing::save_model(tree / "m/1/model.pt", ModelKind::cnn, kShape, 4, 1);
  testing::save_model(tree / "m/2/model.pt", ModelKind::cnn, kShape, 4, 2);
  testing::save_model(tree / "m/3/model.pt", ModelKind::cnn, kShape, 5, 1);
  testing::save_model(tree / "m/4/model.pt", ModelKind::pair, kShape, 4, 1);
  const auto structure = [&](const char* version) { return must_load(tree / version / "model.pt").structure(); };
  const auto one = structure("m/1");
  EXPECT_FALSE(one.empty());
  EXPECT_EQ(structure("m/2"), one);
  EXPECT_NE(structure("m/3"), one) << "another width";
  EXPECT_NE(structure("m/4"), one) << "other code";
}

TEST(TorchModel, FindsATuningWhereEnoughImagesFollowAndKeepsTheBits) {
  const TempTree tree;
  const auto data = images(600);
  const auto untuned = make(tree, ModelKind::cnn);
  const auto plain = untuned.run(data, 600, true);
  EXPECT_FALSE(untuned.tuned()) << "600 images are not worth a trial";
  const auto model = make(tree, ModelKind::cnn, 2);
  ASSERT_TRUE(model.prepare(data, 600, 1'000'000));
  EXPECT_TRUE(model.tuned());
  const auto output = model.run(data, 600, true);
  ASSERT_TRUE(plain && output);
  EXPECT_EQ(output->logits.data, plain->logits.data);
  EXPECT_EQ(output->embeddings.data, plain->embeddings.data);
}

TEST(TorchModel, PiecesOnTheCallersThreadGiveTheBitsOfTheWhole) {
  const TempTree tree;
  const auto data = images(300);
  const auto model = make(tree, ModelKind::cnn);
  std::vector<float> logits(300 * 4), embeddings(300 * 12);
  const auto early = model.run_here(data, 300, logits, embeddings);
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::internal);
  const auto widths = model.prepare(std::span(data).first(100 * 100), 100, 300);
  ASSERT_TRUE(widths) << widths.error().describe();
  ASSERT_EQ(widths->classes, 4U);
  ASSERT_EQ(widths->embedding, 12U);
  for (std::size_t first = 0; first < 300; first += model.unit()) {
    const std::size_t n = std::min(model.unit(), 300 - first);
    ASSERT_TRUE(model.run_here(std::span(data).subspan(first * 100, n * 100), n,
                               std::span(logits).subspan(first * 4, n * 4),
                               std::span(embeddings).subspan(first * 12, n * 12)));
  }
  const auto whole = model.run(data, 300, true);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->logits.data, logits);
  EXPECT_EQ(whole->embeddings.data, embeddings);
  EXPECT_FALSE(model.run_here(data, 300, std::span(logits).first(4), {}));
}

TEST(TorchModel, AModelThatWorksInPlaceLeavesTheImagesAlone) {
  const TempTree tree;
  testing::save_script(tree / "m/1/model.pt",
                       "def forward(self, x):\n    x.mul_(2)\n    return torch.flatten(x, 1)[:, 0:3]\n");
  const auto data = images(5);
  const auto before = data;
  for (const Tuning tuning : {Tuning{}, Tuning{128, true, true}}) {
    auto model = TorchModel::load(tree / "m/1/model.pt", plain_input(), {1, "cpu"});
    ASSERT_TRUE(model);
    model->suggest(tuning);
    const auto output = model->run(data, 5, false);
    ASSERT_TRUE(output) << output.error().describe();
    EXPECT_FLOAT_EQ(output->logits.row(1)[0], 2 * data[100]);
    EXPECT_EQ(data, before);
  }
}

TEST(TuningText, ComesBackAndRefusesWhatItDidNotWrite) {
  const Tuning tuning{256, true, true};
  EXPECT_EQ(tuning_from_json(to_json_text(tuning)), tuning);
  for (const char* text : {"", "{}", "{\"format\":1,\"batch\":0,\"channels_last\":true,\"frozen\":true}",
                           "{\"format\":2,\"batch\":64,\"channels_last\":true,\"frozen\":true}"}) {
    const auto read = tuning_from_json(text);
    ASSERT_FALSE(read) << text;
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
  }
}

TEST(ThreadTeam, RoundsWithinRoundsAndFromSeveralThreadsAllEnd) {
  std::atomic<int> done = 0;
  const auto outer = [&] {
    return ThreadTeam(3).run(8, [&](std::size_t) {
      return ThreadTeam(2).run(5, [&](std::size_t) -> Result<void> {
        ++done;
        return {};
      });
    });
  };
  std::thread other([&] { EXPECT_TRUE(outer()); });
  EXPECT_TRUE(outer());
  other.join();
  EXPECT_EQ(done, 2 * 8 * 5);
}

TEST(ThreadTeam, AnswersWithTheFailureOfTheLowestTask) {
  for (const int threads : {1, 2, 4}) {
    const auto failed = ThreadTeam(threads).run(100, [](std::size_t task) -> Result<void> {
      if (task == 17) return fail(ErrorCode::io, "seventeen");
      if (task >= 18) throw std::runtime_error("later");
      return {};
    });
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error().message, "seventeen") << threads;
  }
}

TEST(TorchModel, DoesNotDependOnTheNumberOfThreads) {
  const TempTree tree;
  const auto data = images(600);
  const auto one = make(tree, ModelKind::cnn, 1).run(data, 600, true);
  const auto three = make(tree, ModelKind::cnn, 3).run(data, 600, true);
  ASSERT_TRUE(one && three);
  EXPECT_EQ(one->logits.data, three->logits.data);
  EXPECT_EQ(one->embeddings.data, three->embeddings.data);
}

TEST(TorchModel, AnExceptionInTheModelIsInvalidInputWithItsMessage) {
  const TempTree tree;
  const auto output = make(tree, ModelKind::throws).run(images(300), 300, false);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::invalid_input);
  EXPECT_NE(output.error().message.find("this model is broken"), std::string::npos) << output.error().message;
  EXPECT_NE(output.error().message.find("digits/4/model.pt"), std::string::npos) << output.error().message;
  EXPECT_EQ(output.error().message.find('\n'), std::string::npos);
}

TEST(TorchModel, AWrongImageShapeIsTheModelsException) {
  const TempTree tree;
  testing::save_model(tree / "m/1/model.pt", ModelKind::cnn, kShape, 4);
  const ImageShape other{3, 10, 10};
  const auto model = must_load(tree / "m/1/model.pt", plain_input(other));
  const auto output = model.run(images(2, other), 2, false);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::invalid_input);
  EXPECT_NE(output.error().message.find("channels"), std::string::npos) << output.error().message;
}

TEST(TorchModel, ClassNumbersAreNoLogitsButTheirShapeIsReported) {
  const TempTree tree;
  const auto model = make(tree, ModelKind::argmax);
  const auto data = images(7);
  const auto output = model.run(data, 7, false);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::invalid_input);
  EXPECT_NE(output.error().message.find("[7]"), std::string::npos) << output.error().message;
  const auto shape = model.output_shape(data, 7);
  ASSERT_TRUE(shape);
  EXPECT_EQ(*shape, std::vector<std::int64_t>{7});
}

TEST(TorchModel, PassesNanThroughAndStillTellsProbabilities) {
  const TempTree tree;
  std::vector<float> data = images(140);
  for (std::size_t i = 0; i < 140; ++i) data[i * 100] = i < 130 ? 0.9F : 0.1F;  // the whole first batch is NaN
  const auto output = make(tree, ModelKind::nan).run(data, 140, false);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_TRUE(std::isnan(output->logits.row(0)[0]));
  EXPECT_TRUE(std::isfinite(output->logits.row(135)[0]));
}

TEST(TorchModel, AcceptsDoubleOutputs) {
  const TempTree tree;
  testing::save_script(tree / "m/1/model.pt",
                       "def forward(self, x):\n    return torch.flatten(x, 1)[:, 0:3].to(7) * 4 - 1\n");
  const auto output = must_load(tree / "m/1/model.pt").run(images(3), 3, false);
  ASSERT_TRUE(output) << output.error().describe();
  EXPECT_EQ(output->logits.cols, 3U);
}

TEST(TorchModel, NoImageGivesNoAnswerAndNoError) {
  const TempTree tree;
  const auto output = make(tree, ModelKind::cnn).run({}, 0, true);
  ASSERT_TRUE(output);
  EXPECT_TRUE(output->logits.empty());
}

Error load_error(const std::filesystem::path& file) {
  auto model = TorchModel::load(file, plain_input(), {});
  return model ? Error{ErrorCode::internal, "it loaded", {}} : model.error();
}

TEST(TorchModelLoad, ATruncatedFileIsCorruptAndNamed) {
  TempTree tree;
  testing::save_model(tree / "digits/4/model.pt", ModelKind::cnn, kShape, 4);
  const std::string whole = tree.read("digits/4/model.pt");
  for (const std::size_t left : {std::size_t{0}, std::size_t{10}, whole.size() / 2, whole.size() - 1}) {
    tree.file("digits/4/model.pt", whole.substr(0, left));
    const Error error = load_error(tree / "digits/4/model.pt");
    EXPECT_EQ(error.code, ErrorCode::corrupt) << left;
    EXPECT_EQ(error.message.rfind("digits/4/model.pt is not a whole TorchScript file: ", 0), 0U) << error.message;
    EXPECT_EQ(error.message.find('\n'), std::string::npos);
  }
}

TEST(TorchModelLoad, SomethingElseIsCorruptAndAMissingFileNotFound) {
  TempTree tree;
  tree.file("m/1/model.pt", std::string(5000, 'x'));
  EXPECT_EQ(load_error(tree / "m/1/model.pt").code, ErrorCode::corrupt);
  EXPECT_EQ(load_error(tree / "m/2/model.pt").code, ErrorCode::not_found);
  EXPECT_EQ(load_error(tree / "m").code, ErrorCode::not_found);
}

TEST(TorchModelLoad, AnOperatorThatIsMissingHereIsInvalidInputAndNamed) {
  TempTree tree;
  testing::save_script(tree / "m/1/model.pt", "def forward(self, x):\n    return torch.erfinv(x)\n");
  std::string bytes = tree.read("m/1/model.pt");
  const auto place = bytes.find("torch.erfinv");  // short code is stored as it is
  ASSERT_NE(place, std::string::npos);
  bytes.replace(place, 12, "torch.erfxyz");
  tree.file("m/1/model.pt", bytes);
  const Error error = load_error(tree / "m/1/model.pt");
  EXPECT_EQ(error.code, ErrorCode::invalid_input) << error.message;
  EXPECT_NE(error.message.find("erfxyz"), std::string::npos) << error.message;
}

TEST(TorchModelLoad, RefusesUnknownDevicesAndWrongNormalisation) {
  const TempTree tree;
  testing::save_model(tree / "m/1/model.pt", ModelKind::cnn, kShape, 4);
  EXPECT_EQ(TorchModel::load(tree / "m/1/model.pt", plain_input(), {1, "toaster"}).error().code,
            ErrorCode::invalid_input);
  InputSettings input = plain_input();
  input.mean = {0.1, 0.2};
  EXPECT_EQ(TorchModel::load(tree / "m/1/model.pt", input, {}).error().code, ErrorCode::invalid_input);
}

TEST(DescribeMachine, NamesLibraryAndThreads) {
  const std::string text = describe_machine(3);
  EXPECT_EQ(text.rfind("LibTorch ", 0), 0U) << text;
  EXPECT_NE(text.find("3 threads"), std::string::npos) << text;
  EXPECT_NE(text.find("BLAS"), std::string::npos) << text;
}

}  // namespace
}  // namespace defuse
