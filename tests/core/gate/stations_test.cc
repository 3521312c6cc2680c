#include "core/gate/stations.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/base/files.h"
#include "core/base/image_io.h"
#include "core/cache/npy_array.h"
#include "tests/core/gate/band_line.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::kClasses;
using testing::kShape;
using testing::ModelKind;

// Stops when it has been told of a station so many times; never for 0.
class Stopping final : public Progress {
 public:
  void report(std::string_view station, double fraction) override {
    reports.emplace_back(station, fraction);
    if (station == at) ++seen;
  }
  bool stop_requested() const override { return after > 0 && seen >= after; }

  std::string at;
  int after = 0;
  int seen = 0;
  std::vector<std::pair<std::string, double>> reports;
};

class StationsTest : public testing::BandLine {
 protected:
  // What one worker holds while it runs; what it stored outlives it.
  struct Worker {
    explicit Worker(const JobSpec& job, Progress& progress)
        : context{job, StationCache(job.cache), progress, {}}, candidate(job.candidate, context) {}
    StageContext context;
    LazyModel candidate;

    std::vector<std::string> stations() const {
      std::vector<std::string> names;
      for (const auto& time : context.times) names.push_back(time.station + (time.cached ? " (cached)" : ""));
      return names;
    }
  };
  Worker worker() { return Worker(job_, progress_); }

  Splits splits() {
    NoProgress quiet;
    StageContext context{job_, StationCache(job_.cache), quiet, {}};
    auto opened = open_splits(context);
    if (!opened) throw std::runtime_error(opened.error().describe());
    return std::move(*opened);
  }

  Result<Evaluation> evaluated() {
    const auto data = splits();
    Worker w(job_, progress_);
    return evaluation_of(w.candidate, data, "evaluate", w.context);
  }
  Result<ProbeSet> probe_set() {
    const auto data = splits();
    Worker w(job_, progress_);
    TRY(generator, generator_of(data, w.context));
    return probes_of(generator, data, w.context);
  }
  // Answers of a worker that starts anew, and which stations that took.
  struct Answered {
    ProbeEvaluation answers;
    std::vector<std::string> stations;
  };
  Result<Answered> answered() {
    const auto data = splits();
    Worker w(job_, progress_);
    TRY(generator, generator_of(data, w.context));
    TRY(probes, probes_of(generator, data, w.context));
    LazyImages images(probes, generator, w.context);
    TRY(answers, answers_of(w.candidate, images, data, "answers", w.context));
    return Answered{std::move(answers), w.stations()};
  }
  std::vector<KnownRegion> known(bool with_incumbent = true) {
    const auto data = splits();
    Worker w(job_, progress_);
    LazyModel incumbent(*job_.incumbent, w.context);
    return known_regions_of(w.candidate, with_incumbent ? &incumbent : nullptr, data, w.context);
  }

  // Folders of one station's entries; unfinished ones are none.
  std::vector<fs::path> entries(const std::string& station) const {
    std::vector<fs::path> found;
    if (!fs::exists(job_.cache / station)) return found;
    for (const auto& entry : fs::directory_iterator(job_.cache / station)) found.push_back(entry.path());
    return found;
  }
  // Every file of a station's only entry is damaged, one after the other, by cutting it in half; `again` must then say
  // the same as before and leave a whole entry behind.
  void each_damage_is_mended(const std::string& station, const std::function<void(const std::string& file)>& again) {
    ASSERT_EQ(entries(station).size(), 1U);
    std::vector<std::string> files;
    for (const auto& file : fs::directory_iterator(entries(station).front()))
      if (file.file_size() > 1) files.push_back(file.path().filename());
    ASSERT_FALSE(files.empty());
    for (const auto& name : files) {
      const auto file = entries(station).front() / name;
      const auto whole = fs::file_size(file);
      fs::permissions(file, fs::perms::owner_write, fs::perm_options::add);
      fs::resize_file(file, whole / 2);
      again(name);
      ASSERT_EQ(entries(station).size(), 1U);
      // Not to the byte: a generator's entry also says how long its training took.
      EXPECT_GT(fs::file_size(entries(station).front() / name), whole * 3 / 4) << name;
    }
  }

  void use(const std::string& file) { job_.candidate = artifact("2", file); }

  Stopping progress_;
};

void expect_same(const Evaluation& one, const Evaluation& other, const std::string& where = "") {
  EXPECT_EQ(one.model_digest, other.model_digest) << where;
  EXPECT_EQ(one.data_digest, other.data_digest) << where;
  EXPECT_EQ(one.logits.data, other.logits.data) << where;
  EXPECT_EQ(one.predicted, other.predicted) << where;
  EXPECT_EQ(one.loss, other.loss) << where;
  EXPECT_EQ(one.gave_probabilities, other.gave_probabilities) << where;
}

