// What tests/bench/speed/mixture.py times against scikit-learn, on the arrays of peers/make_mixture_data.py.
#include <benchmark/benchmark.h>

#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "core/mixture/dp_gmm.h"
#include "core/mixture/kmeans.h"
#include "core/mixture/neighbours.h"
#include "tests/bench/speed/arrays.h"

namespace defuse {
namespace {

constexpr int kComponents = 100;
constexpr int kMostIterations = 100;
constexpr double kTolerance = 1e-3;
constexpr int kNearest = 20;

void mixture(benchmark::State& state, int threads) {
  const auto points = read_matrix("mixture_points.npy");
  const auto labels = read_labels("mixture_labels.npy");
  if (!points || !labels) return state.SkipWithError("the points or labels cannot be read");
  const std::vector<double> values(points->data.begin(), points->data.end());
  const DpGmmSettings settings{
      .components = kComponents, .tolerance = kTolerance, .max_iterations = kMostIterations, .threads = threads};
  for (auto _ : state) {
    const auto fit = fit_dp_gmm_from(values, points->rows, points->cols, *labels, settings);
    if (!fit) return state.SkipWithError(fit.error().describe().c_str());
    state.counters["bound"] = fit->bound.back();
    state.counters["iterations"] = static_cast<double>(fit->bound.size());
  }
}

void kmeans(benchmark::State& state) {
  const auto points = read_matrix("mixture_points.npy");
  const auto start = read_matrix("mixture_centers.npy");
  if (!points || !start) return state.SkipWithError("the points or centres cannot be read");
  const std::vector<double> values(points->data.begin(), points->data.end());
  const std::vector<double> centers(start->data.begin(), start->data.end());
  const KMeansSettings settings{.clusters = static_cast<int>(start->rows), .threads = 2};
  for (auto _ : state) {
    const auto fit = fit_kmeans_from(values, points->rows, points->cols, centers, settings);
    if (!fit) return state.SkipWithError(fit.error().describe().c_str());
    state.counters["inertia"] = fit->inertia;
    state.counters["iterations"] = fit->iterations;
  }
}

void neighbours(benchmark::State& state) {
  const auto queries = read_matrix("neighbours_queries.npy");
  const auto wanted = read_labels("neighbours_wanted.npy");
  auto references = read_matrix("neighbours_references.npy");
  auto labels = read_labels("neighbours_labels.npy");
  if (!queries || !wanted || !references || !labels) return state.SkipWithError("the codes or labels cannot be read");
  for (auto _ : state) {
    const auto made = Neighbours::create(*references, *labels);
    if (!made) return state.SkipWithError(made.error().describe().c_str());
    const auto counts = made->agreeing(*queries, *wanted, {}, kNearest);
    state.counters["agreeing"] = std::accumulate(counts.begin(), counts.end(), 0.0);
  }
}

BENCHMARK_CAPTURE(mixture, two, 2)->Name("mixture/dp_gmm")->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);
BENCHMARK_CAPTURE(mixture, one, 1)
    ->Name("mixture/dp_gmm_1_thread")
    ->Unit(benchmark::kMillisecond)
    ->UseRealTime()
    ->Iterations(1);
BENCHMARK(kmeans)->Name("mixture/kmeans")->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);
BENCHMARK(neighbours)->Name("mixture/neighbours")->Unit(benchmark::kMillisecond)->UseRealTime()->Iterations(1);

}  // namespace
}  // namespace defuse
