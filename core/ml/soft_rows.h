// The softmax of the rows of a table, in place, with its entropy: the middle of the mixture's E step. Called by
// dp_gmm.cc only. Torch-free; lanes and sums are in a fixed order, so that every machine gets the same bits. Pure;
// thread-safe.
#pragma once
#include <cstddef>
#include <span>

namespace defuse {

// values: [n, k] scores u, finite. Leaves r_ik = exp(u_ik) / sum_k exp(u_ik), where what is below 1e-26 of the row's
// largest becomes 0. Returns -sum r ln r.
double soften_rows(std::span<double> values, std::size_t k);

}  // namespace defuse
