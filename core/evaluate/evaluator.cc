// The test split through one model, and the facts of its contract. The probe set's part is in probes.cc and
// probe_evaluation.cc.
#include "core/evaluate/evaluator.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/evidence/predictions.h"
#include "core/torch/thread_team.h"

namespace defuse {

namespace {

constexpr std::size_t kTried = 64;        // images of the contract's trial
constexpr std::size_t kLatencyRuns = 11;  // odd, so that the median is one of them
constexpr float kTie = 1e-4F;             // of the largest logit: nearer ones change places by rounding alone

Result<void> check_classes(const TorchModel::Output& output, std::int64_t classes) {
  if (static_cast<std::int64_t>(output.logits.cols) == classes) return {};
  return fail(ErrorCode::invalid_input, "the model gives " + std::to_string(output.logits.cols) + " outputs for " +
                                            std::to_string(classes) + " classes");
}

void append(const Matrix& block, std::size_t first, std::size_t total, Matrix& all) {
  if (block.empty()) return;
  if (all.empty()) all = Matrix(total, block.cols);
  std::copy(block.data.begin(), block.data.end(), all.data.begin() + static_cast<std::ptrdiff_t>(first * block.cols));
}

std::int64_t differing(const Matrix& a, const Matrix& b) {
  std::int64_t count = 0;
  for (std::size_t i = 0; i < a.rows; ++i) count += predicted_class(a.row(i)) != predicted_class(b.row(i)) ? 1 : 0;
  return count;
}

// Whether the largest logit is ahead of every other by more than rounding.
bool is_clear(std::span<const float> logits, std::int32_t predicted) {
  if (predicted < 0) return true;  // not finite, which no rounding brings about
  const float top = logits[static_cast<std::size_t>(predicted)];
  const float ahead = top - kTie * (1 + std::abs(top));
  return std::count_if(logits.begin(), logits.end(), [&](float value) { return value >= ahead; }) == 1;
}

// Median over single images; the first run of all is not counted, because libraries prepare their kernels then.
Result<double> latency_ms(const TorchModel& model, std::span<const float> images, std::size_t n, std::size_t pixels) {
  std::array<double, kLatencyRuns> times{};
  TRY_OK(model.output_shape(images.first(pixels), 1));
  for (std::size_t run = 0; run < kLatencyRuns; ++run) {
    const auto started = std::chrono::steady_clock::now();
    TRY_OK(model.output_shape(images.subspan(run % n * pixels, pixels), 1));
    times[run] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started).count();
  }
  std::nth_element(times.begin(), times.begin() + kLatencyRuns / 2, times.end());
  return times[kLatencyRuns / 2];
}

Result<void> try_out(const TorchModel& model, std::span<const float> images, std::size_t n, ContractFacts& facts) {
  const std::size_t pixels = images.size() / n;
  facts.batch_tried = static_cast<std::int64_t>(n);
  TRY(shape, model.output_shape(images, n));
  facts.output_shape = std::move(shape);
  TRY(once, model.run(images, n, /*want_embeddings=*/false));
  facts.ran = true;
  TRY(twice, model.run(images, n, /*want_embeddings=*/false));
  facts.not_deterministic = differing(once.logits, twice.logits);
  Matrix singly(n, once.logits.cols);
  for (std::size_t i = 0; i < n; ++i) {
    TRY(one, model.run(images.subspan(i * pixels, pixels), 1, /*want_embeddings=*/false));
    append(one.logits, i, n, singly);
  }
  facts.batch_dependent = differing(once.logits, singly);
  TRY(latency, latency_ms(model, images, n, pixels));
  facts.latency_ms = latency;
  return {};
}

}  // namespace

Result<Evaluation> evaluate(const TorchModel& model, const std::string& model_digest, const Dataset& data,
                            std::int64_t classes, Progress& progress) {
  const auto pixels = static_cast<std::size_t>(data.shape().pixels());
  const std::size_t block = block_size(pixels, model.batch());
  const std::size_t n = data.size();
  Evaluation answer;
  answer.model_digest = model_digest;
  answer.data_digest = data.digest();
  answer.predicted.resize(n);
  answer.loss.resize(n);
  std::vector<float> images(std::min(block, n) * pixels);
  for (std::size_t first = 0; first < n; first += block) {
    if (progress.stop_requested()) return fail(ErrorCode::cancelled, "the evaluation was stopped");
    const std::size_t count = std::min(block, n - first);
    const auto own = std::span(images).first(count * pixels);
    data.read(first, count, own);
    TRY(output, model.run(own, count, /*want_embeddings=*/false));
    TRY_OK(check_classes(output, classes));
    for (std::size_t i = 0; i < count; ++i) {
      const auto label = data.labels()[first + i];
      if (label < 0 || label >= classes) {
        return fail(ErrorCode::invalid_input, "image " + std::to_string(first + i) + " has label " +
                                                  std::to_string(label) + ", but there are " + std::to_string(classes) +
                                                  " classes");
      }
      answer.predicted[first + i] = predicted_class(output.logits.row(i));
      answer.loss[first + i] = cross_entropy(output.logits.row(i), label);
    }
    append(output.logits, first, n, answer.logits);
    progress.report("evaluate", static_cast<double>(first + count) / static_cast<double>(n));
  }
  answer.gave_probabilities = model.gives_probabilities();
  return answer;
}

ContractFacts inspect(const TorchModel& model, const Dataset& data, ContractFacts facts) {
  const std::size_t n = std::min(kTried, data.size());
  facts.ran = false;
  facts.run_error.clear();
  if (n == 0) {
    facts.run_error = "there is no image to try the model on";
    return facts;
  }
  std::vector<float> images(n * static_cast<std::size_t>(data.shape().pixels()));
  data.read(0, n, images);
  if (const auto tried = try_out(model, images, n, facts); !tried) {
    facts.ran = false;
    facts.run_error = tried.error().describe();
  }
  facts.embedding = model.embedding_source();
  return facts;
}

ContractFacts ask_again(const TorchModel& model, const Dataset& data, const Evaluation& answered, ContractFacts facts) {
  const std::size_t n = std::min(kTried, data.size());
  std::vector<float> images(n * static_cast<std::size_t>(data.shape().pixels()));
  data.read(0, n, images);
  const auto now = model.run(images, n, /*want_embeddings=*/false);
  if (!now) {
    facts.run_error = "asked once more: " + now.error().describe();
    return facts;
  }
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const auto predicted = predicted_class(now->logits.row(i));
    const bool clear =
        is_clear(now->logits.row(i), predicted) && is_clear(answered.logits.row(i), answered.predicted[i]);
    changed += predicted != answered.predicted[i] && clear ? 1 : 0;
  }
  facts.not_deterministic = std::max(facts.not_deterministic, changed);
  return facts;
}

}  // namespace defuse
