// The audit log: append-only by triggers, and each row's hash covers the row before it, so that a changed or missing
// row shows. It cannot show that the whole file was replaced; for that, keep a copy of the newest hash elsewhere.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/json.h"
#include "core/base/result.h"
#include "core/store/database.h"

namespace defuse {

struct AuditRow {
  std::int64_t id = 0;
  TimePoint at;
  std::string who;      // "daemon", or a token's name
  std::string action;   // "promote", "waive", "verdict", …
  std::string subject;  // "digits/3", a region or waiver id
  std::string detail;   // JSON
  std::string hash;     // SHA-256 over the previous row's hash and this row's fields
};

struct AuditEntry {
  std::string who;
  std::string action;
  std::string subject;
  Json detail = Json::object();
};

class AuditLog {
 public:
  AuditLog(Database& database, const Clock& clock) : database_(database), clock_(clock) {}

  Result<void> add(const AuditEntry& entry);
  Result<std::vector<AuditRow>> rows(std::int64_t before_id, std::size_t limit);  // newest first; 0: from the newest
  Result<void> verify();  // `corrupt`, naming the first row whose hash does not fit

  // Together with the change that it tells of.
  Result<void> append(Transaction& in, const AuditEntry& entry);

 private:
  Database& database_;
  const Clock& clock_;
};

}  // namespace defuse
