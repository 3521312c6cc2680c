// Rows of responsibilities: the softmax of the rows of a table, and sums weighted by what is left of it. What the
// mixture does with a block of rows between and after its matrix products. Called by dp_gmm.cc only. Torch-free; lanes
// and sums are in a fixed order, so that every machine gets the same bits. Pure; thread-safe.
#pragma once
#include <cstddef>
#include <span>

namespace defuse {

struct SoftRows {
  double entropy = 0;      // -sum r ln r
  std::size_t filled = 0;  // values that did not become 0
};

// values: [n, k] scores u, finite. Leaves r_ik = exp(u_ik) / sum_k exp(u_ik), where what is below 1e-20 of the row's
// largest becomes 0.
SoftRows soften_rows(std::span<double> values, std::size_t k);

// sums [k, width] += weights' rows, with weights [n, k] and rows [n, width]; passes over weights of 0.
void add_weighted_rows(std::span<const double> weights, std::size_t k, const double* rows, std::size_t width,
                       double* sums);

}  // namespace defuse
