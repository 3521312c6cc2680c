// From logits to decisions. Pure and Torch-free.
#pragma once
#include <cstdint>
#include <span>

namespace defuse {

// The index of the largest logit, the lowest of equals; -1 if any is NaN or infinite, which counts as wrong everywhere.
std::int32_t predicted_class(std::span<const float> logits);

// Cross-entropy in nats; NaN where predicted_class is -1. requires: 0 <= label < logits.size()
float cross_entropy(std::span<const float> logits, std::int32_t label);

// Logit of `label` minus the largest other; NaN where predicted_class is -1 or there is no such label or no other
// class.
float margin(std::span<const float> logits, std::int32_t label);

}  // namespace defuse
