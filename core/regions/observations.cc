#include "core/regions/observations.h"

#include <algorithm>
#include <string>

#include "core/regions/clear_flips.h"

namespace defuse {
namespace {

SeedObservation finish(SeedObservation o) {
  const auto n = static_cast<double>(o.counts.total());
  o.usable = n > 0;
  if (!o.usable) return o;
  o.clear_net /= n;
  o.net = static_cast<double>(o.counts.negative_flips - o.counts.positive_flips) / n;
  o.candidate_error = static_cast<double>(o.counts.negative_flips + o.counts.both_wrong) / n;
  o.incumbent_error = static_cast<double>(o.counts.positive_flips + o.counts.both_wrong) / n;
  return o;
}

// Without an incumbent the candidate stands in for it in the counts, so that no flip is ever seen.
SeedObservation without_incumbent(SeedObservation o) {
  o = finish(o);
  o.incumbent_error = 0;
  return o;
}

Result<void> check_evaluation(const ProbeSet& probes, const ProbeEvaluation& evaluation, const std::string& whose) {
  const std::size_t seeds = probes.seeds.size();
  const std::size_t images = seeds * static_cast<std::size_t>(probes.draws);
  if (evaluation.probe_digest != probes.digest) {
    return fail(ErrorCode::invalid_input, "region search: the " + whose + " was measured on another probe set");
  }
  if (evaluation.real.size() != seeds || evaluation.reconstructed.size() != seeds ||
      evaluation.perturbed.size() != images) {
    return fail(ErrorCode::invalid_input,
                "region search: the " + whose + " has no prediction for every image of the probe set");
  }
  const bool none = evaluation.real_margin.empty() && evaluation.perturbed_margin.empty();
  if (!none && (evaluation.real_margin.size() != seeds || evaluation.perturbed_margin.size() != images)) {
    return fail(ErrorCode::invalid_input,
                "region search: the " + whose + " has no margin for every image of the probe set");
  }
  return {};
}

Result<void> check_settings(const RegionSearchSettings& settings) {
  const auto refuse = [](const std::string& why) { return fail(ErrorCode::invalid_input, "region search: " + why); };
  if (!(settings.alpha > 0 && settings.alpha < 1)) return refuse("alpha must lie in (0, 1)");
  if (!(settings.min_increase > 0 && settings.min_increase < 1)) return refuse("min_increase must lie in (0, 1)");
  if (settings.max_regions < 1) return refuse("max_regions must be at least 1");
  if (settings.min_support < 1) return refuse("min_support must be at least 1");
  const auto& sizes = settings.neighbourhood;
  const bool rising =
      std::adjacent_find(sizes.begin(), sizes.end(), [](int a, int b) { return a >= b; }) == sizes.end();
  if (sizes.empty() || sizes.front() < 2 || !rising) return refuse("neighbourhood sizes must rise from at least 2");
  return {};
}

}  // namespace

Result<void> check_search_input(const RegionSearchInput& input, const RegionSearchSettings& settings) {
  const auto refuse = [](const std::string& why) { return fail(ErrorCode::invalid_input, "region search: " + why); };
  TRY_OK(check_settings(settings));
  if (input.probes == nullptr || input.candidate == nullptr)
    return refuse("needs a probe set and the candidate's answers on it");
  if (input.classes < 1) return refuse("needs the number of classes");
  const ProbeSet& probes = *input.probes;
  const std::size_t seeds = probes.seeds.size();
  if (probes.draws < 0 || probes.plausible.size() != seeds * static_cast<std::size_t>(probes.draws)) {
    return refuse("the probe set does not say of every perturbation whether it is plausible");
  }
  for (const Seed& seed : probes.seeds) {
    if (seed.label < 0 || seed.label >= input.classes) return refuse("a seed's label is outside the classes");
  }
  TRY_OK(check_evaluation(probes, *input.candidate, "candidate"));
  if (input.incumbent != nullptr) TRY_OK(check_evaluation(probes, *input.incumbent, "incumbent"));
  for (const RegionSpace& space : input.spaces) {
    if (space.points == nullptr || space.points->rows != seeds || space.points->cols == 0 ||
        space.points->data.size() != space.points->rows * space.points->cols) {
      return refuse("space \"" + std::string(to_string(space.name)) + "\" has no point for every seed");
    }
  }
  if (!input.mixture.means.empty() && input.mixture.component_of_seed.size() != seeds) {
    return refuse("the mixture does not say of every seed which component it belongs to");
  }
  return {};
}

Observations observe_seeds(const RegionSearchInput& input) {
  const ProbeSet& probes = *input.probes;
  const ProbeEvaluation& candidate = *input.candidate;
  const ProbeEvaluation& incumbent = input.incumbent != nullptr ? *input.incumbent : candidate;
  const auto finish_one = input.incumbent != nullptr ? finish : without_incumbent;
  const auto draws = static_cast<std::size_t>(probes.draws);
  const bool sure = !candidate.real_margin.empty() && !incumbent.real_margin.empty();
  const ProbeEvaluation* judge = sure ? input.incumbent : nullptr;
  const ClearFlips clear_of_real(probes, judge, candidate, input.classes, kClearShareOfReal);
  const ClearFlips clear_of_generated(probes, judge, candidate, input.classes, kClearShareOfGenerated);
  Observations out;
  out.real.resize(probes.seeds.size());
  out.generated.resize(probes.seeds.size());
  out.draws.resize(probes.seeds.size() * draws);
  for (std::size_t i = 0; i < probes.seeds.size(); ++i) {
    const std::int32_t label = probes.seeds[i].label;
    SeedObservation real;
    real.counts.add(incumbent.real[i] == label, candidate.real[i] == label);
    if (sure) real.clear_net = clear_of_real.of(label, incumbent.real_margin[i], candidate.real_margin[i]);
    out.real[i] = finish_one(real);
    const bool reconstructed = candidate.reconstructed[i] == label || incumbent.reconstructed[i] == label;
    if (!input.generated_usable || !reconstructed) continue;
    SeedObservation generated;
    for (std::size_t q = i * draws; q < (i + 1) * draws; ++q) {
      if (probes.plausible[q] == 0) continue;
      const bool before = incumbent.perturbed[q] == label;
      const bool after = candidate.perturbed[q] == label;
      generated.counts.add(before, after);
      const int clearly =
          sure ? clear_of_generated.of(label, incumbent.perturbed_margin[q], candidate.perturbed_margin[q]) : 0;
      generated.clear_net += clearly;
      out.draws[q] = {true, static_cast<std::int8_t>(static_cast<int>(before) - static_cast<int>(after)),
                      static_cast<std::int8_t>(clearly)};
    }
    out.generated[i] = finish_one(generated);
  }
  return out;
}

}  // namespace defuse
