#include "core/store/jobs.h"

#include <algorithm>
#include <cmath>

#include "core/base/json.h"
#include "core/store/columns.h"

// A macro, because literals join at compile time and the statement cache wants literals.
#define DEFUSE_SELECT                                                                                               \
  "SELECT id, kind, model, version, digest, state, attempt, priority, created, not_before, "                        \
  "started, finished, station, progress, error, incumbent_version, incumbent_digest, station_since, station_from, " \
  "progress_at"

namespace defuse {
namespace {

// A gate's is never below 0 (its time), so a repair waits for all of them.
constexpr std::int64_t kRepairPriority = -1;

Result<JobRow> read_job(Query& row) {
  JobRow job;
  job.id = row.integer();
  TRY(kind, or_corrupt(job_kind_from(row.text()), "job " + std::to_string(job.id)));
  job.kind = kind;
  job.model = row.model();
  job.version = row.version();
  job.digest = row.digest();
  TRY(state, or_corrupt(job_state_from(row.text()), "job " + std::to_string(job.id)));
  job.state = state;
  job.attempt = static_cast<int>(row.integer());
  job.priority = row.integer();
  job.created = row.time();
  job.not_before = row.time();
  job.started = row.optional_time();
  job.finished = row.optional_time();
  job.station = row.text();
  job.progress = row.number();
  job.error = row.text();
  job.incumbent_version = row.version();
  job.incumbent_digest = row.digest();
  const auto since = row.optional_time();
  const double from = row.number();
  const auto at = row.optional_time();
  if (since && at) job.pace = Pace{*since, from, *at, job.progress};
  return job;
}

Result<std::optional<JobRow>> read_one(Query row) {
  if (!row.next()) return std::nullopt;
  TRY(job, read_job(row));
  return job;
}

Result<std::vector<JobRow>> read_all(Query rows) {
  std::vector<JobRow> jobs;
  while (rows.next()) {
    TRY(job, read_job(rows));
    jobs.push_back(std::move(job));
  }
  return jobs;
}

std::string illegal_move(const JobRow& job, JobState to) {
  return "job " + std::to_string(job.id) + " (" + job.model + "/" + job.version + ") is " +
         std::string(to_string(job.state)) + "; it cannot become " + std::string(to_string(to));
}

}  // namespace

Result<std::int64_t> JobStore::enqueue(const ModelName& model, const Version& version, const Digest& digest,
                                       std::int64_t priority, const AuditEntry& audit) {
  return database_.write("queueing a job", [&](Transaction& in) -> Result<std::int64_t> {
    {
      auto open = in.query(
                        "SELECT id FROM jobs WHERE model = ? AND digest = ? AND kind = 'gate' AND state IN "
                        "('queued', 'running')")
                      .with(model, digest);
      if (open.next()) {
        const auto id = open.integer();
        // Asking again may hurry a waiting job, never slow it down.
        in.query("UPDATE jobs SET priority = max(priority, ?) WHERE id = ? AND state = 'queued'")
            .with(priority, id)
            .run();
        return id;
      }
    }
    return insert(in, JobKind::gate, {model, version, digest}, priority, "", audit);
  });
}

Result<std::int64_t> JobStore::enqueue_repair(const ModelName& model, const Version& version, const Digest& digest,
                                              const RepairOrder& order, const AuditEntry& audit) {
  return database_.write("queueing a correction", [&](Transaction& in) -> Result<std::int64_t> {
    const auto wanted = dump_json(to_json(order));
    {
      auto open = in.query(
                        "SELECT id, order_json FROM jobs WHERE model = ? AND digest = ? AND kind = 'correction' "
                        "AND state IN ('queued', 'running')")
                      .with(model, digest);
      if (open.next()) {
        const auto id = open.integer();
        if (open.text() == wanted) return id;
        return fail(ErrorCode::conflict, "job " + std::to_string(id) + " is repairing " + model + "/" + version +
                                             " already, with other regions or settings; wait for it or cancel it");
      }
    }
    return insert(in, JobKind::repair, {model, version, digest}, kRepairPriority, wanted, audit);
  });
}

Result<std::int64_t> JobStore::insert(Transaction& in, JobKind kind, const Subject& subject, std::int64_t priority,
                                      const std::string& order, const AuditEntry& audit) {
  if (!versions_.holds(in, subject.model, subject.version, subject.digest))
    return fail(ErrorCode::not_found,
                "no version " + subject.model + "/" + subject.version + " with digest " + subject.digest);
  const auto now = clock_.now();
  in.query(
        "INSERT INTO jobs (kind, model, version, digest, state, attempt, priority, created, not_before, station, "
        "progress, error, incumbent_version, incumbent_digest, order_json) "
        "VALUES (?, ?, ?, ?, 'queued', 0, ?, ?, ?, '', 0, '', '', '', ?)")
      .with(to_string(kind), subject.model, subject.version, subject.digest, priority, now, now, order)
      .run();
  const auto id = in.last_id();
  AuditEntry entry = audit;
  if (entry.detail.is_object()) entry.detail["job"] = id;
  TRY_OK(audit_.append(in, entry));
  return id;
}

Result<RepairOrder> JobStore::repair_order(std::int64_t job) {
  return database_.read("reading a correction's order", [&](Transaction& in) -> Result<RepairOrder> {
    auto row = in.query("SELECT order_json FROM jobs WHERE id = ? AND kind = 'correction'").with(job);
    const auto name = "order of job " + std::to_string(job);
    if (!row.next()) return fail(ErrorCode::not_found, "no correction has number " + std::to_string(job));
    TRY(json, or_corrupt(parse_json(row.text(), name), name));
    return or_corrupt(repair_order_from_json(json), name);
  });
}

Result<std::vector<JobRow>> JobStore::repairs(const ModelName& model, const Digest& digest, std::size_t limit) {
  return database_.read("listing corrections", [&](Transaction& in) {
    return read_all(in.query(DEFUSE_SELECT " FROM jobs WHERE model = ?1 AND kind = 'correction' "
                                           "AND (?2 = '' OR digest = ?2) ORDER BY id DESC LIMIT ?3")
                        .with(model, digest, std::min<std::size_t>(limit, INT32_MAX)));
  });
}

Result<std::optional<JobRow>> JobStore::next(TimePoint now) {
  return database_.read("choosing the next job", [&](Transaction& in) {
    return read_one(in.query(DEFUSE_SELECT
                             " FROM jobs "
                             "WHERE state = 'queued' AND not_before <= ? ORDER BY priority DESC, id LIMIT 1")
                        .with(now));
  });
}

Result<std::optional<TimePoint>> JobStore::next_due() {
  return database_.read("looking when a job is due", [&](Transaction& in) -> Result<std::optional<TimePoint>> {
    auto row = in.query("SELECT min(not_before) FROM jobs WHERE state = 'queued'");
    if (!row.next()) return std::nullopt;
    return row.optional_time();
  });
}

Result<JobRow> JobStore::existing(Transaction& in, std::int64_t id) {
  TRY(job, read_one(in.query(DEFUSE_SELECT " FROM jobs "
                                           "WHERE id = ?")
                        .with(id)));
  if (!job) return fail(ErrorCode::not_found, "no job " + std::to_string(id));
  return *job;
}

Result<void> JobStore::change_state(Transaction& in, std::int64_t id, JobState to, const Move& move) {
  TRY(job, existing(in, id));
  if (!may_move(job.state, to)) return fail(ErrorCode::conflict, illegal_move(job, to));
  const auto now = clock_.now();
  if (to == JobState::running) {
    job.attempt += 1;
    job.started = now;
    job.finished.reset();
  }
  if (is_final(to)) job.finished = now;
  if (to == JobState::running || to == JobState::queued) {  // a new attempt starts from nothing
    job.station.clear();
    job.progress = 0;
    job.pace.reset();
  }
  if (move.error) job.error = *move.error;
  if (move.not_before) job.not_before = *move.not_before;
  if (move.incumbent) {
    job.incumbent_version = move.incumbent->version;
    job.incumbent_digest = move.incumbent->digest;
  }
  in.query(
        "UPDATE jobs SET state = ?, attempt = ?, not_before = ?, started = ?, finished = ?, station = ?, "
        "progress = ?, error = ?, incumbent_version = ?, incumbent_digest = ?, station_since = ?, station_from = ?, "
        "progress_at = ? WHERE id = ?")
      .with(to_string(to), job.attempt, job.not_before, job.started, job.finished, job.station, job.progress, job.error,
            job.incumbent_version, job.incumbent_digest, job.pace ? std::optional(job.pace->since) : std::nullopt,
            job.pace ? job.pace->from : 0, job.pace ? std::optional(job.pace->at) : std::nullopt, id)
      .run();
  return {};
}

Result<void> JobStore::move(std::int64_t id, JobState to, const Move& move) {
  return database_.write("moving a job", [&](Transaction& in) -> Result<void> {
    TRY_OK(change_state(in, id, to, move));
    if (!is_final(to)) return {};
    TRY(job, existing(in, id));
    return audit_.append(in, {move.who, "job." + std::string(to_string(to)), job.model + "/" + job.version,
                              Json{{"job", id}, {"digest", job.digest}, {"error", job.error}}});
  });
}

Result<void> JobStore::set_progress(std::int64_t id, const std::string& station, double progress) {
  if (!std::isfinite(progress))
    return fail(ErrorCode::invalid_input, "progress of job " + std::to_string(id) + " is not a number");
  return database_.write("noting a job's progress", [&](Transaction& in) -> Result<void> {
    const double share = std::clamp(progress, 0.0, 1.0);
    const auto now = clock_.now();
    // On the right stands what was there before.
    const int changed = in.query(
                              "UPDATE jobs SET station = ?1, progress = ?2, progress_at = ?3, "
                              "station_since = iif(station = ?1, station_since, ?3), "
                              "station_from = iif(station = ?1, station_from, ?2) "
                              "WHERE id = ?4 AND state = 'running'")
                            .with(station, share, now, id)
                            .run();
    if (changed == 1) return {};
    TRY(job, existing(in, id));
    return fail(ErrorCode::conflict, "job " + std::to_string(id) + " is " + std::string(to_string(job.state)) +
                                         "; only a running one makes progress");
  });
}

Result<std::optional<JobRow>> JobStore::find(std::int64_t id) {
  return database_.read("reading a job", [&](Transaction& in) -> Result<std::optional<JobRow>> {
    auto found = existing(in, id);
    if (found) return std::optional<JobRow>(std::move(*found));
    if (found.error().code == ErrorCode::not_found) return std::nullopt;
    return tl::unexpected<Error>(found.error());
  });
}

Result<std::optional<JobRow>> JobStore::last_gate(const ModelName& model, const Digest& digest) {
  return database_.read("reading the last job", [&](Transaction& in) {
    return read_one(in.query(DEFUSE_SELECT " FROM jobs "
                                           "WHERE model = ? AND digest = ? AND kind = 'gate' ORDER BY id DESC LIMIT 1")
                        .with(model, digest));
  });
}

Result<std::vector<JobRow>> JobStore::newest(std::size_t limit) {
  return database_.read("listing jobs", [&](Transaction& in) {
    return read_all(in.query(DEFUSE_SELECT " FROM jobs "
                                           "ORDER BY id DESC LIMIT ?")
                        .with(std::min<std::size_t>(limit, INT32_MAX)));
  });
}

Result<JobPage> JobStore::page(std::size_t offset, std::size_t limit) {
  return database_.read("listing jobs", [&](Transaction& in) -> Result<JobPage> {
    JobPage page;
    {
      auto count = in.query("SELECT count(*) FROM jobs");
      if (count.next()) page.total = static_cast<std::size_t>(count.integer());
    }
    // Sorted on the index of the queue; only the page's rows are read.
    TRY(rows, read_all(in.query(DEFUSE_SELECT
                                " FROM jobs JOIN (SELECT id AS chosen FROM jobs ORDER BY state = 'running' DESC, "
                                "state = 'queued' DESC, iif(state = 'queued', -priority, 0), "
                                "iif(state IN ('queued', 'running'), id, -id) LIMIT ? OFFSET ?) ON id = chosen "
                                "ORDER BY state = 'running' DESC, state = 'queued' DESC, "
                                "iif(state = 'queued', -priority, 0), iif(state IN ('queued', 'running'), id, -id)")
                           .with(std::min<std::size_t>(limit, INT32_MAX), std::min<std::size_t>(offset, INT32_MAX))));
    page.rows = std::move(rows);
    return page;
  });
}

Result<std::vector<JobRow>> JobStore::running() {
  return database_.read("listing running jobs", [&](Transaction& in) {
    return read_all(in.query(DEFUSE_SELECT " FROM jobs "
                                           "WHERE state = 'running' ORDER BY id"));
  });
}

}  // namespace defuse
