#include "core/tuning/fine_tuning.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>

#include "core/base/random.h"
#include "core/torch/torch_tools.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr float kSmallestProbability = 1e-12F;  // as the gate reads models that give probabilities
constexpr std::uint64_t kOrderSalt = 0x74756e65ULL;
// Longer gradients are cut to it: with a large lambda, or far from the teacher's logits, one step would undo the model.
constexpr double kLongestGradient = 1;

bool is_a(const torch::jit::Module& module, const char* what) {
  const auto name = module.type()->name();
  if (!name) return false;
  std::string text = name->qualifiedName();
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text.find(what) != std::string::npos;
}

// Modules that were scripted carry a flag each; a trace has what it did in training or not built in.
void set_training(torch::jit::Module& module, bool training, bool batch_norm) {
  for (torch::jit::Module part : module.modules()) {
    if (!part.hasattr("training")) continue;
    part.setattr("training", c10::IValue(training && (batch_norm || !is_a(part, "batchnorm"))));
  }
}

std::vector<at::Tensor> weights_of(const torch::jit::Module& module) {
  std::vector<at::Tensor> weights;
  for (const at::Tensor& weight : module.parameters()) {
    if (!at::isFloatingType(weight.scalar_type())) continue;
    weight.set_requires_grad(true);
    weights.push_back(weight);
  }
  return weights;
}

class Tuner {
 public:
  Tuner(const torch::jit::Module& module, std::vector<at::Tensor> weights, const InputSettings& input,
        bool probabilities, const Dataset& train, const TuningPlan& plan, const RepairSettings& settings)
      : module_(module),
        weights_(std::move(weights)),
        input_(input),
        probabilities_(probabilities),
        train_(train),
        plan_(plan),
        settings_(settings),
        optimiser_(weights_, torch::optim::SGDOptions(settings.learning_rate).momentum(settings.momentum)),
        random_(settings.seed, kOrderSalt, 1) {}

  Result<void> step(std::span<const std::uint32_t> images) {
    optimiser_.zero_grad();
    at::Tensor loss = at::zeros({}, at::kFloat);
    if (plan_.on_training) {
      TRY(logits, answers(training_batch(images)));
      TRY_OK(check(logits, images.size()));
      const at::Tensor labels = labels_of(images);
      loss = loss + torch::nn::functional::cross_entropy(logits, labels);
      if (plan_.distillation != Distillation::none) loss = loss + distance_to_teacher(logits, labels, images);
    }
    if (plan_.samples != nullptr && plan_.samples->size() > 0) {
      const auto chosen = next_samples();
      TRY(logits, answers(sample_batch(chosen)));
      TRY_OK(check(logits, chosen.size()));
      const double weight = plan_.on_training ? plan_.lambda : 1;
      loss = loss + weight * torch::nn::functional::cross_entropy(logits, labels_of_samples(chosen));
    }
    if (!std::isfinite(loss.item<double>()))
      return fail(ErrorCode::invalid_input, "the loss is no longer a number; try a smaller learning rate");
    loss.backward();
    torch::nn::utils::clip_grad_norm_(weights_, kLongestGradient);
    optimiser_.step();
    return {};
  }

  void save(const fs::path& file) {
    set_training(module_, /*training=*/false, /*batch_norm=*/false);
    for (at::Tensor& weight : weights_) weight.mutable_grad() = at::Tensor();
    module_.save(file.string());
  }

 private:
  std::size_t pixels() const { return static_cast<std::size_t>(input_.shape.pixels()); }

  at::Tensor normalised(at::Tensor images) const {
    const auto by_channel = [](const std::vector<double>& values) {
      return at::tensor(values, at::kFloat).view({1, static_cast<std::int64_t>(values.size()), 1, 1});
    };
    if (!input_.mean.empty()) images = images - by_channel(input_.mean);
    if (!input_.std.empty()) images = images / by_channel(input_.std);
    return images;
  }

