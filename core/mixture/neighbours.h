// Exact nearest neighbours among labelled reference codes, asked one question: how many of the k nearest carry a given
// label? Called by build_probe_set to tell plausible perturbations from those that have become another class. Keeps the
// references, never the distances: memory is bounded by a tile of queries times references. Thread-safe for reading.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/matrix.h"
#include "core/base/result.h"

namespace defuse {

class Neighbours {
 public:
  static constexpr std::int64_t kNone = -1;

  // references: [r, d], r >= 1, finite; labels: [r].
  static Result<Neighbours> create(Matrix references, std::vector<std::int32_t> labels);

  // For every query row the number of its k nearest references (Euclidean; the lower index wins a tie) that carry
  // labels[i], leaving out reference exclude[i] (kNone: leave out none; an empty span: none anywhere). With fewer than
  // k references left all of them are asked. Works on the calling thread.
  std::vector<std::int32_t> agreeing(const Matrix& queries, std::span<const std::int32_t> labels,
                                     std::span<const std::int64_t> exclude, int k) const;

  std::size_t size() const;

  Neighbours(Neighbours&&) noexcept;
  Neighbours& operator=(Neighbours&&) noexcept;
  ~Neighbours();

 private:
  Neighbours();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace defuse
