// The daemon's memory: versions, jobs, verdicts, regions, people's words and the audit log, in one SQLite file.
// One Store object writes (the daemon's main strand); others are opened read-only, one per thread. Every change of
// something a person or pipeline did or sees writes its audit row in the same transaction. Not thread-safe per object.
// Errors: `unavailable` when locked too long, `corrupt`, `exhausted` on a full disk, `conflict` for moves that are not
// legal, `not_found`.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"
#include "core/registry/candidate.h"
#include "core/registry/diff.h"
#include "core/repair/repair.h"
#include "core/verdict/job.h"
#include "core/verdict/records.h"

namespace defuse {

// A job's regions by status.
struct RegionCounts {
  std::int64_t new_bug = 0;
  std::int64_t worse = 0;
  std::int64_t inherited = 0;
  std::int64_t fixed = 0;
  std::int64_t suspected = 0;
};

// What a list of versions tells of a verdict, without reading it whole.
struct VerdictSummary {
  VerdictState state = VerdictState::error;
  TimePoint created;
  std::string incumbent_version;
  std::optional<double> accuracy;  // unset where it was not measured
  std::optional<double> incumbent_accuracy;
  std::optional<double> flip_rate;  // of all test images: right before, wrong now
  RegionCounts regions;
};

struct VersionList {
  std::string before = {};  // only those older than this version
  std::size_t offset = 0;
  std::size_t limit = 25;
};
struct VersionPage {
  struct Row {
    VersionRow version;
    std::optional<VerdictSummary> verdict;  // the latest on its digest
  };
  std::vector<Row> rows;
  std::size_t total = 0;  // of current ones, whatever the list asks for
};

struct JobPage {
  std::vector<JobRow> rows;
  std::size_t total = 0;
};

struct RegionRow {
  std::string id;
  std::string model;
  std::int32_t label = 0;
  std::int32_t predicted_as = -1;
  std::string first_version;
  std::string last_version;
  std::string human_label;       // what people say (votes.h): "", "confirmed", "class:<n>", "ambiguous", "unrealistic"
  bool confirmed = false;        // was ever confirmed as a bug on the confirmation half
  Region region;                 // as last seen
  std::filesystem::path frozen;  // frozen test images, relative to the state folder; empty if none
  std::vector<std::uint32_t> frozen_cluster;
  TimePoint first_seen;
};

// Which regions of a model a list shows.
struct RegionList {
  std::optional<RegionStatus> status = std::nullopt;
  bool unlabelled = false;  // only those of which people say nothing that counts
  bool newest = false;      // by first sighting; else by impact (seeds that fail), greatest first
  std::string before = {};  // with `newest`: only those seen before this region
  std::size_t offset = 0;
  std::size_t limit = 25;
};
struct RegionPage {
  std::vector<RegionRow> rows;
  std::size_t total = 0;  // of the list without offset and limit
};

// What is left for people to look at: new, worse and inherited regions on which nobody has a say yet, or (`second`) on
// which one person alone has, or several without a majority.
struct RegionQueue {
  std::string model = {};  // empty: of all models
  bool second = false;
  std::string after = {};  // go on after this region
};
struct RegionQueueHead {
  std::string region;    // the one of most impact after `after`; empty if there is none
  std::size_t left = 0;  // of the whole queue, wherever one stands in it
};
struct OpenRegions {
  std::size_t unlabelled = 0;
  std::size_t second = 0;
};

// A score without its counts, for tables of regions by versions.
struct RegionCell {
  std::string region;
  std::string digest;
  RegionStatus status = RegionStatus::suspected;
  std::int64_t seeds = 0;
  double candidate_error = 0;
  Interval candidate_interval;
};

// A waiver with what became of it.
struct WaiverRow {
  Waiver waiver;
  std::optional<TimePoint> removed;
  bool in_use = false;  // the verdict that stands on some version in the registry leans on it
};

// What rows stand for in the state folder, so that what none stands for can be found.
struct Referenced {
  std::set<std::string> reports;       // folders, relative to the state folder
  std::set<std::string> regions;       // ids
  std::set<std::int64_t> results;      // jobs whose verdict is the last one of its artifact: it may be decided again
  std::set<std::int64_t> corrections;  // jobs that ended with one
  std::set<std::int64_t> without_verdict;  // gates that are queued, running or cancelled
  std::set<std::int64_t> open;             // jobs that are queued or running
  std::int64_t newest_job = 0;
};

struct LabelRow {     // one word of one person about a region
  std::string label;  // as RegionRow::human_label; empty: taken back
  std::string who;
  std::string note;
  TimePoint at;
};

struct RegionScoreRow {  // region x version
  std::string region;
  std::string version;
  std::string digest;
  RegionStatus status = RegionStatus::suspected;
  RegionScore score;
  TimePoint at;
};

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

struct NewRegion {  // a region of a finished job, with its identity already settled
  Region region;
  std::filesystem::path frozen;
  std::vector<std::uint32_t> frozen_cluster;
};

class Store {
 public:
  enum class Mode { read_write, read_only };
  // Creates and migrates in read_write mode. Refuses a file written by a newer version or with altered migrations.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file, Mode mode, const Clock& clock);
  virtual ~Store() = default;

