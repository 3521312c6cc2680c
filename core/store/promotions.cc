#include "core/store/promotions.h"

#include "core/base/json.h"
#include "core/store/columns.h"
#include "core/verdict/promotion.h"

namespace defuse {
namespace {

Result<PromotionRow> read_promotion(Query& row) {
  PromotionRow promotion;
  promotion.id = row.integer();
  promotion.model = row.model();
  promotion.version = row.version();
  promotion.digest = row.digest();
  TRY(kind, or_corrupt(promotion_kind_from(row.text()), "promotion " + std::to_string(promotion.id)));
  promotion.kind = kind;
  promotion.who = row.text();
  promotion.reason = row.text();
  promotion.at = row.time();
  return promotion;
}

}  // namespace

Result<std::optional<PromotionRow>> PromotionStore::incumbent(const ModelName& model) {
  return database_.read("reading the incumbent", [&](Transaction& in) -> Result<std::optional<PromotionRow>> {
    auto row = in.query(
                     "SELECT id, model, version, digest, kind, who, reason, at FROM promotions WHERE model = ? "
                     "ORDER BY id DESC LIMIT 1")
                   .with(model);
    if (!row.next()) return std::nullopt;
    TRY(promotion, read_promotion(row));
    return std::optional(std::move(promotion));
  });
}

Result<std::vector<PromotionRow>> PromotionStore::of(const ModelName& model) {
  return database_.read("listing promotions", [&](Transaction& in) -> Result<std::vector<PromotionRow>> {
    std::vector<PromotionRow> rows;
    auto row = in.query(
                     "SELECT id, model, version, digest, kind, who, reason, at FROM promotions WHERE model = ? "
                     "ORDER BY id DESC")
                   .with(model);
    while (row.next()) {
      TRY(promotion, read_promotion(row));
      rows.push_back(std::move(promotion));
    }
    return rows;
  });
}

Result<void> PromotionStore::promote(const ModelName& model, const Version& version, const Digest& digest,
                                     PromotionKind kind, const std::string& who, const std::string& reason) {
  if (who.empty()) return fail(ErrorCode::invalid_input, "a promotion needs `who`");
  return database_.write("promoting " + model + "/" + version, [&](Transaction& in) -> Result<void> {
    TRY(row, versions_.current(in, model, version));
    if (!row) return fail(ErrorCode::not_found, "no version " + model + "/" + version);
    if (row->digest != digest)
      return fail(ErrorCode::conflict, model + "/" + version + " now has digest " + row->digest + ", not " + digest);
    if (row->presence == VersionPresence::deleted)
      return fail(ErrorCode::conflict, model + "/" + version + " is no longer in the registry");
    in.query("INSERT INTO promotions (model, version, digest, kind, who, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .with(model, version, digest, to_string(kind), who, reason, clock_.now())
        .run();
    Json detail = Json::object();
    detail["digest"] = digest;
    detail["reason"] = reason;
    const bool is_signed = row->signature.state == SignatureState::valid;
    detail["signed_by"] = is_signed ? Json(row->signature.key_name) : Json(nullptr);
    return audit_.append(in, {who, std::string(to_string(kind)), model + "/" + version, std::move(detail)});
  });
}

}  // namespace defuse
