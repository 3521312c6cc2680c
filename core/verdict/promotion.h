// Who may become the incumbent, who was it, and whom a candidate is compared with. Pure.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"
#include "core/verdict/records.h"

namespace defuse {

// "promote", "override", "rollback", and back; `invalid_input` for other words.
std::string_view to_string(PromotionKind kind);
Result<PromotionKind> promotion_kind_from(std::string_view text);

// The incumbents that lead to the present one, present one first: promotions pile up, a rollback takes down all that
// was above the one it goes back to. So two rollbacks go back two steps, and never to what was just rolled back.
// `promotions` newest first.
std::vector<PromotionRow> lineage(const std::vector<PromotionRow>& promotions);

// Whom a candidate is compared with: the incumbent, or, where the candidate is the incumbent itself, the one before it.
// None if there is nobody else.
std::optional<PromotionRow> opponent(const Digest& candidate_digest, const std::vector<PromotionRow>& promotions);

// Whether a person may make this version the incumbent by its verdict. Ok, or `conflict` with the reason for people.
Result<void> may_promote(const VersionRow& version, const std::optional<VerdictRow>& verdict,
                         const std::optional<PromotionRow>& incumbent, const std::vector<Waiver>& waivers,
                         TimePoint now);

// Where a rollback goes: one step down the lineage. `conflict` if there is nothing there.
Result<PromotionRow> rollback_target(const std::vector<PromotionRow>& promotions);

}  // namespace defuse