void expect_same(const ProbeSet& one, const ProbeSet& other, const std::string& where = "") {
  EXPECT_EQ(one.digest, other.digest) << where;
  EXPECT_EQ(one.generator_digest, other.generator_digest) << where;
  EXPECT_EQ(one.data_digest, other.data_digest) << where;
  ASSERT_EQ(one.seeds.size(), other.seeds.size()) << where;
  for (std::size_t s = 0; s < one.seeds.size(); ++s) {
    EXPECT_EQ(one.seeds[s].split, other.seeds[s].split);
    EXPECT_EQ(one.seeds[s].index, other.seeds[s].index);
    EXPECT_EQ(one.seeds[s].label, other.seeds[s].label);
    EXPECT_EQ(one.seeds[s].half, other.seeds[s].half);
  }
  EXPECT_EQ(one.perturbed, other.perturbed) << where;
  EXPECT_EQ(one.draws, other.draws) << where;
  EXPECT_EQ(one.codes.data, other.codes.data) << where;
  EXPECT_EQ(one.class_means.data, other.class_means.data) << where;
  EXPECT_EQ(one.tails.slopes.data, other.tails.slopes.data) << where;
  EXPECT_EQ(one.tails.axes, other.tails.axes) << where;
  EXPECT_EQ(one.plausible, other.plausible) << where;
  EXPECT_EQ(one.statistics.data, other.statistics.data) << where;
  EXPECT_EQ(one.reconstruction_error, other.reconstruction_error) << where;
  EXPECT_EQ(one.plausible_share, other.plausible_share) << where;
  // NaN where a perturbation is not plausible, so bit by bit.
  const auto a = std::as_bytes(one.draw_statistics.all()), b = std::as_bytes(other.draw_statistics.all());
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << where;
}

void expect_same(const ProbeEvaluation& one, const ProbeEvaluation& other, const std::string& where = "") {
  EXPECT_EQ(one.model_digest, other.model_digest) << where;
  EXPECT_EQ(one.probe_digest, other.probe_digest) << where;
  EXPECT_EQ(one.real, other.real) << where;
  EXPECT_EQ(one.reconstructed, other.reconstructed) << where;
  EXPECT_EQ(one.perturbed, other.perturbed) << where;
  EXPECT_EQ(one.logits.data, other.logits.data) << where;
  EXPECT_EQ(one.embeddings.data, other.embeddings.data) << where;
  EXPECT_EQ(one.real_margin, other.real_margin) << where;
  const auto a = std::as_bytes(std::span(one.perturbed_margin)), b = std::as_bytes(std::span(other.perturbed_margin));
  EXPECT_TRUE(std::equal(a.begin(), a.end(), b.begin(), b.end())) << where;
}

// --- the data ---

TEST_F(StationsTest, SplitsAreOpenedWithClassesNamedByNumber) {
  auto w = worker();
  const auto opened = open_splits(w.context);
  ASSERT_TRUE(opened) << opened.error().describe();
  EXPECT_EQ(opened->test.size(), 600U);
  EXPECT_EQ(opened->train.size(), 600U);
  EXPECT_THAT(opened->classes, ElementsAre("0", "1", "2"));
  EXPECT_EQ(opened->class_count(), 3);
  EXPECT_NE(opened->test.digest(), opened->train.digest());
  EXPECT_THAT(w.stations(), ElementsAre("data"));
}

TEST_F(StationsTest, ConfiguredClassNamesAreKept) {
  job_.settings.classes = {"top", "middle", "bottom", "never seen"};
  EXPECT_EQ(splits().classes, job_.settings.classes);
}

TEST_F(StationsTest, ASplitThatCannotBeOpenedIsNamedWithItsFile) {
  for (const std::string split : {"train", "test"}) {
    const auto file = "data/" + split + "-labels-idx1-ubyte";
    const auto whole = tree_.read(file);
    tree_.remove(file);
    auto w = worker();
    const auto opened = open_splits(w.context);
    ASSERT_FALSE(opened);
    EXPECT_THAT(opened.error().describe(), HasSubstr("while opening the " + split + " split"));
    EXPECT_THAT(opened.error().describe(), HasSubstr(split + "-labels-idx1-ubyte"));
    tree_.file(file, whole);
  }
}

