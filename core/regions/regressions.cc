// Source: methods "gate quality", lessons 4 to 8 and section 2; "gate statistics", sections 8 and 10.
//   half A, half B of the seeds of class c; kind = (evidence, measure)
//   R_A  the cut with the strongest evidence on A that the mean net flip rate exceeds the scan's limit
//   d_j  net flip rate of seed j inside R_A for j in B, and inside R_B for j in A
// confirmed: p of "broken - fixed at most the limit" <= level (excess.h), lower bound of it at that level >= the
// measure's limit, and >= min_support seeds. level = alpha w_kind / classes.
#include "core/regions/regressions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <optional>
#include <utility>

#include "core/regions/wording.h"
#include "core/stats/excess.h"

namespace defuse {
namespace {

// One seed inside a region.
struct Member {
  std::uint32_t seed = 0;
  double depth = 0;
  double d = 0;  // net rate by the region's measure
  FourCounts real;
  FourCounts generated;
  std::vector<std::uint32_t> draws;  // inside, where the region is of draws
};

FourCounts counts_of_draw(const SearchView& view, std::size_t at, std::int32_t label) {
  FourCounts counts;
  counts.add(view.input.incumbent->perturbed[at] == label, view.input.candidate->perturbed[at] == label);
  return counts;
}

// The seeds inside a kind's two regions.
struct Gathered {
  std::vector<Member> unseen;  // by the region they lie in: of the half it was not found on
  std::vector<Member> seen;
};

// Who lies inside what was found. The draws of a seed are made once for all regions that ask for them.
class Gatherer {
 public:
  Gatherer(const SearchView& view, const Halves& halves, const Cuts& found_on_first, const Cuts& found_on_second)
      : view_(view), halves_(halves), cuts_{&found_on_first, &found_on_second} {
    for (std::size_t space = 0; space < view.input.spaces.size(); ++space) gather_draws(space);
  }

  Gathered kind(std::size_t k) const {
    Gathered out;
    for (const std::size_t found_on : {0, 1}) append(k, found_on, 1 - found_on, out.unseen);
    for (const std::size_t found_on : {0, 1}) append(k, found_on, found_on, out.seen);
    return out;
  }

 private:
  const std::optional<Cut>& cut(std::size_t k, std::size_t found_on) const { return (*cuts_[found_on])[k]; }

  void append(std::size_t k, std::size_t found_on, std::size_t half, std::vector<Member>& out) const {
    if (!cut(k, found_on)) return;
    const auto inside = cut(k, found_on)->draws ? by_draws_[k][found_on][half] : seeds_inside(k, found_on, half);
    out.insert(out.end(), inside.begin(), inside.end());
  }

  std::vector<Member> seeds_inside(std::size_t k, std::size_t found_on, std::size_t half) const {
    const RegressionKind& kind = kRegressionKinds[k];
    const Cut& region = *cut(k, found_on);
    const Matrix& points = *view_.input.spaces[region.space].points;
    std::vector<Member> out;
    for (const std::uint32_t s : halves_[half]) {
      const SeedObservation& o = view_.observations.of(kind.evidence)[s];
      if (!o.usable || !is_finite(points.row(s))) continue;
      const double depth = region.depth(points.row(s));
      if (depth < 0) continue;
      out.push_back({s,
                     depth,
                     net_of(o, kind.measure),
                     view_.observations.real[s].counts,
                     view_.observations.generated[s].counts,
                     {}});
    }
    return out;
  }

  void gather_draws(std::size_t space) {
    std::vector<std::pair<std::size_t, std::size_t>> asked;  // kind, found on
    for (std::size_t k = 0; k < kRegressionKinds.size(); ++k) {
      for (const std::size_t found_on : {0, 1}) {
        if (cut(k, found_on) && cut(k, found_on)->draws && cut(k, found_on)->space == space)
          asked.emplace_back(k, found_on);
      }
    }
    if (asked.empty()) return;
    Matrix codes;
    for (const std::size_t half : {0, 1}) {
      for (const std::uint32_t s : halves_[half]) {
        if (!view_.observations.generated[s].usable) continue;  // draws bear evidence of that kind alone
        view_.input.spaces[space].draws(s, codes);
        for (const auto& [k, found_on] : asked) {
          if (auto member = draws_inside(k, found_on, s, codes)) by_draws_[k][found_on][half].push_back(*member);
        }
      }
    }
  }

