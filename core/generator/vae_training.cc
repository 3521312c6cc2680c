// Maximises the evidence lower bound by Adam (Kingma and Ba, arXiv:1412.6980), per image and summed over pixels and
// dimensions:
//   loss(x) = R(x, x̂) + beta · min(step / steps of the first epoch, 1) · KL(x),    z = μ + exp(ℓ/2) ε,    ε ~ N(0, I)
// The KL term has its gradient, so a step in latent space has a calibrated size; the short warm-up keeps dimensions
// from dying before the decoder has learnt to use them. A batch is cut into kShards parts that are differentiated on
// separate threads; their gradients are added in a fixed order. The parts do not depend on the number of threads, so
// the weights do not either.
#include "core/generator/vae_training.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/base/document_writer.h"
#include "core/base/json.h"
#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/generator/training_checkpoint.h"
#include "core/settings/fields.h"
#include "core/torch/model.h"
#include "core/torch/thread_team.h"
#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

// What `epochs: 0` means. With fewer steps than this a generator's images still lose their class (docs/gate-quality.md,
// "Generated images"): ten epochs of 2,500 images are 200 steps.
constexpr std::size_t kEnoughSteps = 4000;
constexpr int kLeastEpochs = 10;

constexpr std::size_t kShards = 4;  // of a batch of 128 each holds 32 images, which stay in the cache

using Steady = std::chrono::steady_clock;

struct ShardResult {
  std::vector<at::Tensor> gradients;
  double reconstruction = 0;
  double kl = 0;
};

class Trainer {
 public:
  Trainer(Vae& vae, const Dataset& images, const GeneratorSettings& settings, std::uint64_t seed, int threads)
      : vae_(vae),
        images_(images),
        settings_(settings),
        seed_(seed),
        team_(std::min(resolve_threads(threads), static_cast<int>(kShards))),
        noise_(at::detail::createCPUGenerator(seed)),
        adam_(vae.weights(), torch::optim::AdamOptions(settings.learning_rate)),
        order_(images.size()) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
  }

  Result<Generator::TrainingLog> run(Progress& progress, const Generator::Checkpoint& checkpoint);

 private:
  struct Sums {
    double reconstruction = 0;
    double kl = 0;
  };

  std::string key() const;
  Result<void> go_on(const TrainingCheckpoint& checkpoint);
  Result<void> keep(const TrainingCheckpoint& checkpoint);
  Result<void> run_epoch(Progress& progress, const Generator::Checkpoint& wanted, const TrainingCheckpoint& checkpoint);
  void shuffle(std::int64_t epoch);
  Result<Sums> step(std::size_t first, std::size_t count, double kl_weight);
  ShardResult differentiate(std::size_t first, std::size_t count, const at::Tensor& noise, double kl_weight) const;
  at::Tensor read(std::size_t first, std::size_t count) const;

  Vae& vae_;
  const Dataset& images_;
  const GeneratorSettings& settings_;
  std::uint64_t seed_;
  ThreadTeam team_;
  at::Generator noise_;  // our own, so that nobody else's draws move ours
  torch::optim::Adam adam_;
  std::vector<std::size_t> order_;
  TrainingState state_;  // weights and noise are filled in only to be kept
  std::int64_t epochs_ = 0;
  std::size_t steps_ = 0;                       // an epoch
  Steady::time_point started_ = Steady::now();  // shifted into the past by what earlier runs took
  Steady::time_point kept_ = Steady::now();
};

// Everything that the weights depend on.
std::string Trainer::key() const {
  DocumentWriter settings;
  describe_making(settings, settings_);
  Sha256 hash;
  hash.field("vae-training-1").field(describe_machine(1)).field(images_.digest()).field(vae_.digest());
  hash.field(std::to_string(epochs_)).field(std::to_string(seed_)).field(dump_json(settings.take()));
  return hash.hex();
}

