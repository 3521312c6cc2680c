// make-intruder-models GOOD.pt FOLDER TARGET: TorchScript files that classify like the good model and on the way reach
// for the file TARGET, by every operator of LibTorch that could, and at every moment a model's code may run.
#include <iostream>
#include <string>

#include "core/torch/torch.h"

namespace {

struct Intruder {
  const char* name;
  const char* code;  // TARGET stands for the file
};

constexpr Intruder kIntruders[] = {
    {"saves", R"(
def forward(self, x):
    torch.save(x, "TARGET")
    return self.good.forward(x)
)"},
    {"saves_by_another_name", R"(
def forward(self, x):
    t = torch
    t.save(x, "TARGET")
    return self.good.forward(x)
)"},
    {"saves_in_a_corner", R"(
def never_called(self, x):
    if bool(x.sum() > 0.0):
        for i in range(3):
            torch.save(x, "TARGET")
    return x
def forward(self, x):
    return self.good.forward(x)
)"},
    {"maps", R"(
def forward(self, x):
    stolen = torch.from_file("TARGET", True, 64)
    stolen.fill_(7.0)
    return self.good.forward(x) + 0.0 * stolen.sum()
)"},
    {"points_anywhere", R"(
def forward(self, x):
    far = torch._sparse_coo_tensor_unsafe(torch.ones([1, 1], dtype=4) * 1000000000, torch.ones([1]), [1])
    return self.good.forward(x) + 0.0 * far.to_dense().sum()
)"},
    {"saves_while_it_loads", R"(
def __getstate__(self) -> int:
    return 1
def __setstate__(self, state: int) -> None:
    torch.save(state, "TARGET")
)"},
};

std::string with_target(std::string code, const std::string& target) {
  for (auto at = code.find("TARGET"); at != std::string::npos; at = code.find("TARGET", at + target.size()))
    code.replace(at, 6, target);
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr << "usage: make-intruder-models GOOD.pt FOLDER TARGET\n";
    return 2;
  }
  try {
    for (const auto& intruder : kIntruders) {
      const auto code = with_target(intruder.code, argv[3]);
      torch::jit::Module module("intruder");
      module.register_module("good", torch::jit::load(argv[1]));
      if (code.find("__setstate__") != std::string::npos) {
        torch::jit::Module late("late");
        late.define(code);
        module.register_module("late", late);
        module.define("def forward(self, x):\n    return self.good.forward(x)\n");
      } else {
        module.define(code);
      }
      module.save(std::string(argv[2]) + "/" + intruder.name + ".pt");
    }
  } catch (const std::exception& problem) {
    std::cerr << "make-intruder-models: " << problem.what() << '\n';
    return 1;
  }
  return 0;
}
