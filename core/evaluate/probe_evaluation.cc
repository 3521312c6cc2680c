// One model's answers on the probe set, and what they say about the generator. Images are read or decoded, classified
// and forgotten piece by piece; nothing here grows with the number of perturbations but their predictions.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/figures.h"
#include "core/evaluate/evaluator.h"
#include "core/evaluate/generated_images.h"
#include "core/evidence/predictions.h"
#include "core/torch/thread_team.h"

namespace defuse {

namespace {

constexpr double kActiveVariance =
    0.01;  // a latent dimension whose mean varies less carries nothing (Burda et al. 2016)

// One model over one probe set. Work is cut into pieces that one thread reads (or decodes) and classifies by itself, so
// that no thread waits for another between the two.
class Run {
 public:
  Run(const Classifier& model, const GeneratedImages& images, int threads, Progress& progress)
      : model_(model), images_(images), probes_(images.probes()), team_(threads), progress_(progress) {
    all_ = probes_.seeds.size() + images.size();
  }

  Result<void> real(const Dataset& test, const Dataset& train, ProbeEvaluation& answer);
  Result<void> generated(ProbeEvaluation& answer);

 private:
  static constexpr std::size_t kPiecesAtOnce = 64;  // between two looks at `stop`

  // Calls work(first, count) for pieces of [0, n) and done(first, count) after each round of them.
  Result<void> in_pieces(std::size_t n, std::size_t piece,
                         const std::function<Result<void>(std::size_t first, std::size_t count)>& work,
                         const std::function<void(std::size_t first, std::size_t count)>& done) {
    const std::size_t round = piece * kPiecesAtOnce;
    for (std::size_t begin = 0; begin < n; begin += round) {
      const std::size_t count = std::min(round, n - begin);
      TRY_OK(team_.run((count + piece - 1) / piece, [&](std::size_t index) {
        const std::size_t first = begin + index * piece;
        return work(first, std::min(piece, begin + count - first));
      }));
      done(begin, count);
      done_ += count;
      progress_.report("evaluate probes", static_cast<double>(done_) / static_cast<double>(all_));
      if (progress_.stop_requested()) return fail(ErrorCode::cancelled, "the evaluation of the probe set was stopped");
    }
    return {};
  }

