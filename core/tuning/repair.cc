// 1. The images: of the regions to be repaired, divided by seed (samples.h); every error on a generated image; random
// ones.
// 2. The sweep: one tuning per lambda, each from the version's own weights, on the same batches.
// 3. The choice, on images kept for validation (correction.h).
// 4. Beside it, at the chosen lambda: what comes of more training alone, of the errors without regions, of random
//    images, and of the other answer to distillation; so that an effect is not credited to steps or images.
// Every run is scored as the gate would: its file is loaded anew and asked about the untouched test split and about
// region images of test seeds.
#include "core/tuning/repair.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include "core/base/files.h"
#include "core/evidence/predictions.h"
#include "core/gate/probe_pixels.h"
#include "core/gate/stations.h"
#include "core/torch/thread_team.h"
#include "core/tuning/fine_tuning.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostSamples = 6000;       // of each kind
constexpr std::size_t kMostBytes = 128UL << 20;  // of the pixels of each kind
constexpr std::size_t kMostValidation = 10'000;  // training images asked about for the choice
constexpr std::size_t kBlock = 2048;             // images read at a time
constexpr double kBaselineLambda = 1;            // of the baselines where no lambda was chosen

struct Images {
  LabelledImages tuning, validation, held_out, errors, random;
};

Result<LabelledImages> read_all(std::vector<Sample> samples, const ProbePixels& pixels_of, int threads) {
  LabelledImages out;
  const std::size_t pixels = pixels_of.pixels();
  out.pixels.resize(samples.size() * pixels);
  TRY_OK(ThreadTeam(threads).run(samples.size(), [&](std::size_t i) {
    return pixels_of.read(samples[i].seed, samples[i].draw, std::span(out.pixels).subspan(i * pixels, pixels));
  }));
  out.samples = std::move(samples);
  return out;
}

Result<std::vector<std::int32_t>> predict(const TorchModel& model, std::span<const float> images, std::size_t n) {
  TRY(output, model.run(images, n, /*want_embeddings=*/false));
  std::vector<std::int32_t> predicted;
  for (std::size_t i = 0; i < output.logits.rows; ++i) predicted.push_back(predicted_class(output.logits.row(i)));
  return predicted;
}

double right_share(std::span<const std::int32_t> predicted, std::span<const std::int32_t> labels) {
  double right = 0;
  for (std::size_t i = 0; i < predicted.size(); ++i) right += predicted[i] == labels[i] ? 1 : 0;
  return predicted.empty() ? kNone : right / static_cast<double>(predicted.size());
}

FourCounts flips_between(std::span<const std::int32_t> labels, std::span<const std::int32_t> before,
                         std::span<const std::int32_t> after) {
  FourCounts counts;
  for (std::size_t i = 0; i < labels.size(); ++i) counts.add(before[i] == labels[i], after[i] == labels[i]);
  return counts;
}

struct Sum {
  double right = 0, images = 0;
};

// A seed counts by the mean of its images.
double over_seeds(const std::map<std::pair<std::uint32_t, std::uint32_t>, Sum>& seeds) {
  double sum = 0;
  for (const auto& [_, of] : seeds) sum += of.right / of.images;
  return seeds.empty() ? kNone : sum / static_cast<double>(seeds.size());
}

class FineTuning {
 public:
  FineTuning(const JobSpec& job, const RepairOrder& order, const fs::path& folder, Progress& progress)
      : order_(order), folder_(folder), context_{job, StationCache(job.cache), progress, {}} {}

  Result<RepairResult> run() {
    TRY_OK(look());
    TRY_OK(prepare_teacher());
    TRY(dropout, has_dropout(job().candidate));
    one_by_one_ = dropout;
    std::vector<Wanted> sweep;
    for (const double lambda : order_.settings.lambdas)
      sweep.push_back({{.name = "regions", .kind = RunKind::sweep, .lambda = lambda},
                       plan(lambda, &images_.tuning, order_.settings.distillation)});
    const std::size_t in_all = sweep.size() + (teacher_.logits.empty() ? 4 : 5);
    TRY_OK(tune(sweep, 0, in_all));
    choose(order_.settings, result_);
    TRY_OK(tune(beside(), sweep.size(), in_all));
    // Not fs::copy_file, which sets modes: a worker's sandbox has no use for that.
    if (result_.chosen) TRY_OK(copy_atomically(file_of(*result_.chosen), folder_ / "model.pt", kNoLimit));
    harmless(remove_whole(folder_ / "runs"), "they cost room until the job is tidied");
    return std::move(result_);
  }

