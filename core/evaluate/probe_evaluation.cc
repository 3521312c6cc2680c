// One model's answers on the probe set, and what they say about the generator. Images are decoded, classified and
// forgotten block by block; nothing here grows with the number of perturbations but their predictions.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/evaluate/evaluator.h"
#include "core/evaluate/predictions.h"
#include "core/ml/inference.h"

namespace defuse {

namespace {

constexpr double kActiveVariance =
    0.01;  // a latent dimension whose mean varies less carries nothing (Burda et al. 2016)

// Classifies generated images: collects codes until a block is full, then decodes and runs them.
class GeneratedImages {
 public:
  GeneratedImages(const Classifier& model, const Generator& generator, std::size_t pixels)
      : model_(model), generator_(generator), pixels_(pixels), block_(block_size(pixels, model.batch())) {}

  // Where an image's answer goes; must stay valid until flush.
  struct Answer {
    std::int32_t label = 0;
    std::int32_t* predicted = nullptr;
    float* margin = nullptr;  // null if nobody asks
  };
  Result<void> add(std::span<const float> code, const Answer& answer) {
    codes_.data.insert(codes_.data.end(), code.begin(), code.end());
    codes_.cols = code.size();
    answers_.push_back(answer);
    return answers_.size() < block_ ? Result<void>{} : flush();
  }

  Result<void> flush() {
    codes_.rows = answers_.size();
    if (codes_.rows == 0) return {};
    images_.resize(codes_.rows * pixels_);
    TRY_OK(generator_.decode(codes_, images_));
    TRY(output, model_.run(images_, codes_.rows, /*want_embeddings=*/false));
    for (std::size_t i = 0; i < answers_.size(); ++i) {
      *answers_[i].predicted = predicted_class(output.logits.row(i));
      if (answers_[i].margin != nullptr) *answers_[i].margin = margin(output.logits.row(i), answers_[i].label);
    }
    codes_.data.clear();
    answers_.clear();
    return {};
  }

 private:
  const Classifier& model_;
  const Generator& generator_;
  std::size_t pixels_;
  std::size_t block_;
  Matrix codes_;
  std::vector<Answer> answers_;
  std::vector<float> images_;
};

class Run {
 public:
  Run(const Classifier& model, const ProbeSet& probes, const Generator& generator, const RegionSettings& settings,
      std::uint64_t seed, Progress& progress)
      : model_(model), probes_(probes), generator_(generator), settings_(settings), seed_(seed), progress_(progress) {
    const auto kept = std::count(probes.plausible.begin(), probes.plausible.end(), 1);
    all_ = probes.seeds.size() + probes.perturbed + static_cast<std::size_t>(kept);
  }

  Result<void> real(const Dataset& test, const Dataset& train, ProbeEvaluation& answer);
  Result<void> generated(std::size_t pixels, ProbeEvaluation& answer);

 private:
  Result<void> advance(std::size_t count) {
    done_ += count;
    progress_.report("evaluate probes",
                     static_cast<double>(done_) / static_cast<double>(std::max<std::size_t>(1, all_)));
    if (progress_.stop_requested()) return fail(ErrorCode::cancelled, "the evaluation of the probe set was stopped");
    return {};
  }

