// One version's answers on one split, and on the probe set. Computed once per (model digest, data digest[, probe
// digest]), stored by content, and never changed afterwards. Torch-free, so checks, tests and tools can read it.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/stored_matrix.h"

namespace defuse {

struct Evaluation {
  std::string model_digest;
  std::string data_digest;
  Matrix logits;  // [n, classes] as the model gave them (log-probabilities if it gave probabilities)
  std::vector<std::int32_t>
      predicted;            // [n] argmax, lowest index on ties; -1 where a logit is NaN or infinite (counts as wrong)
  std::vector<float> loss;  // [n] cross-entropy in nats; NaN where predicted is -1
  bool gave_probabilities = false;

  std::size_t size() const { return predicted.size(); }
};

enum class Split : std::uint8_t { test, train };
enum class Half : std::uint8_t { discover, confirm };

// A real image that perturbations start from. The unit of every statistic: what is perturbed from one seed is one
// observation.
struct Seed {
  Split split = Split::test;
  std::uint32_t index = 0;  // into that split
  std::int32_t label = 0;
  Half half = Half::discover;  // by content hash, so that two copies of one image never face each other
};

// Directions of the pushes among a seed's moves (noise.h).
struct TailMoves {
  Matrix slopes;  // [classes * statistics, latent] change of the code per class standard deviation of the statistic
  std::vector<std::int32_t> axes;  // [s * kTailRanks] 1 + row of slopes, negative towards less; 0 = none
};

// The fixed perturbed images every version of a model line is scored on. The images are not stored: draw q of seed i is
// D(move_q(code_i) + noise(seed key, i, q)), regenerated where needed (core/evidence/noise.h).
struct ProbeSet {
  std::string digest;  // of generator, data, seeds and every parameter below
  std::string generator_digest;
  std::string data_digest;  // of both splits
  std::vector<Seed> seeds;  // [s] test images, then training images
  std::size_t perturbed =
      0;               // the first so many seeds are perturbed; the others (training images) count as real images only
  Matrix codes;        // [s, latent] posterior means
  Matrix class_means;  // [label, latent] mean of the class's training codes, which outward moves leave
  TailMoves tails;     // where each seed's pushes go
  int draws = 0;       // q
  std::vector<std::uint8_t> plausible;  // [s * q] 1 where enough latent neighbours carry the seed's label, of the code
                                        // and of the code of its image
  double reconstruction_error = 0;  // of D(mean) from the test images, root mean square per pixel of the range [0,1]
  double plausible_share = 0;       // among the perturbed seeds' draws
  // What can be said of the images without any model (image_statistics.h): properties of the fixed probe set, measured
  // once.
  Matrix statistics;             // [s, kImageStatistics] of the real seed images
  StoredMatrix draw_statistics;  // [s * q, kImageStatistics] of the plausible perturbations; NaN elsewhere
};

struct ProbeEvaluation {
  std::string model_digest;
  std::string probe_digest;
  std::vector<std::int32_t> real;           // [s] predicted on x
  std::vector<std::int32_t> reconstructed;  // [s] predicted on D(mean)
  std::vector<std::int32_t> perturbed;      // [s * q] predicted on D(mean + noise)
  Matrix embeddings;                        // [s, d] of the real seed images; empty if the model has none
  Matrix logits;                            // [s, classes] of the real seed images
  // Logit of the seed's label minus the largest other, in nats: how sure the model is, negative where it is wrong. NaN
  // where a logit is NaN or infinite, and for perturbations that are not plausible (they are never run).
  std::vector<float> real_margin;       // [s]
  std::vector<float> perturbed_margin;  // [s * q]
};

// Facts the contract check judges; gathered while a candidate is loaded and first run.
struct ContractFacts {
  bool loaded = false;
  std::string load_error;  // why not, naming the file
  bool ran = false;
  std::string run_error;  // the first exception a forward pass threw
  std::uint64_t size_bytes = 0;
  std::vector<std::int64_t> output_shape;  // for the batch that was tried
  std::int64_t batch_tried = 0;
  std::int64_t classes_expected = 0;
  std::int64_t not_finite = 0;         // images of the test split with a NaN or infinite logit
  std::int64_t images = 0;             // images of the test split that were run
  std::int64_t not_deterministic = 0;  // images whose prediction differed between two runs of the same batch
  std::int64_t batch_dependent = 0;    // images whose prediction differed between two batch sizes
  double latency_ms = 0;               // one image, median
  std::vector<std::string> labels;     // labels.txt of the version; empty if none
  std::vector<std::string> classes;    // what the configuration expects
  std::string embedding;               // "graph", "output" or "none: <why>"
};

}  // namespace defuse