TEST_F(StationsTest, ImageFoldersMustHoldTheSameClasses) {
  const std::string picture = encode_png(kShape, std::vector<float>(72, 0.5F));
  for (const std::string name :
       {"left/a/1.png", "left/b/1.png", "same/a/2.png", "same/b/2.png", "other/a/3.png", "other/c/3.png"})
    tree_.file("folders/" + name, picture);
  job_.settings.data = {FolderSource{tree_ / "folders/left"}, FolderSource{tree_ / "folders/same"}};
  EXPECT_THAT(splits().classes, ElementsAre("a", "b"));
  job_.settings.data.test = FolderSource{tree_ / "folders/other"};
  auto w = worker();
  const auto opened = open_splits(w.context);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::invalid_input);
  EXPECT_THAT(opened.error().message, HasSubstr("different classes"));
}

// --- the model ---

TEST_F(StationsTest, AModelIsNotTouchedBeforeItIsNeeded) {
  tree_.remove("new.pt");
  auto w = worker();
  EXPECT_EQ(w.candidate.digest(), job_.candidate.digest);
  const auto got = w.candidate.get();
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().describe(), HasSubstr("new.pt"));
}

TEST_F(StationsTest, AModelIsLoadedOnce) {
  auto w = worker();
  const auto first = w.candidate.get();
  ASSERT_TRUE(first) << first.error().describe();
  tree_.remove("new.pt");
  const auto second = w.candidate.get();
  ASSERT_TRUE(second);
  EXPECT_EQ(*first, *second);
}

TEST_F(StationsTest, AFileThatChangedSinceTheJobWasWrittenIsNotLoaded) {
  testing::save_linear_model(tree_ / "new.pt", scaled(testing::band_weights(kShape, kClasses), 3.0F));
  auto w = worker();
  const auto got = w.candidate.get();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::unavailable);
  EXPECT_THAT(got.error().message, HasSubstr("new.pt"));
}

// --- answers on the test split ---

TEST_F(StationsTest, AnEvaluationHoldsAnAnswerToEveryTestImage) {
  const auto data = splits();
  auto w = worker();
  const auto got = evaluation_of(w.candidate, data, "evaluate", w.context);
  ASSERT_TRUE(got) << got.error().describe();
  EXPECT_TRUE(
      std::equal(got->predicted.begin(), got->predicted.end(), data.test.labels().begin(), data.test.labels().end()))
      << "the bands are told apart without an error";
  EXPECT_EQ(got->logits.rows, 600U);
  EXPECT_EQ(got->logits.cols, 3U);
  EXPECT_EQ(got->model_digest, job_.candidate.digest);
  EXPECT_EQ(got->data_digest, data.test.digest());
  for (const float loss : got->loss) EXPECT_LT(loss, std::log(3.0F)) << "better than guessing";
  EXPECT_THAT(w.stations(), ElementsAre("evaluate"));
}

TEST_F(StationsTest, ASecondWorkerFindsTheEvaluationAndNeedsNoModel) {
  const auto first = evaluated();
  ASSERT_TRUE(first);
  tree_.remove("new.pt");
  const auto data = splits();
  auto w = worker();
  const auto second = evaluation_of(w.candidate, data, "evaluate_again", w.context);
  ASSERT_TRUE(second) << second.error().describe();
  expect_same(*first, *second);
  EXPECT_THAT(w.stations(), ElementsAre("evaluate_again (cached)")) << "kept by content, not by the station's name";
}

TEST_F(StationsTest, AnotherModelDataOrInputIsAnotherEvaluation) {
  ASSERT_TRUE(evaluated());
  EXPECT_EQ(entries("evaluation").size(), 1U);
  use("old.pt");
  ASSERT_TRUE(evaluated());
  EXPECT_EQ(entries("evaluation").size(), 2U);
  job_.settings.input.mean = {0.25};
  ASSERT_TRUE(evaluated());
  EXPECT_EQ(entries("evaluation").size(), 3U);
  write_split("test", 300, 7);
  ASSERT_TRUE(evaluated());
  EXPECT_EQ(entries("evaluation").size(), 4U);
  job_.worker.threads = 2;
  ASSERT_TRUE(evaluated());
  EXPECT_EQ(entries("evaluation").size(), 4U) << "threads change no result";
}

TEST_F(StationsTest, ADamagedEvaluationIsMadeAgain) {
  const auto whole = evaluated();
  ASSERT_TRUE(whole);
  each_damage_is_mended("evaluation", [&](const std::string& file) {
    const auto again = evaluated();
    ASSERT_TRUE(again) << file << ": " << again.error().describe();
    expect_same(*whole, *again, file);
  });
}

TEST_F(StationsTest, ADamagedEvaluationWithoutItsModelIsAnErrorNeverAnAnswer) {
  ASSERT_TRUE(evaluated());
  fs::remove(entries("evaluation").front() / "predicted.npy");
  tree_.remove("new.pt");
  EXPECT_FALSE(evaluated());
}

