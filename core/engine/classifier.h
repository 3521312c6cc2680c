// What the stations ask of a classifier: answers for a batch of images. TorchModel is the one that gates run;
// benchmarks and tests put others in its place.
//
// Two ways to ask. `run` takes any number of images and shards them itself. A caller that shards by itself (to decode
// and classify a piece on one thread, without a barrier in between) calls `prepare` once, from one thread, with the
// first images, then `run_here` from as many threads as it likes, with pieces that begin at multiples of `unit()` and
// hold that many images (the last piece: what is left). Both give the same bits.
#pragma once
#include <cstddef>
#include <mutex>
#include <span>

#include "core/base/matrix.h"
#include "core/base/result.h"

namespace defuse {

class Classifier {
 public:
  struct Output {
    Matrix logits;      // [n, classes]
    Matrix embeddings;  // [n, d] or empty
  };
  struct Widths {
    std::size_t classes = 0;
    std::size_t embedding = 0;  // 0 = none
  };

  virtual ~Classifier() = default;
  // images: [n, C, H, W] in [0,1]. Safe from one thread at a time.
  virtual Result<Output> run(std::span<const float> images, std::size_t n, bool want_embeddings) const = 0;
  virtual std::size_t batch() const = 0;  // images per forward call

  // Settles on the first images what answers look like. `expected`: about how many images will follow, which says
  // whether it is worth finding out how they are run fastest. Safe from one thread at a time.
  virtual Result<Widths> prepare(std::span<const float> images, std::size_t n, std::size_t expected) const;
  // n images on the calling thread, after prepare. logits: [n, classes]; embeddings: [n, d], or empty if not wanted.
  // Safe from several threads. The default asks `run`, one caller at a time.
  virtual Result<void> run_here(std::span<const float> images, std::size_t n, std::span<float> logits,
                                std::span<float> embeddings) const;
  // The pieces of run_here. Fixed once prepared.
  virtual std::size_t unit() const { return batch(); }

 protected:
  Classifier() = default;
  Classifier(const Classifier&) {}
  Classifier& operator=(const Classifier&) { return *this; }

 private:
  mutable std::mutex one_caller_;  // of the default run_here
};

}  // namespace defuse
