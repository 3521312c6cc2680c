// Encoder: stages of convolution (kernel 4, stride 2, padding 1) and ReLU, each halving the sides (rounded down), until
// no side is longer than 7; channels 32, then 64; one linear layer to (mean, log variance). Decoder: a linear layer and
// ReLU, then the same stages backwards as transposed convolutions, whose output padding restores the rounded-off row or
// column, so every size from 8 to 128 comes back exact. Activations lie channels-last throughout, so the linear layers
// see the features of a place side by side. No normalisation layers: an image's code does not depend on its batch.
// Weights, in order: per stage (w, b); (w, b) of the code; (w, b) back from it; per stage from the inside out (w, b).
#include "core/generator/vae.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <tuple>

#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

constexpr std::int64_t kKernel = 4;
constexpr std::int64_t kLongestInnerSide = 7;
constexpr double kLargestLogVariance = 12;  // keeps exp() finite when training starts badly
constexpr auto kChannelsLast = at::MemoryFormat::ChannelsLast;
constexpr const char* kArchitecture = "vae-2";

// Uniform in ±1/√fan_in, the usual start for ReLU networks of this depth. The weights of convolutions lie
// channels-last, which makes oneDNN keep every activation so: no copies from layout to layout. (at::empty says so even
// for one channel.)
at::Tensor drawn(at::IntArrayRef sizes, std::int64_t fan_in, RandomStream& random) {
  at::Tensor values = at::empty(sizes, at::kFloat);
  const double limit = 1 / std::sqrt(static_cast<double>(fan_in));
  float* value = values.data_ptr<float>();
  for (std::int64_t i = 0; i < values.numel(); ++i) value[i] = static_cast<float>(limit * (2 * random.uniform() - 1));
  if (sizes.size() != 4) return values.requires_grad_();
  at::Tensor tensor = at::empty(sizes, at::TensorOptions(at::kFloat).memory_format(kChannelsLast));
  return tensor.copy_(values).requires_grad_();
}

// A transposed convolution is the gradient of a convolution by its input. Asked for as such it runs in oneDNN, where
// Torch's own transposed convolution (one small matrix product and a scatter per image) takes about twice as long to
// differentiate. Only towards the few channels of an image, and only forwards, Torch's own is the faster one.
at::Tensor upsampled(const at::Tensor& x, const at::Tensor& weight, std::int64_t height, std::int64_t width) {
  constexpr std::int64_t kFewChannels = 4;
  if (weight.size(1) <= kFewChannels) {
    return at::conv_transpose2d(x.contiguous(), weight.contiguous(), {}, /*stride=*/2, /*padding=*/1,
                                /*output_padding=*/{height % 2, width % 2});
  }
  const at::Tensor like = at::empty({x.size(0), weight.size(1), height, width},
                                    x.options().memory_format(kChannelsLast));  // only its shape and layout count
  return std::get<0>(at::convolution_backward(x, like, weight, c10::nullopt, {2, 2}, {1, 1}, {1, 1},
                                              /*transposed=*/false, {0, 0}, /*groups=*/1, {true, false, false}));
}

struct Upsample : torch::autograd::Function<Upsample> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, const at::Tensor& weight,
                            std::int64_t height, std::int64_t width) {
    context->save_for_backward({x, weight});
    return upsampled(x, weight, height, width);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor& x = saved[0];
    const at::Tensor& weight = saved[1];
    const at::Tensor gradient = gradients[0].contiguous(kChannelsLast);
    const auto by_weight =
        std::get<1>(at::convolution_backward(x, gradient, weight, c10::nullopt, {2, 2}, {1, 1}, {1, 1},
                                             /*transposed=*/false, {0, 0}, /*groups=*/1, {false, true, false}));
    return {at::conv2d(gradient, weight, {}, /*stride=*/2, /*padding=*/1), by_weight, at::Tensor(), at::Tensor()};
  }
};

at::Tensor upsample(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, std::int64_t height,
                    std::int64_t width) {
  const at::Tensor up =
      at::GradMode::is_enabled() ? Upsample::apply(x, weight, height, width) : upsampled(x, weight, height, width);
  return up + bias.view({1, -1, 1, 1});
}

}  // namespace

Result<Vae> Vae::create(const ImageShape& shape, int latent, std::uint64_t seed) {
  const auto wrong = [](std::int64_t side) { return side < 8 || side > 128; };
  if (shape.channels < 1 || wrong(shape.height) || wrong(shape.width)) {
    return fail(ErrorCode::invalid_input, "the built-in generator takes images with sides from 8 to 128, not " +
                                              std::to_string(shape.channels) + "x" + std::to_string(shape.height) +
                                              "x" + std::to_string(shape.width));
  }
  if (latent < 1 || latent > 512) {
    return fail(ErrorCode::invalid_input, "generator.latent must lie in 1..512, not " + std::to_string(latent));
  }
  Vae vae;
  vae.shape_ = shape;
  vae.latent_ = latent;
  vae.plan();
  vae.draw_weights(seed);
  return vae;
}

