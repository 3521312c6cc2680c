#include "daemon/siblings.h"

#include <set>

namespace defuse {

Result<std::vector<SiblingRef>> siblings_of(Store& store, const NoiseFloorSettings& settings, const std::string& model,
                                            const std::string& candidate_digest, const std::string& incumbent_digest) {
  std::vector<SiblingRef> siblings;
  for (const auto& name : settings.versions) {
    TRY(row, store.version(model, name));
    if (row)
      siblings.push_back({name, row->digest, row->artifact, {}});
    else
      siblings.push_back({name, {}, {}, "the registry has no version " + name + " of " + model});
  }
  if (settings.last_promoted <= 0) return siblings;
  TRY(promotions, store.promotions(model));
  std::set<std::string> seen = {candidate_digest, incumbent_digest};
  for (std::size_t i = 0; i < promotions.size(); ++i) {  // newest first
    if (siblings.size() >= static_cast<std::size_t>(settings.last_promoted)) break;
    const auto& promotion = promotions[i];
    // What a rollback took out of production was not as good as the rest, and would widen the limits.
    if (promotion.kind == "rollback" && i + 1 < promotions.size()) seen.insert(promotions[i + 1].digest);
    if (promotion.kind != "promote" || !seen.insert(promotion.digest).second) continue;
    TRY(row, store.version_by_digest(model, promotion.digest));
    if (!row || row->presence == VersionPresence::deleted || !row->current) continue;
    siblings.push_back({promotion.version, promotion.digest, row->artifact, {}});
  }
  return siblings;
}

}  // namespace defuse