  // -- versions
  // Same digest: updates artifact, fingerprint, labels, presence and last_seen. New digest at the same path: the old
  // row stops being current, and an audit row "version.replaced" is written. Another finding about its signature is
  // audited as "version.signature".
  virtual Result<void> put_version(const Candidate& candidate, const std::string& fingerprint) = 0;
  virtual Result<void> mark_deleted(const std::string& model, const std::string& version) = 0;
  virtual Result<std::vector<std::string>> models() = 0;                           // that have at least one version
  virtual Result<std::vector<VersionRow>> versions(const std::string& model) = 0;  // current ones, ordered by version
  virtual Result<VersionPage> version_page(const std::string& model, const VersionList& list) = 0;  // newest first
  virtual Result<std::vector<VersionRow>> all_versions() = 0;  // current ones of all models
  // Current and present ones whose digest has no verdict, ordered by version.
  virtual Result<std::vector<VersionRow>> unjudged_versions() = 0;
  // Current and present ones of the model whose latest verdict has a finding of this id, about this region or covered
  // by this waiver, ordered by version.
  virtual Result<std::vector<VersionRow>> versions_told(const std::string& model, const std::string& subject) = 0;
  // Current and present ones whose latest verdict is not newer than what people said of it: a label of a region it
  // tells of, a waiver of one of its findings that was added and still holds at `now`, or that was taken back.
  virtual Result<std::vector<VersionRow>> versions_outdated(TimePoint now) = 0;
  // The little of them that difference() compares, in no order: read at every scan.
  virtual Result<std::vector<KnownVersion>> known_versions() = 0;
  virtual Result<std::optional<VersionRow>> version(const std::string& model,
                                                    const std::string& version) = 0;  // current
  virtual Result<std::optional<VersionRow>> version_by_digest(const std::string& model, const std::string& digest) = 0;

  // -- jobs: at most one of a kind that is not final per (model, digest). Where it matters which kind, functions are
  // about gates: a repair judges nothing.
  virtual Result<std::int64_t> enqueue(const std::string& model, const std::string& version, const std::string& digest,
                                       std::int64_t priority,
                                       const AuditEntry& audit) = 0;  // returns the open one if any
  // Behind every gate. Returns the open one if it has the same order; `conflict` if it has another.
  virtual Result<std::int64_t> enqueue_repair(const std::string& model, const std::string& version,
                                              const std::string& digest, const RepairOrder& order,
                                              const AuditEntry& audit) = 0;
  virtual Result<RepairOrder> repair_order(std::int64_t job) = 0;  // `not_found` for a gate
  // Newest first; of every version where `digest` is empty.
  virtual Result<std::vector<JobRow>> corrections(const std::string& model, const std::string& digest,
                                                  std::size_t limit) = 0;
  virtual Result<std::optional<JobRow>> next_job(TimePoint now) = 0;  // best queued one whose not_before has come
  virtual Result<std::optional<TimePoint>> next_job_due() = 0;        // earliest not_before among queued
  struct Move {                                                       // what changes along with the state
    std::optional<std::string> error = std::nullopt;
    std::optional<TimePoint> not_before = std::nullopt;
    std::optional<ArtifactRef> incumbent = std::nullopt;
    std::string who = "daemon";  // for the audit row of a final move, e.g. who cancelled
  };
  virtual Result<void> move_job(std::int64_t id, JobState to, const Move& move) = 0;  // `conflict` for an illegal move
  virtual Result<void> set_progress(std::int64_t id, const std::string& station, double progress) = 0;
  virtual Result<std::optional<JobRow>> job(std::int64_t id) = 0;
  virtual Result<std::optional<JobRow>> last_job(const std::string& model, const std::string& digest) = 0;  // gate
  virtual Result<std::vector<JobRow>> jobs(std::size_t limit) = 0;  // newest first
  // Running ones, then the queue in its order, then those that ended, newest first.
  virtual Result<JobPage> job_page(std::size_t offset, std::size_t limit) = 0;
  virtual Result<std::vector<JobRow>> running_jobs() = 0;

