#include "core/regions/identity.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "core/base/sha256.h"

namespace defuse {
namespace {

constexpr double kSharedSamePrediction = 0.3;
constexpr double kSharedAnyPrediction = 0.5;

std::vector<std::uint32_t> sorted_unique(std::vector<std::uint32_t> seeds) {
  std::sort(seeds.begin(), seeds.end());
  seeds.erase(std::unique(seeds.begin(), seeds.end()), seeds.end());
  return seeds;
}

std::vector<std::uint32_t> members_of(const Region& region) {
  std::vector<std::uint32_t> seeds;
  seeds.reserve(region.members.size());
  for (const RegionMember& member : region.members) seeds.push_back(member.seed);
  return sorted_unique(std::move(seeds));
}

// How well the earlier region matches: above 0 it is the same bug. The same prediction goes before a larger overlap.
struct Match {
  bool same = false;
  bool same_prediction = false;
  double shared = 0;
  bool operator<(const Match& other) const {
    return std::tie(same, same_prediction, shared) < std::tie(other.same, other.same_prediction, other.shared);
  }
};

Match match(const Region& region, const std::string& probe_digest, const RegionFingerprint& earlier) {
  Match m;
  if (region.label != earlier.label || probe_digest != earlier.probe_digest) return m;
  const auto now = members_of(region);
  const auto before = sorted_unique(earlier.members);
  if (now.empty() || before.empty()) return m;
  std::vector<std::uint32_t> both;
  std::set_intersection(now.begin(), now.end(), before.begin(), before.end(), std::back_inserter(both));
  m.shared = static_cast<double>(both.size()) / static_cast<double>(std::min(now.size(), before.size()));
  m.same_prediction = region.predicted_as == earlier.predicted_as;
  m.same = m.shared >= kSharedAnyPrediction || (m.same_prediction && m.shared >= kSharedSamePrediction);
  return m;
}

}  // namespace

RegionId new_region_id(const std::string& model, const std::string& probe_digest, const Region& region) {
  Sha256 hash;
  hash.field(model).field(probe_digest).field(std::to_string(region.label)).field(std::to_string(region.predicted_as));
  for (const std::uint32_t seed : members_of(region)) hash.field(std::to_string(seed));
  return RegionId("r-" + hash.hex().substr(0, 12));
}

void assign_ids(const std::string& model, const std::string& probe_digest,
                const std::vector<RegionFingerprint>& earlier, std::vector<Region>& regions) {
  struct Pair {
    Match match;
    std::size_t region = 0;
    std::size_t earlier = 0;
  };
  std::vector<Pair> pairs;
  for (std::size_t r = 0; r < regions.size(); ++r) {
    regions[r].id = RegionId();
    for (std::size_t e = 0; e < earlier.size(); ++e) {
      const Match m = match(regions[r], probe_digest, earlier[e]);
      if (m.same) pairs.push_back({m, r, e});
    }
  }
  std::stable_sort(pairs.begin(), pairs.end(), [](const Pair& a, const Pair& b) { return b.match < a.match; });
  std::set<RegionId> taken;
  for (const Pair& pair : pairs) {
    Region& region = regions[pair.region];
    const RegionId& id = earlier[pair.earlier].id;
    if (region.id.empty() && !id.empty() && taken.insert(id).second) region.id = id;
  }
  for (const RegionFingerprint& fingerprint : earlier)
    taken.insert(fingerprint.id);  // an old bug's id is never given to another
  for (Region& region : regions) {
    for (int attempt = 0; region.id.empty(); ++attempt) {
      const std::string line = attempt == 0 ? model : model + "#" + std::to_string(attempt);
      const RegionId id = new_region_id(line, probe_digest, region);
      if (taken.insert(id).second) region.id = id;
    }
  }
}

}  // namespace defuse
