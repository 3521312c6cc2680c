// Repair: a version whose bug regions are known is tuned on the training split and on images of those regions, and
// what that repairs and costs is measured on images it was not tuned on. Plain values, shared by the worker that does
// it and by those who ask and tell. Source: methods "Defuse", section 6 (loss, baselines); methods "graceful",
// section 2.1 (focal distillation).
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/json.h"
#include "core/base/names.h"
#include "core/base/result.h"
#include "core/compare/comparison.h"
#include "core/regions/kinds.h"
#include "core/verdict/verdict.h"

namespace defuse {

// What keeps the tuned model near the incumbent where that was right.
enum class Distillation { none, logits, kl };
std::string_view to_string(Distillation distillation);

struct RepairSettings {
  // Weights of the regions' loss, tried one by one; rising.
  std::vector<double> lambdas{0.01, 0.03162278, 0.1, 0.3162278, 1, 3.162278, 10};
  int steps = 600;
  int batch = 64;  // training images a step, and as many of the regions
  double learning_rate = 1e-3;
  double momentum = 0.9;           // of stochastic gradient descent
  bool update_batch_norm = false;  // false: batch norm keeps the statistics it was trained with
  double max_loss = 0.003;         // of accuracy, that repairing the regions may cost
  Distillation distillation = Distillation::none;
  double distillation_weight = 0.05;                     // of the distance to the teacher, beside the losses
  double distillation_alpha = 1, distillation_beta = 5;  // of every image; more where the incumbent is right
  double temperature = 100;                              // of kl
  std::uint64_t seed = 1;
};
Json to_json(const RepairSettings& settings);
Result<RepairSettings> repair_settings_from_json(const Json& json, const std::string& path);

struct RegionToRepair {
  RegionId id;
  std::int32_t label = 0;                          // what its images show, by the data or by a person's word
  RegionEvidence evidence = RegionEvidence::real;  // which images are its
  std::vector<std::uint32_t> seeds;                // members, into the probe set's seeds
};

struct RepairOrder {
  std::string probe_digest;  // of the probe set that the members are counted in
  std::vector<RegionToRepair> regions;
  RepairSettings settings;
};
Json to_json(const RepairOrder& order);
Result<RepairOrder> repair_order_from_json(const Json& json);

// Shares of right answers. Seeds are the unit: a seed's images count by their mean.
struct RegionRate {
  RegionId id;
  std::int64_t seeds = 0;
  std::int64_t images = 0;
  double right = kNone;
};

struct RepairScore {
  double validation = kNone;            // accuracy on training images that nothing was tuned on
  double validation_regions = kNone;    // on region images of training seeds that nothing was tuned on
  double test = kNone;                  // accuracy on the test split
  double regions = kNone;               // on region images of test seeds, over all regions
  std::vector<RegionRate> by_region{};  // of the same
};

enum class RunKind { sweep, baseline, distillation };
std::string_view to_string(RunKind kind);

struct RepairRun {
  std::string name{};  // for people: "regions", "errors only", …
  RunKind kind = RunKind::sweep;
  double lambda = 0;
  RepairScore score{};
  FourCounts flips{};                           // test split, against the version before
  std::optional<FourCounts> incumbent_flips{};  // against the incumbent
  double seconds = 0;
  std::string problem{};  // why it could not be done; empty if it was
};

struct RepairResult {
  RepairScore before;
  std::optional<FourCounts> incumbent_flips;  // of the version before
  std::vector<RepairRun> runs;
  std::optional<std::size_t> chosen;                      // into runs
  std::string reason;                                     // why that one, or why none
  std::vector<std::string> notes;                         // regions that were left out, and why
  std::int64_t tuning_images = 0, validation_images = 0;  // of the training split
  std::int64_t tuning_samples = 0, validation_samples = 0, held_out_samples = 0, error_samples = 0;
};
Json to_json(const RepairResult& result);
Result<RepairResult> repair_result_from_json(const Json& json);

// Among the sweep's runs that keep the validation accuracy within `max_loss` the one with the best validation accuracy
// inside the regions; of equals the smallest lambda, since it changes least: flips rise with lambda. Sets `chosen` and
// `reason`. What the runs score on the test split and its seeds plays no part: it is what the choice is judged by.
void choose(const RepairSettings& settings, RepairResult& result);

}  // namespace defuse
