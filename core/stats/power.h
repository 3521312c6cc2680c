// How many images a question needs, and what harm a given number would have shown. Called by the checks for
// `detectable` and `more_images`. Pure functions, thread-safe. One-sided level alpha, power as a share (0.8). psi is
// the discordance: the share of images on which exactly one of two models is right. Connor, Biometrics 43, 1987.
#pragma once
#include <cstdint>
#include <optional>

namespace defuse {

// Images needed to see a drop of `drop` (0 < drop <= psi). Not rounded: round up.
double required_images(double drop, double psi, double alpha, double power);

// Smallest drop that `n` images show with that power (closed inverse of the above); nullopt if it would exceed psi.
std::optional<double> detectable_drop(std::int64_t n, double psi, double alpha, double power);

// Images needed to show "the drop is below `margin`" when the true drop is `true_drop` (< margin; 0 if equally good).
double non_inferiority_images(double margin, double psi, double alpha, double power, double true_drop = 0);

// Fewest negative flips, all flips being negative, with which one of `family` tests can reach alpha after Holm.
std::int64_t smallest_blocking_flips(double alpha, std::int64_t family);

// Fewest images whose Clopper-Pearson bound can fall below `limit` without one flip; and, with an observed share, about
// how many images would bring the bound below the limit if the share stays. 0 if none would (share >= limit).
std::int64_t images_to_bound_rate(double share, double limit, double alpha);

}  // namespace defuse
