// Finds the last hidden layer of a TorchScript classifier in its graph, so that users change nothing in their model:
// the activations that enter the last linear layer on the way to the output. Works on a copy; the model itself is never
// touched. Called by TorchModel, which checks the answer on real images before believing it. Safe to run from several
// threads.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/base/result.h"
#include "core/torch/torch.h"

namespace defuse {

class Penultimate {
 public:
  struct Answer {
    at::Tensor logits;       // what the model's forward returns
    at::Tensor activations;  // the last linear layer's input
    at::Tensor scores;       // the last linear layer's output: has as many columns as there are classes
  };

  // `not_found` with the reason when there is no such layer or it cannot be reached. The model must be in eval mode.
  static Result<Penultimate> find(const torch::jit::Module& model);

  // May throw what the model throws.
  Answer run(const at::Tensor& input) const;

 private:
  Penultimate(const torch::jit::Module& model, std::shared_ptr<torch::jit::Graph> graph);
  torch::jit::Module model_;  // keeps the type and attributes that the graph speaks of alive
  std::shared_ptr<torch::jit::GraphFunction> function_;
  std::vector<c10::IValue> defaults_;  // of forward's further arguments
};

}  // namespace defuse
