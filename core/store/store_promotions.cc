// Incumbents: which version was in production when, and who put it there.
#include <algorithm>
#include <array>

#include "core/base/json.h"
#include "core/store/sqlite_store.h"

namespace defuse {
namespace {

constexpr std::array<std::string_view, 3> kKinds{"promote", "override", "rollback"};

PromotionRow read_promotion(Query& row) {
  PromotionRow promotion;
  promotion.id = row.integer();
  promotion.model = row.text();
  promotion.version = row.text();
  promotion.digest = row.text();
  promotion.kind = row.text();
  promotion.who = row.text();
  promotion.reason = row.text();
  promotion.at = row.time();
  return promotion;
}

}  // namespace

Result<std::optional<PromotionRow>> SqliteStore::incumbent(const std::string& model) {
  return database_->read("reading the incumbent", [&]() -> Result<std::optional<PromotionRow>> {
    auto row = database_
                   ->query(
                       "SELECT id, model, version, digest, kind, who, reason, at FROM promotions WHERE model = ? "
                       "ORDER BY id DESC LIMIT 1")
                   .with(model);
    if (!row.next()) return std::nullopt;
    return read_promotion(row);
  });
}

Result<std::vector<PromotionRow>> SqliteStore::promotions(const std::string& model) {
  return database_->read("listing promotions", [&]() -> Result<std::vector<PromotionRow>> {
    std::vector<PromotionRow> rows;
    auto row = database_
                   ->query(
                       "SELECT id, model, version, digest, kind, who, reason, at FROM promotions WHERE model = ? "
                       "ORDER BY id DESC")
                   .with(model);
    while (row.next()) rows.push_back(read_promotion(row));
    return rows;
  });
}

Result<void> SqliteStore::promote(const std::string& model, const std::string& version, const std::string& digest,
                                  const std::string& kind, const std::string& who, const std::string& reason) {
  if (std::find(kKinds.begin(), kKinds.end(), kind) == kKinds.end())
    return fail(ErrorCode::invalid_input, "no such kind of promotion: '" + kind + "'");
  if (who.empty()) return fail(ErrorCode::invalid_input, "a promotion needs `who`");
  return database_->write("promoting " + model + "/" + version, [&]() -> Result<void> {
    TRY(row, current_version(model, version));
    if (!row) return fail(ErrorCode::not_found, "no version " + model + "/" + version);
    if (row->digest != digest)
      return fail(ErrorCode::conflict, model + "/" + version + " now has digest " + row->digest + ", not " + digest);
    if (row->presence == VersionPresence::deleted)
      return fail(ErrorCode::conflict, model + "/" + version + " is no longer in the registry");
    database_
        ->query("INSERT INTO promotions (model, version, digest, kind, who, reason, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .with(model, version, digest, kind, who, reason, clock_.now())
        .run();
    Json detail = Json::object();
    detail["digest"] = digest;
    detail["reason"] = reason;
    const bool is_signed = row->signature.state == SignatureState::valid;
    detail["signed_by"] = is_signed ? Json(row->signature.key_name) : Json(nullptr);
    return append_audit({who, kind, model + "/" + version, std::move(detail)});
  });
}

}  // namespace defuse
