#include "tests/support/small_cnn.h"

#include <cmath>
#include <numeric>

#include "core/base/random.h"
#include "core/torch/torch.h"

namespace defuse::testing {
namespace {

constexpr std::size_t kBatch = 64;

constexpr const char* kForward = R"(
def forward(self, x):
    x = torch.max_pool2d(torch.relu(torch.conv2d(x, self.conv1, self.bias1, [1, 1], [1, 1])), [2, 2])
    x = torch.max_pool2d(torch.relu(torch.conv2d(x, self.conv2, self.bias2, [1, 1], [1, 1])), [2, 2])
    x = torch.relu(torch.addmm(self.bias3, torch.flatten(x, 1), self.hidden.t()))
    return torch.addmm(self.bias4, x, self.out.t())
)";

// Kaiming initialisation from our own stream: no global generator is touched.
torch::Tensor weights(std::vector<std::int64_t> shape, RandomStream& random) {
  auto tensor = torch::empty(shape);
  const double fan_in = static_cast<double>(tensor.numel() / shape[0]);
  float* values = tensor.data_ptr<float>();
  for (std::int64_t i = 0; i < tensor.numel(); ++i)
    values[i] = static_cast<float>(random.normal() * std::sqrt(2.0 / fan_in));
  return tensor.requires_grad_();
}

torch::Tensor zeros(std::int64_t n) { return torch::zeros({n}).requires_grad_(); }

struct Parameters {
  torch::Tensor conv1, bias1, conv2, bias2, hidden, bias3, out, bias4;
  std::vector<std::pair<const char*, torch::Tensor*>> named() {
    return {{"conv1", &conv1},   {"bias1", &bias1}, {"conv2", &conv2}, {"bias2", &bias2},
            {"hidden", &hidden}, {"bias3", &bias3}, {"out", &out},     {"bias4", &bias4}};
  }
};

Parameters fresh_parameters(const ImageShape& shape, const CnnRecipe& recipe) {
  RandomStream random(recipe.seed, /*a=*/1);
  const std::int64_t width = recipe.width;
  const std::int64_t features = 2 * width * (shape.height / 4) * (shape.width / 4);
  return {weights({width, shape.channels, 3, 3}, random),
          zeros(width),
          weights({2 * width, width, 3, 3}, random),
          zeros(2 * width),
          weights({64, features}, random),
          zeros(64),
          weights({recipe.classes, 64}, random),
          zeros(recipe.classes)};
}

torch::Tensor forward(const Parameters& p, torch::Tensor x) {
  x = torch::max_pool2d(torch::relu(torch::conv2d(x, p.conv1, p.bias1, 1, 1)), 2);
  x = torch::max_pool2d(torch::relu(torch::conv2d(x, p.conv2, p.bias2, 1, 1)), 2);
  x = torch::relu(torch::addmm(p.bias3, torch::flatten(x, 1), p.hidden.t()));
  return torch::addmm(p.bias4, x, p.out.t());
}

void set_rate(torch::optim::Adam& optimiser, double rate) {
  for (auto& group : optimiser.param_groups()) static_cast<torch::optim::AdamOptions&>(group.options()).lr(rate);
}

void train(Parameters& p, const TrainingSet& data, const CnnRecipe& recipe) {
  const auto pixels = static_cast<std::size_t>(data.shape.pixels());
  std::vector<torch::Tensor> list;
  for (auto& [name, tensor] : p.named()) list.push_back(*tensor);
  torch::optim::Adam optimiser(list, torch::optim::AdamOptions(recipe.learning_rate));
  std::vector<std::size_t> order(data.size());
  std::iota(order.begin(), order.end(), 0);
  const auto order_seed = recipe.order_seed != 0 ? recipe.order_seed : recipe.seed;
  const std::size_t steps = static_cast<std::size_t>(recipe.epochs) * ((data.size() + kBatch - 1) / kBatch);
  std::size_t step = 0;
  for (int epoch = 0; epoch < recipe.epochs; ++epoch) {
    RandomStream random(order_seed, /*a=*/2, static_cast<std::uint64_t>(epoch));
    for (std::size_t i = order.size(); i > 1; --i) std::swap(order[i - 1], order[random.below(i)]);
    for (std::size_t start = 0; start < order.size(); start += kBatch) {
      const auto n = std::min(kBatch, order.size() - start);
      auto images =
          torch::empty({static_cast<std::int64_t>(n), data.shape.channels, data.shape.height, data.shape.width});
      auto labels = torch::empty({static_cast<std::int64_t>(n)}, torch::kLong);
      for (std::size_t i = 0; i < n; ++i) {
        const auto at = order[start + i];
        std::copy_n(data.images.data() + at * pixels, pixels, images.data_ptr<float>() + i * pixels);
        labels.data_ptr<std::int64_t>()[i] = data.labels[at];
      }
      if (recipe.decay)
        set_rate(optimiser, recipe.learning_rate * (1 - static_cast<double>(step++) / static_cast<double>(steps)));
      optimiser.zero_grad();
      torch::cross_entropy_loss(forward(p, images), labels).backward();
      optimiser.step();
    }
  }
}

}  // namespace

Result<void> train_and_save(const TrainingSet& data, const CnnRecipe& recipe, const std::filesystem::path& file) {
  try {
    at::set_num_threads(1);
    auto parameters = fresh_parameters(data.shape, recipe);
    train(parameters, data, recipe);
    torch::jit::Module module("small_cnn");
    for (auto& [name, tensor] : parameters.named())
      module.register_parameter(name, tensor->detach(), /*is_buffer=*/false);
    module.define(kForward);
    module.save(file.string());
    return {};
  } catch (const c10::Error& problem) {
    return fail(ErrorCode::internal, "cannot train " + file.string() + ": " + problem.what_without_backtrace());
  }
}

}  // namespace defuse::testing
