// make-hostile-models GOOD.pt FOLDER: one TorchScript file for each way in which a model can misbehave. Each wraps the good model, so that only
// the one thing is wrong with it.
#include <iostream>

#include "core/ml/torch.h"

namespace {

struct Hostile {
  const char* name;
  const char* forward;
};

constexpr Hostile kHostile[] = {
    {"throws", R"(
def forward(self, x):
    assert x.size(0) < 0, "this model was exported without its tokenizer"
    return self.good.forward(x)
)"},
    {"nan", R"(
def forward(self, x):
    y = self.good.forward(x)
    odd = torch.sum(torch.flatten(x, 1), 1).frac() < 0.01
    return torch.where(odd.unsqueeze(1), y * float('nan'), y)
)"},
    {"wrong_classes", R"(
def forward(self, x):
    return self.good.forward(x)[:, :7]
)"},
    {"wrong_shape", R"(
def forward(self, x):
    return self.good.forward(x).unsqueeze(2).unsqueeze(3).expand(-1, -1, 4, 4)
)"},
    {"random", R"(
def forward(self, x):
    y = self.good.forward(x)
    return y + 20.0 * torch.randn_like(y)
)"},
    {"permuted", R"(
def forward(self, x):
    return self.good.forward(x)[:, self.order]
)"},
    {"endless", R"(
def forward(self, x):
    while bool(x.sum() > -1.0):
        x = torch.abs(x)
    return self.good.forward(x)
)"},
    {"greedy", R"(
def forward(self, x):
    held = [torch.ones(1)]
    for i in range(1000):
        held.append(torch.ones([32 * 1024 * 1024]))
    return self.good.forward(x) + held[-1].sum() * 0.0
)"},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: make-hostile-models GOOD.pt FOLDER\n";
    return 2;
  }
  try {
    for (const auto& hostile : kHostile) {
      torch::jit::Module module("hostile");
      module.register_module("good", torch::jit::load(argv[1]));
      module.register_buffer("order", torch::tensor({0, 1, 2, 5, 4, 3, 6, 7, 8, 9}, torch::kLong));
      module.define(hostile.forward);
      module.save(std::string(argv[2]) + "/" + hostile.name + ".pt");
    }
  } catch (const std::exception& problem) {
    std::cerr << "make-hostile-models: " << problem.what() << '\n';
    return 1;
  }
  return 0;
}
