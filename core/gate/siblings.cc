#include "core/gate/siblings.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>
#include <utility>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/gate/keys.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr double kSameLimit = 1e-9;

ArtifactRef artifact_of(const SiblingRef& sibling) { return {sibling.version, sibling.digest, sibling.path}; }

// Why this artifact says nothing about noise, before it is run.
std::string no_sibling(const JobSpec& job, std::size_t index) {
  const auto& digest = job.siblings[index].digest;
  if (job.incumbent && digest == job.incumbent->digest) return "it is the incumbent itself";
  if (digest == job.candidate.digest) return "it is the candidate itself";
  for (std::size_t i = 0; i < index; ++i)
    if (job.siblings[i].digest == digest) return "it is the same as version " + job.siblings[i].version;
  return {};
}

// The largest harm of one search; cached, as it depends on nothing but what stands in the key.
struct Harm {
  double flips = 0;
  double clear_flips = 0;
};

Result<Harm> harm_between(const RegionPair& pair, const RegionSearchSettings& search, StageContext& context) {
  const auto load = [](const fs::path& folder) -> Result<Harm> {
    TRY(text, read_file(folder / "meta.json", 1 << 16));
    TRY(json, parse_json(text, "meta.json"));
    JsonReader fields(json, "meta");
    Harm harm;
    harm.flips = fields.number("flips");
    harm.clear_flips = fields.number("clear_flips");
    TRY_OK(fields.status());
    if (!std::isfinite(harm.flips) || !std::isfinite(harm.clear_flips))
      return fail(ErrorCode::corrupt, folder.string() + " holds no numbers");
    return harm;
  };
  const auto make = [&]() -> Result<Harm> {
    const auto& settings = context.job.settings;
    TRY(regions, regions_between(pair, settings.checks.misclassification_regions, search, settings.seed));
    return Harm{largest_harm(regions, Measure::flips, search.min_support),
                largest_harm(regions, Measure::clear_flips, search.min_support)};
  };
  const auto save = [](const Harm& harm, const fs::path& folder) -> Result<void> {
    return write_atomically(folder / "meta.json",
                            dump_json({{"flips", harm.flips}, {"clear_flips", harm.clear_flips}}, 2));
  };
  const auto& job = context.job;
  const auto key = sibling_search_key(pair, job.settings.checks.misclassification_regions, search, job.settings.input,
                                      job.worker, job.settings.seed);
  bool cached = false;
  return context.cache.get<Harm>("sibling_search", key, load, make, save, cached);
}

double larger(double value, double other) { return std::isfinite(value) ? std::max(value, other) : other; }

// One sibling's values, with what a search both ways adds to them.
Result<SiblingValues> search_one(SiblingValues values, const ProbeEvaluation& sibling, const ProbeEvaluation& incumbent,
                                 const RegionPair& place, const RegionSearchSettings& search, StageContext& context) {
  const RegionPair forward{place.probes, sibling, &incumbent, place.generated_usable, place.classes};
  const RegionPair backward{place.probes, incumbent, &sibling, place.generated_usable, place.classes};
  TRY(there, harm_between(forward, search, context));
  TRY(back, harm_between(backward, search, context));
  values.flips.forward = larger(values.flips.forward, there.flips);
  values.flips.backward = larger(values.flips.backward, back.flips);
  values.clear_flips.forward = larger(values.clear_flips.forward, there.clear_flips);
  values.clear_flips.backward = larger(values.clear_flips.backward, back.clear_flips);
  return values;
}

NoiseFloor with_region_limits(NoiseFloor floor, const RegionSearchSettings& defaults) {
  floor.region = region_limit(flips_of(floor), defaults.min_increase, defaults.alpha);
  floor.clear_region = region_limit(clear_flips_of(floor), defaults.min_clear_increase, defaults.alpha);
  return floor;
}

}  // namespace

