#include "core/repair/repair.h"

#include <fmt/format.h>

#include <cmath>

#include "core/base/document_reader.h"
#include "core/base/document_writer.h"
#include "core/repair/repair_fields.h"

namespace defuse {

std::string_view to_string(Distillation distillation) {
  switch (distillation) {
    case Distillation::none:
      return "none";
    case Distillation::logits:
      return "logits";
    case Distillation::kl:
      return "kl";
  }
  return "none";
}

std::string_view to_string(RunKind kind) {
  switch (kind) {
    case RunKind::sweep:
      return "sweep";
    case RunKind::baseline:
      return "baseline";
    case RunKind::distillation:
      return "distillation";
  }
  return "sweep";
}

Json to_json(const RepairSettings& settings) { return write_document(settings); }
Json to_json(const RepairOrder& order) { return write_document(order); }
Json to_json(const RepairResult& result) { return write_document(result); }

Result<RepairSettings> repair_settings_from_json(const Json& json, const std::string& path) {
  return read_document<RepairSettings>(json, path);
}
Result<RepairOrder> repair_order_from_json(const Json& json) { return read_document<RepairOrder>(json, "correction"); }
Result<RepairResult> repair_result_from_json(const Json& json) {
  return read_document<RepairResult>(json, "correction");
}

void choose(const RepairSettings& settings, RepairResult& result) {
  result.chosen.reset();
  const double least = result.before.validation - settings.max_loss;
  double best = result.before.validation_regions;
  bool any_kept = false;
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const RepairRun& run = result.runs[i];
    if (run.kind != RunKind::sweep || !run.problem.empty() || !(run.score.validation >= least)) continue;
    any_kept = true;
    if (!(run.score.validation_regions > best)) continue;  // of equals the first stays: lambdas rise
    best = run.score.validation_regions;
    result.chosen = i;
  }
  if (result.chosen) {
    const RepairRun& run = result.runs[*result.chosen];
    result.reason = fmt::format(
        "lambda {:.3g}: of those that lose at most {:.2f} points of accuracy on training images kept for validation it "
        "repairs most there ({:.1f} % of the regions' images right, {:.1f} % before)",
        run.lambda, 100 * settings.max_loss, 100 * run.score.validation_regions,
        100 * result.before.validation_regions);
  } else if (std::isnan(result.before.validation_regions)) {
    result.reason =
        "none of the regions' images is kept for validation: they have too few training images to choose a lambda by";
  } else if (any_kept) {
    result.reason = "no lambda repairs anything on the region images kept for validation";
  } else {
    result.reason = fmt::format(
        "every lambda loses more than {:.2f} points of accuracy on training images kept for "
        "validation, or could not be tuned",
        100 * settings.max_loss);
  }
}

}  // namespace defuse
