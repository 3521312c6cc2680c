#include "tests/support/torch_models.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "core/base/random.h"
#include "core/torch/torch.h"
#include "tests/support/memory_dataset.h"

namespace defuse::testing {

namespace {

constexpr std::int64_t kHidden = 12;

// `head` replaces the last lines; `hidden` is the embedding there.
std::string cnn_source(const std::string& head) {
  return "def forward(self, x):\n"
         "    x = torch.relu(torch.conv2d(x, self.conv, self.conv_bias, [2, 2], [1, 1]))\n"
         "    hidden = torch.relu(torch.addmm(self.hidden_bias, torch.flatten(x, 1), self.hidden.t()))\n"
         "    logits = torch.addmm(self.head_bias, hidden, self.head.t())\n" +
         head;
}

std::string source_of(ModelKind kind) {
  switch (kind) {
    case ModelKind::cnn:
    case ModelKind::frozen_cnn:
      return cnn_source("    return logits\n");
    case ModelKind::probabilities:
      return cnn_source("    return torch.softmax(logits, 1)\n");
    case ModelKind::pair:
      return cnn_source("    return (logits, hidden)\n");
    case ModelKind::throws:
      return cnn_source("    assert x.size(0) < 0, \"this model is broken\"\n    return logits\n");
    case ModelKind::nan:
      return "def forward(self, x):\n"
             "    first = torch.flatten(x, 1)[:, 0:1]\n"
             "    x = torch.relu(torch.conv2d(x, self.conv, self.conv_bias, [2, 2], [1, 1]))\n"
             "    hidden = torch.relu(torch.addmm(self.hidden_bias, torch.flatten(x, 1), self.hidden.t()))\n"
             "    logits = torch.addmm(self.head_bias, hidden, self.head.t())\n"
             "    return logits + torch.log(torch.where(first > 0.5, torch.neg(torch.ones_like(first)), "
             "torch.ones_like(first)))\n";
    case ModelKind::argmax:
      return cnn_source("    return torch.argmax(logits, 1)\n");
    case ModelKind::random:
      return cnn_source("    return logits + 10 * torch.rand_like(logits)\n");
    case ModelKind::batch_dependent:
      return cnn_source("    return torch.roll(logits, [logits.size(0) % 2], [1])\n");
    case ModelKind::convolutional:
      return "def forward(self, x):\n"
             "    x = torch.conv2d(x, self.classify, self.head_bias, [1, 1], [1, 1])\n"
             "    return torch.mean(torch.flatten(x, 2), [2])\n";
    case ModelKind::branch:
      return "def forward(self, x):\n"
             "    if x.size(0) > 1000000:\n"
             "        logits = torch.zeros([x.size(0), self.head.size(0)])\n"
             "    else:\n"
             "        logits = torch.matmul(torch.flatten(x, 1), self.direct.t())\n"
             "    return logits\n";
  }
  return {};
}

at::Tensor drawn(std::vector<std::int64_t> shape, RandomStream& random) {
  at::Tensor tensor = at::empty(shape, at::kFloat);
  const double fan_in = static_cast<double>(tensor.numel() / shape[0]);
  for (std::int64_t i = 0; i < tensor.numel(); ++i) {
    tensor.data_ptr<float>()[i] = static_cast<float>(random.normal() / std::sqrt(fan_in));
  }
  return tensor;
}

template <class F>
void or_die(const char* what, F&& make) {
  try {
    make();
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "cannot make a test model (%s): %s\n", what, exception.what());
    std::abort();
  }
}

std::int64_t band_of(std::int64_t row, std::int64_t height, int classes) { return row * classes / height; }

}  // namespace

