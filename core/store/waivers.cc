#include "core/store/waivers.h"

#include <algorithm>

#include "core/base/json.h"
#include "core/base/sha256.h"
#include "core/store/columns.h"
#include "core/wire/documents.h"

// A macro, because literals join at compile time and the statement cache wants literals.
#define DEFUSE_SELECT "SELECT id, model, finding, versions_json, reason, ticket, approved_by, created, expires"

namespace defuse {
namespace {

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

Result<void> validate(const Waiver& waiver) {
  const auto missing = [](const char* field) {
    return fail(ErrorCode::invalid_input, std::string("a waiver needs `") + field + "`");
  };
  if (is_blank(waiver.model)) return missing("model");
  if (is_blank(waiver.finding)) return missing("finding");
  if (is_blank(waiver.reason)) return missing("reason");
  if (is_blank(waiver.approved_by)) return missing("approved_by");
  if (waiver.expires == TimePoint{}) return missing("expires");
  if (waiver.finding.find('*') != std::string::npos || waiver.model.str().find('*') != std::string::npos)
    return fail(ErrorCode::invalid_input, "a waiver names one finding of one model; there are no wildcards");
  if (std::any_of(waiver.versions.begin(), waiver.versions.end(), is_blank))
    return fail(ErrorCode::invalid_input, "a waiver's `versions` holds an empty name");
  if (waiver.expires <= waiver.created)
    return fail(ErrorCode::invalid_input, "a waiver must expire after it was created: `expires` is " +
                                              to_rfc3339(waiver.expires) + ", `created` " + to_rfc3339(waiver.created));
  return {};
}

Result<Waiver> read_waiver(Query& row) {
  Waiver waiver;
  waiver.id = row.text();
  waiver.model = row.model();
  waiver.finding = row.text();
  TRY(versions, texts_from_json(row.text(), "versions of waiver " + waiver.id));
  waiver.versions = std::move(versions);
  waiver.reason = row.text();
  waiver.ticket = row.text();
  waiver.approved_by = row.text();
  waiver.created = row.time();
  waiver.expires = row.time();
  return waiver;
}

Json to_detail(const Waiver& waiver) {
  Json detail = to_json(waiver);
  detail.erase("id");
  return detail;
}

}  // namespace

// Eight hex digits are enough for people to tell waivers apart; a clash draws again.
std::string WaiverStore::new_id(Transaction& in, const Waiver& waiver) {
  for (std::int64_t attempt = 0;; ++attempt) {
    auto count = in.query("SELECT count(*) FROM waivers");
    const std::int64_t present = count.next() ? count.integer() : 0;
    const std::string id = "w-" + Sha256()
                                      .field(dump_json(to_detail(waiver)))
                                      .field(std::to_string(present))
                                      .field(std::to_string(attempt))
                                      .hex()
                                      .substr(0, 8);
    if (!in.query("SELECT 1 FROM waivers WHERE id = ?").with(id).next()) return id;
  }
}

Result<std::string> WaiverStore::add(const Waiver& given, const std::string& who) {
  Waiver waiver = given;
  if (waiver.created == TimePoint{}) waiver.created = clock_.now();
  TRY_OK(validate(waiver));
  if (who.empty()) return fail(ErrorCode::invalid_input, "a waiver needs `who`");
  return database_.write("adding a waiver", [&](Transaction& in) -> Result<std::string> {
    waiver.id = new_id(in, waiver);
    in.query(
          "INSERT INTO waivers (id, model, finding, versions_json, reason, ticket, approved_by, created, expires) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .with(waiver.id, waiver.model, waiver.finding, texts_to_json(waiver.versions), waiver.reason, waiver.ticket,
              waiver.approved_by, waiver.created, waiver.expires)
        .run();
    TRY_OK(audit_.append(in, {who, "waive", waiver.id, to_detail(waiver)}));
    return waiver.id;
  });
}

Result<void> WaiverStore::remove(const std::string& id, const std::string& who) {
  if (who.empty()) return fail(ErrorCode::invalid_input, "removing a waiver needs `who`");
  return database_.write("removing waiver " + id, [&](Transaction& in) -> Result<void> {
    const int changed =
        in.query("UPDATE waivers SET removed = ? WHERE id = ? AND removed IS NULL").with(clock_.now(), id).run();
    if (changed == 0) return fail(ErrorCode::not_found, "no waiver " + id);
    return audit_.append(in, {who, "unwaive", id, Json::object()});
  });
}

Result<std::vector<Waiver>> WaiverStore::of(const ModelName& model) {
  return database_.read("listing waivers", [&](Transaction& in) -> Result<std::vector<Waiver>> {
    std::vector<Waiver> waivers;
    auto row =
        in.query(DEFUSE_SELECT " FROM waivers WHERE removed IS NULL AND (?1 = '' OR model = ?1) ORDER BY created, id")
            .with(model);
    while (row.next()) {
      TRY(waiver, read_waiver(row));
      waivers.push_back(std::move(waiver));
    }
    return waivers;
  });
}

// Whether a waiver is in use is for the verdicts to say: decide() wrote into each finding which waiver covers it.
Result<std::vector<WaiverRow>> WaiverStore::rows(const ModelName& model) {
  return database_.read("listing waivers", [&](Transaction& in) -> Result<std::vector<WaiverRow>> {
    std::vector<WaiverRow> rows;
    auto row = in.query(DEFUSE_SELECT
                        ", removed, EXISTS (SELECT 1 FROM findings JOIN verdicts ON verdicts.id = findings.verdict "
                        "WHERE findings.waiver = waivers.id AND findings.waiver <> '' AND NOT EXISTS ("
                        "SELECT 1 FROM verdicts AS later WHERE later.model = verdicts.model "
                        "AND later.digest = verdicts.digest AND later.id > verdicts.id) AND EXISTS ("
                        "SELECT 1 FROM versions WHERE versions.model = verdicts.model "
                        "AND versions.digest = verdicts.digest AND current = 1 AND presence = 'present')) "
                        "FROM waivers WHERE ?1 = '' OR model = ?1 ORDER BY created DESC, id")
                   .with(model);
    while (row.next()) {
      WaiverRow found;
      TRY(waiver, read_waiver(row));
      found.waiver = std::move(waiver);
      found.removed = row.optional_time();
      found.in_use = row.integer() != 0 && !found.removed;
      rows.push_back(std::move(found));
    }
    return rows;
  });
}

}  // namespace defuse
