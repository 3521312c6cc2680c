#include "core/generator/generator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <string>

#include "tests/support/temp_tree.h"
#include "tests/support/torch_models.h"

namespace defuse {
namespace {

using testing::TempTree;

const ImageShape kShape{1, 12, 12};

GeneratorSettings quick_settings() {
  GeneratorSettings settings;
  settings.latent = 3;
  settings.epochs = 3;
  settings.batch = 50;
  settings.learning_rate = 3e-3;
  return settings;
}

Dataset quick_images() { return testing::banded_images(kShape, 4, 400, 3); }

Generator quick_generator(std::uint64_t seed = 1, int threads = 2) {
  NoProgress progress;
  auto generator = Generator::train(quick_images(), quick_settings(), seed, threads, progress);
  if (!generator) throw std::runtime_error(generator.error().describe());
  return std::move(*generator);
}

class StopAfter final : public Progress {
 public:
  explicit StopAfter(int reports) : left_(reports) {}
  void report(std::string_view, double fraction) override {
    --left_;
    last = fraction;
  }
  bool stop_requested() const override { return left_ <= 0; }
  double last = 0;
  int left() const { return left_; }

 private:
  int left_;
};

TEST(GeneratorTraining, SameSeedGivesTheSameWeightsWhateverTheThreads) {
  const std::string digest = quick_generator(1, 1).digest();
  EXPECT_EQ(digest.size(), 64U);
  EXPECT_EQ(quick_generator(1, 1).digest(), digest);
  EXPECT_EQ(quick_generator(1, 2).digest(), digest);
  EXPECT_NE(quick_generator(2, 2).digest(), digest);
}

TEST(GeneratorTraining, TheBoundFallsAndIsLoggedForEveryEpoch) {
  const Generator generator = quick_generator();
  ASSERT_EQ(generator.log().bound.size(), 3U);
  ASSERT_EQ(generator.log().kl.size(), 3U);
  EXPECT_LT(generator.log().bound[2], generator.log().bound[0]);
  EXPECT_GT(generator.log().seconds, 0);
}

TEST(GeneratorTraining, StopsWhenAsked) {
  StopAfter progress(3);
  const auto generator = Generator::train(quick_images(), quick_settings(), 1, 1, progress);
  ASSERT_FALSE(generator);
  EXPECT_EQ(generator.error().code, ErrorCode::cancelled);
  EXPECT_GT(progress.last, 0);
  EXPECT_LT(progress.last, 0.5);
}

std::string digest_going_on_from(const std::filesystem::path& folder, int threads) {
  NoProgress progress;
  const auto generator = Generator::train(quick_images(), quick_settings(), 1, threads, progress, {folder});
  return generator ? generator->digest() : generator.error().describe();
}

TEST(GeneratorTraining, AStoppedTrainingGoesOnToTheSameWeightsAndLog) {
  const TempTree tree;
  const Generator whole = quick_generator(1, 1);
  for (const int reports : {1, 8, 9, 20}) {  // within an epoch of 8 steps, and at its end
    StopAfter stop(reports);
    const auto stopped = Generator::train(quick_images(), quick_settings(), 1, 1, stop, {tree / "t"});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
    StopAfter rest(1000);
    const auto generator = Generator::train(quick_images(), quick_settings(), 1, 2, rest, {tree / "t"});
    ASSERT_TRUE(generator) << generator.error().describe();
    EXPECT_EQ(1000 - rest.left(), 24 - reports) << "steps that were left to do";
    EXPECT_EQ(generator->digest(), whole.digest()) << reports;
    EXPECT_EQ(generator->log().bound, whole.log().bound) << reports;
    EXPECT_EQ(generator->log().kl, whole.log().kl) << reports;
    EXPECT_FALSE(std::filesystem::exists(tree / "t")) << "nothing stays behind";
  }
}

class KillAfter final : public Progress {
 public:
  explicit KillAfter(int reports) : left_(reports) {}
  void report(std::string_view, double) override {
    if (--left_ == 0) std::raise(SIGKILL);
  }

 private:
  int left_;
};

TEST(GeneratorTraining, AKilledTrainingGoesOnToTheSameWeights) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // worker threads may be running
  const auto folder = std::filesystem::path(::testing::TempDir()) / "defuse-killed-training";
  EXPECT_EXIT(
      {
        KillAfter progress(11);
        std::filesystem::remove_all(folder);
        static_cast<void>(
            Generator::train(quick_images(), quick_settings(), 1, 2, progress, {folder, std::chrono::milliseconds(0)}));
      },
      ::testing::KilledBySignal(SIGKILL), "");
  ASSERT_TRUE(std::filesystem::exists(folder / "training.state"));
  StopAfter rest(1000);
  const auto generator = Generator::train(quick_images(), quick_settings(), 1, 2, rest, {folder});
  ASSERT_TRUE(generator) << generator.error().describe();
  EXPECT_EQ(1000 - rest.left(), 24 - 11);
  EXPECT_EQ(generator->digest(), quick_generator().digest());
  std::filesystem::remove_all(folder);
}

TEST(GeneratorTraining, AStateThatIsDamagedOrOfAnotherTrainingIsNotGoneOnFrom) {
  TempTree tree;
  const std::string whole = quick_generator().digest();
  const auto stop_in = [&](std::uint64_t seed) {
    StopAfter stop(10);
    ASSERT_FALSE(Generator::train(quick_images(), quick_settings(), seed, 1, stop, {tree / "t"}));
  };
  stop_in(2);
  EXPECT_EQ(digest_going_on_from(tree / "t", 1), whole);
  stop_in(1);
  const std::string state = tree.read("t/training.state");
  std::string flipped = state;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x10);
  for (const auto& damaged : {std::string(), std::string("nonsense"), state.substr(0, state.size() / 2), flipped}) {
    tree.file("t/training.state", damaged);
    EXPECT_EQ(digest_going_on_from(tree / "t", 1), whole) << damaged.size();
  }
}

