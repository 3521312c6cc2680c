// What tests/bench/speed/engine.py compares: TorchModel on two workers, and one loop of module.forward in one thread as
// a plain program writes it. Model and images are those of peers/make_models.py. The plain loop is run in a process
// without set_up_torch (DEFUSED_SPEED_PLAIN), so with Torch's and malloc's defaults.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "core/torch/model.h"
#include "core/torch/torch.h"
#include "tests/bench/speed/arrays.h"

namespace defuse {
namespace {

constexpr int kWorkers = 2;
constexpr std::int64_t kPlainBatch = 256;

struct Images {
  ImageShape shape;
  std::size_t n = 0;
  std::vector<float> pixels;
};

Result<Images> read_images(const std::string& name) {
  TRY(array, read_array<std::uint8_t>(name, 'u'));
  if (array.shape.size() != 4) return fail(ErrorCode::corrupt, name + ": not [n, C, H, W]");
  const auto side = [&](std::size_t axis) { return static_cast<std::int64_t>(array.shape[axis]); };
  Images images{{side(1), side(2), side(3)}, array.shape[0], std::vector<float>(array.values.size())};
  for (std::size_t i = 0; i < array.values.size(); ++i) images.pixels[i] = static_cast<float>(array.values[i]) / 255;
  return images;
}

std::filesystem::path model_file(const std::string& which) {
  const char* folder = std::getenv("DEFUSED_SPEED_DATA");
  return std::filesystem::path(folder == nullptr ? "." : folder) / ("engine_" + which + ".pt");
}

double sum_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += static_cast<double>(value);
  return sum;
}

void engine(benchmark::State& state, const std::string& which) {
  const auto images = read_images("engine_" + which + "_images.npy");
  if (!images) return state.SkipWithError(images.error().describe().c_str());
  InputSettings input;
  input.shape = images->shape;
  const auto model = TorchModel::load(model_file(which), input, {kWorkers, "cpu"});
  if (!model) return state.SkipWithError(model.error().describe().c_str());
  // A gate does this once per model, with its own images, and remembers it.
  const auto prepared = model->prepare(images->pixels, images->n, std::size_t{1} << 30);
  if (!prepared) return state.SkipWithError(prepared.error().describe().c_str());
  for (auto _ : state) {
    const auto output = model->run(images->pixels, images->n, /*want_embeddings=*/false);
    if (!output) return state.SkipWithError(output.error().describe().c_str());
    state.counters["sum"] = sum_of(output->logits.data);
  }
  state.counters["batch"] = static_cast<double>(model->tuning().batch);
  state.counters["channels_last"] = model->tuning().channels_last ? 1 : 0;
  state.counters["frozen"] = model->tuning().frozen ? 1 : 0;
  state.counters["images"] = static_cast<double>(images->n);
}

void plain(benchmark::State& state, const std::string& which) {
  if (std::getenv("DEFUSED_SPEED_PLAIN") == nullptr) return state.SkipWithError("DEFUSED_SPEED_PLAIN is not set");
  auto images = read_images("engine_" + which + "_images.npy");
  if (!images) return state.SkipWithError(images.error().describe().c_str());
  const auto n = static_cast<std::int64_t>(images->n);
  const auto& shape = images->shape;
  const at::Tensor all =
      at::from_blob(images->pixels.data(), {n, shape.channels, shape.height, shape.width}, at::kFloat);
  const c10::InferenceMode inference;
  torch::jit::Module module = torch::jit::load(model_file(which).string());
  module.eval();
  for (int i = 0; i < 3; ++i) module.forward({all.narrow(0, 0, kPlainBatch)});  // the graph is rewritten meanwhile
  for (auto _ : state) {
    std::vector<at::Tensor> logits;
    for (std::int64_t first = 0; first < n; first += kPlainBatch) {
      logits.push_back(module.forward({all.narrow(0, first, std::min(kPlainBatch, n - first))}).toTensor());
    }
    state.counters["sum"] = at::cat(logits).to(at::kDouble).sum().item<double>();
  }
  state.counters["threads"] = at::get_num_threads();
}

void once(benchmark::internal::Benchmark* benchmark) {
  benchmark->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);
}
BENCHMARK_CAPTURE(engine, small, std::string("small"))->Name("engine/small")->Apply(once);
BENCHMARK_CAPTURE(engine, large, std::string("large"))->Name("engine/large")->Apply(once);
BENCHMARK_CAPTURE(plain, small, std::string("small"))->Name("engine/plain_small")->Apply(once);
BENCHMARK_CAPTURE(plain, large, std::string("large"))->Name("engine/plain_large")->Apply(once);

}  // namespace
}  // namespace defuse
