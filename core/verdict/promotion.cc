#include "core/verdict/promotion.h"

#include <algorithm>

namespace defuse {
namespace {

std::string name_or_none(const Version& version) { return version.empty() ? "no incumbent" : version; }

}  // namespace

std::string_view to_string(PromotionKind kind) {
  switch (kind) {
    case PromotionKind::promote:
      return "promote";
    case PromotionKind::override_verdict:
      return "override";
    case PromotionKind::rollback:
      return "rollback";
  }
  return "promote";
}

Result<PromotionKind> promotion_kind_from(std::string_view text) {
  for (const auto kind : {PromotionKind::promote, PromotionKind::override_verdict, PromotionKind::rollback})
    if (text == to_string(kind)) return kind;
  return fail(ErrorCode::invalid_input, "no such kind of promotion: '" + std::string(text) + "'");
}

std::vector<PromotionRow> lineage(const std::vector<PromotionRow>& promotions) {
  std::vector<PromotionRow> line;
  for (auto row = promotions.rbegin(); row != promotions.rend(); ++row) {
    if (row->kind == PromotionKind::rollback) {
      const auto back_to =
          std::find_if(line.rbegin(), line.rend(), [&](const auto& p) { return p.digest == row->digest; });
      if (back_to != line.rend()) {
        line.erase(back_to.base(), line.end());
        continue;
      }
    }
    if (line.empty() || line.back().digest != row->digest) line.push_back(*row);
  }
  std::reverse(line.begin(), line.end());
  return line;
}

std::optional<PromotionRow> opponent(const Digest& candidate_digest, const std::vector<PromotionRow>& promotions) {
  for (const auto& promotion : lineage(promotions))
    if (promotion.digest != candidate_digest) return promotion;
  return std::nullopt;
}

Result<void> may_promote(const VersionRow& version, const std::optional<VerdictRow>& verdict,
                         const std::optional<PromotionRow>& incumbent, const std::vector<Waiver>& waivers,
                         TimePoint now) {
  const auto name = version.model + "/" + version.version;
  if (version.presence == VersionPresence::deleted)
    return fail(ErrorCode::conflict, name + " is no longer in the registry");
  if (incumbent && incumbent->digest == version.digest)
    return fail(ErrorCode::conflict, name + " is the incumbent already");
  if (!verdict) return fail(ErrorCode::conflict, name + " has not been judged yet");

  const auto present = incumbent ? incumbent->digest : std::string();
  if (verdict->incumbent_digest != present)
    return fail(ErrorCode::conflict, name + " was judged against " + name_or_none(verdict->incumbent_version) +
                                         ", but the incumbent is now " +
                                         (incumbent ? incumbent->version : std::string("none")) +
                                         ": evaluate it again");
  // A version cannot be compared before its line has an incumbent, and it has none before somebody promotes the first.
  const bool first_of_line = verdict->verdict.state == VerdictState::inconclusive && !incumbent;
  if (!verdict->verdict.ok() && !first_of_line)
    return fail(ErrorCode::conflict, name + "'s verdict is " + std::string(to_string(verdict->verdict.state)) + ": " +
                                         verdict->verdict.reason);
  for (const auto& finding : verdict->verdict.findings) {
    if (finding.waiver.empty()) continue;
    const auto found =
        std::find_if(waivers.begin(), waivers.end(), [&](const Waiver& w) { return w.id == finding.waiver; });
    if (found == waivers.end() || found->expires <= now)
      return fail(ErrorCode::conflict,
                  name + "'s verdict rests on waiver " + finding.waiver + ", which is no longer in force");
  }
  return {};
}

Result<PromotionRow> rollback_target(const std::vector<PromotionRow>& promotions) {
  const auto line = lineage(promotions);
  if (line.empty()) return fail(ErrorCode::conflict, "no version of this model was ever promoted");
  if (line.size() < 2)
    return fail(ErrorCode::conflict, "no other version was the incumbent before " + line.front().version);
  return line[1];
}

}  // namespace defuse
