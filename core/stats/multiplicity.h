// Many tests at once. The family is fixed before looking; what is too small to be tested is listed elsewhere, not
// counted. Adjusted values come back in the order of the input; an adjusted p <= alpha means "reject". Pure functions,
// thread-safe.
#pragma once
#include <span>
#include <vector>

namespace defuse {

// Holm 1979: the chance of one false rejection or more stays <= alpha, whatever the dependence. For everything that
// blocks.
std::vector<double> holm(std::span<const double> p);

}  // namespace defuse
