// The convolutional variational autoencoder behind Generator: layers, weights, and the terms of its loss.
// Source: Kingma and Welling, arXiv:1312.6114. No training here (vae_training.h), no files. Only reading is
// thread-safe.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/settings/settings.h"
#include "core/torch/torch.h"

namespace defuse {

class Vae {
 public:
  struct Posterior {
    at::Tensor mean;     // [n, latent]
    at::Tensor log_var;  // [n, latent]
  };

  // Weights drawn from `seed`. `invalid_input` for sides outside 8…128, no channel or a latent width outside 1…512.
  static Result<Vae> create(const ImageShape& shape, int latent, std::uint64_t seed);

  Posterior encode(const at::Tensor& images) const;  // [n, C, H, W] in [0,1]
  at::Tensor decode(const at::Tensor& codes) const;  // logits of the pixels, [n, C, H, W]

  const ImageShape& shape() const { return shape_; }
  int latent() const { return latent_; }

  // In a fixed order; they are leaves that require gradients. Assigning to their data changes the network.
  const std::vector<at::Tensor>& weights() const { return weights_; }
  // `corrupt` if number, shape or type differ or a value is not finite.
  Result<void> set_weights(const std::vector<at::Tensor>& weights);
  std::string digest() const;  // of architecture and weights

 private:
  struct Stage {
    std::int64_t in, out;        // channels
    std::int64_t height, width;  // before the stage
  };
  Vae() = default;
  void plan();
  void draw_weights(std::uint64_t seed);

  ImageShape shape_;
  int latent_ = 0;
  std::vector<Stage> stages_;
  ImageShape inner_;  // what the last stage gives
  std::vector<at::Tensor> weights_;
};

// ½ Σ_j (μ² + e^ℓ − 1 − ℓ) of each image against N(0, I): [n].
at::Tensor kl_divergence(const Vae::Posterior& posterior);
// −Σ [x ln x̂ + (1−x) ln(1−x̂)] with x̂ = sigmoid(logits), summed over the pixels of each image: [n].
at::Tensor bernoulli_loss(const at::Tensor& logits, const at::Tensor& images);

}  // namespace defuse
