// The noise that turns a code into a perturbed one. Pure: a function of the stream it is given.
#pragma once
#include <span>

#include "core/pipeline/settings.h"
#include "core/random.h"

namespace defuse {

// Shape of the published Beta noise (Defuse repository, MNIST): Beta(50, 50).
inline constexpr double kBetaShape = 50;

// out[j] = code[j] + ε_j with independent ε of
//   gaussian      N(0, scale²)
//   beta_centred  Beta(50,50) centred and stretched to the same standard deviation, so |ε_j| <= scale·√101
//   published     Beta(50,50) as drawn, which shifts every code by about ½ in every dimension; `scale` is not used
void add_noise(NoiseMode mode, double scale, RandomStream& random, std::span<const float> code, std::span<float> out);

}  // namespace defuse
