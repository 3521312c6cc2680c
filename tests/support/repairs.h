// A small repair for tests that need a result of one: two weights, one baseline, one region.
#pragma once
#include <string>

#include "core/repair/repair.h"

namespace defuse {

inline RepairSettings few_settings() {
  RepairSettings settings;
  settings.lambdas = {0.1, 1};
  settings.steps = 5;
  return settings;
}

// The weight 1 was chosen; fits an order for `region` by few_settings().
inline RepairResult mended_result(const std::string& region) {
  RepairResult result;
  result.before = {0.985, 0.02, 0.984, 0.03, {{RegionId(region), 40, 200, 0.03}}};
  for (const double lambda : {0.1, 1.0, 1.0}) {
    RepairRun run;
    run.name = result.runs.size() < 2 ? "regions" : "more training, <b>no</b> region images";
    run.kind = result.runs.size() < 2 ? RunKind::sweep : RunKind::baseline;
    run.lambda = lambda;
    run.score = {0.984, 0.9, 0.983, 0.5 + 0.4 * lambda, {{RegionId(region), 40, 200, 0.5 + 0.4 * lambda}}};
    run.flips = {980, 4, 12, 4};
    result.runs.push_back(run);
  }
  result.chosen = 1;
  result.reason = "lambda 1 repairs most";
  result.notes = {"a note"};
  result.held_out_samples = 200;
  return result;
}

}  // namespace defuse
