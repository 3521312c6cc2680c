// A dense row-major matrix of float32 that does not need Torch: logits [n, classes], embeddings [n, d], codes [n,
// latent].
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace defuse {

struct Matrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<float> data;  // rows * cols values

  Matrix() = default;
  Matrix(std::size_t r, std::size_t c) : rows(r), cols(c), data(r * c) {}

  bool empty() const { return rows == 0 || cols == 0; }
  std::span<const float> row(std::size_t i) const { return {data.data() + i * cols, cols}; }
  std::span<float> row(std::size_t i) { return {data.data() + i * cols, cols}; }
};

}  // namespace defuse
