// Station 3: where does the candidate fail, and where did it get worse? One search engine, several questions.
// For each space and class it scans balls (around the discovery half's errors, around groups of them and the components
// of a mixture fitted to the error codes, and half-spaces as balls around far points) for those whose mean score most
// likely exceeds a limit, freezes the best, and measures them on the confirmation half. What was found on one half is
// never tested on it. Torch-free; deterministic. Three questions, each a family of its own (at most max_regions frozen
// regions, Holm and bounds at alpha / family inside it): where did it get worse (new_bug, worse), where do both fail
// (inherited), where did it get better (fixed). Only the first can block. Source: methods "gate quality", lessons 3 to
// 8; likelihood ratio to search, min(Clopper–Pearson, t) bound and exact sign-flip test to confirm.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/evidence/evaluation.h"
#include "core/regions/region.h"

namespace defuse {

struct RegionSpace {
  Space name = Space::codes;
  const Matrix* points = nullptr;  // [seeds, d]
  // Writes a seed's generated images by themselves, [draws, d]; empty if the space knows only seeds. Safe from several
  // threads.
  std::function<void(std::size_t seed, Matrix& out)> draws{};
  bool axes = false;  // its axes mean something by themselves
};

// Components of the mixture over error codes, in the "codes" space.
struct MixtureCenters {
  Matrix means;                        // [k, latent]
  std::vector<int> component_of_seed;  // [seeds] component of that seed's error codes; -1 if it has none
};

// One test of the gate's question, confirmed or not: what was looked at.
struct RegressionTest {
  std::int32_t label = 0;
  RegionEvidence evidence = RegionEvidence::real;
  Measure measure = Measure::flips;
  std::int64_t seeds = 0;  // unseen ones inside
  double net = 0;
  double lower = -1;  // at the test's level
  double limit = 0;
  double p_adjusted = 1;
  std::vector<RegionMember> members;
};

struct RegionSearchInput {
  const ProbeSet* probes = nullptr;
  const ProbeEvaluation* candidate = nullptr;
  const ProbeEvaluation* incumbent = nullptr;  // null: only the candidate's own error regions are searched
  std::vector<RegionSpace> spaces;
  MixtureCenters mixture;                        // empty means none
  std::vector<RegressionTest>* tests = nullptr;  // every test made is appended here
  bool generated_usable = true;  // false: only real images are evidence (the generator was judged too weak)
  int classes = 0;
};

// What the search may use; all of it in a gate. Benchmarks switch parts off to see what each is worth.
struct SearchShapes {
  bool balls = true;
  bool half_spaces = true;
  bool real = true;
  bool generated = true;
  std::vector<Space> spaces{};  // the only spaces to search in; empty = all. One that a pair lacks is not made up for.
};

struct RegionSearchSettings {
  double alpha = 0.0125;             // of the family of confirmed regions
  double min_increase = 0.70;        // of all flips
  double notable = 0.20;             // from which weak spots of both models and gains are shown; never blocks
  double min_clear_increase = 0.08;  // of clear flips (clear_flips.h)
  std::int64_t min_support = 5;      // unseen seeds
  int max_regions = 15;
  std::vector<int> neighbourhood{5, 7, 10, 14, 20, 28, 40, 56, 80, 112, 160, 224, 320, 450};
  SearchShapes shapes{};
  int threads = 1;  // classes are scanned side by side; the result does not depend on it
};

// Regions with status, scores on both halves, members (both halves) and a sentence; ids, pictures and frozen tests come
// later. Ordered: new bugs, worse, inherited, fixed, suspected; by size of harm within each. Regions that are the same
// bug (members overlap, or same label, prediction and mixture component with touching balls) are merged: the stronger
// one stays.
Result<std::vector<Region>> search_regions(const RegionSearchInput& input, const RegionSearchSettings& settings);

// What this search could have seen: the smallest share of a class's seeds that, all clearly broken and found as one
// region, would be confirmed with 80 % power at these settings. NaN if the class has too few seeds for any.
double smallest_detectable_share(std::int64_t seeds_of_class, int classes, const RegionSearchSettings& settings);

}  // namespace defuse