  const Classifier& model_;
  const GeneratedImages& images_;
  const ProbeSet& probes_;
  ThreadTeam team_;
  Progress& progress_;
  std::size_t classes_ = 0;
  std::size_t done_ = 0;
  std::size_t all_ = 0;
};

Result<void> Run::real(const Dataset& test, const Dataset& train, ProbeEvaluation& answer) {
  constexpr std::size_t kFirstLook = 512;  // images by which the model settles how it is run
  const auto pixels = static_cast<std::size_t>(test.shape().pixels());
  const std::size_t n = probes_.seeds.size();
  const auto read = [&](std::size_t first, std::size_t count, std::vector<float>& images) {
    images.resize(count * pixels);
    for (std::size_t i = 0; i < count; ++i) {
      const Seed& image = probes_.seeds[first + i];
      (image.split == Split::test ? test : train).read(image.index, 1, std::span(images).subspan(i * pixels, pixels));
    }
  };
  std::vector<float> first_images;
  const std::size_t few = std::min(kFirstLook, n);
  read(0, few, first_images);
  TRY(widths, model_.prepare(first_images, few, all_));
  classes_ = widths.classes;
  answer.logits = Matrix(n, widths.classes);
  if (widths.embedding > 0) answer.embeddings = Matrix(n, widths.embedding);
  const auto work = [&](std::size_t first, std::size_t count) -> Result<void> {
    thread_local std::vector<float> images;
    read(first, count, images);
    const std::span logits(answer.logits.data);
    const std::span embeddings(answer.embeddings.data);
    TRY_OK(model_.run_here(images, count, logits.subspan(first * widths.classes, count * widths.classes),
                           embeddings.subspan(first * widths.embedding, count * widths.embedding)));
    for (std::size_t i = first; i < first + count; ++i) {
      answer.real[i] = predicted_class(answer.logits.row(i));
      answer.real_margin[i] = margin(answer.logits.row(i), probes_.seeds[i].label);
    }
    return {};
  };
  return in_pieces(n, model_.unit(), work, [](std::size_t, std::size_t) {});
}

Result<void> Run::generated(ProbeEvaluation& answer) {
  const auto draws = static_cast<std::size_t>(probes_.draws);
  const auto work = [&](std::size_t first, std::size_t count) -> Result<void> {
    thread_local GeneratedImages::Room room;
    thread_local Matrix logits;
    if (logits.rows != count || logits.cols != classes_) logits = Matrix(count, classes_);
    TRY(pixels, images_.read(first, count, room));
    TRY_OK(model_.run_here(pixels, count, logits.data, {}));
    for (std::size_t i = 0; i < count; ++i) {
      const auto [seed, draw] = room.items[i];
      if (draw == GeneratedImages::kMean) {
        answer.reconstructed[seed] = predicted_class(logits.row(i));
        continue;
      }
      const std::size_t at = seed * draws + static_cast<std::size_t>(draw);
      answer.perturbed[at] = predicted_class(logits.row(i));
      answer.perturbed_margin[at] = margin(logits.row(i), probes_.seeds[seed].label);
    }
    return {};
  };
  // Pieces that suit both: the generator's images have the same bits only if cut at its own unit.
  const std::size_t piece = std::lcm(model_.unit(), Generator::kUnit);
  return in_pieces(images_.size(), piece, work,
                   [&](std::size_t first, std::size_t count) { images_.done_with(first, count); });
}

Result<void> check_indices(const ProbeSet& probes, Split split, const Dataset& data) {
  for (const auto& image : probes.seeds) {
    if (image.split == split && image.index >= data.size()) {
      return fail(ErrorCode::corrupt, "the probe set names an image that the data does not hold");
    }
  }
  return {};
}

struct Accuracy {
  std::size_t right = 0;
  std::size_t all = 0;
  void add(bool correct) {
    right += correct ? 1 : 0;
    ++all;
  }
  double value() const { return all == 0 ? 0 : static_cast<double>(right) / static_cast<double>(all); }
};

int active_dimensions(const Matrix& codes) {
  int active = 0;
  for (std::size_t j = 0; j < codes.cols; ++j) {
    double mean = 0;
    for (std::size_t i = 0; i < codes.rows; ++i) mean += static_cast<double>(codes.row(i)[j]);
    mean /= static_cast<double>(codes.rows);
    double squares = 0;
    for (std::size_t i = 0; i < codes.rows; ++i) squares += std::pow(static_cast<double>(codes.row(i)[j]) - mean, 2);
    active += squares / static_cast<double>(codes.rows) > kActiveVariance ? 1 : 0;
  }
  return active;
}

std::string problem_of(const GeneratorHealth& health, const ProbeSet& probes, const GeneratorSettings& settings) {
  if (!std::isfinite(health.reconstruction_error) || health.reconstruction_error > settings.max_reconstruction_error) {
    return "the generator rebuilds test images with an error of " + percent(health.reconstruction_error, 1) +
           " of the pixel range; the limit is " + percent(settings.max_reconstruction_error, 1);
  }
  const double loss = health.accuracy_real - health.accuracy_reconstructed;
  if (loss > settings.max_accuracy_loss) {
    return "the model loses " + percent(loss, 1) +
           " accuracy when test images are only rebuilt by the generator; the limit is " +
           percent(settings.max_accuracy_loss, 1);
  }
  if (health.active_dimensions == 0) return "the generator's codes do not depend on the image";
  if (probes.plausible_share <= 0)
    return "no perturbation is plausible: the latent neighbours never agree with the label";
  return "";
}

}  // namespace

Result<ProbeEvaluation> evaluate_probes(const Classifier& model, const std::string& model_digest,
                                        const GeneratedImages& images, const Dataset& test, const Dataset& train,
                                        int threads, Progress& progress) {
  const ProbeSet& probes = images.probes();
  TRY_OK(check_indices(probes, Split::test, test));
  TRY_OK(check_indices(probes, Split::train, train));
  ProbeEvaluation answer;
  answer.model_digest = model_digest;
  answer.probe_digest = probes.digest;
  answer.real.assign(probes.seeds.size(), -1);
  answer.reconstructed.assign(probes.seeds.size(), -1);
  answer.perturbed.assign(probes.plausible.size(), -1);
  answer.real_margin.assign(probes.seeds.size(), std::numeric_limits<float>::quiet_NaN());
  answer.perturbed_margin.assign(probes.plausible.size(), std::numeric_limits<float>::quiet_NaN());
  Run run(model, images, threads, progress);
  TRY_OK(run.real(test, train, answer));
  TRY_OK(run.generated(answer));
  return answer;
}

Result<GeneratorHealth> judge_generator(const Generator& generator, const ProbeSet& probes,
                                        const ProbeEvaluation& answers, const GeneratorSettings& settings) {
  const std::size_t n = probes.seeds.size();
  const auto draws = static_cast<std::size_t>(std::max(0, probes.draws));
  TRY_OK(check_probes(probes, generator));
  if (answers.probe_digest != probes.digest || answers.real.size() != n || answers.reconstructed.size() != n ||
      answers.perturbed.size() != n * draws) {
    return fail(ErrorCode::invalid_input, "the answers belong to another probe set");
  }
  Accuracy real, reconstructed, perturbed;
  for (std::size_t i = 0; i < n; ++i) {
    if (probes.seeds[i].split != Split::test) continue;  // the model may know its training images by heart
    const auto label = probes.seeds[i].label;
    real.add(answers.real[i] == label);
    reconstructed.add(answers.reconstructed[i] == label);
    for (std::size_t q = i * draws; q < (i + 1) * draws; ++q) {
      if (probes.plausible[q] != 0) perturbed.add(answers.perturbed[q] == label);
    }
  }
  GeneratorHealth health;
  health.reconstruction_error = probes.reconstruction_error;
  health.accuracy_real = real.value();
  health.accuracy_reconstructed = reconstructed.value();
  health.accuracy_perturbed = perturbed.value();
  health.active_dimensions = active_dimensions(probes.codes);
  health.latent = generator.latent();
  health.problem = problem_of(health, probes, settings);
  health.usable = health.problem.empty();
  return health;
}

}  // namespace defuse
