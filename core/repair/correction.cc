#include "core/repair/correction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "core/wire/json_fields.h"

namespace defuse {
namespace {

constexpr std::array kDistillations{Distillation::none, Distillation::logits, Distillation::kl};
constexpr std::array kRunKinds{RunKind::sweep, RunKind::baseline, RunKind::distillation};
constexpr std::size_t kMostLambdas = 50;
constexpr std::size_t kMostRuns = 100;

double within(JsonReader& r, const char* key, double lowest, double highest) {
  const double value = r.number(key);
  if (!(value >= lowest && value <= highest)) r.problem(key, fmt::format("expected {} to {}", lowest, highest));
  return value;
}

Json to_json(const RegionRate& rate) {
  return {{"id", rate.id}, {"seeds", rate.seeds}, {"images", rate.images}, {"right", json_number(rate.right)}};
}

Result<RegionRate> rate_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  RegionRate rate{fields::plain_name(r, "id"), fields::count(r, "seeds"), fields::count(r, "images"),
                  r.number("right")};
  TRY_OK(r.status());
  return rate;
}

Json to_json(const CorrectionScore& score) {
  Json regions = Json::array();
  for (const RegionRate& rate : score.by_region) regions.push_back(to_json(rate));
  return {{"validation", json_number(score.validation)},
          {"validation_regions", json_number(score.validation_regions)},
          {"test", json_number(score.test)},
          {"regions", json_number(score.regions)},
          {"by_region", std::move(regions)}};
}

Result<CorrectionScore> score_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  CorrectionScore score;
  score.validation = r.number("validation");
  score.validation_regions = r.number("validation_regions");
  score.test = r.number("test");
  score.regions = r.number("regions");
  TRY(rates, fields::list<RegionRate>(r, "by_region", fields::kMaxRegions, rate_from_json));
  score.by_region = std::move(rates);
  TRY_OK(r.status());
  return score;
}

Json flips_to_json(const std::optional<FourCounts>& flips) { return flips ? defuse::to_json(*flips) : Json(); }

Result<std::optional<FourCounts>> flips_from_json(JsonReader& r, const char* key) {
  if (!fields::present(r, key)) return std::nullopt;
  TRY(counts, four_counts_from_json(r.object(key), fields::child(r, key)));
  return std::optional<FourCounts>(counts);
}

Json to_json(const CorrectionRun& run) {
  return {{"name", run.name},
          {"kind", to_string(run.kind)},
          {"lambda", json_number(run.lambda)},
          {"score", to_json(run.score)},
          {"flips", defuse::to_json(run.flips)},
          {"incumbent_flips", flips_to_json(run.incumbent_flips)},
          {"seconds", json_number(run.seconds)},
          {"problem", run.problem}};
}

Result<CorrectionRun> run_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  CorrectionRun run;
  run.name = fields::text(r, "name");
  run.kind = fields::name(r, "kind", kRunKinds);
  run.lambda = r.number("lambda");
  const Json& score = r.object("score");
  const Json& flips = r.object("flips");
  TRY_OK(r.status());
  TRY(scored, score_from_json(score, fields::child(r, "score")));
  TRY(counts, four_counts_from_json(flips, fields::child(r, "flips")));
  TRY(incumbent, flips_from_json(r, "incumbent_flips"));
  run.score = std::move(scored);
  run.flips = counts;
  run.incumbent_flips = incumbent;
  run.seconds = r.number("seconds");
  run.problem = fields::text(r, "problem");
  TRY_OK(r.status());
  return run;
}

Result<RegionToMend> region_to_mend_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  RegionToMend region{fields::plain_name(r, "id"), fields::class_index(r, "label"), fields::text(r, "evidence"),
                      fields::indices(r, "seeds", fields::kMaxMembers)};
  TRY_OK(r.status());
  return region;
}

}  // namespace

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

Json to_json(const CorrectionSettings& settings) {
  return {{"lambdas", settings.lambdas},
          {"steps", settings.steps},
          {"batch", settings.batch},
          {"learning_rate", settings.learning_rate},
          {"momentum", settings.momentum},
          {"update_batch_norm", settings.update_batch_norm},
          {"max_loss", settings.max_loss},
          {"distillation", to_string(settings.distillation)},
          {"distillation_weight", settings.distillation_weight},
          {"distillation_alpha", settings.distillation_alpha},
          {"distillation_beta", settings.distillation_beta},
          {"temperature", settings.temperature},
          {"seed", settings.seed}};
}

Result<CorrectionSettings> correction_settings_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  CorrectionSettings settings;
  settings.lambdas = fields::numbers(r, "lambdas", kMostLambdas);
  settings.steps = static_cast<int>(fields::between(r, "steps", 1, 1'000'000));
  settings.batch = static_cast<int>(fields::between(r, "batch", 1, 4096));
  settings.learning_rate = within(r, "learning_rate", 1e-9, 10);
  settings.momentum = within(r, "momentum", 0, 0.9999);
  settings.update_batch_norm = r.boolean("update_batch_norm");
  settings.max_loss = within(r, "max_loss", 0, 1);
  settings.distillation = fields::name(r, "distillation", kDistillations);
  settings.distillation_weight = within(r, "distillation_weight", 0, 1e6);
  settings.distillation_alpha = within(r, "distillation_alpha", 0, 1e6);
  settings.distillation_beta = within(r, "distillation_beta", 0, 1e6);
  settings.temperature = within(r, "temperature", 1e-3, 1e6);
  settings.seed = static_cast<std::uint64_t>(fields::count(r, "seed"));
  if (settings.lambdas.empty() || !std::is_sorted(settings.lambdas.begin(), settings.lambdas.end()) ||
      !(settings.lambdas.front() > 0) || !std::isfinite(settings.lambdas.back()))
    r.problem("lambdas", "expected rising numbers above 0");
  TRY_OK(r.status());
  return settings;
}

