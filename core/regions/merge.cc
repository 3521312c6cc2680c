#include "core/regions/merge.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace defuse {
namespace {

constexpr double kSameMembers = 0.5;

std::vector<std::uint32_t> sorted_members(const Region& region) {
  std::vector<std::uint32_t> seeds;
  seeds.reserve(region.members.size());
  for (const RegionMember& member : region.members) seeds.push_back(member.seed);
  std::sort(seeds.begin(), seeds.end());
  return seeds;
}

double shared_members(const Region& a, const Region& b) {
  const auto left = sorted_members(a);
  const auto right = sorted_members(b);
  if (left.empty() || right.empty()) return 0;
  std::vector<std::uint32_t> both;
  std::set_intersection(left.begin(), left.end(), right.begin(), right.end(), std::back_inserter(both));
  return static_cast<double>(both.size()) / static_cast<double>(std::min(left.size(), right.size()));
}

bool balls_touch(const Region& a, const Region& b) {
  if (a.shape != RegionShape::ball || b.shape != RegionShape::ball || a.space != b.space ||
      a.center.size() != b.center.size())
    return false;
  double squared = 0;
  for (std::size_t j = 0; j < a.center.size(); ++j) {
    const double step = static_cast<double>(a.center[j]) - static_cast<double>(b.center[j]);
    squared += step * step;
  }
  return std::sqrt(squared) <= a.radius + b.radius;
}

double harm(const Region& region) {
  const RegionScore& score = region.confirm;
  const auto seeds = static_cast<double>(score.seeds);
  return region.status == RegionStatus::inherited ? score.candidate_error * seeds
                                                  : std::abs(score.net_flip_rate) * seeds;
}

bool may_merge(const Region& a, const Region& b) {
  return (a.status == RegionStatus::fixed) == (b.status == RegionStatus::fixed);
}

}  // namespace

bool same_bug(const Region& a, const Region& b) {
  if (a.label != b.label) return false;
  if (shared_members(a, b) >= kSameMembers) return true;
  return a.predicted_as == b.predicted_as && a.component >= 0 && a.component == b.component && balls_touch(a, b);
}

bool more_important(const Region& a, const Region& b) {
  if (a.status != b.status) return a.status < b.status;
  return harm(a) > harm(b);
}

std::vector<Region> merge_regions(std::vector<Region> regions) {
  std::stable_sort(regions.begin(), regions.end(), more_important);
  std::vector<Region> kept;
  for (Region& region : regions) {
    const auto same = std::find_if(kept.begin(), kept.end(),
                                   [&](const Region& k) { return may_merge(k, region) && same_bug(k, region); });
    if (same == kept.end()) {
      kept.push_back(std::move(region));
    } else if (same->evidence != region.evidence) {
      same->evidence = RegionEvidence::both;
    }
  }
  return kept;
}

}  // namespace defuse
