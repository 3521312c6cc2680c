// A TorchScript classifier, loaded and ready to answer. Torch stays inside (pimpl), so callers compile fast.
// Inputs are images in [0,1]; the configured mean and std are applied inside. Outputs are logits; a model that gives
// probabilities (rows in [0,1] summing to 1) is turned into log-probabilities. Embeddings are the model's own second
// output if it returns (logits, embedding), else the input of the last linear layer found in its graph, else none.
// Batches are sharded over `threads` workers with one intra-op thread each. The first batch is run by the module as its
// author wrote it; faster ways of running it (weights frozen into the graph, channels-last, other batch sizes) are used
// only where they gave the same bits on real images, so results do not depend on what was found to be fast.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/result.h"
#include "core/engine/classifier.h"
#include "core/settings/settings.h"
#include "core/torch/tuning.h"

namespace defuse {

class TorchModel final : public Classifier {
 public:
  struct Options {
    int threads = 1;  // 0 = one per core
    std::string device = "cpu";
    std::string digest = {};  // that the file must have; empty: any
  };

  // `corrupt` for a file that is no TorchScript archive or is cut short (names it), `invalid_input` for an operator
  // that is missing here (names it), `unavailable` for a file of another digest.
  static Result<TorchModel> load(const std::filesystem::path& artifact, const InputSettings& input,
                                 const Options& options);

  // images: [n, C, H, W] in [0,1]. `invalid_input` when the model throws (its message, first line) or gives no [n, k]
  // tensor.
  Result<Output> run(std::span<const float> images, std::size_t n, bool want_embeddings) const override;
  // What the raw output looked like for n images, without any interpretation; for the contract check.
  Result<std::vector<std::int64_t>> output_shape(std::span<const float> images, std::size_t n) const;

  // The engine for callers that shard by themselves: see Classifier.
  Result<Widths> prepare(std::span<const float> images, std::size_t n, std::size_t expected) const override;
  Result<void> run_here(std::span<const float> images, std::size_t n, std::span<float> logits,
                        std::span<float> embeddings) const override;
  std::size_t unit() const override;

  bool gives_probabilities() const;             // decided on the first batch that was run
  const std::string& embedding_source() const;  // "output", "graph" or "none: <why>"
  std::size_t batch() const override;           // images per forward call

  // Digest of its code and of the shapes of its weights. Models that differ by the values of their weights alone, as
  // the versions of one line mostly do, share it, and run fastest in the same way.
  const std::string& structure() const;
  // How a model of this structure was found to run fastest on this machine. Taken if it gives the bits of the module as
  // written here too; without it the way is found when that is worth it. Before the first run.
  void suggest(const Tuning& tuning);
  const Tuning& tuning() const;  // in use
  bool tuned() const;            // it was found, or suggested and holds here: worth keeping

  TorchModel(TorchModel&&) noexcept;
  TorchModel& operator=(TorchModel&&) noexcept;
  ~TorchModel() override;

 private:
  TorchModel();
  struct State;
  std::unique_ptr<State> state_;
};

// "LibTorch 1.13.1, OpenBLAS …, AVX2, 2 threads": what equal bytes depend on.
std::string describe_machine(int threads);
// Call once at the start of a program that uses Torch: one intra-op thread, flush denormals, deterministic kernels.
void set_up_torch();

}  // namespace defuse
