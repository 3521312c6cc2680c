// TorchModel: loading, the first batch that settles what the outputs mean, and the sharded run. How it runs fastest:
// model_tuning.cc.
#include "core/torch/model.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "core/torch/model_state.h"
#include "core/torch/thread_team.h"
#include "core/torch/torch_tools.h"

namespace defuse {
namespace {

constexpr float kSmallestProbability = 1e-12F;  // so that a probability of 0 has a finite logarithm

Result<RawOutput> take_apart(const c10::IValue& value) {
  if (value.isTensor()) return RawOutput{value.toTensor(), {}};
  if (value.isTuple()) {
    const auto tuple = value.toTuple();
    const auto& parts = tuple->elements();
    if (!parts.empty() && parts[0].isTensor()) {
      RawOutput output{parts[0].toTensor(), {}};
      if (parts.size() > 1 && parts[1].isTensor()) output.embedding = parts[1].toTensor();
      return output;
    }
  }
  return fail(ErrorCode::invalid_input,
              "the model returns a " + value.tagKind() + ", not a tensor of logits or a pair (logits, embedding)");
}

Result<at::Tensor> checked_logits(const at::Tensor& raw, std::int64_t n) {
  if (raw.dim() != 2 || raw.size(0) != n || raw.size(1) < 1) {
    return fail(ErrorCode::invalid_input, "the model gives a tensor of shape " + shape_text(raw) + " for " +
                                              std::to_string(n) + " images, not [" + std::to_string(n) + ", classes]");
  }
  if (!at::isFloatingType(raw.scalar_type())) {
    return fail(ErrorCode::invalid_input, std::string("the model gives values of type ") +
                                              c10::toString(raw.scalar_type()) + ", not floating-point logits");
  }
  return raw.to(at::kCPU, at::kFloat);
}

bool usable_embedding(const at::Tensor& tensor, std::int64_t n) {
  return tensor.defined() && tensor.dim() >= 2 && tensor.size(0) == n && tensor.numel() > 0 &&
         at::isFloatingType(tensor.scalar_type());
}

// Rows with a NaN or infinity say nothing; nullopt if no row says anything.
std::optional<bool> are_probabilities(const at::Tensor& logits) {
  const at::Tensor good = logits.isfinite().all(1);
  if (!good.any().item<bool>()) return std::nullopt;
  if (logits.size(1) < 2) return false;
  const at::Tensor rows = logits.index({good});
  const bool in_range = rows.min().item<float>() >= 0 && rows.max().item<float>() <= 1;
  return in_range && (rows.sum(1) - 1).abs().max().item<float>() <= 1e-3F;
}

at::Tensor per_channel(const std::vector<double>& values) {
  at::Tensor tensor = at::empty({1, static_cast<std::int64_t>(values.size()), 1, 1}, at::kFloat);
  for (std::size_t i = 0; i < values.size(); ++i) tensor.data_ptr<float>()[i] = static_cast<float>(values[i]);
  return tensor;
}

Result<void> check_input(const InputSettings& input) {
  const auto channels = static_cast<std::size_t>(std::max<std::int64_t>(0, input.shape.channels));
  if (input.shape.pixels() <= 0) return fail(ErrorCode::invalid_input, "input.shape has no pixels");
  if (!input.mean.empty() && input.mean.size() != channels) {
    return fail(ErrorCode::invalid_input, "input.mean must have one value per channel");
  }
  if (!input.std.empty() && input.std.size() != channels) {
    return fail(ErrorCode::invalid_input, "input.std must have one value per channel");
  }
  return {};
}

Result<torch::Device> device_of(const std::string& name) {
  return catching(ErrorCode::invalid_input, "device " + name, [&]() -> Result<torch::Device> {
    const torch::Device device(name);
    if (device.is_cpu() || (device.is_cuda() && torch::cuda::is_available())) return device;
    return fail(ErrorCode::invalid_input, "device " + name + " is not available to this LibTorch");
  });
}

}  // namespace

// The model gets memory of its own: it may work in place, and what it is given may be a read-only mapping.
at::Tensor TorchModel::State::batch_of(std::span<const float> images, MemoryLayout layout) const {
  const auto& shape = input.shape;
  const auto n = static_cast<std::int64_t>(images.size() / pixels());
  const at::Tensor given_images =
      at::from_blob(const_cast<float*>(images.data()), {n, shape.channels, shape.height, shape.width}, at::kFloat);
  at::Tensor batch;
  if (layout == MemoryLayout::channels_last) {
    batch =
        at::empty(given_images.sizes(), at::TensorOptions(at::kFloat).memory_format(at::MemoryFormat::ChannelsLast));
    batch.copy_(given_images);
    if (mean.defined()) batch.sub_(mean);
  } else {
    batch = mean.defined() ? given_images.sub(mean) : given_images.clone();
  }
  if (std.defined()) batch.div_(std);
  return batch.to(device);
}

Result<RawOutput> TorchModel::State::forward(const Way& way, const at::Tensor& batch) const {
  return catching(ErrorCode::invalid_input, name + " threw an exception", [&]() -> Result<RawOutput> {
    const c10::InferenceMode inference;
    torch::jit::Module module = way.module;  // another reference: forward is not const in Torch's interface
    return take_apart(module.forward({batch}));
  });
}

// Logits and, if wanted and there, the embedding [n, d].
Result<RawOutput> TorchModel::State::answer(const Way& way, const at::Tensor& batch, bool want_embedding) const {
  RawOutput output;
  if (want_embedding && way.penultimate) {
    TRY(found, catching(ErrorCode::invalid_input, name + " threw an exception", [&]() -> Result<RawOutput> {
          const c10::InferenceMode inference;
          const auto result = way.penultimate->run(batch);
          return RawOutput{result.logits, result.activations};
        }));
    output = std::move(found);
    if (!way.graph_is_exact) {
      TRY(own, forward(way, batch));
      output.logits = own.logits;
    }
  } else {
    TRY(own, forward(way, batch));
    output = std::move(own);
  }
  if (!want_embedding || width == 0) output.embedding = at::Tensor();
  return output;
}

// Runs the model as its author wrote it once, and compares everything else with that.
Result<void> TorchModel::State::settle(std::span<const float> images) {
  if (settled && probabilities_known) return {};
  images = images.first(std::min(images.size(), kFirstBatch * pixels()));
  const auto count = static_cast<std::int64_t>(images.size() / pixels());
  return catching(ErrorCode::invalid_input, name, [&]() -> Result<void> {
    const c10::InferenceMode inference;
    const at::Tensor batch = batch_of(images, MemoryLayout::as_written);
    TRY(output, forward(written, batch));
    TRY(logits, while_doing("while running " + name, checked_logits(output.logits, count)));
    if (const auto known = are_probabilities(logits)) {
      probabilities_known = true;
      probabilities = *known;
    }
    if (settled) return {};
    classes = logits.size(1);
    if (usable_embedding(output.embedding, count)) {
      source = "output";
      width = output.embedding.numel() / count;
    } else {
      const std::string problem = try_graph(batch, output.logits);
      source = problem.empty() ? "graph" : "none: " + problem;
    }
    settled = true;
    return {};
  });
}

// Empty if the graph's activations may be believed, else why not.
std::string TorchModel::State::try_graph(const at::Tensor& batch, const at::Tensor& logits) {
  const auto n = batch.size(0);
  auto found = Penultimate::find(written.module);
  if (!found) return found.error().message;
  Penultimate::Answer answer;
  const auto ran = catching(ErrorCode::internal, "the rewritten graph failed", [&]() -> Result<void> {
    answer = found->run(batch);
    return {};
  });
  if (!ran) return ran.error().message;
  if (!answer.logits.defined()) return "the model returns no single tensor";
  if (!answer.scores.defined() || answer.scores.dim() < 2 || answer.scores.size(-1) != logits.size(1)) {
    return "the last linear layer has another width than the output";
  }
  if (!usable_embedding(answer.activations, n)) return "the last linear layer's input is no [n, d] tensor";
  if (!answer.logits.sizes().equals(logits.sizes()) ||
      !at::allclose(answer.logits, logits, 1e-4, 1e-5, /*equal_nan=*/true)) {
    return "the rewritten graph gives other logits than the model";
  }
  written.graph_is_exact = at::equal(answer.logits, logits);
  width = answer.activations.numel() / n;
  written.penultimate = std::move(*found);
  return {};
}

// Pieces are cut so that every image meets the batch of the untuned model or a batch that gave the same bits: the last,
// incomplete one is never merged or cut.
Result<void> TorchModel::State::run_pieces(std::span<const float> images, std::size_t n, std::span<float> logits,
                                           std::span<float> embeddings) const {
  const auto columns = static_cast<std::size_t>(classes);
  const auto wide = static_cast<std::size_t>(width);
  for (std::size_t first = 0; first < n;) {
    const std::size_t left = n - first;
    std::size_t count = left;
    if (left >= kFirstBatch) count = std::min(tuning.batch, left / kFirstBatch * kFirstBatch);
    TRY_OK(run_batch(images.subspan(first * pixels(), count * pixels()),
                     logits.subspan(first * columns, count * columns),
                     embeddings.empty() ? embeddings : embeddings.subspan(first * wide, count * wide)));
    first += count;
  }
  return {};
}

Result<void> TorchModel::State::run_batch(std::span<const float> images, std::span<float> out_logits,
                                          std::span<float> out_embeddings) const {
  const bool want_embedding = !out_embeddings.empty();
  const auto count = static_cast<std::int64_t>(images.size() / pixels());
  return catching(ErrorCode::invalid_input, name, [&]() -> Result<void> {
    const c10::InferenceMode inference;
    TRY(raw, answer(way(), batch_of(images, way().layout), want_embedding));
    TRY(logits, while_doing("while running " + name, checked_logits(raw.logits, count)));
    if (logits.size(1) != classes) {
      return fail(ErrorCode::invalid_input, name + " gives another number of outputs from batch to batch");
    }
    if (probabilities) logits = logits.clamp_min(kSmallestProbability).log();
    copy_out(logits, out_logits);
    if (!want_embedding) return {};
    if (!usable_embedding(raw.embedding, count) || raw.embedding.numel() != count * width) {
      return fail(ErrorCode::invalid_input, name + " gives embeddings of another width from batch to batch");
    }
    copy_out(raw.embedding, out_embeddings);
    return {};
  });
}

Result<void> TorchModel::State::expect_pixels(std::span<const float> images, std::size_t n, const char* doing) const {
  if (images.size() == n * pixels()) return {};
  return fail(ErrorCode::internal, std::string(doing) + " was given " + std::to_string(images.size()) + " pixels for " +
                                       std::to_string(n) + " images of " + std::to_string(pixels()));
}

TorchModel::TorchModel() : state_(std::make_unique<State>()) {}
TorchModel::TorchModel(TorchModel&&) noexcept = default;
TorchModel& TorchModel::operator=(TorchModel&&) noexcept = default;
TorchModel::~TorchModel() = default;

Result<TorchModel> TorchModel::load(const std::filesystem::path& artifact, const InputSettings& input,
                                    const Options& options) {
  set_up_torch();
  TRY_OK(check_input(input));
  TRY(device, device_of(options.device));
  TRY(module, load_script(artifact, device, options.digest));
  TorchModel model;
  State& state = *model.state_;
  state.written.module = module;
  state.name = short_name(artifact);
  state.input = input;
  state.device = device;
  state.threads = resolve_threads(options.threads);
  state.structure = structure_of(artifact, state.written.module);
  if (!input.mean.empty()) state.mean = per_channel(input.mean);
  if (!input.std.empty()) state.std = per_channel(input.std);
  return model;
}

Result<Classifier::Widths> TorchModel::prepare(std::span<const float> images, std::size_t n,
                                               std::size_t expected) const {
  State& state = *state_;
  TRY_OK(state.expect_pixels(images, n, "prepare"));
  if (n == 0) return fail(ErrorCode::internal, "prepare was given no image");
  TRY_OK(state.settle(images));
  state.tune(images, expected);
  return Widths{static_cast<std::size_t>(state.classes), static_cast<std::size_t>(state.width)};
}

Result<void> TorchModel::run_here(std::span<const float> images, std::size_t n, std::span<float> logits,
                                  std::span<float> embeddings) const {
  const State& state = *state_;
  TRY_OK(state.expect_pixels(images, n, "run_here"));
  if (!state.settled) return fail(ErrorCode::internal, "run_here was called before prepare");
  if (logits.size() != n * static_cast<std::size_t>(state.classes) ||
      (!embeddings.empty() && embeddings.size() != n * static_cast<std::size_t>(state.width))) {
    return fail(ErrorCode::internal, "run_here was given room of the wrong size");
  }
  return state.run_pieces(images, n, logits, embeddings);
}

std::size_t TorchModel::unit() const { return std::max(kFirstBatch, state_->tuning.batch); }

Result<TorchModel::Output> TorchModel::run(std::span<const float> images, std::size_t n, bool want_embeddings) const {
  const State& state = *state_;
  TRY_OK(state.expect_pixels(images, n, "run"));
  Output out;
  if (n == 0) return out;
  TRY(widths, prepare(images, n, n));
  out.logits = Matrix(n, widths.classes);
  if (want_embeddings && widths.embedding > 0) out.embeddings = Matrix(n, widths.embedding);
  const std::span logits(out.logits.data);
  const std::span embeddings(out.embeddings.data);
  TRY_OK(for_batches(n, unit(), state.threads, [&](std::size_t first, std::size_t count) {
    return state.run_pieces(
        images.subspan(first * state.pixels(), count * state.pixels()), count,
        logits.subspan(first * widths.classes, count * widths.classes),
        embeddings.empty() ? embeddings : embeddings.subspan(first * widths.embedding, count * widths.embedding));
  }));
  return out;
}

Result<std::vector<std::int64_t>> TorchModel::output_shape(std::span<const float> images, std::size_t n) const {
  const State& state = *state_;
  TRY_OK(state.expect_pixels(images, n, "output_shape"));
  return catching(ErrorCode::invalid_input, state.name, [&]() -> Result<std::vector<std::int64_t>> {
    const c10::InferenceMode inference;
    TRY(output, state.forward(state.written, state.batch_of(images, MemoryLayout::as_written)));
    return output.logits.sizes().vec();
  });
}

bool TorchModel::gives_probabilities() const { return state_->probabilities; }
const std::string& TorchModel::embedding_source() const { return state_->source; }
std::size_t TorchModel::batch() const { return state_->tuning.batch; }
const std::string& TorchModel::structure() const { return state_->structure; }
void TorchModel::suggest(const Tuning& tuning) { state_->suggested = tuning; }
const Tuning& TorchModel::tuning() const { return state_->tuning; }
bool TorchModel::tuned() const { return state_->tuned; }

}  // namespace defuse
