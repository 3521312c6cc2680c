// A copy of a TorchScript module made for speed: weights as constants of its graph and, if asked for, the weights of
// its convolutions laid out channels-last, so that oneDNN and the pooling kernels need no copies from layout to layout.
// Arithmetic is left alone: nothing is folded or fused. Called by TorchModel, which believes the copy only if its
// answers are the module's own. Never touches the module.
#pragma once
#include "core/base/result.h"
#include "core/torch/torch.h"

namespace defuse {

enum class MemoryLayout { as_written, channels_last };

// `invalid_input` with the reason where a module cannot be frozen. It must be in eval mode.
Result<torch::jit::Module> frozen_copy(const torch::jit::Module& module, MemoryLayout layout);

}  // namespace defuse
