// Where a training of the generator stands, kept in a folder so that a run that was killed goes on where it was: the
// same weights come out as from a run without interruption. Called by train_vae. A file that is damaged or belongs to
// another training counts as none. One training per folder at a time.
#pragma once
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/generator/generator.h"
#include "core/torch/torch.h"

namespace defuse {

struct TrainingState {
  std::int64_t epoch = 0;
  std::int64_t step = 0;              // of this epoch, to be done next
  double reconstruction = 0, kl = 0;  // sums of this epoch
  Generator::TrainingLog log;         // of whole epochs; seconds until now
  at::Tensor noise;                   // state of the random generator
  std::vector<at::Tensor> weights;
};

class TrainingCheckpoint {
 public:
  // key: of everything that the training depends on.
  TrainingCheckpoint(std::filesystem::path folder, std::string key)
      : folder_(std::move(folder)), key_(std::move(key)) {}

  Result<void> save(const TrainingState& state, const torch::optim::Adam& adam) const;
  // nullopt: there is nothing to go on from; adam is then as it was.
  std::optional<TrainingState> load(torch::optim::Adam& adam) const;
  void remove() const;

 private:
  std::filesystem::path file() const { return folder_ / "training.state"; }
  std::filesystem::path folder_;
  std::string key_;
};

}  // namespace defuse
