// How sure is it that more images broke than were fixed, by more than a limit? Paired flips of n seed images: b broke,
// c were fixed. Pure functions, thread-safe.
#pragma once
#include <cstdint>
#include <span>

namespace defuse {

// One-sided p of H0: P(broken) - P(fixed) <= delta, against more. Exact tail of the trinomial B - C at the edge of H0,
// with the nuisance P(fixed) at its Jeffreys mean (c + 1/2) / (n + 1): where models flip both ways, as they do on hard
// images, the tail is accordingly wide. 1 for n = 0. Unlike the sign test it knows how many images did not flip, so a
// few clear breaks among images that hardly ever flip say what they should.
double excess_p(std::int64_t b, std::int64_t c, std::int64_t n, double delta);

// The largest delta that excess_p rejects at `level`: a lower bound of P(broken) - P(fixed). -1 for n = 0.
double excess_lower(std::int64_t b, std::int64_t c, std::int64_t n, double level);

// Net rates d in [-1, 1], one per seed: broken and fixed parts summed and rounded against the finding (b down, c up).
struct NetCounts {
  std::int64_t broken = 0;
  std::int64_t fixed = 0;
  std::int64_t seeds = 0;
};
NetCounts net_counts(std::span<const double> d);

}  // namespace defuse
