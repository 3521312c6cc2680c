// Regions: what is remembered of each bug, how every version scored on it, and what people said about it.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/base/names.h"
#include "core/regions/label.h"
#include "core/regions/region.h"
#include "core/store/audit_log.h"
#include "core/verdict/records.h"

namespace defuse {

struct RegionRow {
  RegionId id;
  ModelName model;
  std::int32_t label = 0;
  std::int32_t predicted_as = -1;
  Version first_version;
  Version last_version;
  RegionLabel human_label;       // what people say (votes.h)
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
  RegionId before = {};     // with `newest`: only those seen before this region
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
  ModelName model = {};  // empty: of all models
  bool second = false;
  RegionId after = {};  // go on after this region
};
struct RegionQueueHead {
  RegionId region;       // the one of most impact after `after`; empty if there is none
  std::size_t left = 0;  // of the whole queue, wherever one stands in it
};
struct OpenRegions {
  std::size_t unlabelled = 0;
  std::size_t second = 0;
};

// A score without its counts, for tables of regions by versions.
struct RegionCell {
  RegionId region;
  Digest digest;
  RegionStatus status = RegionStatus::suspected;
  std::int64_t seeds = 0;
  double candidate_error = 0;
  Interval candidate_interval;
};

struct LabelRow {     // one word of one person about a region
  std::string label;  // as RegionRow::human_label; empty: taken back
  std::string who;
  std::string note;
  TimePoint at;
};

struct RegionScoreRow {  // region x version
  RegionId region;
  Version version;
  Digest digest;
  RegionStatus status = RegionStatus::suspected;
  RegionScore score;
  TimePoint at;
};

struct NewRegion {  // a region of a finished job, with its identity already settled
  Region region;
  std::filesystem::path frozen;
  std::vector<std::uint32_t> frozen_cluster;
};

class RegionStore {
 public:
  RegionStore(Database& database, const Clock& clock, AuditLog& audit)
      : database_(database), clock_(clock), audit_(audit) {}

  Result<std::optional<RegionRow>> find(const RegionId& id);
  Result<std::vector<RegionRow>> of(const ModelName& model);  // newest first
  Result<RegionPage> page(const ModelName& model, const RegionList& list);
  Result<RegionQueueHead> queue(const RegionQueue& queue);
  Result<std::map<ModelName, OpenRegions>> open();                 // by model; none for a model without any
  Result<std::vector<RegionScoreRow>> scores(const RegionId& id);  // oldest first
  Result<std::optional<RegionScoreRow>> score(const RegionId& id, const Digest& digest);
  Result<std::vector<RegionCell>> cells(const std::vector<RegionId>& regions, const std::vector<Digest>& digests);

  // One person's word; what it makes of the region's human_label is for the majority (votes.h).
  Result<void> label(const RegionId& id, const std::string& label, const std::string& who, const std::string& note);
  Result<std::vector<LabelRow>> labels(const RegionId& id);  // every word, oldest first

  // What a gate found. The frozen test of a bug that was confirmed stays as it was.
  Result<void> upsert(Transaction& in, const NewRegion& found, const VerdictRow& verdict);

 private:
  std::vector<LabelRow> read_labels(Transaction& in, const RegionId& id);

  Database& database_;
  const Clock& clock_;
  AuditLog& audit_;
};

}  // namespace defuse