void save_model(const std::filesystem::path& file, ModelKind kind, const ImageShape& shape, int classes,
                std::uint64_t seed) {
  or_die("classifier", [&] {
    RandomStream random(seed, /*a=*/7);
    const std::int64_t inner = 8 * ((shape.height - 1) / 2 + 1) * ((shape.width - 1) / 2 + 1);
    torch::jit::Module module("classifier");
    const auto add = [&](const char* name, std::vector<std::int64_t> sizes) {
      module.register_parameter(name, drawn(std::move(sizes), random), /*is_buffer=*/false);
    };
    add("conv", {8, shape.channels, 3, 3});
    add("conv_bias", {8});
    add("hidden", {kHidden, inner});
    add("hidden_bias", {kHidden});
    add("head", {classes, kHidden});
    add("head_bias", {classes});
    add("classify", {classes, shape.channels, 3, 3});
    add("direct", {classes, shape.pixels()});
    module.register_attribute("training", c10::BoolType::get(), true);
    module.define(source_of(kind));
    std::filesystem::create_directories(file.parent_path());
    if (kind == ModelKind::frozen_cnn) {
      module.eval();
      module = torch::jit::freeze(module);
    }
    module.save(file.string());
  });
}

void save_script(const std::filesystem::path& file, const std::string& source,
                 const std::vector<ScriptParameter>& parameters) {
  or_die("script", [&] {
    torch::jit::Module module("script");
    for (const auto& parameter : parameters) {
      at::Tensor tensor = at::empty(parameter.shape, at::kFloat);
      TORCH_CHECK(static_cast<std::size_t>(tensor.numel()) == parameter.values.size(), "wrong number of values");
      std::copy(parameter.values.begin(), parameter.values.end(), tensor.data_ptr<float>());
      module.register_parameter(parameter.name, tensor, /*is_buffer=*/false);
    }
    module.define(source);
    std::filesystem::create_directories(file.parent_path());
    module.save(file.string());
  });
}

void save_linear_model(const std::filesystem::path& file, const Matrix& weights) {
  save_script(file, "def forward(self, x):\n    return torch.matmul(torch.flatten(x, 1), self.weight.t())\n",
              {{"weight",
                {static_cast<std::int64_t>(weights.rows), static_cast<std::int64_t>(weights.cols)},
                {weights.data.begin(), weights.data.end()}}});
}

void save_identity_pair(const std::filesystem::path& encoder, const std::filesystem::path& decoder,
                        const ImageShape& shape) {
  save_script(encoder, "def forward(self, x):\n    return torch.flatten(x, 1)\n");
  const std::string sizes =
      std::to_string(shape.channels) + ", " + std::to_string(shape.height) + ", " + std::to_string(shape.width);
  save_script(decoder, "def forward(self, z):\n    return torch.reshape(z, [z.size(0), " + sizes + "])\n");
}

Dataset banded_images(const ImageShape& shape, int classes, std::size_t n, std::uint64_t seed) {
  std::vector<std::uint8_t> pixels;
  std::vector<std::int32_t> labels;
  for (std::size_t i = 0; i < n; ++i) {
    RandomStream random(seed, i);
    const auto label = static_cast<std::int64_t>(i % static_cast<std::size_t>(classes));
    labels.push_back(static_cast<std::int32_t>(label));
    const double strength = 0.6 + 0.3 * random.uniform();
    for (std::int64_t p = 0; p < shape.pixels(); ++p) {
      const std::int64_t row = p / shape.width % shape.height;
      const double base = band_of(row, shape.height, classes) == label ? strength : 0.1;
      pixels.push_back(static_cast<std::uint8_t>(255 * (base + 0.1 * random.uniform())));
    }
  }
  auto data = dataset_from_memory(shape, std::move(pixels), std::move(labels));
  if (!data) {
    std::fprintf(stderr, "cannot make a test data set: %s\n", data.error().describe().c_str());
    std::abort();
  }
  return std::move(*data);
}

Matrix band_weights(const ImageShape& shape, int classes) {
  Matrix weights(static_cast<std::size_t>(classes), static_cast<std::size_t>(shape.pixels()));
  for (std::int64_t p = 0; p < shape.pixels(); ++p) {
    const auto band = band_of(p / shape.width % shape.height, shape.height, classes);
    const float share = static_cast<float>(classes) / static_cast<float>(shape.pixels());
    weights.row(static_cast<std::size_t>(band))[static_cast<std::size_t>(p)] = 10 * share;
  }
  return weights;
}

std::vector<float> all_images(const Dataset& data) {
  std::vector<float> images(data.size() * static_cast<std::size_t>(data.shape().pixels()));
  data.read(0, data.size(), images);
  return images;
}

}  // namespace defuse::testing
