#include "core/store/store.h"

#include <algorithm>
#include <utility>

namespace defuse {

Store::Store(std::unique_ptr<Database> database, const Clock& clock)
    : database_(std::move(database)),
      audit(*database_, clock),
      versions(*database_, audit),
      jobs(*database_, clock, audit, versions),
      judgements(*database_),
      promotions(*database_, clock, audit, versions),
      regions(*database_, clock, audit),
      waivers(*database_, clock, audit),
      verdicts(*database_, audit, jobs, judgements, regions) {}

Result<std::unique_ptr<Store>> Store::open(const std::filesystem::path& file, Mode mode, const Clock& clock) {
  const auto access = mode == Mode::read_write ? Database::Access::read_write : Database::Access::read_only;
  TRY(database, Database::open(file, access, clock.now()));
  return std::unique_ptr<Store>(new Store(std::move(database), clock));
}

Result<Referenced> Store::referenced() {
  return database_->read("listing what has files", [&](Transaction& in) -> Result<Referenced> {
    Referenced found;
    auto report = in.query("SELECT report FROM verdicts");
    while (report.next()) found.reports.insert(report.text());
    auto region = in.query("SELECT id FROM regions");
    while (region.next()) found.regions.insert(region.text());
    auto result = in.query(
        "SELECT job FROM verdicts v WHERE id = (SELECT max(id) FROM verdicts l WHERE l.model = v.model AND "
        "l.digest = v.digest) AND (SELECT state FROM jobs WHERE id = v.job) = 'done'");
    while (result.next()) found.results.insert(result.integer());
    auto job = in.query("SELECT id, kind, state FROM jobs");
    while (job.next()) {
      const auto id = job.integer();
      const auto kind = job.text(), state = job.text();
      found.newest_job = std::max(found.newest_job, id);
      const bool ended = state == "done" || state == "failed";
      if (kind == "correction" && state == "done") found.corrections.insert(id);
      if (kind == "gate" && !ended) found.without_verdict.insert(id);
      if (!ended && state != "cancelled") found.open.insert(id);
    }
    return found;
  });
}

}  // namespace defuse
