// The generator of a model line: an encoder into, and a decoder out of, latent codes. Either the convolutional VAE
// trained here (methods: Kingma and Welling, arXiv:1312.6114; KL term with its gradient, Bernoulli likelihood summed
// over pixels) or the user's own TorchScript pair. Torch stays inside. Thread use as TorchModel.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/progress.h"
#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse {

// A training that was killed or stopped goes on from here when it is asked for again: same weights in the end. The
// folder is the training's own; it is removed once the training is through. An empty path: nothing is kept.
struct GeneratorCheckpoint {
  std::filesystem::path folder = {};
  std::chrono::milliseconds every{15'000};  // the most that a kill loses; 0 = after every step
};

class Generator {
 public:
  using Checkpoint = GeneratorCheckpoint;
  struct Codes {
    Matrix mean;     // [n, latent]
    Matrix log_var;  // [n, latent]; zeros for encoders that give none
  };
  struct TrainingLog {
    std::vector<double> bound;  // negative ELBO per image, nats, per epoch
    std::vector<double> kl;
    double seconds = 0;
  };

  // Trains on images only. Same seed, data and machine: same weights. `cancelled` when progress asks to stop;
  // `invalid_input` for a shape outside 8…128; `internal` if the bound becomes NaN.
  static Result<Generator> train(const Dataset& images, const GeneratorSettings& settings, std::uint64_t seed,
                                 int threads, Progress& progress, const Checkpoint& checkpoint = {});
  // The user's own pair; tried on one batch, so a wrong shape is found here.
  static Result<Generator> load_pair(const std::filesystem::path& encoder, const std::filesystem::path& decoder,
                                     const ImageShape& shape, int threads);
  static Result<Generator> load(const std::filesystem::path& folder, const ImageShape& shape,
                                int threads);  // written by save
  Result<void> save(const std::filesystem::path& folder)
      const;  // weights as a tensor archive (a user's pair as copies), plus generator.json

  Result<Codes> encode(std::span<const float> images, std::size_t n) const;  // images [n,C,H,W] in [0,1]
  Result<void> decode(const Matrix& codes, std::span<float> images) const;   // out [n,C,H,W] in [0,1]

  // The same on the calling thread and without a round of its own, for callers that shard by themselves; safe from
  // several threads. Pieces that begin at multiples of kUnit give the bits of the calls above.
  static constexpr std::size_t kUnit = 64;  // images per forward call: their activations stay in the cache
  Result<void> encode_here(std::span<const float> images, std::size_t n, std::span<float> mean,
                           std::span<float> log_var) const;
  Result<void> decode_here(const Matrix& codes, std::size_t first, std::size_t count, std::span<float> images) const;

  int latent() const;
  const std::string& digest() const;  // of the weights
  const TrainingLog& log() const;

  Generator(Generator&&) noexcept;
  Generator& operator=(Generator&&) noexcept;
  ~Generator();

 private:
  Generator();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace defuse
