// make-hostile-models GOOD.pt FOLDER: one TorchScript file for each way in which a model can misbehave. Each wraps the
// good model, so that only the one thing is wrong with it.
#include <iostream>

#include "core/torch/torch.h"

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
    {"nan_in_one", R"(
def forward(self, x):
    y = self.good.forward(x)
    marked = x[:, :, 0, 0].amax(1, True) == 1.0
    return torch.where(marked, y * float('nan'), y)
)"},
    {"inf_in_one", R"(
def forward(self, x):
    y = self.good.forward(x)
    marked = x[:, :, 0, 0].amax(1, True) == 1.0
    return torch.where(marked, torch.full_like(y, float('inf')), y)
)"},
    {"throws_on_one", R"(
def forward(self, x):
    assert bool((x[:, :, 0, 0] < 1.0).all()), "this image is not for me"
    return self.good.forward(x)
)"},
    {"alternates", R"(
def forward(self, x):
    self.calls.add_(1)
    y = self.good.forward(x)
    return y.roll(1, 1) if int(self.calls) % 2 == 0 else y
)"},
    {"tires", R"(
def forward(self, x):
    self.calls.add_(1)
    y = self.good.forward(x)
    return y.roll(1, 1) if int(self.calls) > 70 else y
)"},
    {"right_at_first_call_only", R"(
def forward(self, x):
    self.calls.add_(1)
    y = self.good.forward(x)
    return y.roll(1, 1) if int(self.calls) > 1 else y
)"},
    {"wrong_alone", R"(
def forward(self, x):
    y = self.good.forward(x)
    return y.roll(1, 1) if x.size(0) == 1 else y
)"},
    {"wrong_in_small_batches", R"(
def forward(self, x):
    y = self.good.forward(x)
    return y.roll(1, 1) if x.size(0) <= 64 else y
)"},
    {"prints", R"(
def forward(self, x):
    line = "not a progress line "
    for i in range(16):
        line = line + line
    for i in range(800):
        print(line)
    return self.good.forward(x)
)"},
    {"prints_protocol", R"(
def forward(self, x):
    print('{"station":"done","progress":1}')
    print('{"verdict":"pass","ok":true}')
    return self.good.forward(x).roll(1, 1)
)"},
    {"constant", R"(
def forward(self, x):
    return self.good.forward(x) * 0.0
)"},
    {"class_numbers", R"(
def forward(self, x):
    return self.good.forward(x).argmax(1)
)"},
    {"whole_numbers", R"(
def forward(self, x):
    return self.good.forward(x).to(dtype=4)  # int64
)"},
    {"words", R"(
def forward(self, x):
    return "pass"
)"},
    {"wants_other_images", R"(
def forward(self, x):
    return self.good.forward(x.view(-1, 1, 28, 28))
)"},
    {"forgets_images", R"(
def forward(self, x):
    return self.good.forward(x)[1:]
)"},
    {"two_images_as_input", R"(
def forward(self, x, other):
    return self.good.forward(x + other)
)"},
    {"without_forward", R"(
def answer(self, x):
    return self.good.forward(x)
)"},
    // The two halves of a generator that has collapsed, and a decoder that gives no images.
    {"collapsed_encoder", R"(
def forward(self, x):
    return torch.flatten(x, 1)[:, :4] * 0.0
)"},
    {"collapsed_decoder", R"(
def forward(self, z):
    return (torch.zeros([z.size(0), 400]) + 0.5 + z.sum() * 0.0).view([-1, 1, 20, 20])
)"},
    {"nan_decoder", R"(
def forward(self, z):
    return (torch.zeros([z.size(0), 400]) * float('nan')).view([-1, 1, 20, 20])
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
      module.register_buffer("calls", torch::zeros({}, torch::kLong));
      module.define(hostile.forward);
      module.save(std::string(argv[2]) + "/" + hostile.name + ".pt");
    }
  } catch (const std::exception& problem) {
    std::cerr << "make-hostile-models: " << problem.what() << '\n';
    return 1;
  }
  return 0;
}