 private:
  struct Wanted {
    RepairRun run;
    TuningPlan plan;
  };

  const JobSpec& job() const { return context_.job; }
  fs::path file_of(std::size_t run) const { return folder_ / "runs" / (std::to_string(run) + ".pt"); }

  TuningPlan plan(double lambda, const LabelledImages* samples, Distillation distillation) const {
    const bool taught = distillation != Distillation::none && !teacher_.logits.empty();
    return {.lambda = lambda,
            .on_training = true,
            .samples = samples,
            .distillation = taught ? distillation : Distillation::none,
            .teacher = taught ? &teacher_ : nullptr};
  }

  // What the gate knows of the version, and the images.
  Result<void> look() {
    TRY(splits, open_splits(context_));
    splits_.emplace(std::move(splits));
    LazyModel candidate(job().candidate, context_);
    TRY(before, evaluation_of(candidate, *splits_, "evaluate", context_));
    before_ = std::move(before.predicted);
    gives_probabilities_ = before.gave_probabilities;
    if (job().incumbent) {
      LazyModel incumbent(*job().incumbent, context_);
      TRY(old, evaluation_of(incumbent, *splits_, "evaluate_incumbent", context_));
      incumbent_ = std::move(old.predicted);
      result_.incumbent_flips = flips_between(splits_->test.labels(), *incumbent_, before_);
    }
    TRY(generator, generator_of(*splits_, context_));
    TRY(probes, probes_of(generator, *splits_, context_));
    if (!order_.probe_digest.empty() && probes.digest != order_.probe_digest)
      return fail(ErrorCode::conflict,
                  "the generator, the data or the settings of the search have changed since these regions were found; "
                  "gate the version again");
    LazyImages generated(probes, generator, context_);
    TRY(answers, answers_of(candidate, generated, *splits_, "answers", context_));
    StationTimer timer(context_, "region images");
    const ProbePixels pixels_of(*splits_, probes, generator, job().settings);
    const std::size_t most = std::min(kMostSamples, kMostBytes / (pixels_of.pixels() * sizeof(float)) + 1);
    auto divided = divide(order_, probes, answers, most);
    result_.notes = std::move(divided.left_out);
    if (divided.tuning.empty())
      return fail(ErrorCode::invalid_input,
                  result_.notes.empty() ? "there is no region to be repaired" : result_.notes.front());
    if (divided.held_out.empty())
      result_.notes.push_back(
          "no image of these regions comes from the test split: what is repaired cannot be judged on "
          "images that nothing was tuned on");
    const int threads = job().worker.threads;
    for (auto [from, to] : {std::pair{&divided.tuning, &images_.tuning},
                            {&divided.validation, &images_.validation},
                            {&divided.held_out, &images_.held_out},
                            {&divided.errors, &images_.errors},
                            {&divided.random, &images_.random}}) {
      TRY(developed, read_all(std::move(*from), pixels_of, threads));
      *to = std::move(developed);
    }
    divide_training();
    TRY(model, candidate.get());
    TRY(score, score_of(*model, before_));
    result_.before = std::move(score);
    return {};
  }

  void divide_training() {
    const auto seed = order_.settings.seed;
    std::vector<std::uint32_t> tuned;
    for (std::uint32_t i = 0; i < splits_->train.size(); ++i) {
      if (!kept_for_validation(i, seed))
        tuned.push_back(i);
      else if (validation_.size() < kMostValidation)
        validation_.push_back(i);
    }
    batches_ = training_order(tuned, order_.settings);
    result_.tuning_images = static_cast<std::int64_t>(tuned.size());
    result_.validation_images = static_cast<std::int64_t>(validation_.size());
    const auto count = [](const LabelledImages& images) { return static_cast<std::int64_t>(images.size()); };
    result_.tuning_samples = count(images_.tuning);
    result_.validation_samples = count(images_.validation);
    result_.held_out_samples = count(images_.held_out);
    result_.error_samples = count(images_.errors);
  }

