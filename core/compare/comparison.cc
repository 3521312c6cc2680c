#include "core/compare/comparison.h"

#include <string>

namespace defuse {

Result<Comparison> compare(std::span<const std::int32_t> labels, std::span<const std::int32_t> incumbent,
                           std::span<const std::int32_t> candidate, std::int64_t classes) {
  if (labels.size() != incumbent.size() || labels.size() != candidate.size())
    return fail(ErrorCode::invalid_input, "cannot compare: " + std::to_string(labels.size()) + " labels, " +
                                              std::to_string(incumbent.size()) + " predictions of the incumbent and " +
                                              std::to_string(candidate.size()) + " of the candidate");
  if (classes <= 0) return fail(ErrorCode::invalid_input, "cannot compare: there are no classes");
  Comparison result;
  result.per_class.resize(static_cast<std::size_t>(classes));
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::int32_t label = labels[i];
    if (label < 0 || label >= classes)
      return fail(ErrorCode::invalid_input, "label " + std::to_string(label) + " of image " + std::to_string(i) +
                                                " is not one of " + std::to_string(classes) + " classes");
    const bool before = incumbent[i] == label;
    const bool after = candidate[i] == label;
    result.overall.add(before, after);
    result.per_class[static_cast<std::size_t>(label)].add(before, after);
    if (before && !after) result.negative_flip_images.push_back(static_cast<std::int64_t>(i));
    if (!before && after) result.positive_flip_images.push_back(static_cast<std::int64_t>(i));
  }
  return result;
}

}  // namespace defuse
