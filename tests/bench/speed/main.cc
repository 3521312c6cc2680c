// google-benchmark's main, after setting up Torch as the worker does.
#include <benchmark/benchmark.h>

#include "core/ml/model.h"

int main(int argc, char** argv) {
  defuse::set_up_torch();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