// A comparison with another model's answers could turn anything green.
TEST_F(StationsTest, AnswersThatAreAnotherModelsAreNotTaken) {
  const auto own = evaluated();
  ASSERT_TRUE(own);
  const auto entry = entries("evaluation").front();
  use("old.pt");
  ASSERT_TRUE(evaluated());
  ASSERT_EQ(entries("evaluation").size(), 2U);
  const auto all = entries("evaluation");
  const auto other = all[0] == entry ? all[1] : all[0];
  fs::remove_all(entry);
  fs::copy(other, entry, fs::copy_options::recursive);
  use("new.pt");
  const auto again = evaluated();
  ASSERT_TRUE(again);
  expect_same(*own, *again);
}

TEST_F(StationsTest, PredictionsThatDoNotFollowFromTheLogitsAreNotTaken) {
  const auto whole = evaluated();
  ASSERT_TRUE(whole);
  const auto file = entries("evaluation").front() / "predicted.npy";
  fs::remove(file);
  auto forged = whole->predicted;
  forged[17] = (forged[17] + 1) % kClasses;
  ASSERT_TRUE(save_npy(file, forged));
  const auto again = evaluated();
  ASSERT_TRUE(again);
  expect_same(*whole, *again);
}

TEST_F(StationsTest, AnEvaluationThatIsStoppedLeavesNothingBehind) {
  progress_.at = "evaluate";
  progress_.after = 1;
  const auto stopped = evaluated();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_THAT(entries("evaluation"), IsEmpty());
  progress_.after = 0;
  EXPECT_TRUE(evaluated());
}

TEST_F(StationsTest, AModelThatThrowsIsItsOwnFaultAndKeepsNothing) {
  testing::save_model(tree_ / "broken.pt", ModelKind::throws, kShape, kClasses);
  use("broken.pt");
  const auto got = evaluated();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::invalid_input);
  EXPECT_THAT(got.error().describe(), HasSubstr("this model is broken"));
  EXPECT_THAT(entries("evaluation"), IsEmpty());
}

TEST_F(StationsTest, AModelOfOtherClassesIsRefusedAlsoWhereItsAnswersAreKept) {
  ASSERT_TRUE(evaluated());
  job_.settings.classes = {"a", "b", "c", "d"};
  const auto got = evaluated();
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::invalid_input);
  EXPECT_EQ(entries("evaluation").size(), 1U) << "that of three classes";
}

TEST_F(StationsTest, DataThatIsWrittenToMeanwhileIsNeverKeptUnderItsOldDigest) {
  const auto data = splits();
  {
    std::fstream images(tree_ / "data/test-images-idx3-ubyte", std::ios::in | std::ios::out | std::ios::binary);
    images.seekp(5000);
    images.put('\xff');
  }
  auto w = worker();
  const auto got = evaluation_of(w.candidate, data, "evaluate", w.context);
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::unavailable);
  EXPECT_THAT(got.error().describe(), HasSubstr("changed while it was used"));
  EXPECT_THAT(entries("evaluation"), IsEmpty());
}

// --- the generator ---

TEST_F(StationsTest, AUsersPairIsLoadedEachTime) {
  const auto data = splits();
  auto w = worker();
  const auto generator = generator_of(data, w.context);
  ASSERT_TRUE(generator) << generator.error().describe();
  EXPECT_EQ(generator->latent(), 72);
  EXPECT_THAT(entries("generator"), IsEmpty());
  tree_.remove("decoder.pt");
  EXPECT_FALSE(generator_of(data, w.context)) << "it may have changed since";
}

class TrainedGenerator : public StationsTest {
 protected:
  TrainedGenerator() {
    write_split("train", 150, 1);
    auto& settings = job_.settings.generator;
    settings.kind = GeneratorKind::vae;
    settings.latent = 4;
    settings.epochs = 1;
    settings.batch = 64;
  }
  Result<Generator> trained() {
    const auto data = splits();
    Worker w(job_, progress_);
    return generator_of(data, w.context);
  }
  static std::vector<float> decoded(const Generator& generator) {
    Matrix codes(3, 4);
    for (std::size_t i = 0; i < codes.data.size(); ++i) codes.data[i] = 0.3F * static_cast<float>(i) - 1;
    std::vector<float> images(3 * 72);
    EXPECT_TRUE(generator.decode(codes, images));
    return images;
  }
};

TEST_F(TrainedGenerator, IsTrainedOnceAndTheSameWhenItIsFoundAgain) {
  const auto first = trained();
  ASSERT_TRUE(first) << first.error().describe();
  EXPECT_EQ(entries("generator").size(), 1U);
  const auto again = trained();
  ASSERT_TRUE(again);
  EXPECT_EQ(first->digest(), again->digest());
  EXPECT_EQ(decoded(*first), decoded(*again));
  const auto data = splits();
  auto w = worker();
  ASSERT_TRUE(generator_of(data, w.context));
  EXPECT_THAT(w.stations(), ElementsAre("generator (cached)"));
}