  // Training images in blocks.
  Result<void> read(std::span<const std::uint32_t> images,
                    const std::function<Result<void>(std::size_t first, std::span<const float>)>& take) const {
    const auto pixels = static_cast<std::size_t>(splits_->train.shape().pixels());
    std::vector<float> block;
    for (std::size_t first = 0; first < images.size(); first += kBlock) {
      const std::size_t count = std::min(kBlock, images.size() - first);
      block.resize(count * pixels);
      for (std::size_t i = 0; i < count; ++i)
        splits_->train.read(images[first + i], 1, std::span(block).subspan(i * pixels, pixels));
      TRY_OK(take(first, block));
    }
    return {};
  }

  Result<void> prepare_teacher() {
    if (!job().incumbent) return {};
    std::vector<std::uint32_t> used = batches_;
    std::sort(used.begin(), used.end());
    used.erase(std::unique(used.begin(), used.end()), used.end());
    LazyModel incumbent(*job().incumbent, context_);
    TRY(model, incumbent.get());
    teacher_.row_of.assign(splits_->train.size(), -1);
    TRY_OK(read(used, [&](std::size_t first, std::span<const float> block) -> Result<void> {
      const std::size_t n = std::min(kBlock, used.size() - first);
      TRY(output, model->run(block, n, /*want_embeddings=*/false));
      if (teacher_.logits.empty()) teacher_.logits = Matrix(used.size(), output.logits.cols);
      std::copy(output.logits.data.begin(), output.logits.data.end(), teacher_.logits.row(first).begin());
      for (std::size_t i = 0; i < n; ++i) teacher_.row_of[used[first + i]] = static_cast<std::int32_t>(first + i);
      return {};
    }));
    return {};
  }

  // What the sweep's best is to be compared with.
  std::vector<Wanted> beside() const {
    const double lambda = result_.chosen ? result_.runs[*result_.chosen].lambda : kBaselineLambda;
    const Distillation used = order_.settings.distillation;
    std::vector<Wanted> wanted;
    const auto add = [&](const char* name, RunKind kind, double weight, const TuningPlan& plan) {
      wanted.push_back({{.name = name, .kind = kind, .lambda = weight}, plan});
    };
    add("more training, no region images", RunKind::baseline, 0, plan(0, nullptr, used));
    TuningPlan alone = plan(lambda, &images_.errors, Distillation::none);
    alone.on_training = false;
    add("errors only, without training images", RunKind::baseline, lambda, alone);
    add("errors only, with training images", RunKind::baseline, lambda, plan(lambda, &images_.errors, used));
    add("random generated images", RunKind::baseline, lambda, plan(lambda, &images_.random, used));
    if (!teacher_.logits.empty()) {
      const bool with = used == Distillation::none;
      add(with ? "with focal distillation (logits)" : "without distillation", RunKind::distillation, lambda,
          plan(lambda, &images_.tuning, with ? Distillation::logits : Distillation::none));
    }
    return wanted;
  }

