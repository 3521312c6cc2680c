// Versions: what was seen in the registry, and which digest is at each path now. Rows are never removed: a version that
// is gone, or whose file was replaced, is still known by its digest.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/registry/candidate.h"
#include "core/registry/diff.h"
#include "core/store/audit_log.h"
#include "core/store/verdict_summary.h"
#include "core/verdict/records.h"

namespace defuse {

struct VersionList {
  Version before = {};  // only those older than this version
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

class VersionStore {
 public:
  VersionStore(Database& database, AuditLog& audit) : database_(database), audit_(audit) {}

  // Same digest: updates artifact, fingerprint, labels, presence and last_seen. New digest at the same path: the old
  // row stops being current, and an audit row "version.replaced" is written. Another finding about its signature is
  // audited as "version.signature".
  Result<void> put(const Candidate& candidate, const std::string& fingerprint);
  Result<void> mark_deleted(const ModelName& model, const Version& version);

  Result<std::vector<ModelName>> models();                                    // that have at least one version
  Result<std::vector<VersionRow>> of(const ModelName& model);                 // current ones, in their order
  Result<VersionPage> page(const ModelName& model, const VersionList& list);  // newest first
  Result<std::vector<VersionRow>> all();                                      // current ones of all models
  Result<std::optional<VersionRow>> current(const ModelName& model, const Version& version);
  Result<std::optional<VersionRow>> by_digest(const ModelName& model, const Digest& digest);
  // The little of the current ones that difference() compares, in no order: read at every scan.
  Result<std::vector<KnownVersion>> known();

  // Each of these: current and present ones, ordered by version.
  Result<std::vector<VersionRow>> unjudged();  // whose digest has no verdict
  // Of the model, whose latest verdict has a finding of this id, about this region or covered by this waiver.
  Result<std::vector<VersionRow>> told_of(const ModelName& model, const std::string& subject);
  // Whose latest verdict is not newer than what people said of it: a label of a region it tells of, a waiver of one of
  // its findings that was added and still holds at `now`, or that was taken back.
  Result<std::vector<VersionRow>> outdated(TimePoint now);

  Result<std::optional<VersionRow>> current(Transaction& in, const ModelName& model, const Version& version);
  bool holds(Transaction& in, const ModelName& model, const Version& version, const Digest& digest);

 private:
  Result<void> audit_signature(Transaction& in, const std::string& subject, const std::optional<VersionRow>& before,
                               const Candidate& candidate);

  Database& database_;
  AuditLog& audit_;
};

}  // namespace defuse