TEST_F(TrainedGenerator, IsAnotherOneForAnotherSeedDataOrSetting) {
  std::set<std::string> digests;
  const auto note = [&] {
    const auto made = trained();
    ASSERT_TRUE(made) << made.error().describe();
    digests.insert(made->digest());
  };
  note();
  job_.settings.seed = 2;
  note();
  job_.settings.generator.beta = 0.5;
  note();
  write_split("train", 150, 9);
  note();
  EXPECT_EQ(digests.size(), 4U);
  EXPECT_EQ(entries("generator").size(), 4U);
  write_split("test", 60, 9);  // it is made of training images alone
  note();
  EXPECT_EQ(entries("generator").size(), 4U);
}

TEST_F(TrainedGenerator, ThatIsDamagedIsTrainedAgainToTheSameBytes) {
  const auto whole = trained();
  ASSERT_TRUE(whole);
  each_damage_is_mended("generator", [&](const std::string& file) {
    const auto again = trained();
    ASSERT_TRUE(again) << file << ": " << again.error().describe();
    EXPECT_EQ(whole->digest(), again->digest()) << file;
    EXPECT_EQ(decoded(*whole), decoded(*again)) << file;
  });
}

TEST_F(TrainedGenerator, ThatIsStoppedIsNoGenerator) {
  progress_.at = "generator";
  progress_.after = 2;
  const auto stopped = trained();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_THAT(entries("generator"), IsEmpty());
  progress_.after = 0;
  const auto after_a_stop = trained();
  ASSERT_TRUE(after_a_stop);
  fs::remove_all(job_.cache);
  const auto undisturbed = trained();
  ASSERT_TRUE(undisturbed);
  EXPECT_EQ(after_a_stop->digest(), undisturbed->digest()) << "a stop changes nothing of what comes out";
}

// --- the probe set ---

TEST_F(StationsTest, TheProbeSetHoldsBothSplitsAndTellsTheHalvesApart) {
  const auto data = splits();
  const auto probes = probe_set();
  ASSERT_TRUE(probes) << probes.error().describe();
  ASSERT_EQ(probes->seeds.size(), 1200U);
  EXPECT_EQ(probes->draws, 2);
  EXPECT_EQ(probes->plausible.size(), 2400U);
  EXPECT_EQ(probes->codes.rows, 1200U);
  EXPECT_EQ(probes->statistics.rows, 1200U);
  int discover = 0;
  for (std::size_t s = 0; s < 1200; ++s) {
    const auto& seed = probes->seeds[s];
    EXPECT_EQ(seed.split, s < 600 ? Split::test : Split::train) << "test images come first";
    EXPECT_EQ(seed.label, (s < 600 ? data.test : data.train).labels()[seed.index]);
    discover += seed.half == Half::discover;
  }
  EXPECT_NEAR(discover, 600, 5 * std::sqrt(300.0));
}

// The training split holds the very test images: each pair must be on one side.
TEST_F(StationsTest, TwoCopiesOfOneImageNeverFaceEachOther) {
  write_split("train", 600, 2);
  const auto probes = probe_set();
  ASSERT_TRUE(probes) << probes.error().describe();
  std::vector<Half> of_test(600);
  for (const auto& seed : probes->seeds)
    if (seed.split == Split::test) of_test[seed.index] = seed.half;
  for (const auto& seed : probes->seeds)
    if (seed.split == Split::train) {
      EXPECT_EQ(seed.half, of_test[seed.index]) << seed.index;
    }
}

TEST_F(StationsTest, ASecondWorkerFindsTheProbeSetWhole) {
  const auto first = probe_set();
  ASSERT_TRUE(first);
  const auto data = splits();
  auto w = worker();
  const auto generator = generator_of(data, w.context);
  ASSERT_TRUE(generator);
  const auto second = probes_of(*generator, data, w.context);
  ASSERT_TRUE(second) << second.error().describe();
  EXPECT_THAT(w.stations(), ElementsAre("generator", "probes (cached)"));
  expect_same(*first, *second);
}

TEST_F(StationsTest, OnlyWhatMakesAProbeSetMakesAnotherOne) {
  ASSERT_TRUE(probe_set());
  auto& settings = job_.settings.checks.misclassification_regions;
  settings.min_support = 9;
  settings.min_increase = 0.5;
  settings.max_shown = 3;
  settings.mode = CheckMode::warn;
  job_.settings.alpha = 0.01;
  ASSERT_TRUE(probe_set());
  EXPECT_EQ(entries("probes").size(), 1U) << "what is made of the answers later";
  std::size_t made = 1;
  for (const auto& change :
       std::vector<std::function<void()>>{[&] { settings.draws = 3; }, [&] { settings.noise = NoiseMode::gaussian; },
                                          [&] { settings.noise_scale = 0.03; }, [&] { settings.neighbours = 7; },
                                          [&] { settings.agreement = 0.7; }, [&] { settings.train_seeds = 100; },
                                          [&] { settings.train_perturbed = 50; }, [&] { job_.settings.seed = 5; }}) {
    change();
    ASSERT_TRUE(probe_set());
    EXPECT_EQ(entries("probes").size(), ++made);
  }
}