TEST(GeneratorTraining, RefusesImagesThatAreTooSmall) {
  NoProgress progress;
  const auto generator =
      Generator::train(testing::banded_images({1, 6, 6}, 2, 10, 1), quick_settings(), 1, 1, progress);
  ASSERT_FALSE(generator);
  EXPECT_EQ(generator.error().code, ErrorCode::invalid_input);
}

TEST(Generator, CodesAndImagesDoNotDependOnTheCompanyTheyKeep) {
  const Generator generator = quick_generator();
  const auto images = testing::all_images(quick_images());
  const auto all = generator.encode(images, 400);
  ASSERT_TRUE(all);
  ASSERT_EQ(all->mean.rows, 400U);
  ASSERT_EQ(all->log_var.cols, 3U);
  const auto one = generator.encode(std::span(images).subspan(300 * 144, 144), 1);
  ASSERT_TRUE(one);
  for (std::size_t j = 0; j < 3; ++j) EXPECT_NEAR(one->mean.row(0)[j], all->mean.row(300)[j], 1e-4);
  std::vector<float> decoded(images.size());
  ASSERT_TRUE(generator.decode(all->mean, decoded));
  EXPECT_GE(*std::min_element(decoded.begin(), decoded.end()), 0);
  EXPECT_LE(*std::max_element(decoded.begin(), decoded.end()), 1);
}

TEST(Generator, PiecesOnTheCallersThreadGiveTheBitsOfTheWhole) {
  const Generator generator = quick_generator();
  const auto images = testing::all_images(quick_images());
  const auto codes = generator.encode(images, 400);
  ASSERT_TRUE(codes);
  std::vector<float> whole(images.size());
  ASSERT_TRUE(generator.decode(codes->mean, whole));
  std::vector<float> mean(codes->mean.data.size()), log_var(mean.size()), decoded(images.size());
  for (std::size_t first = 0; first < 400; first += 2 * Generator::kUnit) {
    const std::size_t count = std::min(2 * Generator::kUnit, 400 - first);
    ASSERT_TRUE(generator.encode_here(std::span(images).subspan(first * 144, count * 144), count,
                                      std::span(mean).subspan(first * 3, count * 3),
                                      std::span(log_var).subspan(first * 3, count * 3)));
    ASSERT_TRUE(generator.decode_here(codes->mean, first, count, std::span(decoded).subspan(first * 144, count * 144)));
  }
  EXPECT_EQ(mean, codes->mean.data);
  EXPECT_EQ(log_var, codes->log_var.data);
  EXPECT_EQ(decoded, whole);
  EXPECT_FALSE(generator.decode_here(codes->mean, 399, 2, std::span(decoded).first(2 * 144)));  // beyond the last
}

TEST(Generator, RefusesTheWrongNumberOfPixels) {
  const Generator generator = quick_generator();
  std::vector<float> pixels(143);
  EXPECT_FALSE(generator.encode(pixels, 1));
  EXPECT_FALSE(generator.decode(Matrix(1, 3), pixels));
  pixels.resize(144);
  EXPECT_FALSE(generator.decode(Matrix(1, 4), pixels));
}

TEST(GeneratorFolder, ComesBackAsItWasSaved) {
  const TempTree tree;
  const Generator saved = quick_generator();
  ASSERT_TRUE(saved.save(tree / "g"));
  const auto loaded = Generator::load(tree / "g", kShape, 1);
  ASSERT_TRUE(loaded) << loaded.error().describe();
  EXPECT_EQ(loaded->digest(), saved.digest());
  EXPECT_EQ(loaded->latent(), 3);
  EXPECT_EQ(loaded->log().bound, saved.log().bound);
  EXPECT_EQ(loaded->log().kl, saved.log().kl);
  const auto images = testing::all_images(quick_images());
  EXPECT_EQ(loaded->encode(images, 400)->mean.data, saved.encode(images, 400)->mean.data);
}

