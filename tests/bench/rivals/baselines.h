// The simplest ways to name a group of images on which a model does badly, which every cleverer one must beat: the
// heaviest losses, and the largest confusions. Called by the gate benchmark. Both pick images by the model's own
// answer, so their slices look worse than they are wherever they are measured. Pure, deterministic, thread-safe.
// Source: the comparator of the Spotlight's authors; ConfusionSDM of Eyuboglu et al., arXiv:2203.14960.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"

namespace defuse {

// A rule learnt on some rows that says of any row whether it belongs: right class, and a score of at least `cut`.
struct ScoreSlice {
  std::int32_t label = -1;             // true class of its members; -1 any
  std::int32_t answer = -1;            // the class whose probability is the score; -1: the score is the loss
  double cut = 0;                      // score of the last member
  double weight = 0;                   // what slices are ordered by: summed score of the members
  std::vector<std::uint32_t> members;  // of the rows it was learnt on, highest score first
};

// The `share` of the rows with the highest loss, at least one; ties by row. Loss per row of the data, NaN left out.
ScoreSlice top_loss(std::span<const std::uint32_t> rows, std::span<const double> loss, double share);
// The same within each class that occurs, by falling weight.
std::vector<ScoreSlice> top_loss_per_class(std::span<const std::uint32_t> rows, std::span<const std::int32_t> labels,
                                           std::span<const double> loss, double share);
// For each pair of true class a and answer b != a: score p_i(b) among the rows of class a; the `share` of them with the
// highest. The `keep` pairs with the largest sum of p_i(b) over all of the class, heaviest first.
std::vector<ScoreSlice> confusion_slices(std::span<const std::uint32_t> rows, std::span<const std::int32_t> labels,
                                         const Matrix& probabilities, double share, std::size_t keep);

// [n, classes] from logits, row by row; a row with a value that is not finite becomes NaN.
Matrix softmax(const Matrix& logits);
}  // namespace defuse
