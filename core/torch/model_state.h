// What TorchModel keeps, and the ways in which it can run its module. Shared by model.cc and model_tuning.cc only.
#pragma once
#include <optional>
#include <span>
#include <string>

#include "core/torch/frozen_copy.h"
#include "core/torch/model.h"
#include "core/torch/penultimate.h"
#include "core/torch/torch.h"

namespace defuse {

// Untuned images per forward call: small networks run fastest while activations stay in the cache. What other batches
// and layouts give is compared with this.
inline constexpr std::size_t kFirstBatch = Tuning{}.batch;

// What forward returned, taken apart. `embedding` is undefined unless the model returned a pair of tensors.
struct RawOutput {
  at::Tensor logits;
  at::Tensor embedding;
};

// One way of running the model.
struct Way {
  torch::jit::Module module;
  MemoryLayout layout = MemoryLayout::as_written;
  std::optional<Penultimate> penultimate;  // set while embeddings come from the graph
  bool graph_is_exact = false;             // its logits are the model's, bit by bit
};

struct TorchModel::State {
  std::string name;
  InputSettings input;
  at::Tensor mean, std;  // undefined where the configuration gives none
  torch::Device device{torch::kCPU};
  int threads = 1;
  std::string structure;

  Way written;              // the module as its author wrote it
  std::optional<Way> fast;  // used instead where there is one
  Tuning tuning;
  std::optional<Tuning> suggested;  // by the caller, not yet tried
  bool tuned = false;

  // Settled by the first batch.
  bool settled = false;
  bool probabilities_known = false;
  bool probabilities = false;
  std::int64_t classes = 0;
  std::int64_t width = 0;  // of the embedding; 0 = none
  std::string source = "none: nothing has been run yet";

  const Way& way() const { return fast ? *fast : written; }
  std::size_t pixels() const { return static_cast<std::size_t>(input.shape.pixels()); }

  at::Tensor batch_of(std::span<const float> images, MemoryLayout layout) const;
  Result<RawOutput> forward(const Way& way, const at::Tensor& batch) const;
  Result<RawOutput> answer(const Way& way, const at::Tensor& batch, bool want_embedding) const;

  Result<void> settle(std::span<const float> images);
  std::string try_graph(const at::Tensor& batch, const at::Tensor& logits);
  std::optional<Way> faster_way(MemoryLayout layout, std::size_t batch, std::span<const float> images) const;
  Result<RawOutput> answers(const Way& way, std::size_t batch, std::span<const float> images,
                            bool want_embedding) const;
  bool same_bits(const Way& way, std::size_t batch, std::span<const float> images) const;
  double seconds(const Way& way, std::size_t batch, std::span<const float> images) const;
  void take(const Tuning& wanted, std::span<const float> images);
  void tune(std::span<const float> images, std::size_t expected);
  Result<void> expect_pixels(std::span<const float> images, std::size_t n, const char* doing) const;
  Result<void> run_pieces(std::span<const float> images, std::size_t n, std::span<float> logits,
                          std::span<float> embeddings) const;
  Result<void> run_batch(std::span<const float> images, std::span<float> logits, std::span<float> embeddings) const;
};

}  // namespace defuse
