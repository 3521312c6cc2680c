#include "core/store/verdicts.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <string_view>

#include "core/base/json.h"
#include "core/store/columns.h"
#include "core/wire/documents.h"

// A macro, because literals join at compile time and the statement cache wants literals.
#define DEFUSE_SELECT                                                                                                \
  "SELECT id, job, model, version, digest, created, incumbent_version, incumbent_digest, verdict_json, report FROM " \
  "verdicts"

namespace defuse {
namespace {

struct StoredVerdict {
  std::int64_t id = 0;
  VerdictRow row;
};

// Without its findings: they are rows of their own.
Result<StoredVerdict> read_head(Query& row) {
  StoredVerdict stored;
  stored.id = row.integer();
  stored.row.job = row.integer();
  stored.row.model = row.model();
  stored.row.version = row.version();
  stored.row.digest = row.digest();
  stored.row.created = row.time();
  stored.row.incumbent_version = row.version();
  stored.row.incumbent_digest = row.digest();
  const std::string what = "verdict " + std::to_string(stored.id);
  TRY(json, or_corrupt(parse_json(row.text(), what), what));
  TRY(verdict, or_corrupt(verdict_from_json(json, what), what));
  stored.row.verdict = std::move(verdict);
  stored.row.report = row.text();
  return stored;
}

Result<void> read_findings(Transaction& in, StoredVerdict& stored) {
  auto row = in.query("SELECT finding_json FROM findings WHERE verdict = ? ORDER BY position").with(stored.id);
  while (row.next()) {
    const std::string what = "finding of verdict " + std::to_string(stored.id);
    TRY(json, or_corrupt(parse_json(row.text(), what), what));
    TRY(finding, or_corrupt(finding_from_json(json, what), what));
    stored.row.verdict.findings.push_back(std::move(finding));
  }
  return {};
}

Result<std::vector<VerdictRow>> read_all(Transaction& in, Query rows) {
  std::vector<VerdictRow> verdicts;
  while (rows.next()) {
    TRY(stored, read_head(rows));
    TRY_OK(read_findings(in, stored));
    verdicts.push_back(std::move(stored.row));
  }
  return verdicts;
}

Json audit_detail(const VerdictRow& row) {
  Json detail = Json::object();
  detail["job"] = row.job;
  detail["digest"] = row.digest;
  detail["verdict"] = to_string(row.verdict.state);
  detail["reason"] = row.verdict.reason;
  detail["incumbent"] = row.incumbent_version.empty() ? Json(nullptr) : Json(row.incumbent_version);
  detail["report"] = row.report.string();
  return detail;
}

std::optional<double> finite(double value) { return std::isfinite(value) ? std::optional(value) : std::nullopt; }

// The overall finding of the first of these names; none where no check measured it.
const Finding* overall(const Verdict& verdict, std::initializer_list<std::string_view> ids) {
  for (const auto id : ids)
    for (const Finding& finding : verdict.findings)
      if (finding.id == id) return &finding;
  return nullptr;
}

RegionCounts count(const std::vector<NewRegion>& regions) {
  RegionCounts counts;
  for (const NewRegion& found : regions) switch (found.region.status) {
      case RegionStatus::new_bug:
        ++counts.new_bug;
        break;
      case RegionStatus::worse:
        ++counts.worse;
        break;
      case RegionStatus::inherited:
        ++counts.inherited;
        break;
      case RegionStatus::fixed:
        ++counts.fixed;
        break;
      case RegionStatus::suspected:
        ++counts.suspected;
        break;
    }
  return counts;
}

Result<void> expect_same_version(const JobRow& job, const VerdictRow& verdict) {
  if (job.kind != JobKind::gate)
    return fail(ErrorCode::conflict, "job " + std::to_string(job.id) + " is a correction, which judges nothing");
  if (job.model == verdict.model && job.version == verdict.version && job.digest == verdict.digest) return {};
  return fail(ErrorCode::invalid_input, "the verdict is about " + verdict.model + "/" + verdict.version + " (" +
                                            verdict.digest + "), but job " + std::to_string(job.id) + " judges " +
                                            job.model + "/" + job.version + " (" + job.digest + ")");
}

}  // namespace

Result<void> VerdictStore::insert(Transaction& in, const VerdictRow& verdict, const RegionCounts& regions) {
  Verdict head = verdict.verdict;
  head.findings.clear();
  const Finding* accuracy = overall(verdict.verdict, {"accuracy/overall"});
  const Finding* flips = overall(verdict.verdict, {"negative_flips/overall", "negative_flips/floor/overall"});
  in.query(
        "INSERT INTO verdicts (job, model, version, digest, created, incumbent_version, incumbent_digest, state, "
        "verdict_json, report, accuracy, incumbent_accuracy, flip_rate, regions_new, regions_worse, "
        "regions_inherited, regions_fixed, regions_suspected) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
      .with(verdict.job, verdict.model, verdict.version, verdict.digest, verdict.created, verdict.incumbent_version,
            verdict.incumbent_digest, to_string(head.state), dump_json(to_json(head)), verdict.report,
            accuracy ? finite(accuracy->value) : std::nullopt,
            accuracy ? finite(accuracy->incumbent_value) : std::nullopt, flips ? finite(flips->value) : std::nullopt,
            regions.new_bug, regions.worse, regions.inherited, regions.fixed, regions.suspected)
      .run();
  const auto id = in.last_id();
  std::int64_t position = 0;
  for (const Finding& finding : verdict.verdict.findings)
    in.query(
          "INSERT INTO findings (verdict, position, id, region, decision, finding_json, waiver) "
          "VALUES (?, ?, ?, ?, ?, ?, ?)")
        .with(id, position++, finding.id, finding.region, to_string(finding.decision), dump_json(to_json(finding)),
              finding.waiver)
        .run();
  return {};
}

// Deciding again runs no model: the job's regions are what they were.
RegionCounts VerdictStore::counted_regions(Transaction& in, std::int64_t job) {
  RegionCounts counts;
  auto row = in.query(
                   "SELECT regions_new, regions_worse, regions_inherited, regions_fixed, regions_suspected "
                   "FROM verdicts WHERE job = ? ORDER BY id DESC LIMIT 1")
                 .with(job);
  if (!row.next()) return counts;
  counts.new_bug = row.integer();
  counts.worse = row.integer();
  counts.inherited = row.integer();
  counts.fixed = row.integer();
  counts.suspected = row.integer();
  return counts;
}

Result<void> VerdictStore::finish_job(std::int64_t id, JobState final_state, const VerdictRow& verdict,
                                      const std::vector<NewRegion>& regions) {
  if (final_state != JobState::done && final_state != JobState::failed)
    return fail(ErrorCode::conflict,
                "a verdict ends a job as done or failed, not as " + std::string(to_string(final_state)));
  if (verdict.job != 0 && verdict.job != id)
    return fail(ErrorCode::invalid_input,
                "the verdict belongs to job " + std::to_string(verdict.job) + ", not to job " + std::to_string(id));
  return database_.write("finishing job " + std::to_string(id), [&](Transaction& in) -> Result<void> {
    TRY(job, jobs_.existing(in, id));
    TRY_OK(expect_same_version(job, verdict));
    JobStore::Move move;
    if (final_state == JobState::failed) move.error = verdict.verdict.reason;
    if (!verdict.incumbent_digest.empty())
      move.incumbent = ArtifactRef{Version(verdict.incumbent_version), Digest(verdict.incumbent_digest), {}};
    TRY_OK(jobs_.change_state(in, id, final_state, move));
    VerdictRow row = verdict;
    row.job = id;
    TRY_OK(insert(in, row, count(regions)));
    judgements_.note(in, row);
    for (const NewRegion& region : regions) TRY_OK(regions_.upsert(in, region, row));
    Json detail = audit_detail(row);
    detail["state"] = to_string(final_state);
    return audit_.append(in, {"daemon", "verdict", row.model + "/" + row.version, std::move(detail)});
  });
}

Result<void> VerdictStore::put(const VerdictRow& verdict, const AuditEntry& audit) {
  return database_.write("storing a verdict that was decided again", [&](Transaction& in) -> Result<void> {
    TRY(job, jobs_.existing(in, verdict.job));
    TRY_OK(expect_same_version(job, verdict));
    if (job.state != JobState::done && job.state != JobState::failed)
      return fail(ErrorCode::conflict, "job " + std::to_string(job.id) + " is " + std::string(to_string(job.state)) +
                                           "; only a judged version can be decided again");
    TRY_OK(insert(in, verdict, counted_regions(in, verdict.job)));
    judgements_.note(in, verdict);
    AuditEntry entry = audit;
    if (entry.detail.is_object()) entry.detail.update(audit_detail(verdict));
    return audit_.append(in, entry);
  });
}

Result<std::optional<VerdictRow>> VerdictStore::latest(const ModelName& model, const Digest& digest) {
  return database_.read("reading a verdict", [&](Transaction& in) -> Result<std::optional<VerdictRow>> {
    TRY(rows,
        read_all(
            in,
            in.query(DEFUSE_SELECT " WHERE model = ? AND digest = ? ORDER BY id DESC LIMIT 1").with(model, digest)));
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  });
}

Result<std::vector<VerdictRow>> VerdictStore::newest(const ModelName& model, std::size_t limit) {
  return database_.read("listing verdicts", [&](Transaction& in) {
    return read_all(in, in.query(DEFUSE_SELECT " WHERE model = ? ORDER BY id DESC LIMIT ?")
                            .with(model, std::min<std::size_t>(limit, INT32_MAX)));
  });
}

}  // namespace defuse
