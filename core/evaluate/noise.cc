#include "core/evaluate/noise.h"

#include <cmath>
#include <cstddef>

namespace defuse {

namespace {

double draw(NoiseMode mode, double scale, RandomStream& random) {
  switch (mode) {
    case NoiseMode::gaussian:
      return scale * random.normal();
    case NoiseMode::beta_centred:
      // 2B - 1 has standard deviation 1/√(2a+1).
      return scale * std::sqrt(2 * kBetaShape + 1) * (2 * random.beta(kBetaShape, kBetaShape) - 1);
    case NoiseMode::published:
      return random.beta(kBetaShape, kBetaShape);
  }
  return 0;
}

}  // namespace

void add_noise(NoiseMode mode, double scale, RandomStream& random, std::span<const float> code, std::span<float> out) {
  for (std::size_t j = 0; j < code.size(); ++j) {
    out[j] = static_cast<float>(static_cast<double>(code[j]) + draw(mode, scale, random));
  }
}

}  // namespace defuse
