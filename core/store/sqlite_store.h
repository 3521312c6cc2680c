// The Store on SQLite. Its functions are spread over store_*.cc by concern; this header is for those files and for
// tests that need to look beneath. Everything else holds a Store (store.h).
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/database.h"
#include "core/store/store.h"

namespace defuse {

struct JobKey {  // what a job is about
  const std::string& model;
  const std::string& version;
  const std::string& digest;
};

class SqliteStore final : public Store {
 public:
  SqliteStore(std::unique_ptr<Database> database, const Clock& clock);

  Result<void> put_version(const Candidate& candidate, const std::string& fingerprint) override;
  Result<void> mark_deleted(const std::string& model, const std::string& version) override;
  Result<std::vector<std::string>> models() override;
  Result<std::vector<VersionRow>> versions(const std::string& model) override;
  Result<VersionPage> version_page(const std::string& model, const VersionList& list) override;
  Result<std::vector<VersionRow>> all_versions() override;
  Result<std::vector<VersionRow>> unjudged_versions() override;
  Result<std::vector<VersionRow>> versions_told(const std::string& model, const std::string& subject) override;
  Result<std::vector<VersionRow>> versions_outdated(TimePoint now) override;
  Result<std::vector<KnownVersion>> known_versions() override;
  Result<std::optional<VersionRow>> version(const std::string& model, const std::string& version) override;
  Result<std::optional<VersionRow>> version_by_digest(const std::string& model, const std::string& digest) override;

  Result<std::int64_t> enqueue(const std::string& model, const std::string& version, const std::string& digest,
                               std::int64_t priority, const AuditEntry& audit) override;
  Result<std::int64_t> enqueue_repair(const std::string& model, const std::string& version, const std::string& digest,
                                      const RepairOrder& order, const AuditEntry& audit) override;
  Result<RepairOrder> repair_order(std::int64_t job) override;
  Result<std::vector<JobRow>> corrections(const std::string& model, const std::string& digest,
                                          std::size_t limit) override;
  Result<std::optional<JobRow>> next_job(TimePoint now) override;
  Result<std::optional<TimePoint>> next_job_due() override;
  Result<void> move_job(std::int64_t id, JobState to, const Move& move) override;
  Result<void> set_progress(std::int64_t id, const std::string& station, double progress) override;
  Result<std::optional<JobRow>> job(std::int64_t id) override;
  Result<std::optional<JobRow>> last_job(const std::string& model, const std::string& digest) override;
  Result<std::vector<JobRow>> jobs(std::size_t limit) override;
  Result<JobPage> job_page(std::size_t offset, std::size_t limit) override;
  Result<std::vector<JobRow>> running_jobs() override;

  Result<void> finish_job(std::int64_t id, JobState final_state, const VerdictRow& verdict,
                          const std::vector<NewRegion>& regions) override;
  Result<void> put_verdict(const VerdictRow& verdict, const AuditEntry& audit) override;
  Result<std::optional<VerdictRow>> verdict(const std::string& model, const std::string& digest) override;
  Result<std::vector<VerdictRow>> verdicts(const std::string& model, std::size_t limit) override;
  Result<JudgementHistory> judgement_history(const std::string& model, const std::string& digest) override;

  Result<std::optional<PromotionRow>> incumbent(const std::string& model) override;
  Result<std::vector<PromotionRow>> promotions(const std::string& model) override;
  Result<void> promote(const std::string& model, const std::string& version, const std::string& digest,
                       const std::string& kind, const std::string& who, const std::string& reason) override;

  Result<std::vector<RegionRow>> regions(const std::string& model) override;
  Result<RegionPage> region_page(const std::string& model, const RegionList& list) override;
  Result<RegionQueueHead> region_queue(const RegionQueue& queue) override;
  Result<std::map<std::string, OpenRegions>> open_regions() override;
  Result<std::vector<RegionCell>> region_cells(const std::vector<std::string>& regions,
                                               const std::vector<std::string>& digests) override;
  Result<std::optional<RegionRow>> region(const std::string& id) override;
  Result<std::vector<RegionScoreRow>> region_scores(const std::string& id) override;
  Result<std::optional<RegionScoreRow>> region_score(const std::string& id, const std::string& digest) override;
  Result<std::vector<LabelRow>> region_labels(const std::string& id) override;
  Result<void> label_region(const std::string& id, const std::string& label, const std::string& who,
                            const std::string& note) override;

  Result<std::string> add_waiver(const Waiver& waiver, const std::string& who) override;
  Result<void> remove_waiver(const std::string& id, const std::string& who) override;
  Result<std::vector<Waiver>> waivers(const std::string& model) override;
  Result<std::vector<WaiverRow>> waiver_rows(const std::string& model) override;

  Result<Referenced> referenced() override;

  Result<void> audit(const AuditEntry& entry) override;
  Result<std::vector<AuditRow>> audit_rows(std::int64_t before_id, std::size_t limit) override;
  Result<void> verify_audit() override;

  Database& database() { return *database_; }

 private:
  std::vector<LabelRow> read_labels(const std::string& id);
  // These run inside a transaction that the caller opened, and may throw SQLite::Exception.
  Result<void> append_audit(const AuditEntry& entry);
  Result<void> audit_signature(const std::string& subject, const std::optional<VersionRow>& before,
                               const Candidate& candidate);
  Result<void> change_state(std::int64_t id, JobState to, const Move& move);  // the one mutator of jobs.state
  Result<JobRow> existing_job(std::int64_t id);
  Result<std::int64_t> insert_job(JobKind kind, const JobKey& key, std::int64_t priority, const std::string& order,
                                  const AuditEntry& audit);
  Result<std::optional<VersionRow>> current_version(const std::string& model, const std::string& version);
  bool has_version(const std::string& model, const std::string& version, const std::string& digest);
  Result<void> insert_verdict(const VerdictRow& verdict, const RegionCounts& regions);
  RegionCounts counted_regions(std::int64_t job);
  void note_judgement(const VerdictRow& verdict);
  Result<void> upsert_region(const NewRegion& found, const VerdictRow& verdict);
  std::string new_waiver_id(const Waiver& waiver);

  std::unique_ptr<Database> database_;
  const Clock& clock_;
};

// A list of texts as a JSON array, and back. `corrupt` names the database.
std::string texts_to_json(const std::vector<std::string>& texts);
Result<std::vector<std::string>> texts_from_json(const std::string& json, const std::string& column);

// Rows that hold what they should not are `corrupt`, whatever the decoder called it.
template <class T>
Result<T> or_corrupt(Result<T> result, const std::string& what) {
  if (result) return result;
  return fail(ErrorCode::corrupt, "stored " + what + ": " + result.error().describe());
}

}  // namespace defuse
