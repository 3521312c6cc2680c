// The interface every check implements, and what it is given. Checks are const, keep nothing between runs, read no file
// and no clock, and know nothing of configuration: their parameters are given to the constructor. One narrow way in,
// one out.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "core/compare/comparison.h"
#include "core/compare/noise_floor.h"
#include "core/evidence/evaluation.h"
#include "core/evidence/generator_health.h"
#include "core/regions/region.h"
#include "core/slices/spotlight_search.h"
#include "core/verdict/verdict.h"

namespace defuse {

// A confirmed bug of an earlier release, kept as a frozen test: its own images, measured on both models again.
struct KnownRegion {
  RegionId id;
  std::int32_t label = 0;
  std::int32_t predicted_as = -1;
  std::string first_version;            // where it was found
  bool ambiguous = false;               // a person called its label ambiguous: reported, never counted
  std::vector<std::uint32_t> cluster;   // [m] seed each frozen image came from: the unit of the test
  std::vector<std::int32_t> incumbent;  // [m] predictions on the frozen images
  std::vector<std::int32_t> candidate;  // [m]
  std::string problem;                  // why its images could not be run; empty if they were
};

// Everything measured about one candidate. Pointers are null where the thing does not exist; a check that needs it says
// so.
struct CheckInput {
  const ContractFacts* contract = nullptr;
  std::span<const std::int32_t> test_labels;
  std::vector<std::string> classes;
  const Evaluation* candidate = nullptr;         // on the test split; null if it could not be run
  const Evaluation* incumbent = nullptr;         // null if there is none
  std::string incumbent_problem;                 // an incumbent exists, but could not be run: why
  const Comparison* comparison = nullptr;        // null unless both evaluations exist
  const std::vector<Region>* regions = nullptr;  // found and confirmed; null if the search could not be made
  std::string regions_problem;                   // why not
  const SpotlightSearch* spotlights = nullptr;   // likewise
  std::string spotlights_problem;
  const GeneratorHealth* generator = nullptr;
  const ProbeSet* probes = nullptr;
  const NoiseFloor* noise_floor = nullptr;  // what equally good versions show; null if none is configured
  const std::vector<KnownRegion>* known_regions = nullptr;  // empty: no bug is known; null: they could not be run
  double alpha = 0.05;                                      // this check's share of the error budget for `violation`
  double confidence_alpha = 0.05;  // level of the bounds behind `ok`: passing needs all checks, so it is not shared
};

struct CheckInfo {
  std::string id;
  int version = 1;       // part of the cache key: raise it when the same input would give another result
  std::string question;  // one sentence
  std::string paper;
  bool statistical = true;  // takes a share of alpha
};

class Check {
 public:
  virtual ~Check() = default;
  virtual CheckInfo info() const = 0;
  virtual CheckMode mode() const = 0;
  virtual CheckResult run(const CheckInput& input) const = 0;
};

}  // namespace defuse
