// What two models take the images of each class for, on the same images. Pure functions over predictions; thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/result.h"

namespace defuse {

inline constexpr std::int64_t kWholeConfusion = 100;  // classes up to which every cell is kept
inline constexpr std::size_t kConfusionCells = 100;   // off the diagonal, where there are more classes

struct ConfusionCell {
  std::int32_t label = 0;
  std::int32_t predicted = 0;  // -1: no finite logits
  std::int64_t candidate = 0;  // images
  std::int64_t incumbent = 0;
  bool operator==(const ConfusionCell&) const = default;
};

struct Confusion {
  bool whole = true;                 // false: only the most frequent wrong answers of either model
  bool incumbent = false;            // whether there is one; its counts are 0 otherwise
  std::vector<ConfusionCell> cells;  // those that are not empty, by label and prediction
};

// `incumbent` may be empty. `invalid_input` if lengths differ or a label is not in [0, classes).
Result<Confusion> confusion(std::span<const std::int32_t> labels, std::span<const std::int32_t> incumbent,
                            std::span<const std::int32_t> candidate, std::int64_t classes);

}  // namespace defuse
