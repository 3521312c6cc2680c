// What else a team could gate with: simple comparisons, and the published searches for bad slices, each at its
// published settings and confirmed on unseen images by one rule. rows.cc asks them all about every pair. Pure,
// deterministic.
#pragma once
#include "tests/bench/gate/column.h"

namespace defuse::bench {

// The seeds whose real image both models answer with finite numbers, by half; what every rival works on.
struct RealImages {
  std::vector<std::uint32_t> discover, confirm, all, test;
  std::vector<std::int32_t> labels;    // [seeds]
  std::vector<double> candidate_loss;  // [seeds] cross-entropy in nats, NaN where there is none
  std::vector<double> incumbent_loss;  // [seeds]
  std::vector<double> net;             // [seeds] 1 negative flip, -1 positive flip, 0 neither
};
RealImages real_images(const PairAnswers& pair);

}  // namespace defuse::bench