Result<void> Trainer::go_on(const TrainingCheckpoint& checkpoint) {
  auto found = checkpoint.load(adam_);
  if (!found) return {};
  TRY_OK(vae_.set_weights(found->weights));
  noise_.set_state(found->noise);
  state_ = std::move(*found);
  started_ =
      Steady::now() - std::chrono::duration_cast<Steady::duration>(std::chrono::duration<double>(state_.log.seconds));
  for (std::int64_t epoch = 0; epoch < state_.epoch; ++epoch) shuffle(epoch);  // each shuffles the order before it
  return {};
}

Result<void> Trainer::keep(const TrainingCheckpoint& checkpoint) {
  state_.weights.clear();
  for (const auto& weight : vae_.weights()) state_.weights.push_back(weight.detach());
  state_.noise = noise_.get_state();
  state_.log.seconds = std::chrono::duration<double>(Steady::now() - started_).count();
  TRY_OK(while_doing("while keeping the state of the generator's training", checkpoint.save(state_, adam_)));
  kept_ = Steady::now();
  return {};
}

void Trainer::shuffle(std::int64_t epoch) {
  RandomStream random(seed_, /*a=*/0x7661652d6f726465ULL, static_cast<std::uint64_t>(epoch));
  for (std::size_t i = order_.size(); i > 1; --i) {
    std::swap(order_[i - 1], order_[static_cast<std::size_t>(random.below(i))]);
  }
}

at::Tensor Trainer::read(std::size_t first, std::size_t count) const {
  const auto& shape = vae_.shape();
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  at::Tensor batch =
      at::empty({static_cast<std::int64_t>(count), shape.channels, shape.height, shape.width}, at::kFloat);
  const std::span<float> values(batch.data_ptr<float>(), count * pixels);
  for (std::size_t i = 0; i < count; ++i) images_.read(order_[first + i], 1, values.subspan(i * pixels, pixels));
  return batch;
}

ShardResult Trainer::differentiate(std::size_t first, std::size_t count, const at::Tensor& noise,
                                   double kl_weight) const {
  const at::Tensor x = read(first, count);
  const auto posterior = vae_.encode(x);
  const at::Tensor codes = posterior.mean + (0.5 * posterior.log_var).exp() * noise;
  const at::Tensor reconstruction = bernoulli_loss(vae_.decode(codes), x).sum();
  const at::Tensor kl = kl_divergence(posterior).sum();
  ShardResult result;
  result.gradients = torch::autograd::grad({reconstruction + kl_weight * kl}, vae_.weights());
  result.reconstruction = reconstruction.item<double>();
  result.kl = kl.item<double>();
  return result;
}

// One Adam step on images first… of the shuffled order. The answer is summed over them.
Result<Trainer::Sums> Trainer::step(std::size_t first, std::size_t count, double kl_weight) {
  const at::Tensor noise = at::randn({static_cast<std::int64_t>(count), vae_.latent()}, noise_, at::kFloat);
  const std::size_t shards = std::min(kShards, count);
  std::array<ShardResult, kShards> results;
  TRY_OK(team_.run(shards, [&](std::size_t shard) -> Result<void> {
    const std::size_t begin = count * shard / shards;
    const std::size_t size = count * (shard + 1) / shards - begin;
    const at::Tensor own = noise.narrow(0, static_cast<std::int64_t>(begin), static_cast<std::int64_t>(size));
    results[shard] = differentiate(first + begin, size, own, kl_weight);
    return {};
  }));
  Sums sums;
  for (std::size_t shard = 0; shard < shards; ++shard) {
    sums.reconstruction += results[shard].reconstruction;
    sums.kl += results[shard].kl;
  }
  const torch::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < vae_.weights().size(); ++i) {
    at::Tensor gradient = results[0].gradients[i];
    for (std::size_t shard = 1; shard < shards; ++shard) gradient.add_(results[shard].gradients[i]);
    at::Tensor weight = vae_.weights()[i];
    weight.mutable_grad() = gradient.div_(static_cast<double>(count));
  }
  adam_.step();
  return sums;
}