  at::Tensor room_for(std::size_t n) const {
    const auto& shape = input_.shape;
    return at::empty({static_cast<std::int64_t>(n), shape.channels, shape.height, shape.width}, at::kFloat);
  }

  at::Tensor training_batch(std::span<const std::uint32_t> images) const {
    at::Tensor batch = room_for(images.size());
    const std::span<float> values(batch.data_ptr<float>(), images.size() * pixels());
    for (std::size_t i = 0; i < images.size(); ++i) train_.read(images[i], 1, values.subspan(i * pixels(), pixels()));
    return normalised(batch);
  }

  at::Tensor sample_batch(const std::vector<std::size_t>& chosen) const {
    at::Tensor batch = room_for(chosen.size());
    float* to = batch.data_ptr<float>();
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const auto from = plan_.samples->pixels.begin() + static_cast<std::ptrdiff_t>(chosen[i] * pixels());
      std::copy(from, from + static_cast<std::ptrdiff_t>(pixels()), to + i * pixels());
    }
    return normalised(batch);
  }

  at::Tensor labels_of(std::span<const std::uint32_t> images) const {
    at::Tensor labels = at::empty({static_cast<std::int64_t>(images.size())}, at::kLong);
    for (std::size_t i = 0; i < images.size(); ++i) labels.data_ptr<std::int64_t>()[i] = train_.labels()[images[i]];
    return labels;
  }

  at::Tensor labels_of_samples(const std::vector<std::size_t>& chosen) const {
    at::Tensor labels = at::empty({static_cast<std::int64_t>(chosen.size())}, at::kLong);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      labels.data_ptr<std::int64_t>()[i] = plan_.samples->samples[chosen[i]].label;
    return labels;
  }

  // A batch of samples, in a new shuffled order each time all were used.
  std::vector<std::size_t> next_samples() {
    std::vector<std::size_t> chosen;
    while (chosen.size() < static_cast<std::size_t>(settings_.batch)) {
      if (next_ == sample_order_.size()) {
        sample_order_.resize(plan_.samples->size());
        std::iota(sample_order_.begin(), sample_order_.end(), std::size_t{0});
        for (std::size_t i = sample_order_.size(); i > 1; --i)
          std::swap(sample_order_[i - 1], sample_order_[random_.below(i)]);
        next_ = 0;
      }
      chosen.push_back(sample_order_[next_++]);
    }
    return chosen;
  }

  // Logits, or logarithms of probabilities: cross-entropy takes either.
  Result<at::Tensor> answers(const at::Tensor& batch) {
    const c10::IValue value = module_.forward({batch});
    at::Tensor logits;
    if (value.isTensor()) logits = value.toTensor();
    if (value.isTuple() && !value.toTuple()->elements().empty() && value.toTuple()->elements()[0].isTensor())
      logits = value.toTuple()->elements()[0].toTensor();
    if (!logits.defined()) return fail(ErrorCode::invalid_input, "the model returns no tensor of logits");
    logits = logits.to(at::kFloat);
    return probabilities_ ? logits.clamp_min(kSmallestProbability).log() : logits;
  }

  Result<void> check(const at::Tensor& logits, std::size_t n) const {
    if (logits.dim() != 2 || logits.size(0) != static_cast<std::int64_t>(n))
      return fail(ErrorCode::invalid_input, "the model gives a tensor of shape " + shape_text(logits) + " in training");
    if (!logits.requires_grad())
      return fail(ErrorCode::invalid_input,
                  "nothing the model answers depends on weights that can be tuned: it was exported with gradients "
                  "switched off, or frozen. Export it with torch.jit.script(model) or torch.jit.trace, without "
                  "torch.jit.freeze and outside torch.no_grad()");
    return {};
  }

  at::Tensor distance_to_teacher(const at::Tensor& logits, const at::Tensor& labels,
                                 std::span<const std::uint32_t> images) const {
    at::Tensor old = at::empty_like(logits, at::TensorOptions(at::kFloat).requires_grad(false));
    for (std::size_t i = 0; i < images.size(); ++i) {
      const auto row = plan_.teacher->logits.row(static_cast<std::size_t>(plan_.teacher->row_of[images[i]]));
      std::copy(row.begin(), row.end(), old.data_ptr<float>() + i * row.size());
    }
    const at::Tensor right = old.argmax(1).eq(labels).to(at::kFloat);
    const at::Tensor weight = settings_.distillation_alpha + settings_.distillation_beta * right;
    at::Tensor distance;
    if (plan_.distillation == Distillation::logits) {
      distance = 0.5 * (logits - old).square().sum(1);
    } else {
      const double tau = settings_.temperature;
      const at::Tensor own = at::log_softmax(logits / tau, 1);
      distance = tau * tau * (own.exp() * (own - at::log_softmax(old / tau, 1))).sum(1);
    }
    return settings_.distillation_weight * (weight * distance).mean();
  }

  torch::jit::Module module_;
  std::vector<at::Tensor> weights_;
  const InputSettings& input_;
  bool probabilities_;
  const Dataset& train_;
  const TuningPlan& plan_;
  const RepairSettings& settings_;
  torch::optim::SGD optimiser_;
  RandomStream random_;
  std::vector<std::size_t> sample_order_;
  std::size_t next_ = 0;
};

}  // namespace