TEST_F(StationsTest, ADamagedProbeSetIsMadeAgain) {
  const auto whole = probe_set();
  ASSERT_TRUE(whole);
  each_damage_is_mended("probes", [&](const std::string& file) {
    const auto again = probe_set();
    ASSERT_TRUE(again) << file << ": " << again.error().describe();
    expect_same(*whole, *again, file);
  });
}

TEST_F(StationsTest, AProbeSetThatIsStoppedLeavesNothingBehind) {
  progress_.at = "probes";
  progress_.after = 2;
  const auto stopped = probe_set();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_THAT(entries("probes"), IsEmpty());
}

// --- answers on the probe set ---

TEST_F(StationsTest, AnswersAgreeWithTheEvaluationOfTheSameImages) {
  const auto evaluation = evaluated();
  const auto probes = probe_set();
  const auto got = answered();
  ASSERT_TRUE(evaluation && probes && got);
  const auto& answers = got->answers;
  EXPECT_EQ(answers.model_digest, job_.candidate.digest);
  EXPECT_EQ(answers.probe_digest, probes->digest);
  for (std::size_t s = 0; s < probes->seeds.size(); ++s) {
    EXPECT_EQ(answers.real[s], answers.reconstructed[s]) << "this generator loses nothing";
    const auto& seed = probes->seeds[s];
    if (seed.split != Split::test) continue;
    EXPECT_EQ(answers.real[s], evaluation->predicted[seed.index]);
    const auto one = answers.logits.row(s), other = evaluation->logits.row(seed.index);
    for (std::size_t c = 0; c < kClasses; ++c) EXPECT_NEAR(one[c], other[c], 1e-5F);
    const auto label = static_cast<std::size_t>(seed.label);
    float best = -1e9F;
    for (std::size_t c = 0; c < kClasses; ++c)
      if (c != label) best = std::max(best, one[c]);
    EXPECT_FLOAT_EQ(answers.real_margin[s], one[label] - best);
  }
  for (std::size_t q = 0; q < probes->plausible.size(); ++q)
    if (probes->plausible[q] == 0) {
      EXPECT_TRUE(std::isnan(answers.perturbed_margin[q])) << "never run";
    }
}

TEST_F(StationsTest, ASecondWorkerFindsTheAnswersAndNeedsNeitherModelNorImages) {
  const auto first = answered();
  ASSERT_TRUE(first) << first.error().describe();
  EXPECT_THAT(first->stations, ElementsAre("generator", "probes", "generated_images", "answers"));
  tree_.remove("new.pt");
  fs::remove_all(job_.cache / "generated");
  const auto second = answered();
  ASSERT_TRUE(second) << second.error().describe();
  EXPECT_THAT(second->stations, ElementsAre("generator", "probes (cached)", "answers (cached)"));
  expect_same(first->answers, second->answers);
}

TEST_F(StationsTest, DamagedAnswersAreMadeAgain) {
  const auto whole = answered();
  ASSERT_TRUE(whole);
  each_damage_is_mended("answers", [&](const std::string& file) {
    const auto again = answered();
    ASSERT_TRUE(again) << file << ": " << again.error().describe();
    expect_same(whole->answers, again->answers, file);
  });
}

TEST_F(StationsTest, AnotherModelsAnswersToTheProbeSetAreNotTaken) {
  const auto own = answered();
  ASSERT_TRUE(own);
  const auto entry = entries("answers").front();
  use("old.pt");
  ASSERT_TRUE(answered());
  const auto all = entries("answers");
  ASSERT_EQ(all.size(), 2U);
  fs::remove_all(entry);
  fs::copy(all[0] == entry ? all[1] : all[0], entry, fs::copy_options::recursive);
  use("new.pt");
  const auto again = answered();
  ASSERT_TRUE(again);
  expect_same(own->answers, again->answers);
}

TEST_F(StationsTest, AnswersThatDoNotFollowFromTheirLogitsAreNotTaken) {
  const auto whole = answered();
  ASSERT_TRUE(whole);
  const auto file = entries("answers").front() / "real.npy";
  fs::remove(file);
  auto forged = whole->answers.real;
  forged[3] = (forged[3] + 1) % kClasses;
  ASSERT_TRUE(save_npy(file, forged));
  const auto again = answered();
  ASSERT_TRUE(again);
  expect_same(whole->answers, again->answers);
}

