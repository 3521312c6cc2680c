// What judge_generator (core/evaluate/evaluator.h) found out about a generator, told by checks and reports. Plain
// value.
#pragma once
#include <string>

namespace defuse {

// Whether generated images may be used as evidence, and the numbers behind it.
struct GeneratorHealth {
  bool usable = false;
  std::string problem;                // why not, for people; empty if usable
  double reconstruction_error = 0;    // RMSE per pixel on the test split
  double accuracy_real = 0;           // incumbent (candidate if there is none) on x
  double accuracy_reconstructed = 0;  // the same on D(E(x))
  double accuracy_perturbed = 0;      // the same on plausible perturbations
  int active_dimensions = 0;          // latent dimensions with Var(mean) > 0.01
  int latent = 0;
};

}  // namespace defuse