void Vae::plan() {
  std::int64_t channels = shape_.channels;
  std::int64_t height = shape_.height;
  std::int64_t width = shape_.width;
  while (std::max(height, width) > kLongestInnerSide && std::min(height, width) >= 4) {
    const std::int64_t out = stages_.empty() ? 32 : 64;
    stages_.push_back({channels, out, height, width});
    channels = out;
    height /= 2;
    width /= 2;
  }
  inner_ = {channels, height, width};
}

void Vae::draw_weights(std::uint64_t seed) {
  RandomStream random(seed, /*a=*/0x7661652d77656967ULL);
  const auto add = [&](at::IntArrayRef sizes, std::int64_t bias, std::int64_t fan_in) {
    weights_.push_back(drawn(sizes, fan_in, random));
    weights_.push_back(drawn({bias}, fan_in, random));
  };
  for (const auto& stage : stages_) {
    add({stage.out, stage.in, kKernel, kKernel}, stage.out, stage.in * kKernel * kKernel);
  }
  const std::int64_t inner = inner_.pixels();
  const std::int64_t both = std::int64_t{2} * latent_;  // mean and log variance
  add({both, inner}, both, inner);
  add({inner, latent_}, inner, latent_);
  for (std::size_t i = stages_.size(); i-- > 0;) {
    const auto& stage = stages_[i];
    // Every output pixel of a transposed convolution with stride 2 sees a quarter of the kernel.
    add({stage.out, stage.in, kKernel, kKernel}, stage.in, stage.out * kKernel * kKernel / 4);
  }
}

Vae::Posterior Vae::encode(const at::Tensor& images) const {
  at::Tensor x = images;
  std::size_t next = 0;
  for (std::size_t i = 0; i < stages_.size(); ++i, next += 2) {
    x = at::relu(at::conv2d(x, weights_[next], weights_[next + 1], /*stride=*/2, /*padding=*/1));
  }
  x = at::linear(x.permute({0, 2, 3, 1}).flatten(1), weights_[next], weights_[next + 1]);
  return {x.narrow(1, 0, latent_), x.narrow(1, latent_, latent_).clamp(-kLargestLogVariance, kLargestLogVariance)};
}

at::Tensor Vae::decode(const at::Tensor& codes) const {
  std::size_t next = 2 * stages_.size() + 2;
  at::Tensor x = at::relu(at::linear(codes, weights_[next], weights_[next + 1]));
  x = x.view({codes.size(0), inner_.height, inner_.width, inner_.channels}).permute({0, 3, 1, 2});
  for (std::size_t i = stages_.size(); i-- > 0;) {
    next += 2;
    const auto& stage = stages_[i];
    x = upsample(x, weights_[next], weights_[next + 1], stage.height, stage.width);
    if (i > 0) x = at::relu(x);
  }
  return x.contiguous();
}

Result<void> Vae::set_weights(const std::vector<at::Tensor>& weights) {
  if (weights.size() != weights_.size()) {
    return fail(ErrorCode::corrupt, "the generator has " + std::to_string(weights.size()) + " weight tensors, not " +
                                        std::to_string(weights_.size()));
  }
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const std::string name = "weight tensor " + std::to_string(i) + " of the generator";
    if (!weights[i].sizes().equals(weights_[i].sizes()) || weights[i].scalar_type() != at::kFloat) {
      return fail(ErrorCode::corrupt,
                  name + " has shape " + shape_text(weights[i]) + ", not " + shape_text(weights_[i]));
    }
    if (!weights[i].isfinite().all().item<bool>()) return fail(ErrorCode::corrupt, name + " is not finite");
  }
  const torch::NoGradGuard no_gradient;
  for (std::size_t i = 0; i < weights.size(); ++i) weights_[i].copy_(weights[i]);
  return {};
}

std::string Vae::digest() const {
  Sha256 hash;
  hash.field(kArchitecture);
  for (const auto number : {shape_.channels, shape_.height, shape_.width, static_cast<std::int64_t>(latent_)}) {
    hash.field(std::to_string(number));
  }
  for (const auto& weight : weights_) {
    const at::Tensor flat = weight.detach().contiguous();
    hash.update(std::as_bytes(std::span(flat.data_ptr<float>(), static_cast<std::size_t>(flat.numel()))));
  }
  return hash.hex();
}

at::Tensor kl_divergence(const Vae::Posterior& posterior) {
  return 0.5 * (posterior.mean.square() + posterior.log_var.exp() - 1 - posterior.log_var).sum(1);
}

at::Tensor bernoulli_loss(const at::Tensor& logits, const at::Tensor& images) {
  return at::binary_cross_entropy_with_logits(logits, images, {}, {}, at::Reduction::None).flatten(1).sum(1);
}

}  // namespace defuse
