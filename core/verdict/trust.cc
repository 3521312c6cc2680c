#include "core/verdict/trust.h"

namespace defuse {

Distrust distrust(const SignatureSettings& settings, const Version& version, const std::optional<VersionRow>& record) {
  if (settings.mode != SignatureMode::enforce) return {};
  if (!record) return {version + ", which was never seen in the registry", false};
  const auto view = weigh_signature(record->signature, settings);
  if (!view.refused()) return {};
  const bool there = record->current && record->presence == VersionPresence::present;
  return {version + ", which is not signed as it must be (" + view.problem + ")", view.pending && there};
}

}  // namespace defuse
