// What tests/bench/speed/training.py times against PyTorch: the generator's training for as many steps, on the same
// images.
#include <benchmark/benchmark.h>

#include <utility>
#include <vector>

#include "core/generator/generator.h"
#include "tests/bench/speed/arrays.h"
#include "tests/support/memory_dataset.h"

namespace defuse {
namespace {

constexpr int kWorkers = 2;
constexpr int kEpochs = 3;  // as training.py asks of the peer

void vae(benchmark::State& state) {
  auto array = read_array<std::uint8_t>("training_images.npy", 'u');
  if (!array || array->shape.size() != 4) return state.SkipWithError("training_images.npy cannot be read");
  const auto side = [&](std::size_t axis) { return static_cast<std::int64_t>(array->shape[axis]); };
  const std::size_t n = array->shape[0];
  const auto data = testing::dataset_from_memory({side(1), side(2), side(3)}, std::move(array->values),
                                                 std::vector<std::int32_t>(n, 0), 255, {"any"});
  if (!data) return state.SkipWithError(data.error().describe().c_str());
  GeneratorSettings settings;
  settings.epochs = kEpochs;
  settings.beta = 1;
  NoProgress progress;
  for (auto _ : state) {
    const auto generator = Generator::train(*data, settings, /*seed=*/1, kWorkers, progress);
    if (!generator) return state.SkipWithError(generator.error().describe().c_str());
    state.counters["bound"] = generator->log().bound.back();
  }
  const auto batch = static_cast<std::size_t>(settings.batch);
  state.counters["steps"] = static_cast<double>(static_cast<std::size_t>(kEpochs) * ((n + batch - 1) / batch));
}
BENCHMARK(vae)->Name("training/vae")->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace defuse
