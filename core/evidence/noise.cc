#include "core/evidence/noise.h"

#include <cmath>
#include <cstddef>

namespace defuse {

namespace {

double draw(NoiseMode mode, double scale, RandomStream& random) {
  switch (mode) {
    case NoiseMode::gaussian:
    case NoiseMode::outward:
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

void make_move(const Move& move, NoiseMode mode, double scale, RandomStream& random, std::span<const float> code,
               std::span<const float> class_mean, std::span<const float> push, std::span<float> out) {
  if (!move.outward()) return add_noise(mode, scale * move.spread, random, code, out);
  for (std::size_t j = 0; j < code.size(); ++j) {
    const double mean = class_mean.empty() ? 0 : static_cast<double>(class_mean[j]);
    const double pushed = push.empty() ? 0 : move.push * static_cast<double>(push[j]);
    out[j] = static_cast<float>(mean + move.stretch * (static_cast<double>(code[j]) - mean) + pushed);
  }
  add_noise(mode, scale * move.spread, random, out, out);
}

}  // namespace defuse
