// TorchModel: loading, the first batch that settles what the outputs mean, and the sharded run.
#include "core/ml/model.h"

#include <algorithm>
#include <optional>

#include "core/ml/inference.h"
#include "core/ml/penultimate.h"
#include "core/ml/torch_tools.h"

namespace defuse {

namespace {

constexpr std::size_t kBatch = 128;             // small networks run fastest while activations stay in the cache
constexpr float kSmallestProbability = 1e-12F;  // so that a probability of 0 has a finite logarithm

// What forward returned, taken apart. `embedding` is undefined unless the model returned a pair of tensors.
struct RawOutput {
  at::Tensor logits;
  at::Tensor embedding;
};

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

struct TorchModel::State {
  torch::jit::Module module;
  std::string name;
  InputSettings input;
  at::Tensor mean, std;  // undefined where the configuration gives none
  torch::Device device{torch::kCPU};
  int threads = 1;

  // Settled by the first batch.
  bool settled = false;
  bool probabilities_known = false;
  bool probabilities = false;
  std::int64_t classes = 0;
  std::int64_t width = 0;                  // of the embedding; 0 = none
  std::optional<Penultimate> penultimate;  // set while embeddings come from the graph
  bool graph_is_exact = false;             // its logits are the model's, bit by bit
  std::string source = "none: nothing has been run yet";

  at::Tensor prepare(std::span<const float> images, std::size_t n) const {
    at::Tensor batch = image_tensor(images, n, input.shape);
    if (mean.defined()) batch.sub_(mean);
    if (std.defined()) batch.div_(std);
    return batch.to(device);
  }

  Result<RawOutput> forward(const at::Tensor& batch) {
    return catching(ErrorCode::invalid_input, name + " threw an exception", [&]() -> Result<RawOutput> {
      const c10::InferenceMode inference;
      return take_apart(module.forward({batch}));
    });
  }

  // Logits and, if wanted and there, the embedding [n, d].
  Result<RawOutput> answer(const at::Tensor& batch, bool want_embedding) {
    RawOutput output;
    if (want_embedding && penultimate) {
      TRY(found, catching(ErrorCode::invalid_input, name + " threw an exception", [&]() -> Result<RawOutput> {
            const c10::InferenceMode inference;
            const auto result = penultimate->run(batch);
            return RawOutput{result.logits, result.activations};
          }));
      output = std::move(found);
      if (!graph_is_exact) {
        TRY(own, forward(batch));
        output.logits = own.logits;
      }
    } else {
      TRY(own, forward(batch));
      output = std::move(own);
    }
    if (!want_embedding || width == 0) output.embedding = at::Tensor();
    return output;
  }

  Result<void> settle(std::span<const float> images, std::size_t n);
  Result<void> run_batch(std::span<const float> images, std::size_t first, std::size_t n, Output& out) const;
  std::string try_graph(const at::Tensor& batch, const at::Tensor& logits);
};

// Runs the model as its author wrote it once, and compares everything else with that.
Result<void> TorchModel::State::settle(std::span<const float> images, std::size_t n) {
  if (settled && probabilities_known) return {};
  const auto count = static_cast<std::int64_t>(n);
  return catching(ErrorCode::invalid_input, name, [&]() -> Result<void> {
    const c10::InferenceMode inference;
    const at::Tensor batch = prepare(images, n);
    TRY(output, forward(batch));
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
  auto found = Penultimate::find(module);
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
  graph_is_exact = at::equal(answer.logits, logits);
  width = answer.activations.numel() / n;
  penultimate = std::move(*found);
  return {};
}

Result<void> TorchModel::State::run_batch(std::span<const float> images, std::size_t first, std::size_t n,
                                          Output& out) const {
  auto& self = const_cast<State&>(*this);  // forward is not const in Torch's interface
  const bool want_embedding = !out.embeddings.empty();
  const auto count = static_cast<std::int64_t>(n);
  return catching(ErrorCode::invalid_input, name, [&]() -> Result<void> {
    const c10::InferenceMode inference;
    TRY(raw, self.answer(prepare(images, n), want_embedding));
    TRY(logits, while_doing("while running " + name, checked_logits(raw.logits, count)));
    if (logits.size(1) != classes) {
      return fail(ErrorCode::invalid_input, name + " gives another number of outputs from batch to batch");
    }
    if (probabilities) logits = logits.clamp_min(kSmallestProbability).log();
    copy_out(logits, {out.logits.data.data() + first * out.logits.cols, n * out.logits.cols});
    if (!want_embedding) return {};
    if (!usable_embedding(raw.embedding, count) || raw.embedding.numel() != count * width) {
      return fail(ErrorCode::invalid_input, name + " gives embeddings of another width from batch to batch");
    }
    copy_out(raw.embedding, {out.embeddings.data.data() + first * out.embeddings.cols, n * out.embeddings.cols});
    return {};
  });
}

TorchModel::TorchModel() : state_(std::make_unique<State>()) {}
TorchModel::TorchModel(TorchModel&&) noexcept = default;
TorchModel& TorchModel::operator=(TorchModel&&) noexcept = default;
TorchModel::~TorchModel() = default;

Result<TorchModel> TorchModel::load(const std::filesystem::path& artifact, const InputSettings& input,
                                    Options options) {
  set_up_torch();
  TRY_OK(check_input(input));
  TRY(device, device_of(options.device));
  TRY(module, load_script(artifact, device));
  TorchModel model;
  State& state = *model.state_;
  state.module = std::move(module);
  state.name = short_name(artifact);
  state.input = input;
  state.device = device;
  state.threads = resolve_threads(options.threads);
  if (!input.mean.empty()) state.mean = per_channel(input.mean);
  if (!input.std.empty()) state.std = per_channel(input.std);
  return model;
}

Result<TorchModel::Output> TorchModel::run(std::span<const float> images, std::size_t n, bool want_embeddings) const {
  State& state = *state_;
  const auto pixels = static_cast<std::size_t>(state.input.shape.pixels());
  if (images.size() != n * pixels) {
    return fail(ErrorCode::internal, "run was given " + std::to_string(images.size()) + " pixels for " +
                                         std::to_string(n) + " images of " + std::to_string(pixels));
  }
  Output out;
  if (n == 0) return out;
  const std::size_t first_batch = std::min(n, kBatch);
  TRY_OK(state.settle(images.first(first_batch * pixels), first_batch));
  out.logits = Matrix(n, static_cast<std::size_t>(state.classes));
  if (want_embeddings && state.width > 0) out.embeddings = Matrix(n, static_cast<std::size_t>(state.width));
  TRY_OK(for_batches(n, kBatch, state.threads, [&](std::size_t first, std::size_t count) {
    return state.run_batch(images.subspan(first * pixels, count * pixels), first, count, out);
  }));
  return out;
}

Result<std::vector<std::int64_t>> TorchModel::output_shape(std::span<const float> images, std::size_t n) const {
  State& state = *state_;
  return catching(ErrorCode::invalid_input, state.name, [&]() -> Result<std::vector<std::int64_t>> {
    const c10::InferenceMode inference;
    TRY(output, state.forward(state.prepare(images, n)));
    return output.logits.sizes().vec();
  });
}

bool TorchModel::gives_probabilities() const { return state_->probabilities; }
const std::string& TorchModel::embedding_source() const { return state_->source; }
std::size_t TorchModel::batch() const { return kBatch; }

}  // namespace defuse
