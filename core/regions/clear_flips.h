// How clearly an answer changed. An honest retrain changes its mind about images both models were unsure of; a bug
// takes images the incumbent was sure of and gets them surely wrong (docs/gate-quality.md has the figures). A flip is
// *clear* where both models are about as sure as they ordinarily are when they are right:
//   m_I >= k s_I  and  m_C <= -k s_C     (negative; the mirror image is a positive clear flip)
// with m the logit of the true class minus the largest other one, s a model's median of it over the real images of that
// class that it gets right, and k the share below. Medians make it free of each model's temperature. Called by the
// region search only. Pure.
#pragma once
#include <cstdint>
#include <vector>

#include "core/evidence/evaluation.h"

namespace defuse {

// Decoded images are softer than real ones and every model is less sure of them: they are asked for less.
inline constexpr double kClearShareOfReal = 0.5;
inline constexpr double kClearShareOfGenerated = 0.35;

class ClearFlips {
 public:
  // Needs both models' real margins; without them (or without an incumbent) nothing is ever clear.
  ClearFlips(const ProbeSet& probes, const ProbeEvaluation* incumbent, const ProbeEvaluation& candidate, int classes,
             double share);

  // 1 for a clear negative flip, -1 for a clear positive one, else 0. A NaN of the candidate is a break where
  // the incumbent was sure; any other NaN gives 0.
  int of(std::int32_t label, float incumbent_margin, float candidate_margin) const;

 private:
  std::vector<double> incumbent_;  // [classes] k s_I; infinite where a class has nothing right
  std::vector<double> candidate_;
};

}  // namespace defuse
