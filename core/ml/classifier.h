// What the stations ask of a classifier: answers for a batch of images. TorchModel is the one that gates run;
// benchmarks and tests put others in its place.
#pragma once
#include <cstddef>
#include <span>

#include "core/matrix.h"
#include "core/result.h"

namespace defuse {

class Classifier {
 public:
  struct Output {
    Matrix logits;      // [n, classes]
    Matrix embeddings;  // [n, d] or empty
  };

  virtual ~Classifier() = default;
  // images: [n, C, H, W] in [0,1]. Safe from one thread at a time.
  virtual Result<Output> run(std::span<const float> images, std::size_t n, bool want_embeddings) const = 0;
  virtual std::size_t batch() const = 0;  // images per forward call

 protected:
  Classifier() = default;
  Classifier(const Classifier&) = default;
  Classifier& operator=(const Classifier&) = default;
};

}  // namespace defuse