std::vector<std::uint32_t> training_order(std::span<const std::uint32_t> images, const RepairSettings& settings) {
  const std::size_t wanted = static_cast<std::size_t>(settings.steps) * static_cast<std::size_t>(settings.batch);
  std::vector<std::uint32_t> order, shuffled(images.begin(), images.end());
  RandomStream random(settings.seed, kOrderSalt);
  while (order.size() < wanted && !shuffled.empty()) {
    for (std::size_t i = shuffled.size(); i > 1; --i) std::swap(shuffled[i - 1], shuffled[random.below(i)]);
    order.insert(order.end(), shuffled.begin(),
                 shuffled.begin() + static_cast<std::ptrdiff_t>(std::min(shuffled.size(), wanted - order.size())));
  }
  return order;
}

Result<void> fine_tune(const ArtifactRef& artifact, const InputSettings& input, bool gives_probabilities,
                       const Dataset& train, std::span<const std::uint32_t> order, const TuningPlan& plan,
                       const RepairSettings& settings, const std::function<bool(int step)>& stop, const fs::path& out) {
  const std::string name = short_name(artifact.path);
  TRY(module, load_script(artifact.path, torch::Device(torch::kCPU), artifact.digest));
  const auto weights = weights_of(module);
  if (weights.empty())
    return fail(ErrorCode::invalid_input,
                name +
                    " has no weights to tune: torch.jit.freeze has made them constants of its graph. Export it with "
                    "torch.jit.script(model).save(...) or torch.jit.trace(...), without torch.jit.freeze");
  return catching(ErrorCode::invalid_input, "while tuning " + name, [&]() -> Result<void> {
    set_training(module, /*training=*/true, settings.update_batch_norm);
    at::manual_seed(settings.seed);  // what dropout draws
    Tuner tuner(module, weights, input, gives_probabilities, train, plan, settings);
    const auto batch = static_cast<std::size_t>(settings.batch);
    for (int step = 0; step < settings.steps; ++step) {
      if (stop(step)) return fail(ErrorCode::cancelled, "the correction was stopped");
      const auto images = order.subspan(static_cast<std::size_t>(step) * batch, batch);
      TRY_OK(while_doing("while tuning " + name + ", step " + std::to_string(step + 1), tuner.step(images)));
    }
    tuner.save(out);
    return {};
  });
}

Result<bool> has_dropout(const ArtifactRef& artifact) {
  TRY(module, load_script(artifact.path, torch::Device(torch::kCPU), artifact.digest));
  return catching(ErrorCode::invalid_input, short_name(artifact.path),
                  [&]() -> Result<bool> { return calls_dropout(module); });
}

}  // namespace defuse