  // -- verdicts: written together with the job's last move, the findings, the regions and their scores, in one
  // transaction
  virtual Result<void> finish_job(std::int64_t id, JobState final_state, const VerdictRow& verdict,
                                  const std::vector<NewRegion>& regions) = 0;
  // A verdict decided again after a label or a waiver changed; the old one is kept as history.
  virtual Result<void> put_verdict(const VerdictRow& verdict, const AuditEntry& audit) = 0;
  virtual Result<std::optional<VerdictRow>> verdict(const std::string& model, const std::string& digest) = 0;  // latest
  virtual Result<std::vector<VerdictRow>> verdicts(const std::string& model, std::size_t limit) = 0;  // newest first

  // How the line's test splits were used so far, as candidate `digest` finds them: from one snapshot.
  virtual Result<JudgementHistory> judgement_history(const std::string& model, const std::string& digest) = 0;

  // -- incumbents
  virtual Result<std::optional<PromotionRow>> incumbent(const std::string& model) = 0;
  virtual Result<std::vector<PromotionRow>> promotions(const std::string& model) = 0;  // newest first
  virtual Result<void> promote(const std::string& model, const std::string& version, const std::string& digest,
                               const std::string& kind, const std::string& who, const std::string& reason) = 0;

  // -- regions
  virtual Result<std::vector<RegionRow>> regions(const std::string& model) = 0;  // newest first
  virtual Result<RegionPage> region_page(const std::string& model, const RegionList& list) = 0;
  virtual Result<RegionQueueHead> region_queue(const RegionQueue& queue) = 0;
  virtual Result<std::map<std::string, OpenRegions>> open_regions() = 0;  // by model; none for a model without any
  virtual Result<std::optional<RegionRow>> region(const std::string& id) = 0;
  virtual Result<std::vector<RegionScoreRow>> region_scores(const std::string& id) = 0;  // oldest first
  virtual Result<std::optional<RegionScoreRow>> region_score(const std::string& id, const std::string& digest) = 0;
  virtual Result<std::vector<RegionCell>> region_cells(const std::vector<std::string>& regions,
                                                       const std::vector<std::string>& digests) = 0;
  // One person's word; what it makes of the region's human_label is for the majority (votes.h).
  virtual Result<void> label_region(const std::string& id, const std::string& label, const std::string& who,
                                    const std::string& note) = 0;
  virtual Result<std::vector<LabelRow>> region_labels(const std::string& id) = 0;  // every word, oldest first

  // -- waivers
  virtual Result<std::string> add_waiver(const Waiver& waiver, const std::string& who) = 0;  // returns its id
  virtual Result<void> remove_waiver(const std::string& id, const std::string& who) = 0;
  virtual Result<std::vector<Waiver>> waivers(const std::string& model) = 0;  // all of that model; "" = every model
  virtual Result<std::vector<WaiverRow>> waiver_rows(const std::string& model) = 0;  // removed ones too, newest first

  // -- files
  virtual Result<Referenced> referenced() = 0;

  // -- audit
  virtual Result<void> audit(const AuditEntry& entry) = 0;
  virtual Result<std::vector<AuditRow>> audit_rows(std::int64_t before_id, std::size_t limit) = 0;  // newest first
  virtual Result<void> verify_audit() = 0;  // `corrupt`, naming the first row whose hash does not fit
};

}  // namespace defuse
