// How a code is turned into a perturbed one: the noise, and the moves that a seed's draws cycle through. Called by
// perturbed_codes; the region search asks move_of_draw which draws went outwards. Pure: functions of what they are
// given; any thread.
#pragma once
#include <array>
#include <cstddef>
#include <span>

#include "core/base/random.h"
#include "core/settings/settings.h"

namespace defuse {

// Raise when the same settings would give another probe set: moves, seeds, codes or plausibility.
inline constexpr const char* kProbeRules = "probes-7";

// Shape of the published Beta noise (Defuse repository, MNIST): Beta(50, 50).
inline constexpr double kBetaShape = 50;

// One way to leave a code z whose class has the mean code m:
//   m + stretch · (z − m) + push · u + ε
// with u the code's mean change per class standard deviation of the image statistic (image_statistics.h) in which the
// seed is `rank`-th most extreme within its class, towards more extreme: a thin digit is made thinner still
// (tail_moves.h).
struct Move {
  double stretch = 1;
  double spread = 1;  // standard deviation of ε, as a share of noise_scale
  double push = 0;
  int rank = 0;
  bool outward() const { return stretch > 1 || push > 0; }
  bool operator==(const Move&) const = default;
};

// What NoiseMode::outward draws, in order: draw q makes move q modulo their number. With the default noise_scale of 0.3
// the outward moves add N(0, 0.2²). What each reaches: docs/gate-quality.md, "Generated images".
inline constexpr std::array<Move, 10> kOutwardMoves = {{{1.0, 1.0, 0, 0},
                                                        {1.6, 2.0 / 3, 0, 0},
                                                        {2.0, 2.0 / 3, 0, 0},
                                                        {2.5, 2.0 / 3, 0, 0},
                                                        {1.0, 1.0 / 3, 1.0, 0},
                                                        {1.0, 1.0 / 3, 2.0, 0},
                                                        {1.0, 1.0 / 3, 3.5, 0},
                                                        {1.0, 1.0 / 3, 1.5, 1},
                                                        {1.0, 1.0 / 3, 3.0, 1},
                                                        {1.0, 1.0 / 3, 2.5, 2}}};

// The move that draw `draw` (>= 0) of every seed makes; every other mode stays around the code: {1, 1}.
constexpr Move move_of_draw(NoiseMode mode, int draw) {
  return mode == NoiseMode::outward ? kOutwardMoves[static_cast<std::size_t>(draw) % kOutwardMoves.size()] : Move{};
}

// out[j] = code[j] + ε_j with independent ε of
//   gaussian, outward  N(0, scale²)
//   beta_centred       Beta(50,50) centred and stretched to the same standard deviation, so |ε_j| <= scale·√101
//   published          Beta(50,50) as drawn, which shifts every code by about ½ in every dimension; `scale` is not used
void add_noise(NoiseMode mode, double scale, RandomStream& random, std::span<const float> code, std::span<float> out);

// out = the code that `move` makes of `code`; an empty class_mean stands for the origin, the mean of the prior, an
// empty push for none.
void make_move(const Move& move, NoiseMode mode, double scale, RandomStream& random, std::span<const float> code,
               std::span<const float> class_mean, std::span<const float> push, std::span<float> out);

}  // namespace defuse
