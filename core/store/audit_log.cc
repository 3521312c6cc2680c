#include "core/store/audit_log.h"

#include <algorithm>
#include <string>

#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/store/columns.h"

namespace defuse {
namespace {

AuditRow read_audit(Query& row) {
  AuditRow audit;
  audit.id = row.integer();
  audit.at = row.time();
  audit.who = row.text();
  audit.action = row.text();
  audit.subject = row.text();
  audit.detail = row.text();
  audit.hash = row.text();
  return audit;
}

std::string chained_hash(const std::string& previous, const AuditRow& row) {
  return Sha256()
      .field(previous)
      .field(std::to_string(row.id))
      .field(std::to_string(to_milliseconds(row.at)))
      .field(row.who)
      .field(row.action)
      .field(row.subject)
      .field(row.detail)
      .hex();
}

}  // namespace

Result<void> AuditLog::append(Transaction& in, const AuditEntry& entry) {
  if (entry.action.empty() || entry.who.empty())
    return fail(ErrorCode::invalid_input, "an audit entry needs `who` and `action`");
  std::int64_t last_id = 0;
  std::string last_hash;
  {
    auto last = in.query("SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
    if (last.next()) {
      last_id = last.integer();
      last_hash = last.text();
    }
  }
  AuditRow row{last_id + 1, clock_.now(), entry.who, entry.action, entry.subject, dump_json(entry.detail), ""};
  row.hash = chained_hash(last_hash, row);
  in.query("INSERT INTO audit (id, at, who, action, subject, detail_json, hash) VALUES (?, ?, ?, ?, ?, ?, ?)")
      .with(row.id, row.at, row.who, row.action, row.subject, row.detail, row.hash)
      .run();
  return {};
}

Result<void> AuditLog::add(const AuditEntry& entry) {
  return database_.write("writing the audit log", [&](Transaction& in) { return append(in, entry); });
}

Result<std::vector<AuditRow>> AuditLog::rows(std::int64_t before_id, std::size_t limit) {
  return database_.read("reading the audit log", [&](Transaction& in) -> Result<std::vector<AuditRow>> {
    std::vector<AuditRow> rows;
    // before_id <= 0 asks for the newest.
    auto row = in.query(
                     "SELECT id, at, who, action, subject, detail_json, hash FROM audit WHERE id < ? "
                     "ORDER BY id DESC LIMIT ?")
                   .with(before_id > 0 ? before_id : INT64_MAX, std::min<std::size_t>(limit, INT32_MAX));
    while (row.next()) rows.push_back(read_audit(row));
    return rows;
  });
}

Result<void> AuditLog::verify() {
  return database_.read("verifying the audit log", [&](Transaction& in) -> Result<void> {
    const auto broken = [&](std::int64_t id, const std::string& why) {
      return fail(ErrorCode::corrupt, "audit log of " + in.file() + ": row " + std::to_string(id) + " " + why);
    };
    std::string previous;
    std::int64_t last_id = 0;
    auto rows = in.query("SELECT id, at, who, action, subject, detail_json, hash FROM audit ORDER BY id");
    while (rows.next()) {
      const AuditRow row = read_audit(rows);
      if (row.id != last_id + 1) return broken(last_id + 1, "is missing");
      if (row.hash != chained_hash(previous, row)) return broken(row.id, "was changed (its hash does not fit)");
      previous = row.hash;
      last_id = row.id;
    }
    auto counter = in.query("SELECT seq FROM sqlite_sequence WHERE name = 'audit'");
    const std::int64_t written = counter.next() ? counter.integer() : 0;
    if (written != last_id) return broken(last_id + 1, "is missing");
    return {};
  });
}

}  // namespace defuse
