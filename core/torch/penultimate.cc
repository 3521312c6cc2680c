// The graph surgery behind Penultimate.
// 1. Freeze a copy (weights become constants, dropout and training branches vanish); a frozen model is taken as it is,
// because
//    freezing twice fails. Numerics are left alone: folding batch norm would change the logits.
// 2. Copy the forward graph and inline every call.
// 3. Walk back from the output. Among all linear, addmm, mm and matmul nodes on the way, the last in graph order is the
// head.
// 4. Return (old output, the head's activation input, the head's output) and run that graph as a function of its own.
#include "core/torch/penultimate.h"

#include <torch/csrc/jit/api/function_impl.h>
#include <torch/csrc/jit/passes/freeze_module.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <set>
#include <vector>

#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

namespace jit = torch::jit;

// The index of the activations among a head's inputs, or -1 if the node is no head.
int activation_input(const jit::Node& node) {
  static const auto kLinear = c10::Symbol::fromQualString("aten::linear");
  static const auto kAddmm = c10::Symbol::fromQualString("aten::addmm");
  static const auto kMatmul = c10::Symbol::fromQualString("aten::matmul");
  static const auto kMm = c10::Symbol::fromQualString("aten::mm");
  if (node.kind() == kAddmm) return 1;  // addmm(bias, activations, weight)
  return node.kind() == kLinear || node.kind() == kMatmul || node.kind() == kMm ? 0 : -1;
}

bool holds_head(const jit::Block& block) {
  for (const jit::Node* node : block.nodes()) {
    if (activation_input(*node) >= 0) return true;
    for (const jit::Block* inner : node->blocks()) {
      if (holds_head(*inner)) return true;
    }
  }
  return false;
}

// Every node that `value` depends on, at the top level of the graph.
std::set<jit::Node*> ancestors(const jit::Graph& graph, jit::Value* value) {
  std::set<jit::Node*> seen;
  std::vector<jit::Node*> open = {value->node()};
  while (!open.empty()) {
    jit::Node* node = open.back();
    open.pop_back();
    if (node->owningBlock() != graph.block() || !seen.insert(node).second) continue;
    for (jit::Value* input : node->inputs()) open.push_back(input->node());
  }
  return seen;
}

Result<void> expose_head(jit::Graph& graph) {
  if (graph.outputs().size() != 1) return fail(ErrorCode::not_found, "the model returns several values");
  jit::Value* output = graph.outputs().front();
  jit::Node* head = nullptr;
  bool branch = false;
  for (jit::Node* node : ancestors(graph, output)) {
    for (const jit::Block* inner : node->blocks()) branch = branch || holds_head(*inner);
    if (activation_input(*node) >= 0 && (head == nullptr || node->isAfter(head))) head = node;
  }
  if (head == nullptr) {
    return fail(ErrorCode::not_found, branch ? "the last linear layer sits inside a branch or loop of the model"
                                             : "no linear layer reaches the model's output");
  }
  jit::Value* activations = head->inputs()[static_cast<std::size_t>(activation_input(*head))];
  jit::Node* tuple = graph.createTuple({output, activations, head->output()});
  graph.appendNode(tuple);
  graph.eraseOutput(0);
  graph.registerOutput(tuple->output());
  return {};
}

}  // namespace

Penultimate::Penultimate(const jit::Module& model, std::shared_ptr<jit::Graph> graph) : model_(model) {
  function_ = std::make_shared<jit::GraphFunction>("penultimate", std::move(graph), nullptr);
}

Result<Penultimate> Penultimate::find(const jit::Module& model) {
  return catching(ErrorCode::not_found, "the model's graph cannot be rewritten", [&]() -> Result<Penultimate> {
    const jit::Module frozen = model.hasattr("training") ? jit::freeze_module(model) : model;
    const auto forward = frozen.get_method("forward");
    auto graph = forward.graph()->copy();
    jit::Inline(*graph);
    TRY_OK(expose_head(*graph));

    std::vector<c10::IValue> defaults;
    const auto& arguments = forward.function().getSchema().arguments();
    for (std::size_t i = 2; i < arguments.size(); ++i) {
      if (!arguments[i].default_value()) return fail(ErrorCode::not_found, "forward takes more than one input");
      defaults.push_back(*arguments[i].default_value());
    }
    Penultimate found(frozen, std::move(graph));
    found.defaults_ = std::move(defaults);
    return found;
  });
}

Penultimate::Answer Penultimate::run(const at::Tensor& input) const {
  jit::Stack stack = {model_._ivalue(), input};
  stack.insert(stack.end(), defaults_.begin(), defaults_.end());
  function_->run(stack);
  const auto tuple = stack.back().toTuple();
  const auto& parts = tuple->elements();
  Answer answer;
  if (parts[0].isTensor()) answer.logits = parts[0].toTensor();
  answer.activations = parts[1].toTensor();
  answer.scores = parts[2].toTensor();
  return answer;
}

}  // namespace defuse
