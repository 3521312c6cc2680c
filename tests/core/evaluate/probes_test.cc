#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "core/evaluate/probe_images.h"
#include "core/evidence/predictions.h"
#include "tests/core/evaluate/probes_fixture.h"
#include "tests/support/decoded_probes.h"
#include "tests/support/memory_dataset.h"

namespace defuse {
namespace {

TEST_F(ProbesTest, SeedsAreAllTestImagesAndChosenTrainingImages) {
  const ProbeSet probes = build();
  ASSERT_EQ(probes.seeds.size(), 100U);
  std::set<std::uint32_t> train;
  for (std::size_t i = 0; i < 100; ++i) {
    const Seed& seed = probes.seeds[i];
    EXPECT_EQ(seed.split, i < 60 ? Split::test : Split::train);
    const Dataset& data = i < 60 ? test_ : train_;
    EXPECT_EQ(seed.label, data.labels()[seed.index]);
    if (i < 60) {
      EXPECT_EQ(seed.index, i);
    }
    if (i >= 60) train.insert(seed.index);
    std::vector<float> image(48);
    data.read(seed.index, 1, image);
    EXPECT_TRUE(std::equal(image.begin(), image.end(), probes.codes.row(i).begin()));
  }
  EXPECT_EQ(train.size(), 40U);
  EXPECT_EQ(probes.generator_digest, generator().digest());
  EXPECT_EQ(progress_.last, 1);
}

TEST_F(ProbesTest, NoTrainingSeedsWhenNoneAreWantedAndAllWhenManyAre) {
  RegionSettings settings = small_settings();
  settings.train_seeds = 0;
  EXPECT_EQ(build(settings).seeds.size(), 60U);
  progress_ = {};
  settings.train_seeds = 1000;
  EXPECT_EQ(build(settings).seeds.size(), 260U);
}

TEST_F(ProbesTest, CopiesOfAnImageShareAHalfAndHalvesAreBalanced) {
  auto pixels = [&](const Dataset& data) {
    std::vector<float> all = testing::all_images(data);
    const std::vector<float> copy = all;
    all.insert(all.end(), copy.begin(), copy.end());
    return all;
  };
  std::vector<std::int32_t> labels(train_.labels().begin(), train_.labels().end());
  labels.insert(labels.end(), train_.labels().begin(), train_.labels().end());
  auto doubled = testing::dataset_from_memory(kShape, pixels(train_), labels);
  ASSERT_TRUE(doubled);
  const auto probes = build_probe_set(generator(), *doubled, train_, small_settings(), 1, 1, progress_);
  ASSERT_TRUE(probes) << probes.error().describe();
  int discover = 0;
  for (std::size_t i = 0; i < 200; ++i) {
    EXPECT_EQ(probes->seeds[i].half, probes->seeds[i + 200].half);
    discover += probes->seeds[i].half == Half::discover ? 1 : 0;
  }
  EXPECT_GT(discover, 70);  // 200 fair coins leave 70…130 once in 40,000 times
  EXPECT_LT(discover, 130);
}

TEST_F(ProbesTest, PlausibilityIsWhatTheNearestTrainingCodesSayOfTheCodeAndOfItsImage) {
  RegionSettings settings = small_settings();
  settings.noise_scale = 1.5;  // strong enough that some perturbations change class
  const ProbeSet probes = build(settings);
  const std::vector<float> references = testing::all_images(train_);
  const auto agreeing = [&](const Seed& seed, std::span<const float> code) {
    std::vector<std::pair<double, std::size_t>> all;
    for (std::size_t r = 0; r < train_.size(); ++r) {
      if (seed.split == Split::train && seed.index == r) continue;
      double distance = 0;
      for (std::size_t j = 0; j < 48; ++j)
        distance += std::pow(static_cast<double>(code[j]) - static_cast<double>(references[r * 48 + j]), 2);
      all.emplace_back(distance, r);
    }
    std::sort(all.begin(), all.end());
    int agree = 0;
    for (std::size_t n = 0; n < 5; ++n) agree += train_.labels()[all[n].second] == seed.label ? 1 : 0;
    return agree;
  };
  Matrix codes;
  std::vector<float> images(3 * 48);
  std::size_t kept = 0, dropped = 0;
  for (std::size_t i = 0; i < probes.seeds.size(); ++i) {
    perturbed_codes(probes, settings, 1, i, 0, 3, codes);
    ASSERT_TRUE(generator().decode(codes, images));
    const auto again = generator().encode(images, 3);
    ASSERT_TRUE(again);
    for (std::size_t q = 0; q < 3; ++q) {
      const bool code = agreeing(probes.seeds[i], codes.row(q)) >= 4;
      const bool image = agreeing(probes.seeds[i], again->mean.row(q)) >= 4;  // three quarters of 5
      EXPECT_EQ(probes.plausible[i * 3 + q], code && image ? 1 : 0) << i << " " << q;
      kept += code && image ? 1 : 0;
      dropped += code && !image ? 1 : 0;
    }
  }
  EXPECT_GT(dropped, 3U) << "some images are no longer of the class their code is of";
  EXPECT_GT(kept, 30U);
  EXPECT_LT(kept, 270U);
  EXPECT_DOUBLE_EQ(probes.plausible_share, static_cast<double>(kept) / 300);
}

TEST_F(ProbesTest, ClassMeansAreThoseOfTheTrainingCodes) {
  const ProbeSet probes = build();
  ASSERT_EQ(probes.class_means.rows, static_cast<std::size_t>(kClasses));
  const std::vector<float> images = testing::all_images(train_);
  for (std::size_t c = 0; c < kClasses; ++c) {
    for (std::size_t j = 0; j < 48; ++j) {
      double sum = 0, count = 0;
      for (std::size_t i = 0; i < train_.size(); ++i) {
        if (train_.labels()[i] != static_cast<std::int32_t>(c)) continue;
        sum += static_cast<double>(images[i * 48 + j]);
        ++count;
      }
      EXPECT_NEAR(static_cast<double>(probes.class_means.row(c)[j]), sum / count, 1e-6);
    }
  }
}

TEST_F(ProbesTest, DoNotDependOnTheNumberOfThreads) {
  RegionSettings settings = small_settings();
  settings.noise_scale = 0.7;
  const ProbeSet one = build(settings, 1, 1);
  progress_ = {};
  const ProbeSet three = build(settings, 1, 3);
  EXPECT_EQ(one.plausible, three.plausible);
  EXPECT_EQ(one.digest, three.digest);
}

TEST_F(ProbesTest, EveryParameterIsInTheDigest) {
  std::set<std::string> digests = {build().digest};
  const auto add = [&](auto change, std::uint64_t seed = 1) {
    RegionSettings settings = small_settings();
    change(settings);
    progress_ = {};
    digests.insert(build(settings, seed).digest);
  };
  add([](auto& s) { s.draws = 4; });
  add([](auto& s) { s.noise = NoiseMode::published; });
  add([](auto& s) { s.noise = NoiseMode::gaussian; });
  add([](auto& s) { s.noise_scale = 0.26; });
  add([](auto& s) { s.train_seeds = 41; });
  add([](auto& s) { s.neighbours = 6; });
  add([](auto& s) { s.agreement = 0.81; });
  add([](auto&) {}, 2);
  EXPECT_EQ(digests.size(), 9U);
  add([](auto& s) { s.max_shown = 99; });  // changes nothing about the probes
  EXPECT_EQ(digests.size(), 9U);
}

TEST_F(ProbesTest, ImpossibleSettingsAndShapesAreRefused) {
  const auto code = [&](auto change) {
    RegionSettings settings = small_settings();
    change(settings);
    return build_probe_set(generator(), test_, train_, settings, 1, 1, progress_).error().code;
  };
  EXPECT_EQ(code([](auto& s) { s.draws = 0; }), ErrorCode::invalid_input);
  EXPECT_EQ(code([](auto& s) { s.neighbours = 0; }), ErrorCode::invalid_input);
  EXPECT_EQ(code([](auto& s) { s.agreement = 1.1; }), ErrorCode::invalid_input);
  EXPECT_EQ(code([](auto& s) { s.noise_scale = std::nan(""); }), ErrorCode::invalid_input);
  const Dataset other = testing::banded_images({1, 6, 8}, kClasses, 20, 1);
  EXPECT_EQ(build_probe_set(generator(), other, train_, small_settings(), 1, 1, progress_).error().code,
            ErrorCode::invalid_input);
}

TEST_F(ProbesTest, BuildingAndEvaluatingStopWhenAsked) {
  const ProbeSet probes = build();
  progress_ = {};
  progress_.stop_after = 2;
  EXPECT_EQ(build_probe_set(generator(), test_, train_, small_settings(), 1, 1, progress_).error().code,
            ErrorCode::cancelled);
  progress_ = {};
  progress_.stop_after = 1;
  const auto answers = testing::decode_and_evaluate(band_model(), "m", probes, generator(), test_, train_,
                                                    small_settings(), 1, progress_);
  ASSERT_FALSE(answers);
  EXPECT_EQ(answers.error().code, ErrorCode::cancelled);
}

TEST_F(ProbesTest, AnswersAreThoseOfTheImagesOneByOne) {
  RegionSettings settings = small_settings();
  settings.noise_scale = 0.7;
  const ProbeSet probes = build(settings);
  progress_ = {};
  const auto classifier = band_model();
  const auto answers =
      testing::decode_and_evaluate(classifier, "m", probes, generator(), test_, train_, settings, 1, progress_);
  ASSERT_TRUE(answers) << answers.error().describe();
  EXPECT_EQ(answers->model_digest, "m");
  EXPECT_EQ(answers->probe_digest, probes.digest);
  EXPECT_EQ(progress_.last, 1);
  ASSERT_EQ(answers->embeddings.rows, 100U);
  Matrix code;
  std::vector<float> image(48);
  for (std::size_t i = 0; i < probes.seeds.size(); ++i) {
    EXPECT_EQ(answers->real[i], probes.seeds[i].label);
    EXPECT_EQ(answers->reconstructed[i], probes.seeds[i].label);
    EXPECT_TRUE(std::equal(probes.codes.row(i).begin(), probes.codes.row(i).end(), answers->embeddings.row(i).begin()));
    for (std::size_t q = 0; q < 3; ++q) {
      const auto got = answers->perturbed[i * 3 + q];
      if (probes.plausible[i * 3 + q] == 0) {
        EXPECT_EQ(got, -1);
        continue;
      }
      perturbed_codes(probes, settings, 1, i, static_cast<int>(q), 1, code);
      for (std::size_t j = 0; j < 48; ++j) image[j] = std::clamp(code.data[j], 0.0F, 1.0F);
      const auto alone = classifier.run(image, 1, false);
      ASSERT_TRUE(alone);
      EXPECT_EQ(got, predicted_class(alone->logits.row(0)));
    }
  }
}

TEST_F(ProbesTest, AProbeSetOfAnotherGeneratorOrADamagedOneIsRefused) {
  ProbeSet probes = build();
  const auto code = [&](const ProbeSet& changed) {
    CountingProgress progress;
    return testing::decode_and_evaluate(band_model(), "m", changed, generator(), test_, train_, small_settings(), 1,
                                        progress)
        .error()
        .code;
  };
  ProbeSet changed = probes;
  changed.generator_digest = "other";
  EXPECT_EQ(code(changed), ErrorCode::invalid_input);
  changed = probes;
  changed.plausible.pop_back();
  EXPECT_EQ(code(changed), ErrorCode::corrupt);
  changed = probes;
  changed.seeds[99].index = 200;
  EXPECT_EQ(code(changed), ErrorCode::corrupt);
  changed = probes;
  changed.class_means = Matrix(kClasses - 1, 48);
  EXPECT_EQ(code(changed), ErrorCode::corrupt);
}

TEST_F(ProbesTest, AnExceptionInTheModelIsReported) {
  const ProbeSet probes = build();
  progress_ = {};
  const auto answers = testing::decode_and_evaluate(model(testing::ModelKind::throws), "m", probes, generator(), test_,
                                                    train_, small_settings(), 1, progress_);
  ASSERT_FALSE(answers);
  EXPECT_EQ(answers.error().code, ErrorCode::invalid_input);
}

class JudgeTest : public ProbesTest {
 protected:
  GeneratorHealth judge(const ProbeSet& probes, const ProbeEvaluation& answers,
                        const GeneratorSettings& settings = {}) {
    auto health = judge_generator(generator(), probes, answers, settings);
    if (!health) throw std::runtime_error(health.error().describe());
    return *health;
  }
  ProbeEvaluation answers_for(const ProbeSet& probes) {
    CountingProgress progress;
    auto answers = testing::decode_and_evaluate(band_model(), "m", probes, generator(), test_, train_, small_settings(),
                                                1, progress);
    if (!answers) throw std::runtime_error(answers.error().describe());
    return std::move(*answers);
  }
};

TEST_F(JudgeTest, APerfectGeneratorIsUsable) {
  const ProbeSet probes = build();
  const auto health = judge(probes, answers_for(probes));
  EXPECT_TRUE(health.usable) << health.problem;
  EXPECT_EQ(health.reconstruction_error, 0);
  EXPECT_EQ(health.accuracy_real, 1);
  EXPECT_EQ(health.accuracy_reconstructed, 1);
  EXPECT_GT(health.accuracy_perturbed, 0.9);
  EXPECT_EQ(health.active_dimensions, 48);
  EXPECT_EQ(health.latent, 48);
}

TEST_F(JudgeTest, LosingTooMuchAccuracyMakesItUnusable) {
  const ProbeSet probes = build();
  auto answers = answers_for(probes);
  for (std::size_t i = 60; i < 100; ++i) answers.reconstructed[i] = -1;  // training images do not count
  EXPECT_TRUE(judge(probes, answers).usable);
  for (std::size_t i = 0; i < 7; ++i) answers.reconstructed[i] = -1;  // 7 of 60: 11.7 %
  const auto health = judge(probes, answers);
  EXPECT_FALSE(health.usable);
  EXPECT_NE(health.problem.find("11.7 %"), std::string::npos) << health.problem;
  GeneratorSettings lenient;
  lenient.max_accuracy_loss = 0.12;
  EXPECT_TRUE(judge(probes, answers, lenient).usable);
}

TEST_F(JudgeTest, RebuildingBadlyMakesItUnusable) {
  ProbeSet probes = build();
  const auto answers = answers_for(probes);
  for (float& value : probes.codes.data) value = std::clamp(value + 0.2F, 0.0F, 1.0F);
  const auto error = reconstruction_error(generator(), probes, test_);
  ASSERT_TRUE(error);
  probes.reconstruction_error = *error;
  const auto health = judge(probes, answers);
  EXPECT_GT(health.reconstruction_error, 0.15);
  EXPECT_FALSE(health.usable);
}

TEST_F(JudgeTest, CodesThatIgnoreTheImageMakeItUnusable) {
  ProbeSet probes = build();
  const auto answers = answers_for(probes);
  std::fill(probes.codes.data.begin(), probes.codes.data.end(), 0.5F);
  GeneratorSettings settings;
  settings.max_reconstruction_error = 1;
  const auto health = judge(probes, answers, settings);
  EXPECT_EQ(health.active_dimensions, 0);
  EXPECT_FALSE(health.usable);
}

TEST_F(JudgeTest, NoPlausiblePerturbationMakesItUnusable) {
  RegionSettings settings = small_settings();
  settings.noise_scale = 50;
  settings.agreement = 1;
  settings.neighbours = 200;
  const ProbeSet probes = build(settings);
  EXPECT_EQ(probes.plausible_share, 0);
  CountingProgress progress;
  const auto answers =
      testing::decode_and_evaluate(band_model(), "m", probes, generator(), test_, train_, settings, 1, progress);
  ASSERT_TRUE(answers);
  EXPECT_FALSE(judge(probes, *answers).usable);
}

TEST_F(JudgeTest, AnswersToOtherProbesAreRefused) {
  const ProbeSet probes = build();
  auto answers = answers_for(probes);
  answers.probe_digest = "other";
  const auto health = judge_generator(generator(), probes, answers, {});
  ASSERT_FALSE(health);
  EXPECT_EQ(health.error().code, ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