Result<std::optional<NoiseFloor>> floor_of(const Evaluation& incumbent, const Splits& splits, double alpha,
                                           StageContext& context) {
  const auto& job = context.job;
  if (job.siblings.empty() && !job.settings.noise_floor.wanted()) return std::optional<NoiseFloor>();
  StationTimer timer(context, "siblings");
  NoiseFloor floor;
  if (job.siblings.empty()) floor.problem = "no other version of the line was promoted yet";
  for (std::size_t i = 0; i < job.siblings.size(); ++i) {
    const auto& reference = job.siblings[i];
    auto& sibling = floor.siblings.emplace_back();
    sibling.version = reference.version;
    sibling.digest = reference.digest;
    sibling.left_out = reference.problem.empty() ? no_sibling(job, i) : reference.problem;
    const auto cannot = [&](const std::string& why) {
      sibling.left_out = why;
      if (floor.problem.empty()) floor.problem = "sibling " + reference.version + ": " + why;
    };
    if (!reference.problem.empty()) cannot(reference.problem);
    if (!sibling.left_out.empty()) continue;
    const auto artifact = artifact_of(reference);
    LazyModel model(artifact, context);
    auto evaluation = evaluation_of(model, splits, "evaluate_sibling", context);
    if (!evaluation && stops_the_gate(evaluation.error())) return tl::unexpected(evaluation.error());
    if (!evaluation) {
      cannot("it could not be run: " + evaluation.error().describe());
      continue;
    }
    TRY(compared, compare(splits.test.labels(), incumbent.predicted, evaluation->predicted, splits.class_count()));
    sibling.overall = compared.overall;
    sibling.per_class = std::move(compared.per_class);
    sibling.left_out = contradicts_equality(sibling.overall, job.settings.checks.accuracy.max_drop);
    if (sibling.left_out.empty()) ++floor.counted;
  }
  if (floor.made() && floor.counted == 0) floor.problem = "no sibling is left that counts";
  return std::optional(floor.made() ? with_flip_limits(std::move(floor), alpha) : std::move(floor));
}

Result<NoiseFloor> search_siblings(NoiseFloor floor, LazyImages& images, const ProbeEvaluation& incumbent,
                                   bool generated_usable, const Splits& splits, StageContext& context,
                                   const RegionSearchSettings& defaults) {
  if (!floor.made()) return floor;
  const RegionPair place{images.probes(), incumbent, nullptr, generated_usable, static_cast<int>(splits.class_count())};
  const auto searched = [&](NoiseFloor pass) -> Result<NoiseFloor> {
    const auto settings = within(pass, defaults);
    for (std::size_t i = 0; i < pass.siblings.size(); ++i) {
      if (!pass.siblings[i].left_out.empty()) continue;
      const auto artifact = artifact_of(context.job.siblings[i]);
      LazyModel model(artifact, context);
      TRY(answers, answers_of(model, images, splits, "answers_sibling", context));
      StationTimer timer(context, "regions_sibling");
      TRY(values, search_one(pass.siblings[i], answers, incumbent, place, settings, context));
      pass.siblings[i] = std::move(values);
    }
    return with_region_limits(std::move(pass), defaults);
  };
  for (int round = 0; round < 2; ++round) {
    const auto before = within(floor, defaults);
    auto pass = searched(floor);
    if (!pass) {
      if (stops_the_gate(pass.error())) return tl::unexpected(pass.error());
      floor.problem = "the siblings' regions could not be searched: " + pass.error().describe();
      floor.region = {};
      floor.clear_region = {};
      return floor;
    }
    floor = std::move(*pass);
    if (std::abs(floor.region.limit - before.min_increase) < kSameLimit &&
        std::abs(floor.clear_region.limit - before.min_clear_increase) < kSameLimit)
      break;
  }
  return floor;
}

RegionSearchSettings within(const NoiseFloor& floor, RegionSearchSettings defaults) {
  if (!floor.made() || !std::isfinite(floor.region.limit)) return defaults;
  defaults.min_increase = floor.region.limit;
  defaults.min_clear_increase = floor.clear_region.limit;
  return defaults;
}

NoiseFloor with_regions_placed(NoiseFloor floor, const std::vector<Region>& regions,
                               const RegionSearchSettings& search) {
  if (!floor.made() || !std::isfinite(floor.region.limit)) return floor;
  const auto harm = [&](Measure measure) { return largest_harm(regions, measure, search.min_support); };
  floor.region = with_region_placed(floor.region, flips_of(floor), harm(Measure::flips), search.alpha);
  floor.clear_region =
      with_region_placed(floor.clear_region, clear_flips_of(floor), harm(Measure::clear_flips), search.alpha);
  return floor;
}

}  // namespace defuse
