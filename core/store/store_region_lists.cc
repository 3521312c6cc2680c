// Lists about regions that need none of them whole: the queue of those that people have yet to look at, and tables of
// regions by versions.
#include <algorithm>

#include "core/store/sqlite_store.h"

// Which regions wait in which queue (?2: second opinions); macros, because the statement cache wants literals.
#define DEFUSE_SECOND "voters > 0 AND (voters = 1 OR human_label = '')"
#define DEFUSE_ASKED "status IN ('new', 'worse', 'inherited')"
#define DEFUSE_WAITS "(?1 = '' OR model = ?1) AND " DEFUSE_ASKED " AND iif(?2 = 0, voters = 0, " DEFUSE_SECOND ")"

namespace defuse {

Result<RegionQueueHead> SqliteStore::region_queue(const RegionQueue& queue) {
  return database_->read("reading the queue of regions", [&]() -> Result<RegionQueueHead> {
    const std::int64_t second = queue.second ? 1 : 0;
    RegionQueueHead head;
    {
      auto count = database_->query("SELECT count(*) FROM regions WHERE " DEFUSE_WAITS).with(queue.model, second);
      if (count.next()) head.left = static_cast<std::size_t>(count.integer());
    }
    auto next = database_
                    ->query("SELECT id FROM regions WHERE rowid = (SELECT rowid FROM regions WHERE " DEFUSE_WAITS
                            " AND (?3 = '' OR (impact, first_seen, rowid) < "
                            "(SELECT impact, first_seen, rowid FROM regions WHERE id = ?3)) "
                            "ORDER BY impact DESC, first_seen DESC, rowid DESC LIMIT 1)")
                    .with(queue.model, second, queue.after);
    if (next.next()) head.region = next.text();
    return head;
  });
}

Result<std::map<std::string, OpenRegions>> SqliteStore::open_regions() {
  return database_->read("counting regions that wait for people", [&]() -> Result<std::map<std::string, OpenRegions>> {
    std::map<std::string, OpenRegions> open;
    auto row = database_->query("SELECT model, sum(voters = 0), sum(" DEFUSE_SECOND ") FROM regions WHERE " DEFUSE_ASKED
                                " GROUP BY model");
    while (row.next()) {
      const std::string model = row.text();
      auto& counts = open[model];
      counts.unlabelled = static_cast<std::size_t>(row.integer());
      counts.second = static_cast<std::size_t>(row.integer());
    }
    return open;
  });
}

Result<std::vector<RegionCell>> SqliteStore::region_cells(const std::vector<std::string>& regions,
                                                          const std::vector<std::string>& digests) {
  return database_->read("reading scores of regions", [&]() -> Result<std::vector<RegionCell>> {
    std::vector<RegionCell> cells;
    // A region without a single seed has an error of null in JSON: it reads as 0, as everywhere.
    auto row = database_
                   ->query(
                       "SELECT s.region, s.digest, s.status, coalesce(json_extract(score_json, '$.seeds'), 0), "
                       "coalesce(json_extract(score_json, '$.candidate_error'), 0), "
                       "coalesce(json_extract(score_json, '$.candidate_interval[0]'), 0), "
                       "coalesce(json_extract(score_json, '$.candidate_interval[1]'), 1) "
                       "FROM json_each(?1) r CROSS JOIN json_each(?2) d "
                       "JOIN region_scores s ON s.region = r.value AND s.digest = d.value")
                   .with(texts_to_json(regions), texts_to_json(digests));
    while (row.next()) {
      RegionCell cell;
      cell.region = row.text();
      cell.digest = row.text();
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
