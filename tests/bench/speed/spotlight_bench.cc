// What tests/bench/speed/spotlight.py times against PyTorch, on the arrays of peers/make_spotlight_data.py.
#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <vector>

#include "core/slices/spotlight.h"
#include "tests/bench/speed/arrays.h"

namespace defuse {
namespace {

// As in spotlight.py.
constexpr double kShare = 0.02;
constexpr int kSteps = 5000;

void search(benchmark::State& state, const std::string& data) {
  const auto points = read_matrix(data + "_points.npy");
  const auto losses = read_matrix(data + "_losses.npy");
  if (!points || !losses) return state.SkipWithError("the points or losses cannot be read");
  std::vector<std::uint32_t> rows(points->rows);
  std::iota(rows.begin(), rows.end(), 0U);
  const std::vector<double> loss(losses->data.begin(), losses->data.end());
  SpotlightParameters parameters;
  parameters.share = kShare;
  parameters.steps = kSteps;
  parameters.spotlights = 1;
  for (auto _ : state) {
    const auto found = find_spotlights(*points, rows, loss, parameters);
    if (!found) return state.SkipWithError(found.error().describe().c_str());
    state.counters["mass"] = found->front().mass;
    state.counters["mean_loss"] = found->front().mean_loss;
    state.counters["rate"] = found->front().rate;
    state.counters["converged"] = found->front().state == SpotlightState::converged ? 1 : 0;
  }
}

BENCHMARK_CAPTURE(search, d64, "spotlight_64")
    ->Name("spotlight/search")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);
BENCHMARK_CAPTURE(search, d16, "spotlight_16")
    ->Name("spotlight/search_16")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);

}  // namespace
}  // namespace defuse