  const Classifier& model_;
  const ProbeSet& probes_;
  const Generator& generator_;
  const RegionSettings& settings_;
  std::uint64_t seed_;
  Progress& progress_;
  std::size_t done_ = 0;
  std::size_t all_ = 0;
};

Result<void> Run::real(const Dataset& test, const Dataset& train, ProbeEvaluation& answer) {
  const auto pixels = static_cast<std::size_t>(test.shape().pixels());
  const std::size_t block = block_size(pixels, model_.batch());
  const std::size_t n = probes_.seeds.size();
  std::vector<float> images(std::min(block, n) * pixels);
  for (std::size_t first = 0; first < n; first += block) {
    const std::size_t count = std::min(block, n - first);
    const auto own = std::span(images).first(count * pixels);
    for (std::size_t i = 0; i < count; ++i) {
      const Seed& image = probes_.seeds[first + i];
      (image.split == Split::test ? test : train).read(image.index, 1, own.subspan(i * pixels, pixels));
    }
    TRY(output, model_.run(own, count, /*want_embeddings=*/true));
    if (answer.logits.empty()) answer.logits = Matrix(n, output.logits.cols);
    std::copy(output.logits.data.begin(), output.logits.data.end(), answer.logits.row(first).data());
    for (std::size_t i = 0; i < count; ++i) {
      answer.real[first + i] = predicted_class(output.logits.row(i));
      answer.real_margin[first + i] = margin(output.logits.row(i), probes_.seeds[first + i].label);
    }
    if (!output.embeddings.empty()) {
      if (answer.embeddings.empty()) answer.embeddings = Matrix(n, output.embeddings.cols);
      std::copy(output.embeddings.data.begin(), output.embeddings.data.end(), answer.embeddings.row(first).data());
    }
    TRY_OK(advance(count));
  }
  return {};
}

Result<void> Run::generated(std::size_t pixels, ProbeEvaluation& answer) {
  GeneratedImages images(model_, generator_, pixels);
  const auto draws = static_cast<std::size_t>(probes_.draws);
  Matrix code;
  std::size_t pending = 0;
  for (std::size_t i = 0; i < probes_.perturbed; ++i) {
    const auto label = probes_.seeds[i].label;
    TRY_OK(images.add(probes_.codes.row(i), {label, &answer.reconstructed[i], nullptr}));
    ++pending;
    for (std::size_t q = 0; q < draws; ++q) {
      if (probes_.plausible[i * draws + q] == 0) continue;
      perturbed_codes(probes_, settings_, seed_, i, static_cast<int>(q), 1, code);
      TRY_OK(
          images.add(code.row(0), {label, &answer.perturbed[i * draws + q], &answer.perturbed_margin[i * draws + q]}));
      ++pending;
    }
    if (pending < 4096) continue;
    TRY_OK(advance(pending));
    pending = 0;
  }
  TRY_OK(images.flush());
  return advance(pending);
}

// The probe set is whole and was made with this generator.
Result<void> check_probes(const ProbeSet& probes, const Generator& generator) {
  const std::size_t n = probes.seeds.size();
  if (probes.generator_digest != generator.digest()) {
    return fail(ErrorCode::invalid_input, "the probe set was built with another generator");
  }
  if (probes.draws < 0 || probes.codes.rows != n || probes.codes.cols != static_cast<std::size_t>(generator.latent()) ||
      probes.plausible.size() != n * static_cast<std::size_t>(probes.draws)) {
    return fail(ErrorCode::corrupt, "the probe set's codes or marks do not fit its seeds");
  }
  for (const auto& image : probes.seeds) {
    if (image.label < 0 || static_cast<std::size_t>(image.label) >= probes.class_means.rows ||
        probes.class_means.cols != probes.codes.cols) {
      return fail(ErrorCode::corrupt,
                  "the probe set has no mean code for class " + std::to_string(image.label) + " of its seeds");
    }
  }
  return {};
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

// Root mean squared error per pixel of D(mean) over the test images among the seeds.
Result<double> reconstruction_error(const Generator& generator, const ProbeSet& probes, const Dataset& test) {
  const auto pixels = static_cast<std::size_t>(test.shape().pixels());
  const std::size_t block = block_size(pixels, 128);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < probes.seeds.size(); ++i) {
    if (probes.seeds[i].split == Split::test) rows.push_back(i);
  }
  if (rows.empty()) return fail(ErrorCode::invalid_input, "the probe set holds no test image");
  double sum = 0;
  std::vector<float> decoded, original(pixels);
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const std::size_t count = std::min(block, rows.size() - first);
    Matrix codes(count, probes.codes.cols);
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(probes.codes.row(rows[first + i]).data(), codes.cols, codes.row(i).data());
    }
    decoded.resize(count * pixels);
    TRY_OK(generator.decode(codes, decoded));
    for (std::size_t i = 0; i < count; ++i) {
      test.read(probes.seeds[rows[first + i]].index, 1, original);
      for (std::size_t p = 0; p < pixels; ++p) {
        const double difference = static_cast<double>(decoded[i * pixels + p]) - static_cast<double>(original[p]);
        sum += difference * difference;
      }
    }
  }
  return std::sqrt(sum / static_cast<double>(rows.size() * pixels));
}

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

std::string percent(double rate) {
  const auto tenths = std::lround(rate * 1000);
  return std::to_string(tenths / 10) + "." + std::to_string(std::abs(tenths % 10)) + " %";
}

std::string problem_of(const GeneratorHealth& health, const ProbeSet& probes, const GeneratorSettings& settings) {
  if (!std::isfinite(health.reconstruction_error) || health.reconstruction_error > settings.max_reconstruction_error) {
    return "the generator rebuilds test images with an error of " + percent(health.reconstruction_error) +
           " of the pixel range; the limit is " + percent(settings.max_reconstruction_error);
  }
  const double loss = health.accuracy_real - health.accuracy_reconstructed;
  if (loss > settings.max_accuracy_loss) {
    return "the model loses " + percent(loss) +
           " accuracy when test images are only rebuilt by the generator; the limit is " +
           percent(settings.max_accuracy_loss);
  }
  if (health.active_dimensions == 0) return "the generator's codes do not depend on the image";
  if (probes.plausible_share <= 0)
    return "no perturbation is plausible: the latent neighbours never agree with the label";
  return "";
}

}  // namespace

Result<ProbeEvaluation> evaluate_probes(const Classifier& model, const std::string& model_digest,
                                        const ProbeSet& probes, const Generator& generator, const Dataset& test,
                                        const Dataset& train, const RegionSettings& settings, std::uint64_t seed,
                                        Progress& progress) {
  TRY_OK(check_probes(probes, generator));
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
  Run run(model, probes, generator, settings, seed, progress);
  TRY_OK(run.real(test, train, answer));
  TRY_OK(run.generated(static_cast<std::size_t>(test.shape().pixels()), answer));
  return answer;
}

Result<GeneratorHealth> judge_generator(const Generator& generator, const ProbeSet& probes,
                                        const ProbeEvaluation& answers, const Dataset& test,
                                        const GeneratorSettings& settings) {
  const std::size_t n = probes.seeds.size();
  const auto draws = static_cast<std::size_t>(std::max(0, probes.draws));
  TRY_OK(check_probes(probes, generator));
  TRY_OK(check_indices(probes, Split::test, test));
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
  TRY(error, reconstruction_error(generator, probes, test));
  GeneratorHealth health;
  health.reconstruction_error = error;
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
