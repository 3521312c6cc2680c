#include "core/engine/classifier.h"

#include <algorithm>
#include <string>

namespace defuse {

Result<Classifier::Widths> Classifier::prepare(std::span<const float> images, std::size_t n,
                                               std::size_t /*expected*/) const {
  if (n == 0) return fail(ErrorCode::internal, "prepare was given no image");
  const std::size_t few = std::min(n, batch());
  TRY(output, run(images.first(images.size() / n * few), few, /*want_embeddings=*/true));
  return Widths{output.logits.cols, output.embeddings.cols};
}

Result<void> Classifier::run_here(std::span<const float> images, std::size_t n, std::span<float> logits,
                                  std::span<float> embeddings) const {
  const std::scoped_lock lock(one_caller_);
  TRY(output, run(images, n, !embeddings.empty()));
  if (output.logits.data.size() != logits.size() ||
      (!embeddings.empty() && output.embeddings.data.size() != embeddings.size())) {
    return fail(ErrorCode::internal, "run_here was given room for " + std::to_string(logits.size()) + " logits, not " +
                                         std::to_string(output.logits.data.size()));
  }
  std::copy(output.logits.data.begin(), output.logits.data.end(), logits.begin());
  if (!embeddings.empty()) std::copy(output.embeddings.data.begin(), output.embeddings.data.end(), embeddings.begin());
  return {};
}

}  // namespace defuse