Json to_json(const CorrectionOrder& order) {
  Json regions = Json::array();
  for (const RegionToMend& region : order.regions)
    regions.push_back(
        {{"id", region.id}, {"label", region.label}, {"evidence", region.evidence}, {"seeds", region.seeds}});
  return {{"probe_digest", order.probe_digest}, {"regions", std::move(regions)}, {"settings", to_json(order.settings)}};
}

Result<CorrectionOrder> correction_order_from_json(const Json& json) {
  JsonReader r(json, "correction");
  CorrectionOrder order;
  order.probe_digest = fields::text(r, "probe_digest");
  TRY(regions, fields::list<RegionToMend>(r, "regions", fields::kMaxRegions, region_to_mend_from_json));
  order.regions = std::move(regions);
  const Json& settings = r.object("settings");
  TRY_OK(r.status());
  TRY(read, correction_settings_from_json(settings, fields::child(r, "settings")));
  order.settings = std::move(read);
  return order;
}

Json to_json(const CorrectionResult& result) {
  Json runs = Json::array();
  for (const CorrectionRun& run : result.runs) runs.push_back(to_json(run));
  return {{"before", to_json(result.before)},
          {"incumbent_flips", flips_to_json(result.incumbent_flips)},
          {"runs", std::move(runs)},
          {"chosen", result.chosen ? Json(*result.chosen) : Json()},
          {"reason", result.reason},
          {"notes", result.notes},
          {"tuning_images", result.tuning_images},
          {"validation_images", result.validation_images},
          {"tuning_samples", result.tuning_samples},
          {"validation_samples", result.validation_samples},
          {"held_out_samples", result.held_out_samples},
          {"error_samples", result.error_samples}};
}

Result<CorrectionResult> correction_result_from_json(const Json& json) {
  JsonReader r(json, "correction");
  CorrectionResult result;
  const Json& before = r.object("before");
  TRY_OK(r.status());
  TRY(score, score_from_json(before, fields::child(r, "before")));
  TRY(incumbent, flips_from_json(r, "incumbent_flips"));
  TRY(runs, fields::list<CorrectionRun>(r, "runs", kMostRuns, run_from_json));
  result.before = std::move(score);
  result.incumbent_flips = incumbent;
  result.runs = std::move(runs);
  if (fields::present(r, "chosen")) {
    const auto chosen = static_cast<std::size_t>(fields::count(r, "chosen"));
    if (chosen >= result.runs.size()) r.problem("chosen", "there is no such run");
    result.chosen = chosen;
  }
  result.reason = fields::text(r, "reason");
  result.notes = fields::texts(r, "notes");
  result.tuning_images = fields::count(r, "tuning_images");
  result.validation_images = fields::count(r, "validation_images");
  result.tuning_samples = fields::count(r, "tuning_samples");
  result.validation_samples = fields::count(r, "validation_samples");
  result.held_out_samples = fields::count(r, "held_out_samples");
  result.error_samples = fields::count(r, "error_samples");
  TRY_OK(r.status());
  return result;
}

void choose(const CorrectionSettings& settings, CorrectionResult& result) {
  result.chosen.reset();
  const double least = result.before.validation - settings.max_loss;
  double best = result.before.validation_regions;
  bool any_kept = false;
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const CorrectionRun& run = result.runs[i];
    if (run.kind != RunKind::sweep || !run.problem.empty() || !(run.score.validation >= least)) continue;
    any_kept = true;
    if (!(run.score.validation_regions > best)) continue;  // of equals the first stays: lambdas rise
    best = run.score.validation_regions;
    result.chosen = i;
  }
  if (result.chosen) {
    const CorrectionRun& run = result.runs[*result.chosen];
    result.reason = fmt::format(
        "lambda {:.3g}: of those that lose at most {:.2f} points of accuracy on training images kept for validation it "
        "mends most there ({:.1f} % of the regions' images right, {:.1f} % before)",
        run.lambda, 100 * settings.max_loss, 100 * run.score.validation_regions,
        100 * result.before.validation_regions);
  } else if (std::isnan(result.before.validation_regions)) {
    result.reason =
        "none of the regions' images is kept for validation: they have too few training images to choose a lambda by";
  } else if (any_kept) {
    result.reason = "no lambda mends anything on the region images kept for validation";
  } else {
    result.reason = fmt::format(
        "every lambda loses more than {:.2f} points of accuracy on training images kept for "
        "validation, or could not be tuned",
        100 * settings.max_loss);
  }
}

}  // namespace defuse
