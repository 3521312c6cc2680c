#include "core/store/regions.h"

#include "core/base/json.h"
#include "core/regions/label.h"
#include "core/regions/votes.h"
#include "core/store/columns.h"
#include "core/wire/documents.h"

// A macro, because literals join at compile time and the statement cache wants literals.
#define DEFUSE_SELECT                                                                                         \
  "SELECT id, model, label, predicted_as, first_version, last_version, human_label, confirmed, region_json, " \
  "frozen, frozen_cluster_json, first_seen FROM regions"
#define DEFUSE_SELECT_SCORE "SELECT region, version, digest, status, score_json, at FROM region_scores"

// Which regions wait in which queue (?2: second opinions); macros, because the statement cache wants literals.
#define DEFUSE_SECOND "voters > 0 AND (voters = 1 OR human_label = '')"
#define DEFUSE_ASKED "status IN ('new', 'worse', 'inherited')"
#define DEFUSE_WAITS "(?1 = '' OR model = ?1) AND " DEFUSE_ASKED " AND iif(?2 = 0, voters = 0, " DEFUSE_SECOND ")"

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
  region.id = RegionId(row.text());
  region.model = row.model();
  region.label = static_cast<std::int32_t>(row.integer());
  region.predicted_as = static_cast<std::int32_t>(row.integer());
  region.first_version = row.version();
  region.last_version = row.version();
  TRY(said, or_corrupt(RegionLabel::from(row.text()), "label of region " + region.id));
  region.human_label = said;
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
  score.region = RegionId(row.text());
  score.version = row.version();
  score.digest = row.digest();
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