  std::optional<Member> draws_inside(std::size_t k, std::size_t found_on, std::uint32_t s, const Matrix& codes) const {
    const auto draws = static_cast<std::size_t>(view_.input.probes->draws);
    Member member{s, -1, 0, view_.observations.real[s].counts, {}, {}};
    double sum = 0;
    for (std::size_t q = 0; q < draws; ++q) {
      const DrawObservation& draw = view_.observations.draws[s * draws + q];
      if (!draw.usable) continue;
      const double depth = cut(k, found_on)->depth(codes.row(q));
      if (depth < 0) continue;
      member.depth = std::max(member.depth, depth);
      sum += net_of(draw, kRegressionKinds[k].measure);
      member.draws.push_back(static_cast<std::uint32_t>(s * draws + q));
      member.generated += counts_of_draw(view_, s * draws + q, view_.input.probes->seeds[s].label);
    }
    if (member.generated.total() == 0) return std::nullopt;
    member.d = sum / static_cast<double>(member.generated.total());
    return member;
  }

  const SearchView& view_;
  const Halves& halves_;
  std::array<const Cuts*, 2> cuts_;
  // By kind, half it was found on, half of the seeds.
  std::array<std::array<std::array<std::vector<Member>, 2>, 2>, kRegressionKinds.size()> by_draws_;
};

RegionScore score_members(const std::vector<Member>& members, ImageKind evidence) {
  RegionScore score;
  for (const Member& m : members) {
    score.real += m.real;
    score.generated += m.generated;
    const FourCounts& counts = evidence == ImageKind::real ? m.real : m.generated;
    const auto n = static_cast<double>(counts.total());
    score.net_flip_rate += m.d;
    score.candidate_error += static_cast<double>(counts.negative_flips + counts.both_wrong) / n;
    score.incumbent_error += static_cast<double>(counts.positive_flips + counts.both_wrong) / n;
  }
  score.seeds = static_cast<std::int64_t>(members.size());
  const auto n = static_cast<double>(std::max<std::size_t>(1, members.size()));
  score.net_flip_rate /= n;
  score.candidate_error /= n;
  score.incumbent_error /= n;
  const auto interval = [&](double rate) {
    const WilsonBounds b =
        wilson_real(rate * static_cast<double>(score.seeds), static_cast<double>(score.seeds), kDisplayZ);
    return Interval{b.lower, b.upper};
  };
  score.candidate_interval = interval(score.candidate_error);
  score.incumbent_interval = interval(score.incumbent_error);
  return score;
}

// The candidate's commonest wrong answer among the members' images that bear the evidence.
void set_prediction(const SearchView& view, ImageKind evidence, Region& region) {
  const auto draws = static_cast<std::size_t>(view.input.probes->draws);
  std::map<std::int32_t, std::int64_t> wrong;
  for (const RegionMember& m : region.members) {
    if (evidence == ImageKind::real) {
      if (view.input.candidate->real[m.seed] != region.label) ++wrong[view.input.candidate->real[m.seed]];
      continue;
    }
    for (std::size_t q = m.seed * draws; q < (m.seed + 1) * draws; ++q) {
      if (view.observations.draws[q].usable && view.input.candidate->perturbed[q] != region.label)
        ++wrong[view.input.candidate->perturbed[q]];
    }
  }
  name_commonest(wrong, region);
}

std::optional<JudgedRegion> judge(const SearchView& view, const RegressionKind& kind, std::int32_t label,
                                  Gathered gathered, const std::optional<Cut>& found_on_first,
                                  const std::optional<Cut>& found_on_second) {
  std::vector<Member>& members = gathered.unseen;
  if (members.size() < 2) return std::nullopt;
  std::stable_sort(members.begin(), members.end(), [](const Member& a, const Member& b) { return a.depth > b.depth; });

  const bool first = found_on_first && (!found_on_second || found_on_first->evidence >= found_on_second->evidence);
  const Cut& shown = first ? *found_on_first : *found_on_second;
  Region region;
  region.space = view.input.spaces[shown.space].name;
  region.shape = shown.half_space ? RegionShape::half_space : RegionShape::ball;
  region.evidence = seen_on(kind.evidence);
  region.measure = kind.measure;
  region.center = shown.vector;
  region.radius = shown.half_space ? shown.limit : std::sqrt(shown.limit);
  region.label = label;
  region.regression = true;
  std::vector<double> d;
  for (const Member& m : members) {
    d.push_back(m.d);
    region.members.push_back({m.seed, members.front().depth - m.depth});
    region.draws.insert(region.draws.end(), m.draws.begin(), m.draws.end());
  }
  region.discover = score_members(gathered.seen, kind.evidence);
  region.confirm = score_members(members, kind.evidence);
  set_prediction(view, kind.evidence, region);
  set_component(view, region);

  const double share = kind.weight / static_cast<double>(view.input.classes);
  const double limit = limit_of(view.settings, kind.measure);
  RegionScore& score = region.confirm;
  const NetCounts counts = net_counts(d);
  const double level = regression_level(view.settings, kind.evidence, kind.measure, view.input.classes);
  score.net_lower = excess_lower(counts.broken, counts.fixed, counts.seeds, level);
  score.p_raw = excess_p(counts.broken, counts.fixed, counts.seeds, limit);
  score.p_adjusted = std::min(1.0, score.p_raw / share);
  const bool confirmed =
      score.seeds >= view.settings.min_support && score.p_adjusted <= view.settings.alpha && score.net_lower >= limit;
  if (confirmed) region.status = score.incumbent_error <= kIncumbentKnew ? RegionStatus::new_bug : RegionStatus::worse;
  region.sentence = describe_region(region, /*has_incumbent=*/true, view.settings.min_support);
  const bool repeats = score.p_raw <= kRepeats && score.net_flip_rate >= limit / 2;
  return JudgedRegion{std::move(region), limit, confirmed || repeats};
}

}  // namespace

double regression_level(const RegionSearchSettings& settings, ImageKind evidence, Measure measure, int classes) {
  const auto kind = std::find_if(kRegressionKinds.begin(), kRegressionKinds.end(), [&](const RegressionKind& k) {
    return k.evidence == evidence && k.measure == measure;
  });
  return settings.alpha * kind->weight / static_cast<double>(std::max(1, classes));
}

double limit_of(const RegionSearchSettings& settings, Measure measure) {
  return measure == Measure::flips ? settings.min_increase : settings.min_clear_increase;
}

RegressionTest test_of(const JudgedRegion& judged) {
  const Region& region = judged.region;
  const RegionScore& score = region.confirm;
  return {region.label,    region.evidence, region.measure,   score.seeds,   score.net_flip_rate,
          score.net_lower, judged.limit,    score.p_adjusted, region.members};
}

std::vector<JudgedRegion> judge_regressions(const SearchView& view, std::int32_t label, const Halves& halves,
                                            const Cuts& found_on_first, const Cuts& found_on_second) {
  const Gatherer gatherer(view, halves, found_on_first, found_on_second);
  std::vector<JudgedRegion> all;
  for (std::size_t k = 0; k < kRegressionKinds.size(); ++k) {
    if (!found_on_first[k] && !found_on_second[k]) continue;
    if (auto judged = judge(view, kRegressionKinds[k], label, gatherer.kind(k), found_on_first[k], found_on_second[k]))
      all.push_back(std::move(*judged));
  }
  return all;
}

}  // namespace defuse
