// Source: methods "gate statistics", sections 8, 10 and 12 (exact sign-flip test per seed, Holm, bounds at the family's
// level) and "gate quality", lesson 4: significance alone blocks honest retrains, so a region must also be large in
// effect.
//   m regions of one question   alpha the family's error   d_j net flip rate of confirmation seed j inside the frozen
//   ball
// worse / new:  Holm-adjusted sign-flip p <= alpha, and lower bound of mean d at alpha/m >= min_increase, and >=
// min_support seeds. fixed:        the same of -d. inherited:    lower bounds at alpha/m of both models' mean error lie
// above their error in the whole class. Everything else is suspected. Without an incumbent nothing can be more than
// suspected.
#include "core/regions/confirm.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "core/regions/wording.h"
#include "core/stats/clustered.h"
#include "core/stats/multiplicity.h"

namespace defuse {
namespace {

std::vector<RegionMember> members_within(const SearchView& view, const FrozenRegion& frozen) {
  const Matrix& points = *view.input.spaces[frozen.space].points;
  const double limit = frozen.ball.radius;
  std::vector<RegionMember> members;
  for (std::uint32_t i = 0; i < view.input.probes->seeds.size(); ++i) {
    if (view.input.probes->seeds[i].label != frozen.label || !is_finite(points.row(i))) continue;
    const double distance = std::sqrt(squared_distance(points.row(i), frozen.ball.center));
    if (distance <= limit) members.push_back({i, distance});
  }
  std::stable_sort(members.begin(), members.end(),
                   [](const RegionMember& a, const RegionMember& b) { return a.distance < b.distance; });
  return members;
}

Interval wilson_display(double mean, std::int64_t n) {
  const auto size = static_cast<double>(n);
  const WilsonBounds b = wilson_real(mean * size, size, kDisplayZ);
  return {b.lower, b.upper};
}

// The members of one half that have an observation of this kind.
std::vector<std::uint32_t> usable_members(const SearchView& view, const Region& region, ImageKind evidence, Half half) {
  std::vector<std::uint32_t> out;
  for (const RegionMember& member : region.members) {
    if (view.input.probes->seeds[member.seed].half != half) continue;
    if (view.observations.of(evidence)[member.seed].usable) out.push_back(member.seed);
  }
  return out;
}

RegionScore score_half(const SearchView& view, const Region& region, ImageKind evidence, Half half) {
  RegionScore score;
  for (const RegionMember& member : region.members) {
    if (view.input.probes->seeds[member.seed].half != half) continue;
    score.real += view.observations.real[member.seed].counts;
    score.generated += view.observations.generated[member.seed].counts;
  }
  const auto seeds = usable_members(view, region, evidence, half);
  score.seeds = static_cast<std::int64_t>(seeds.size());
  if (seeds.empty()) return score;
  for (const std::uint32_t seed : seeds) {
    const SeedObservation& o = view.observations.of(evidence)[seed];
    score.net_flip_rate += o.net;
    score.candidate_error += o.candidate_error;
    score.incumbent_error += o.incumbent_error;
  }
  const auto n = static_cast<double>(seeds.size());
  score.net_flip_rate /= n;
  score.candidate_error /= n;
  score.incumbent_error /= n;
  score.candidate_interval = wilson_display(score.candidate_error, score.seeds);
  if (view.input.incumbent != nullptr) score.incumbent_interval = wilson_display(score.incumbent_error, score.seeds);
  return score;
}

// The commonest wrong answer on the discovery half, real and plausible generated images alike; lowest class on ties.
void set_prediction(const SearchView& view, Region& region) {
  const ProbeSet& probes = *view.input.probes;
  const ProbeEvaluation& candidate = *view.input.candidate;
  const auto draws = static_cast<std::size_t>(probes.draws);
  std::map<std::int32_t, std::int64_t> wrong;
  for (const RegionMember& member : region.members) {
    if (probes.seeds[member.seed].half != Half::discover) continue;
    if (candidate.real[member.seed] != region.label) ++wrong[candidate.real[member.seed]];
    if (!view.observations.generated[member.seed].usable) continue;
    for (std::size_t q = member.seed * draws; q < (member.seed + 1) * draws; ++q) {
      if (probes.plausible[q] != 0 && candidate.perturbed[q] != region.label) ++wrong[candidate.perturbed[q]];
    }
  }
  name_commonest(wrong, region);
}

RegionStatus status_when_worse(const RegionScore& score, const RegionSearchSettings& settings) {
  if (score.seeds < settings.min_support || score.p_adjusted > settings.alpha || score.net_lower < settings.notable) {
    return RegionStatus::suspected;
  }
  return score.incumbent_error <= kIncumbentKnew ? RegionStatus::new_bug : RegionStatus::worse;
}

std::vector<double> values(const SearchView& view, const std::vector<std::uint32_t>& seeds, ImageKind evidence,
                           double SeedObservation::*field, double sign = 1) {
  std::vector<double> out;
  out.reserve(seeds.size());
  for (const std::uint32_t seed : seeds) out.push_back(sign * view.observations.of(evidence)[seed].*field);
  return out;
}

RegionStatus status_of(const SearchView& view, const FrozenRegion& frozen, const ClassBase& base, double level,
                       const Region& region) {
  const RegionSearchSettings& settings = view.settings;
  const RegionScore& score = region.confirm;
  if (view.input.incumbent == nullptr) return RegionStatus::suspected;
  const auto seeds = usable_members(view, region, frozen.evidence, Half::confirm);
  switch (frozen.question) {
    case Question::worse:
      return status_when_worse(score, settings);
    case Question::fixed: {
      const auto gains = values(view, seeds, frozen.evidence, &SeedObservation::net, -1);
      const bool sure = score.p_adjusted <= settings.alpha && net_rate_lower_bound(gains, level) >= settings.notable;
      return sure && score.seeds >= settings.min_support ? RegionStatus::fixed : RegionStatus::suspected;
    }
    case Question::fails: {
      const auto candidate = values(view, seeds, frozen.evidence, &SeedObservation::candidate_error);
      const auto incumbent = values(view, seeds, frozen.evidence, &SeedObservation::incumbent_error);
      const bool both = net_rate_lower_bound(candidate, level) > base.candidate_error &&
                        net_rate_lower_bound(incumbent, level) > base.incumbent_error;
      const bool alike = score.net_flip_rate < settings.notable;
      return both && alike && score.seeds >= settings.min_support ? RegionStatus::inherited : RegionStatus::suspected;
    }
  }
  return RegionStatus::suspected;
}

}  // namespace

void name_commonest(const std::map<std::int32_t, std::int64_t>& wrong, Region& region) {
  std::int64_t total = 0;
  std::int64_t most = 0;
  for (const auto& [predicted, count] : wrong) {
    total += count;
    if (count <= most) continue;
    most = count;
    region.predicted_as = predicted;
  }
  if (total > 0) region.predicted_as_share = static_cast<double>(most) / static_cast<double>(total);
}

void set_component(const SearchView& view, Region& region) {
  const auto& component_of = view.input.mixture.component_of_seed;
  if (component_of.empty()) return;
  std::map<int, int> votes;
  for (const RegionMember& member : region.members) {
    if (component_of[member.seed] >= 0) ++votes[component_of[member.seed]];
  }
  int most = 0;
  for (const auto& [component, count] : votes) {
    if (count <= most) continue;
    most = count;
    region.component = component;
  }
}

Region measure_region(const SearchView& view, const FrozenRegion& frozen) {
  Region region;
  region.space = view.input.spaces[frozen.space].name;
  region.evidence = seen_on(frozen.evidence);
  region.center = frozen.ball.center;
  region.radius = frozen.ball.radius;
  region.label = frozen.label;
  region.members = members_within(view, frozen);
  region.discover = score_half(view, region, frozen.evidence, Half::discover);
  region.confirm = score_half(view, region, frozen.evidence, Half::confirm);
  set_prediction(view, region);
  set_component(view, region);
  return region;
}

void confirm_family(const SearchView& view, const std::vector<FrozenRegion>& frozen,
                    const std::vector<std::vector<ClassBase>>& bases, std::vector<Region>& regions) {
  if (regions.empty()) return;
  const double level = view.settings.alpha / static_cast<double>(regions.size());
  std::vector<double> p;
  for (std::size_t i = 0; i < regions.size(); ++i) {
    const auto seeds = usable_members(view, regions[i], frozen[i].evidence, Half::confirm);
    const auto net = values(view, seeds, frozen[i].evidence, &SeedObservation::net);
    const bool mirrored = frozen[i].question == Question::fixed;
    regions[i].confirm.net_lower = net_rate_lower_bound(net, level);
    p.push_back(sign_flip_p(mirrored ? values(view, seeds, frozen[i].evidence, &SeedObservation::net, -1) : net));
  }
  const std::vector<double> adjusted = holm(p);
  for (std::size_t i = 0; i < regions.size(); ++i) {
    Region& region = regions[i];
    region.confirm.p_raw = p[i];
    region.confirm.p_adjusted = adjusted[i];
    const auto label = static_cast<std::size_t>(region.label);
    region.status =
        status_of(view, frozen[i], bases[static_cast<std::size_t>(frozen[i].evidence)][label], level, region);
    region.sentence = describe_region(region, view.input.incumbent != nullptr, view.settings.min_support);
  }
}

}  // namespace defuse
