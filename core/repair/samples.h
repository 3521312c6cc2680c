// Which images a repair is tuned on and which it is judged by. Seeds are divided, never images: perturbations of
// one image lie on one side. Pure; deterministic; Torch-free.
//   tuning       region images of training seeds, five of six seeds
//   validation   of the sixth: the choice of lambda is made on them
//   held out     of test seeds: the repair is judged on them
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/evidence/evaluation.h"
#include "core/repair/repair.h"

namespace defuse {

struct Sample {
  std::uint32_t seed = 0;  // into ProbeSet::seeds
  std::int32_t draw = -1;  // -1: the real image
  std::int32_t label = 0;
  std::uint32_t region = 0;  // into the order's regions; for samples of no region 0
};

// Whether a training image, and with it all that was generated from it, is kept for validation; one in six.
bool kept_for_validation(std::uint32_t train_index, std::uint64_t seed);

struct DividedSamples {
  std::vector<Sample> tuning, validation, held_out;
  std::vector<Sample> errors;         // misclassified draws of tuning seeds, whatever region they lie in
  std::vector<Sample> random;         // as many random plausible draws of tuning seeds
  std::vector<std::string> left_out;  // regions that cannot be learnt from, and why
};

// `candidate`: the answers of the version to be repaired, which say what an error is. A seed in several regions counts
// in the first. At most `most` samples of each kind (seeds in turn, so that none is left out before its second image).
DividedSamples divide(const RepairOrder& order, const ProbeSet& probes, const ProbeEvaluation& candidate,
                      std::size_t most);

}  // namespace defuse
