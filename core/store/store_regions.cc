// Regions: what is remembered of each bug, how every version scored on it, and what people said about it.

#include "core/base/json.h"
#include "core/regions/label.h"
#include "core/regions/votes.h"
#include "core/store/sqlite_store.h"
#include "core/wire/documents.h"

// A macro, because literals join at compile time and the statement cache wants literals.
#define DEFUSE_SELECT                                                                                         \
  "SELECT id, model, label, predicted_as, first_version, last_version, human_label, confirmed, region_json, " \
  "frozen, frozen_cluster_json, first_seen FROM regions"
#define DEFUSE_SELECT_SCORE "SELECT region, version, digest, status, score_json, at FROM region_scores"

namespace defuse {
namespace {

std::string indices_to_json(const std::vector<std::uint32_t>& indices) { return dump_json(Json(indices)); }

Result<std::vector<std::uint32_t>> indices_from_json(const std::string& text, const std::string& what) {
  TRY(json, or_corrupt(parse_json(text, what), what));
  if (!json.is_array()) return fail(ErrorCode::corrupt, "stored " + what + " is no list");
  std::vector<std::uint32_t> indices;
  for (const auto& index : json) {
    if (!index.is_number_unsigned() || index.get<std::uint64_t>() > UINT32_MAX)
      return fail(ErrorCode::corrupt, "stored " + what + " holds something that is no index");
    indices.push_back(index.get<std::uint32_t>());
  }
  return indices;
}

Result<RegionScore> score_from_json(const std::string& text, const std::string& what) {
  TRY(json, or_corrupt(parse_json(text, what), what));
  return or_corrupt(region_score_from_json(json, what), what);
}

Result<RegionRow> read_region(Query& row) {
  RegionRow region;
  region.id = row.text();
  region.model = row.text();
  region.label = static_cast<std::int32_t>(row.integer());
  region.predicted_as = static_cast<std::int32_t>(row.integer());
  region.first_version = row.text();
  region.last_version = row.text();
  region.human_label = row.text();
  region.confirmed = row.integer() != 0;
  const std::string what = "region " + region.id;
  TRY(json, or_corrupt(parse_json(row.text(), what), what));
  TRY(body, or_corrupt(region_from_json(json, what), what));
  region.region = std::move(body);
  region.frozen = row.text();
  TRY(cluster, indices_from_json(row.text(), "frozen clusters of " + what));
  region.frozen_cluster = std::move(cluster);
  region.first_seen = row.time();
  return region;
}

Result<RegionScoreRow> read_score(Query& row) {
  RegionScoreRow score;
  score.region = row.text();
  score.version = row.text();
  score.digest = row.text();
  const std::string what = "score of region " + score.region + " on version " + score.version;
  TRY(status, or_corrupt(region_status_from(row.text()), what));
  score.status = status;
  TRY(values, score_from_json(row.text(), what));
  score.score = values;
  score.at = row.time();
  return score;
}

Result<std::optional<RegionRow>> read_one(Query row) {
  if (!row.next()) return std::nullopt;
  TRY(region, read_region(row));
  return region;
}

}  // namespace

Result<void> SqliteStore::upsert_region(const NewRegion& found, const VerdictRow& verdict) {
  const Region& region = found.region;
  if (region.id.empty()) return fail(ErrorCode::invalid_input, "a region without an id cannot be stored");
  const bool confirmed = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
  TRY(before, read_one(database_->query(DEFUSE_SELECT " WHERE id = ?").with(region.id)));
  if (before && before->model != verdict.model)
    return fail(ErrorCode::conflict, "region " + region.id + " belongs to model " + before->model);
  // The frozen test of the first sighting that was confirmed, by the data or by a person, stays as it was: a test that
  // moves with every release tests nothing.
  const bool settled = before && (before->confirmed || before->human_label == "confirmed");
  const bool keeps_test = before && !before->frozen.empty() && (settled || found.frozen.empty());
  database_
      ->query(
          "INSERT INTO regions (id, model, label, predicted_as, first_version, last_version, human_label, confirmed, "
          "region_json, frozen, frozen_cluster_json, first_seen, status, impact) "
          "VALUES (?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?) "
          "ON CONFLICT (id) DO UPDATE SET label = excluded.label, predicted_as = excluded.predicted_as, "
          "last_version = excluded.last_version, confirmed = max(confirmed, excluded.confirmed), "
          "region_json = excluded.region_json, frozen = excluded.frozen, "
          "frozen_cluster_json = excluded.frozen_cluster_json, status = excluded.status, impact = excluded.impact")
      .with(region.id, verdict.model, keeps_test ? before->label : region.label,
            keeps_test ? before->predicted_as : region.predicted_as, verdict.version, verdict.version,
            confirmed ? 1 : 0, dump_json(to_json(region)), keeps_test ? before->frozen : found.frozen,
            indices_to_json(keeps_test ? before->frozen_cluster : found.frozen_cluster), verdict.created,
            to_string(region.status), region.confirm.candidate_error * static_cast<double>(region.confirm.seeds))
      .run();
  database_
      ->query(
          "INSERT INTO region_scores (region, digest, version, status, score_json, at) VALUES (?, ?, ?, ?, ?, ?) "
          "ON CONFLICT (region, digest) DO UPDATE SET version = excluded.version, status = excluded.status, "
          "score_json = excluded.score_json, at = excluded.at")
      .with(region.id, verdict.digest, verdict.version, to_string(region.status), dump_json(to_json(region.confirm)),
            verdict.created)
      .run();
  return {};
}

Result<std::vector<RegionRow>> SqliteStore::regions(const std::string& model) {
  return database_->read("listing regions", [&]() -> Result<std::vector<RegionRow>> {
    std::vector<RegionRow> regions;
    auto row = database_->query(DEFUSE_SELECT " WHERE model = ? ORDER BY first_seen DESC, rowid DESC").with(model);
    while (row.next()) {
      TRY(region, read_region(row));
      regions.push_back(std::move(region));
    }
    return regions;
  });
}

Result<std::optional<RegionRow>> SqliteStore::region(const std::string& id) {
  return database_->read("reading a region",
                         [&] { return read_one(database_->query(DEFUSE_SELECT " WHERE id = ?").with(id)); });
}

Result<RegionPage> SqliteStore::region_page(const std::string& model, const RegionList& list) {
  return database_->read("listing regions", [&]() -> Result<RegionPage> {
    // One statement for every choice: what was not asked for holds for every row.
    const std::string status = list.status ? std::string(to_string(*list.status)) : "";
    const std::int64_t unlabelled = list.unlabelled ? 1 : 0;
    const auto limit = std::min<std::size_t>(list.limit, INT32_MAX);
    const auto offset = std::min<std::size_t>(list.offset, INT32_MAX);
    RegionPage page;
    {
      auto count = database_->query(
          "SELECT count(*) FROM regions WHERE model = ?1 AND (?2 = '' OR status = ?2) AND (?3 = 0 OR human_label = "
          "'')");
      auto row = std::move(count).with(model, status, unlabelled);
      if (row.next()) page.total = static_cast<std::size_t>(row.integer());
    }
    // Chosen on an index alone; only the page's rows are read.
    auto rows =
        list.newest
            ? database_
                  ->query(DEFUSE_SELECT
                          " WHERE rowid IN (SELECT rowid FROM regions WHERE model = ?1 AND (?2 = '' OR status = ?2) "
                          "AND (?3 = 0 OR human_label = '') AND (?6 = '' OR (first_seen, rowid) < "
                          "(SELECT first_seen, rowid FROM regions WHERE id = ?6 AND model = ?1)) "
                          "ORDER BY first_seen DESC, rowid DESC LIMIT ?4 OFFSET ?5) "
                          "ORDER BY first_seen DESC, rowid DESC")
                  .with(model, status, unlabelled, limit, offset, list.before)
            : database_
                  ->query(DEFUSE_SELECT
                          " WHERE rowid IN (SELECT rowid FROM regions WHERE model = ?1 AND (?2 = '' OR status = ?2) "
                          "AND (?3 = 0 OR human_label = '') "
                          "ORDER BY impact DESC, first_seen DESC, rowid DESC LIMIT ?4 OFFSET ?5) "
                          "ORDER BY impact DESC, first_seen DESC, rowid DESC")
                  .with(model, status, unlabelled, limit, offset);
    while (rows.next()) {
      TRY(region, read_region(rows));
      page.rows.push_back(std::move(region));
    }
    return page;
  });
}

Result<std::vector<RegionScoreRow>> SqliteStore::region_scores(const std::string& id) {
  return database_->read("reading a region's scores", [&]() -> Result<std::vector<RegionScoreRow>> {
    std::vector<RegionScoreRow> scores;
    auto row = database_->query(DEFUSE_SELECT_SCORE " WHERE region = ? ORDER BY at, version").with(id);
    while (row.next()) {
      TRY(score, read_score(row));
      scores.push_back(std::move(score));
    }
    return scores;
  });
}

Result<std::optional<RegionScoreRow>> SqliteStore::region_score(const std::string& id, const std::string& digest) {
  return database_->read("reading a region's score", [&]() -> Result<std::optional<RegionScoreRow>> {
    auto row = database_->query(DEFUSE_SELECT_SCORE " WHERE region = ? AND digest = ?").with(id, digest);
    if (!row.next()) return std::nullopt;
    TRY(score, read_score(row));
    return std::optional<RegionScoreRow>(std::move(score));
  });
}

std::vector<LabelRow> SqliteStore::read_labels(const std::string& id) {
  std::vector<LabelRow> labels;
  auto row = database_->query("SELECT label, who, note, at FROM labels WHERE region = ? ORDER BY id").with(id);
  while (row.next()) {
    LabelRow label;
    label.label = row.text();
    label.who = row.text();
    label.note = row.text();
    label.at = row.time();
    labels.push_back(std::move(label));
  }
  return labels;
}

Result<std::vector<LabelRow>> SqliteStore::region_labels(const std::string& id) {
  return database_->read("reading a region's labels",
                         [&]() -> Result<std::vector<LabelRow>> { return read_labels(id); });
}

Result<void> SqliteStore::label_region(const std::string& id, const std::string& label, const std::string& who,
                                       const std::string& note) {
  if (!RegionLabel::from(label))
    return fail(ErrorCode::invalid_input,
                "no such label: '" + label +
                    "' (expected confirmed, class:<number>, ambiguous, unrealistic, or nothing "
                    "to take a label back)");
  if (who.empty()) return fail(ErrorCode::invalid_input, "a label needs `who`");
  return database_->write("labelling region " + id, [&]() -> Result<void> {
    TRY(before, read_one(database_->query(DEFUSE_SELECT " WHERE id = ?").with(id)));
    if (!before) return fail(ErrorCode::not_found, "no region " + id);
    database_->query("INSERT INTO labels (region, label, who, note, at) VALUES (?, ?, ?, ?, ?)")
        .with(id, label, who, note, clock_.now())
        .run();
    std::vector<Vote> votes;
    for (const LabelRow& row : read_labels(id)) votes.push_back({row.who, row.label});
    const Tally counted = tally(votes);
    const std::string& now = counted.label;
    database_->query("UPDATE regions SET human_label = ?, voters = ? WHERE id = ?").with(now, counted.voters, id).run();
    Json detail = Json::object();
    detail["label"] = label;
    detail["before"] = before->human_label;
    detail["note"] = note;
    if (now != label) detail["counts"] = now;  // others say otherwise
    return append_audit({who, "label", id, std::move(detail)});
  });
}

}  // namespace defuse