TEST(GeneratorFolder, DamageIsCorrupt) {
  TempTree tree;
  ASSERT_TRUE(quick_generator().save(tree / "g"));
  const std::string json = tree.read("g/generator.json");
  const std::string weights = tree.read("g/weights.pt");
  const auto code = [&] { return Generator::load(tree / "g", kShape, 1).error().code; };

  tree.file("g/weights.pt", weights.substr(0, weights.size() / 2));
  EXPECT_EQ(code(), ErrorCode::corrupt);
  tree.file("g/weights.pt", "nonsense");
  EXPECT_EQ(code(), ErrorCode::corrupt);
  std::string flipped = weights;
  flipped[flipped.size() / 2] = static_cast<char>(flipped[flipped.size() / 2] ^ 0x10);
  tree.file("g/weights.pt", flipped);
  EXPECT_EQ(code(), ErrorCode::corrupt);
  tree.file("g/weights.pt", weights);
  for (const auto& damaged : {std::string("{"), std::string("{}"), json.substr(0, json.size() / 2)}) {
    tree.file("g/generator.json", damaged);
    EXPECT_EQ(code(), ErrorCode::corrupt) << damaged;
  }
  tree.file("g/generator.json", json);
  EXPECT_EQ(Generator::load(tree / "g", {1, 13, 13}, 1).error().code, ErrorCode::corrupt);
  EXPECT_TRUE(Generator::load(tree / "g", kShape, 1));
}

TEST(GeneratorPair, TheUsersOwnPairEncodesDecodesAndIsSaved) {
  const TempTree tree;
  const ImageShape shape{1, 4, 4};
  testing::save_identity_pair(tree / "encoder.pt", tree / "decoder.pt", shape);
  const auto pair = Generator::load_pair(tree / "encoder.pt", tree / "decoder.pt", shape, 2);
  ASSERT_TRUE(pair) << pair.error().describe();
  EXPECT_EQ(pair->latent(), 16);
  const auto images = testing::all_images(testing::banded_images(shape, 2, 300, 1));
  const auto codes = pair->encode(images, 300);
  ASSERT_TRUE(codes);
  EXPECT_EQ(codes->mean.data, images);
  EXPECT_EQ(codes->log_var.data, std::vector<float>(images.size(), 0));
  Matrix outside(1, 16);
  std::fill(outside.data.begin(), outside.data.begin() + 8, 2.0F);
  std::fill(outside.data.begin() + 8, outside.data.end(), -1.0F);
  std::vector<float> decoded(16);
  ASSERT_TRUE(pair->decode(outside, decoded));
  for (std::size_t i = 0; i < 16; ++i) EXPECT_EQ(decoded[i], i < 8 ? 1 : 0);  // clamped

  ASSERT_TRUE(pair->save(tree / "g"));
  const auto loaded = Generator::load(tree / "g", shape, 1);
  ASSERT_TRUE(loaded) << loaded.error().describe();
  EXPECT_EQ(loaded->digest(), pair->digest());
  EXPECT_EQ(loaded->latent(), 16);
}

TEST(GeneratorPair, AnEncoderMayGiveMeanAndLogVariance) {
  const TempTree tree;
  const ImageShape shape{1, 4, 4};
  testing::save_identity_pair(tree / "encoder.pt", tree / "decoder.pt", shape);
  testing::save_script(tree / "encoder.pt",
                       "def forward(self, x):\n    x = torch.flatten(x, 1)\n    return (x, torch.full_like(x, -2))\n");
  const auto pair = Generator::load_pair(tree / "encoder.pt", tree / "decoder.pt", shape, 1);
  ASSERT_TRUE(pair) << pair.error().describe();
  const auto codes = pair->encode(std::vector<float>(16, 0.5F), 1);
  ASSERT_TRUE(codes);
  EXPECT_EQ(codes->log_var.data, std::vector<float>(16, -2));
}

TEST(GeneratorPair, AWrongShapeIsFoundOnLoadingAndNamed) {
  const TempTree tree;
  const ImageShape shape{1, 4, 4};
  testing::save_identity_pair(tree / "encoder.pt", tree / "decoder.pt", shape);
  testing::save_script(tree / "small.pt", "def forward(self, z):\n    return torch.reshape(z, [z.size(0), 1, 2, 8])\n");
  testing::save_script(tree / "list.pt", "def forward(self, x):\n    return [x]\n");
  testing::save_script(tree / "square.pt", "def forward(self, x):\n    return x\n");
  const auto error = [&](const char* encoder, const char* decoder) {
    return Generator::load_pair(tree / encoder, tree / decoder, shape, 1).error();
  };
  EXPECT_EQ(error("encoder.pt", "small.pt").code, ErrorCode::invalid_input);
  EXPECT_NE(error("encoder.pt", "small.pt").describe().find("small.pt"), std::string::npos);
  EXPECT_EQ(error("list.pt", "decoder.pt").code, ErrorCode::invalid_input);
  EXPECT_EQ(error("square.pt", "decoder.pt").code, ErrorCode::invalid_input);
  EXPECT_EQ(error("encoder.pt", "list.pt").code, ErrorCode::invalid_input);
  EXPECT_EQ(error("encoder.pt", "missing.pt").code, ErrorCode::not_found);
}

}  // namespace
}  // namespace defuse
