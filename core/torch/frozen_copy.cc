#include "core/torch/frozen_copy.h"

#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/inliner.h>

#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

namespace jit = torch::jit;

bool is_convolution(const jit::Node& node) {
  static const auto kConv2d = c10::Symbol::fromQualString("aten::conv2d");
  static const auto kConvolution = c10::Symbol::fromQualString("aten::_convolution");
  return node.kind() == kConv2d || node.kind() == kConvolution;
}

// at::empty keeps the wanted layout even for one channel, where Torch's own conversion sees nothing to do.
at::Tensor channels_last(const at::Tensor& weight) {
  at::Tensor copy = at::empty(weight.sizes(), weight.options().memory_format(at::MemoryFormat::ChannelsLast));
  return copy.copy_(weight);
}

void lay_out(jit::Block& block) {
  for (jit::Node* node : block.nodes()) {
    for (jit::Block* inner : node->blocks()) lay_out(*inner);
    if (!is_convolution(*node)) continue;
    jit::Node* weight = node->input(1)->node();
    if (weight->kind() != c10::prim::Constant || !weight->hasAttribute(c10::attr::value) ||
        weight->kindOf(c10::attr::value) != jit::AttributeKind::t) {
      continue;
    }
    const at::Tensor& values = weight->t(c10::attr::value);
    if (values.dim() == 4) weight->t_(c10::attr::value, channels_last(values));
  }
}

}  // namespace

Result<jit::Module> frozen_copy(const jit::Module& module, MemoryLayout layout) {
  return catching(ErrorCode::invalid_input, "the model cannot be frozen", [&]() -> Result<jit::Module> {
    // A frozen module has lost the attribute, and freezing twice fails.
    jit::Module copy = module.hasattr("training") ? jit::freeze_module(module) : module.clone();
    if (layout == MemoryLayout::channels_last) {
      const auto graph = copy.get_method("forward").graph();
      jit::Inline(*graph);
      lay_out(*graph->block());
    }
    return copy;
  });
}

}  // namespace defuse