TEST_F(StationsTest, AnswersThatAreStoppedLeaveNothingBehind) {
  progress_.at = "answers";
  progress_.after = 1;
  const auto stopped = answered();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_THAT(entries("answers"), IsEmpty());
}

// --- generated images ---

TEST_F(StationsTest, BothModelsAreAskedAboutOneSetOfGeneratedImages) {
  const auto data = splits();
  auto w = worker();
  LazyModel incumbent(*job_.incumbent, w.context);
  const auto generator = generator_of(data, w.context);
  ASSERT_TRUE(generator);
  const auto probes = probes_of(*generator, data, w.context);
  ASSERT_TRUE(probes);
  LazyImages images(*probes, *generator, w.context);
  const auto one = answers_of(w.candidate, images, data, "answers", w.context);
  const auto first = images.get();
  const auto other = answers_of(incumbent, images, data, "answers_incumbent", w.context);
  ASSERT_TRUE(one && other && first);
  EXPECT_EQ(*first, *images.get());
  EXPECT_TRUE((*first)->kept());
  EXPECT_THAT(w.stations(), ElementsAre("generator", "probes", "generated_images", "answers", "answers_incumbent"));
  EXPECT_EQ(one->perturbed, other->perturbed) << "a scaled copy answers alike";
  EXPECT_NE(one->logits.data, other->logits.data);
}

TEST_F(StationsTest, GeneratedImagesAreKeptOnlyWhereThereIsRoomAndSayTheSame) {
  const auto kept = answered();
  ASSERT_TRUE(kept);
  ASSERT_EQ(entries("generated").size(), 1U);
  const auto bytes = fs::file_size(entries("generated").front() / "images.npy");
  fs::remove_all(job_.cache);
  job_.cache_size = 4 * bytes - 1024;  // a quarter of it is a little too small
  const auto decoded = answered();
  ASSERT_TRUE(decoded);
  EXPECT_THAT(entries("generated"), IsEmpty());
  expect_same(kept->answers, decoded->answers);
}

TEST_F(StationsTest, DamagedGeneratedImagesAreMadeAgain) {
  const auto whole = answered();
  ASSERT_TRUE(whole);
  each_damage_is_mended("generated", [&](const std::string& file) {
    fs::remove_all(job_.cache / "answers");
    const auto again = answered();
    ASSERT_TRUE(again) << file << ": " << again.error().describe();
    expect_same(whole->answers, again->answers, file);
  });
}

TEST_F(StationsTest, DecodingThatIsStoppedLeavesNoImagesAndNoAnswers) {
  progress_.at = "generated_images";
  progress_.after = 2;  // the station's beginning, and the first piece
  const auto stopped = answered();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  EXPECT_THAT(entries("generated"), IsEmpty());
  EXPECT_THAT(entries("answers"), IsEmpty());
}

// --- known regions ---

class KnownRegionsStation : public StationsTest {
 protected:
  // A frozen test made of these images of the test split.
  KnownRegionRef frozen(const std::string& id, std::int32_t label, const std::vector<std::size_t>& images) {
    const auto data = splits();
    std::vector<float> pixels(images.size() * 72);
    KnownRegionRef reference{.id = RegionId(id),
                             .label = label,
                             .predicted_as = 2,
                             .first_version = "1",
                             .ambiguous = false,
                             .images = tree_ / (id + ".npy"),
                             .cluster = {}};
    for (std::size_t i = 0; i < images.size(); ++i) {
      data.test.read(images[i], 1, std::span(pixels).subspan(i * 72, 72));
      reference.cluster.push_back(static_cast<std::uint32_t>(images[i]));
    }
    EXPECT_TRUE(save_npy_images(reference.images, pixels, images.size(), 1, 9, 8));
    return reference;
  }
};

TEST_F(KnownRegionsStation, BothModelsAnswerTheFrozenImages) {
  auto weights = testing::band_weights(kShape, kClasses);
  std::swap_ranges(weights.row(1).begin(), weights.row(1).end(), weights.row(2).begin());
  testing::save_linear_model(tree_ / "swapped.pt", weights);  // takes class 1 for 2 and the other way round
  use("swapped.pt");
  job_.known_regions = {frozen("r-first", 1, {1, 4, 7}), frozen("r-second", 0, {0, 3})};
  job_.known_regions[0].ambiguous = true;
  const auto got = known();
  ASSERT_EQ(got.size(), 2U);
  EXPECT_EQ(got[0].id, "r-first");
  EXPECT_EQ(got[0].problem, "");
  EXPECT_THAT(got[0].incumbent, ElementsAre(1, 1, 1));
  EXPECT_THAT(got[0].candidate, ElementsAre(2, 2, 2));
  EXPECT_THAT(got[0].cluster, ElementsAre(1, 4, 7));
  EXPECT_TRUE(got[0].ambiguous);
  EXPECT_EQ(got[0].label, 1);
  EXPECT_EQ(got[0].predicted_as, 2);
  EXPECT_EQ(got[0].first_version, "1");
  EXPECT_EQ(got[1].id, "r-second");
  EXPECT_THAT(got[1].candidate, ElementsAre(0, 0));
}