Result<void> RegionStore::upsert(Transaction& in, const NewRegion& found, const VerdictRow& verdict) {
  const Region& region = found.region;
  if (region.id.empty()) return fail(ErrorCode::invalid_input, "a region without an id cannot be stored");
  const bool confirmed = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
  TRY(before, read_one(in.query(DEFUSE_SELECT " WHERE id = ?").with(region.id)));
  if (before && before->model != verdict.model)
    return fail(ErrorCode::conflict, "region " + region.id + " belongs to model " + before->model);
  // The frozen test of the first sighting that was confirmed, by the data or by a person, stays as it was: a test that
  // moves with every release tests nothing.
  const bool settled = before && (before->confirmed || before->human_label.word() == RegionLabel::Word::confirmed);
  const bool keeps_test = before && !before->frozen.empty() && (settled || found.frozen.empty());
  in.query(
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
  in.query(
        "INSERT INTO region_scores (region, digest, version, status, score_json, at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (region, digest) DO UPDATE SET version = excluded.version, status = excluded.status, "
        "score_json = excluded.score_json, at = excluded.at")
      .with(region.id, verdict.digest, verdict.version, to_string(region.status), dump_json(to_json(region.confirm)),
            verdict.created)
      .run();
  return {};
}

Result<std::vector<RegionRow>> RegionStore::of(const ModelName& model) {
  return database_.read("listing regions", [&](Transaction& in) -> Result<std::vector<RegionRow>> {
    std::vector<RegionRow> regions;
    auto row = in.query(DEFUSE_SELECT " WHERE model = ? ORDER BY first_seen DESC, rowid DESC").with(model);
    while (row.next()) {
      TRY(region, read_region(row));
      regions.push_back(std::move(region));
    }
    return regions;
  });
}

Result<std::optional<RegionRow>> RegionStore::find(const RegionId& id) {
  return database_.read("reading a region",
                        [&](Transaction& in) { return read_one(in.query(DEFUSE_SELECT " WHERE id = ?").with(id)); });
}

Result<RegionPage> RegionStore::page(const ModelName& model, const RegionList& list) {
  return database_.read("listing regions", [&](Transaction& in) -> Result<RegionPage> {
    // One statement for every choice: what was not asked for holds for every row.
    const std::string status = list.status ? std::string(to_string(*list.status)) : "";
    const std::int64_t unlabelled = list.unlabelled ? 1 : 0;
    const auto limit = std::min<std::size_t>(list.limit, INT32_MAX);
    const auto offset = std::min<std::size_t>(list.offset, INT32_MAX);
    RegionPage page;
    {
      auto count = in.query(
          "SELECT count(*) FROM regions WHERE model = ?1 AND (?2 = '' OR status = ?2) AND (?3 = 0 OR human_label = "
          "'')");
      auto row = std::move(count).with(model, status, unlabelled);
      if (row.next()) page.total = static_cast<std::size_t>(row.integer());
    }
    // Chosen on an index alone; only the page's rows are read.
    auto rows =
        list.newest
            ? in.query(DEFUSE_SELECT
                       " WHERE rowid IN (SELECT rowid FROM regions WHERE model = ?1 AND (?2 = '' OR status = ?2) "
                       "AND (?3 = 0 OR human_label = '') AND (?6 = '' OR (first_seen, rowid) < "
                       "(SELECT first_seen, rowid FROM regions WHERE id = ?6 AND model = ?1)) "
                       "ORDER BY first_seen DESC, rowid DESC LIMIT ?4 OFFSET ?5) "
                       "ORDER BY first_seen DESC, rowid DESC")
                  .with(model, status, unlabelled, limit, offset, list.before)
            : in.query(DEFUSE_SELECT
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

Result<std::vector<RegionScoreRow>> RegionStore::scores(const RegionId& id) {
  return database_.read("reading a region's scores", [&](Transaction& in) -> Result<std::vector<RegionScoreRow>> {
    std::vector<RegionScoreRow> scores;
    auto row = in.query(DEFUSE_SELECT_SCORE " WHERE region = ? ORDER BY at, version").with(id);
    while (row.next()) {
      TRY(score, read_score(row));
      scores.push_back(std::move(score));
    }
    return scores;
  });
}

Result<std::optional<RegionScoreRow>> RegionStore::score(const RegionId& id, const Digest& digest) {
  return database_.read("reading a region's score", [&](Transaction& in) -> Result<std::optional<RegionScoreRow>> {
    auto row = in.query(DEFUSE_SELECT_SCORE " WHERE region = ? AND digest = ?").with(id, digest);
    if (!row.next()) return std::nullopt;
    TRY(score, read_score(row));
    return std::optional<RegionScoreRow>(std::move(score));
  });
}

std::vector<LabelRow> RegionStore::read_labels(Transaction& in, const RegionId& id) {
  std::vector<LabelRow> labels;
  auto row = in.query("SELECT label, who, note, at FROM labels WHERE region = ? ORDER BY id").with(id);
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

Result<std::vector<LabelRow>> RegionStore::labels(const RegionId& id) {
  return database_.read("reading a region's labels",
                        [&](Transaction& in) -> Result<std::vector<LabelRow>> { return read_labels(in, id); });
}

Result<void> RegionStore::label(const RegionId& id, const std::string& label, const std::string& who,
                                const std::string& note) {
  if (!RegionLabel::from(label))
    return fail(ErrorCode::invalid_input,
                "no such label: '" + label +
                    "' (expected confirmed, class:<number>, ambiguous, unrealistic, or nothing "
                    "to take a label back)");
  if (who.empty()) return fail(ErrorCode::invalid_input, "a label needs `who`");
  return database_.write("labelling region " + id, [&](Transaction& in) -> Result<void> {
    TRY(before, read_one(in.query(DEFUSE_SELECT " WHERE id = ?").with(id)));
    if (!before) return fail(ErrorCode::not_found, "no region " + id);
    in.query("INSERT INTO labels (region, label, who, note, at) VALUES (?, ?, ?, ?, ?)")
        .with(id, label, who, note, clock_.now())
        .run();
    std::vector<Vote> votes;
    for (const LabelRow& row : read_labels(in, id)) votes.push_back({row.who, row.label});
    const Tally counted = tally(votes);
    const std::string& now = counted.label;
    in.query("UPDATE regions SET human_label = ?, voters = ? WHERE id = ?").with(now, counted.voters, id).run();
    Json detail = Json::object();
    detail["label"] = label;
    detail["before"] = to_string(before->human_label);
    detail["note"] = note;
    if (now != label) detail["counts"] = now;  // others say otherwise
    return audit_.append(in, {who, "label", id, std::move(detail)});
  });
}

Result<RegionQueueHead> RegionStore::queue(const RegionQueue& queue) {
  return database_.read("reading the queue of regions", [&](Transaction& in) -> Result<RegionQueueHead> {
    const std::int64_t second = queue.second ? 1 : 0;
    RegionQueueHead head;
    {
      auto count = in.query("SELECT count(*) FROM regions WHERE " DEFUSE_WAITS).with(queue.model, second);
      if (count.next()) head.left = static_cast<std::size_t>(count.integer());
    }
    auto next = in.query("SELECT id FROM regions WHERE rowid = (SELECT rowid FROM regions WHERE " DEFUSE_WAITS
                         " AND (?3 = '' OR (impact, first_seen, rowid) < "
                         "(SELECT impact, first_seen, rowid FROM regions WHERE id = ?3)) "
                         "ORDER BY impact DESC, first_seen DESC, rowid DESC LIMIT 1)")
                    .with(queue.model, second, queue.after);
    if (next.next()) head.region = RegionId(next.text());
    return head;
  });
}

Result<std::map<ModelName, OpenRegions>> RegionStore::open() {
  return database_.read("counting regions that wait for people",
                        [&](Transaction& in) -> Result<std::map<ModelName, OpenRegions>> {
                          std::map<ModelName, OpenRegions> open;
                          auto row = in.query("SELECT model, sum(voters = 0), sum(" DEFUSE_SECOND
                                              ") FROM regions WHERE " DEFUSE_ASKED " GROUP BY model");
                          while (row.next()) {
                            const auto model = row.model();
                            auto& counts = open[model];
                            counts.unlabelled = static_cast<std::size_t>(row.integer());
                            counts.second = static_cast<std::size_t>(row.integer());
                          }
                          return open;
                        });
}

Result<std::vector<RegionCell>> RegionStore::cells(const std::vector<RegionId>& regions,
                                                   const std::vector<Digest>& digests) {
  return database_.read("reading scores of regions", [&](Transaction& in) -> Result<std::vector<RegionCell>> {
    std::vector<RegionCell> cells;
    // A region without a single seed has an error of null in JSON: it reads as 0, as everywhere.
    auto row = in.query(
                     "SELECT s.region, s.digest, s.status, coalesce(json_extract(score_json, '$.seeds'), 0), "
                     "coalesce(json_extract(score_json, '$.candidate_error'), 0), "
                     "coalesce(json_extract(score_json, '$.candidate_interval[0]'), 0), "
                     "coalesce(json_extract(score_json, '$.candidate_interval[1]'), 1) "
                     "FROM json_each(?1) r CROSS JOIN json_each(?2) d "
                     "JOIN region_scores s ON s.region = r.value AND s.digest = d.value")
                   .with(texts_to_json(regions), texts_to_json(digests));
    while (row.next()) {
      RegionCell cell;
      cell.region = RegionId(row.text());
      cell.digest = row.digest();
      TRY(status, or_corrupt(region_status_from(row.text()), "score of region " + cell.region));
      cell.status = status;
      cell.seeds = row.integer();
      cell.candidate_error = row.number();
      cell.candidate_interval.lower = row.number();
      cell.candidate_interval.upper = row.number();
      cells.push_back(std::move(cell));
    }
    return cells;
  });
}

}  // namespace defuse
