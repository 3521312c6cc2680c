#include "core/torch/penultimate.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

// A module with a weight [3, 4] and a bias [3], in eval mode.
torch::jit::Module module_of(const std::string& source) {
  torch::jit::Module module("tested");
  module.register_parameter("weight", torch::arange(12, torch::kFloat).reshape({3, 4}) / 10, false);
  module.register_parameter("bias", torch::ones({3}), false);
  module.define(source);
  if (module.hasattr("training")) module.eval();
  return module;
}

const at::Tensor kInput = torch::arange(8, torch::kFloat).reshape({2, 4}) - 3;

void expect_found(const std::string& source, const at::Tensor& activations) {
  const torch::NoGradGuard no_gradient;
  auto module = module_of(source);
  const auto found = Penultimate::find(module);
  ASSERT_TRUE(found) << source << found.error().message;
  const auto answer = found->run(kInput);
  EXPECT_TRUE(at::equal(answer.activations, activations)) << source;
  EXPECT_TRUE(at::equal(answer.logits, module.forward({kInput}).toTensor())) << source;
  EXPECT_EQ(answer.scores.size(-1), 3) << source;
}

TEST(Penultimate, FindsTheInputOfEveryFormOfALinearLayer) {
  const at::Tensor hidden = torch::relu(kInput);
  for (const std::string head :
       {"torch.addmm(self.bias, h, self.weight.t())", "torch.matmul(h, self.weight.t()) + self.bias",
        "torch.mm(h, self.weight.t())", "torch.log_softmax(torch.matmul(h, self.weight.t()), 1)"}) {
    expect_found("def forward(self, x):\n    h = torch.relu(x)\n    return " + head + "\n", hidden);
  }
}

TEST(Penultimate, TakesTheLastOfSeveralLayersAlsoThroughAMethodCall) {
  const at::Tensor first = torch::matmul(kInput, torch::ones({4, 4}));
  expect_found(
      "def head(self, h):\n    return torch.matmul(h, self.weight.t())\n"
      "def forward(self, x):\n    h = torch.relu(torch.matmul(x, torch.ones([4, 4])))\n    return self.head(h) * 2\n",
      torch::relu(first));
}

TEST(Penultimate, IgnoresLinearLayersThatDoNotReachTheOutput) {
  expect_found(
      "def forward(self, x):\n    out = torch.matmul(torch.relu(x), self.weight.t())\n"
      "    print(torch.matmul(out, torch.ones([3, 3])).size(0))\n    return out\n",
      torch::relu(kInput));
}

TEST(Penultimate, FillsInDefaultArguments) {
  expect_found("def forward(self, x, scale: int = 2):\n    return torch.matmul(x * scale, self.weight.t())\n",
               kInput * 2);
}

TEST(Penultimate, LeavesTheModelUntouched) {
  const auto module = module_of("def forward(self, x):\n    return torch.matmul(x, self.weight.t())\n");
  const auto before = module.get_method("forward").graph()->toString();
  ASSERT_TRUE(Penultimate::find(module));
  EXPECT_EQ(module.get_method("forward").graph()->toString(), before);
}

TEST(Penultimate, SaysWhyThereIsNone) {
  const auto reason = [](const std::string& source) { return Penultimate::find(module_of(source)).error().message; };
  EXPECT_EQ(reason("def forward(self, x):\n    return torch.relu(x)\n"), "no linear layer reaches the model's output");
  EXPECT_EQ(reason("def forward(self, x):\n    if x.size(0) > 3:\n        y = torch.matmul(x, self.weight.t())\n"
                   "    else:\n        y = x\n    return y\n"),
            "the last linear layer sits inside a branch or loop of the model");
  EXPECT_EQ(reason("def forward(self, x, y):\n    return torch.matmul(x + y, self.weight.t())\n"),
            "forward takes more than one input");
}

}  // namespace
}  // namespace defuse