TEST_F(KnownRegionsStation, NoneIsAnEmptyAnswerThatLoadsNothing) {
  tree_.remove("new.pt");
  EXPECT_THAT(known(), IsEmpty());
}

TEST_F(KnownRegionsStation, WithoutAnIncumbentTheyCannotBeJudged) {
  job_.known_regions = {frozen("r-a", 1, {1})};
  const auto got = known(/*with_incumbent=*/false);
  ASSERT_EQ(got.size(), 1U);
  EXPECT_THAT(got[0].problem, HasSubstr("no incumbent"));
  EXPECT_THAT(got[0].candidate, IsEmpty());
}

// Each is an error of its own, and hides neither the one before nor the one after.
TEST_F(KnownRegionsStation, OneThatCannotBeRunSaysWhyAndHidesNoOther) {
  struct Case {
    const char* words;
    std::function<void(KnownRegionRef&)> spoil;
  };
  const std::vector<Case> cases{
      {"gone.npy", [&](KnownRegionRef& r) { r.images = tree_ / "gone.npy"; }},
      {"does not hold the images it should", [](KnownRegionRef& r) { r.cluster.pop_back(); }},
      {"does not hold the images it should", [](KnownRegionRef& r) { r.cluster.clear(); }},
      {"class is none of the model line's", [](KnownRegionRef& r) { r.label = 3; }},
      {"class is none of the model line's", [](KnownRegionRef& r) { r.label = -1; }},
      {"another size",
       [&](KnownRegionRef& r) {
         ASSERT_TRUE(save_npy_images(r.images, std::vector<float>(2 * 72, 0.5F), 2, 1, 8, 9));
       }},
      {"r-bad.npy", [&](KnownRegionRef& r) { fs::resize_file(r.images, 20); }},
  };
  for (const auto& [words, spoil] : cases) {
    job_.known_regions = {frozen("r-before", 1, {1}), frozen("r-bad", 1, {1, 4}), frozen("r-after", 2, {2})};
    spoil(job_.known_regions[1]);
    const auto got = known();
    ASSERT_EQ(got.size(), 3U);
    EXPECT_THAT(got[0].candidate, ElementsAre(1)) << words;
    EXPECT_THAT(got[1].problem, HasSubstr(words));
    EXPECT_THAT(got[1].candidate, IsEmpty()) << words;
    EXPECT_THAT(got[1].incumbent, IsEmpty()) << words;
    EXPECT_EQ(got[2].problem, "") << words;
    EXPECT_THAT(got[2].incumbent, ElementsAre(2)) << words;
    fs::remove(tree_ / "r-bad.npy");
  }
}

TEST_F(KnownRegionsStation, AModelThatFailsLeavesNoHalfAnswer) {
  job_.known_regions = {frozen("r-a", 1, {1})};
  testing::save_model(tree_ / "old.pt", ModelKind::throws, kShape, kClasses);
  job_.incumbent = artifact("1", "old.pt");
  const auto got = known();
  ASSERT_EQ(got.size(), 1U);
  EXPECT_THAT(got[0].problem, HasSubstr("this model is broken"));
  EXPECT_THAT(got[0].candidate, IsEmpty()) << "the candidate alone says nothing";
}

// --- the clock ---

TEST_F(StationsTest, AStationIsAnnouncedWhenItBeginsAndTimedWhenItEnds) {
  auto w = worker();
  {
    StationTimer outer(w.context, "outer");
    {
      StationTimer inner(w.context, "inner");
      inner.cached = true;
    }
    EXPECT_THAT(w.stations(), ElementsAre("inner (cached)"));
  }
  EXPECT_THAT(w.stations(), ElementsAre("inner (cached)", "outer"));
  EXPECT_THAT(progress_.reports,
              ElementsAre(std::pair(std::string("outer"), 0.0), std::pair(std::string("inner"), 0.0)));
  EXPECT_GE(w.context.times[1].seconds, w.context.times[0].seconds);
  EXPECT_GE(w.context.times[0].seconds, 0);
  EXPECT_GT(w.context.times[0].peak_memory, 1U << 20) << "in bytes";
}

}  // namespace
}  // namespace defuse
