#include "core/verdict/siblings.h"

#include <algorithm>
#include <set>

namespace defuse {

std::vector<SiblingRef> siblings_of(const NoiseFloorSettings& settings, const ModelName& model,
                                    const std::vector<VersionRow>& versions,
                                    const std::vector<PromotionRow>& promotions, const Digest& candidate_digest,
                                    const Digest& incumbent_digest) {
  const auto find = [&](const auto& wanted) {
    const auto found = std::find_if(versions.begin(), versions.end(), wanted);
    return found == versions.end() ? nullptr : &*found;
  };
  std::vector<SiblingRef> siblings;
  for (const auto& name : settings.versions) {
    if (const auto* row = find([&](const VersionRow& v) { return v.version == name; }))
      siblings.push_back({Version(name), Digest(row->digest), row->artifact, {}});
    else
      siblings.push_back({Version(name), {}, {}, "the registry has no version " + name + " of " + model});
  }
  std::set<std::string> seen = {candidate_digest, incumbent_digest};
  for (std::size_t i = 0; i < promotions.size(); ++i) {  // newest first
    if (siblings.size() >= static_cast<std::size_t>(std::max(settings.last_promoted, 0))) break;
    const auto& promotion = promotions[i];
    // What a rollback took out of production was not as good as the rest, and would widen the limits.
    if (promotion.kind == PromotionKind::rollback && i + 1 < promotions.size()) seen.insert(promotions[i + 1].digest);
    if (promotion.kind != PromotionKind::promote || !seen.insert(promotion.digest).second) continue;
    const auto* row = find([&](const VersionRow& v) {
      return v.digest == promotion.digest && v.current && v.presence == VersionPresence::present;
    });
    if (row != nullptr) siblings.push_back({Version(promotion.version), Digest(promotion.digest), row->artifact, {}});
  }
  return siblings;
}

}  // namespace defuse
