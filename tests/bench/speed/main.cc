// google-benchmark's main, after setting up Torch as the worker does.
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "core/torch/model.h"

int main(int argc, char** argv) {
  if (std::getenv("DEFUSED_SPEED_PLAIN") == nullptr) defuse::set_up_torch();  // else Torch and malloc as they come
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
