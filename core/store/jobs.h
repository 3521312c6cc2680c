// Jobs: the queue, and the one function that changes a job's state. At most one of a kind that is not final per model
// and digest. Where it matters which kind, functions are about gates: a repair judges nothing.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/repair/repair.h"
#include "core/store/audit_log.h"
#include "core/store/versions.h"
#include "core/verdict/job.h"
#include "core/verdict/records.h"

namespace defuse {

struct JobPage {
  std::vector<JobRow> rows;
  std::size_t total = 0;
};

class JobStore {
 public:
  JobStore(Database& database, const Clock& clock, AuditLog& audit, VersionStore& versions)
      : database_(database), clock_(clock), audit_(audit), versions_(versions) {}

  // Returns the open one if there is one; asking again may hurry it, never slow it down.
  Result<std::int64_t> enqueue(const ModelName& model, const Version& version, const Digest& digest,
                               std::int64_t priority, const AuditEntry& audit);
  // Behind every gate. Returns the open one if it has the same order; `conflict` if it has another.
  Result<std::int64_t> enqueue_repair(const ModelName& model, const Version& version, const Digest& digest,
                                      const RepairOrder& order, const AuditEntry& audit);

  struct Move {  // what changes along with the state
    std::optional<std::string> error = std::nullopt;
    std::optional<TimePoint> not_before = std::nullopt;
    std::optional<ArtifactRef> incumbent = std::nullopt;
    std::string who = "daemon";  // for the audit row of a final move, e.g. who cancelled
  };
  Result<void> move(std::int64_t id, JobState to, const Move& move);  // `conflict` for an illegal move
  Result<void> set_progress(std::int64_t id, const std::string& station, double progress);

  Result<std::optional<JobRow>> next(TimePoint now);  // best queued one whose not_before has come
  Result<std::optional<TimePoint>> next_due();        // earliest not_before among queued
  Result<std::optional<JobRow>> find(std::int64_t id);
  Result<std::optional<JobRow>> last_gate(const ModelName& model, const Digest& digest);
  Result<std::vector<JobRow>> newest(std::size_t limit);
  Result<JobPage> page(std::size_t offset, std::size_t limit);  // running ones, then the queue, then ended ones
  Result<std::vector<JobRow>> running();
  Result<RepairOrder> repair_order(std::int64_t job);  // `not_found` for a gate
  // Newest first; of every version where `digest` is empty.
  Result<std::vector<JobRow>> repairs(const ModelName& model, const Digest& digest, std::size_t limit);

  Result<JobRow> existing(Transaction& in, std::int64_t id);                                   // `not_found`
  Result<void> change_state(Transaction& in, std::int64_t id, JobState to, const Move& move);  // without an audit row

 private:
  struct Subject {
    const ModelName& model;
    const Version& version;
    const Digest& digest;
  };
  Result<std::int64_t> insert(Transaction& in, JobKind kind, const Subject& subject, std::int64_t priority,
                              const std::string& order, const AuditEntry& audit);

  Database& database_;
  const Clock& clock_;
  AuditLog& audit_;
  VersionStore& versions_;
};

}  // namespace defuse