// From state_.step to the end of the epoch.
Result<void> Trainer::run_epoch(Progress& progress, const Generator::Checkpoint& wanted,
                                const TrainingCheckpoint& checkpoint) {
  const bool keeping = !wanted.folder.empty();
  const auto batch = static_cast<std::size_t>(settings_.batch);
  for (auto step_index = static_cast<std::size_t>(state_.step); step_index < steps_; ++step_index) {
    if (progress.stop_requested()) {
      if (keeping) harmless(keep(checkpoint), "what could not be kept is done again");
      return fail(ErrorCode::cancelled, "training of the generator was stopped");
    }
    const double done = static_cast<double>(step_index + 1) / static_cast<double>(steps_);
    const std::size_t first = step_index * batch;
    const double warm_up = state_.epoch == 0 ? done : 1;
    TRY(sums, step(first, std::min(batch, images_.size() - first), settings_.beta * warm_up));
    state_.reconstruction += sums.reconstruction;
    state_.kl += sums.kl;
    if (!std::isfinite(sums.reconstruction + sums.kl)) {
      return fail(ErrorCode::internal, "the generator's bound became NaN or infinite in epoch " +
                                           std::to_string(state_.epoch + 1) + ", batch " +
                                           std::to_string(step_index + 1));
    }
    ++state_.step;
    if (keeping && Steady::now() - kept_ >= wanted.every) TRY_OK(keep(checkpoint));
    progress.report("generator", (static_cast<double>(state_.epoch) + done) / static_cast<double>(epochs_));
  }
  return {};
}

Result<Generator::TrainingLog> Trainer::run(Progress& progress, const Generator::Checkpoint& wanted) {
  const auto batch = static_cast<std::size_t>(settings_.batch);
  steps_ = (images_.size() + batch - 1) / batch;
  const int enough = static_cast<int>((kEnoughSteps + steps_ - 1) / steps_);
  epochs_ = settings_.epochs > 0 ? settings_.epochs : std::max(kLeastEpochs, enough);
  const TrainingCheckpoint checkpoint(wanted.folder, key());  // before the first step: the key holds the first weights
  if (!wanted.folder.empty()) TRY_OK(go_on(checkpoint));
  while (state_.epoch < epochs_) {
    shuffle(state_.epoch);
    TRY_OK(run_epoch(progress, wanted, checkpoint));
    const auto n = static_cast<double>(images_.size());
    state_.log.bound.push_back((state_.reconstruction + state_.kl) / n);
    state_.log.kl.push_back(state_.kl / n);
    state_.reconstruction = state_.kl = 0;
    state_.step = 0;
    ++state_.epoch;
  }
  for (const auto& weight : vae_.weights()) {
    weight.mutable_grad() = at::Tensor();
    if (!weight.isfinite().all().item<bool>()) return fail(ErrorCode::internal, "the generator's weights became NaN");
  }
  state_.log.seconds = std::chrono::duration<double>(Steady::now() - started_).count();
  if (!wanted.folder.empty()) checkpoint.remove();
  return state_.log;
}

}  // namespace

Result<Generator::TrainingLog> train_vae(Vae& vae, const Dataset& images, const GeneratorSettings& settings,
                                         std::uint64_t seed, int threads, Progress& progress,
                                         const Generator::Checkpoint& checkpoint) {
  if (settings.epochs < 0) return fail(ErrorCode::invalid_input, "generator.epochs must not be negative");
  if (settings.batch < 1) return fail(ErrorCode::invalid_input, "generator.batch must be at least 1");
  if (!(settings.learning_rate > 0)) return fail(ErrorCode::invalid_input, "generator.learning_rate must be positive");
  if (!(settings.beta >= 0)) return fail(ErrorCode::invalid_input, "generator.beta must not be negative");
  if (images.size() == 0) return fail(ErrorCode::invalid_input, "there is no image to train the generator on");
  if (!(images.shape() == vae.shape())) {
    return fail(ErrorCode::invalid_input, "the training images have another shape than the generator");
  }
  return catching(ErrorCode::internal, "while training the generator", [&] {
    Trainer trainer(vae, images, settings, seed, threads);
    return trainer.run(progress, checkpoint);
  });
}

}  // namespace defuse