  // Side by side, one thread each; a run that cannot be made says why. Then each is scored with all threads.
  Result<void> tune(std::vector<Wanted> wanted, std::size_t done, std::size_t in_all) {
    const std::size_t first = result_.runs.size();
    std::error_code problem;
    fs::create_directories(folder_ / "runs", problem);
    if (problem) return fail(ErrorCode::io, (folder_ / "runs").string() + ": " + problem.message());
    const auto main_thread = std::this_thread::get_id();
    std::atomic<std::int64_t> steps{0};
    std::atomic<bool> stopped{false};
    const double all_steps = static_cast<double>(in_all) * order_.settings.steps;
    const auto before = static_cast<double>(done) * order_.settings.steps;
    const auto stop = [&](int) {
      const auto now = static_cast<double>(++steps);
      if (std::this_thread::get_id() == main_thread) {
        context_.progress.report("tuning", std::min(1.0, (before + now) / all_steps));
        if (context_.progress.stop_requested()) stopped = true;
      }
      return stopped.load();
    };
    const ThreadTeam team(one_by_one_ ? 1 : job().worker.threads);
    TRY_OK(team.run(wanted.size(), [&](std::size_t i) -> Result<void> {
      const auto started = std::chrono::steady_clock::now();
      const auto tuned = fine_tune(job().candidate, job().settings.input, gives_probabilities_, splits_->train,
                                   batches_, wanted[i].plan, order_.settings, stop, file_of(first + i));
      wanted[i].run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
      if (tuned) return {};
      if (tuned.error().code == ErrorCode::cancelled || tuned.error().code == ErrorCode::exhausted)
        return tl::unexpected(tuned.error());
      wanted[i].run.problem = tuned.error().describe();
      return {};
    }));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (wanted[i].run.problem.empty()) TRY_OK(measure(file_of(first + i), wanted[i].run));
      result_.runs.push_back(std::move(wanted[i].run));
    }
    // A module that cannot be tuned at all is an error, not seven failed runs.
    if (first == 0 && !result_.runs.empty() &&
        std::all_of(result_.runs.begin(), result_.runs.end(),
                    [](const RepairRun& run) { return !run.problem.empty(); }))
      return fail(ErrorCode::invalid_input, result_.runs.front().problem);
    return {};
  }

  Result<void> measure(const fs::path& file, RepairRun& run) {
    TRY(model, TorchModel::load(file, job().settings.input, {job().worker.threads, job().worker.device}));
    TRY(evaluation, evaluate(model, "", splits_->test, splits_->class_count(), context_.progress));
    TRY(score, score_of(model, evaluation.predicted));
    run.score = std::move(score);
    run.flips = flips_between(splits_->test.labels(), before_, evaluation.predicted);
    if (incumbent_) run.incumbent_flips = flips_between(splits_->test.labels(), *incumbent_, evaluation.predicted);
    return {};
  }

  Result<RepairScore> score_of(const TorchModel& model, std::span<const std::int32_t> on_test) const {
    RepairScore score;
    score.test = right_share(on_test, splits_->test.labels());
    std::vector<std::int32_t> predicted, labels;
    TRY_OK(read(validation_, [&](std::size_t first, std::span<const float> block) -> Result<void> {
      const std::size_t n = std::min(kBlock, validation_.size() - first);
      TRY(answers, predict(model, block, n));
      for (std::size_t i = 0; i < n; ++i) labels.push_back(splits_->train.labels()[validation_[first + i]]);
      predicted.insert(predicted.end(), answers.begin(), answers.end());
      return {};
    }));
    score.validation = right_share(predicted, labels);
    TRY(kept, rate(model, images_.validation, nullptr));
    score.validation_regions = kept;
    TRY(held_out, rate(model, images_.held_out, &score.by_region));
    score.regions = held_out;
    return score;
  }

  Result<double> rate(const TorchModel& model, const LabelledImages& images, std::vector<RegionRate>* by_region) const {
    if (images.size() == 0) return kNone;
    TRY(predicted, predict(model, images.pixels, images.size()));
    std::map<std::pair<std::uint32_t, std::uint32_t>, Sum> seeds;
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      const Sample& sample = images.samples[i];
      Sum& of = seeds[{sample.region, sample.seed}];
      of.right += predicted[i] == sample.label ? 1 : 0;
      of.images += 1;
    }
    for (std::uint32_t r = 0; by_region != nullptr && r < order_.regions.size(); ++r) {
      std::map<std::pair<std::uint32_t, std::uint32_t>, Sum> own(seeds.lower_bound({r, 0}),
                                                                 seeds.lower_bound({r + 1, 0}));
      RegionRate rate{order_.regions[r].id, static_cast<std::int64_t>(own.size()), 0, over_seeds(own)};
      for (const auto& [_, of] : own) rate.images += static_cast<std::int64_t>(of.images);
      by_region->push_back(std::move(rate));
    }
    return over_seeds(seeds);
  }

  const RepairOrder& order_;
  const fs::path& folder_;
  StageContext context_;
  std::optional<Splits> splits_;
  std::vector<std::int32_t> before_;  // on the test split
  std::optional<std::vector<std::int32_t>> incumbent_;
  bool gives_probabilities_ = false;
  bool one_by_one_ = false;
  Images images_;
  std::vector<std::uint32_t> validation_;  // training images
  std::vector<std::uint32_t> batches_;
  Teacher teacher_;
  RepairResult result_;
};

}  // namespace

Result<RepairResult> repair(const JobSpec& job, const RepairOrder& order, const fs::path& folder, Progress& progress) {
  return FineTuning(job, order, folder, progress).run();
}

}  // namespace defuse
