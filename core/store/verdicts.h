// Verdicts with their findings, and the one transaction that ends a gate.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/store/jobs.h"
#include "core/store/judgements.h"
#include "core/store/regions.h"
#include "core/verdict/records.h"

namespace defuse {

class VerdictStore {
 public:
  VerdictStore(Database& database, AuditLog& audit, JobStore& jobs, JudgementStore& judgements, RegionStore& regions)
      : database_(database), audit_(audit), jobs_(jobs), judgements_(judgements), regions_(regions) {}

  // Together with the job's last move, the findings, the regions and their scores.
  Result<void> finish_job(std::int64_t id, JobState final_state, const VerdictRow& verdict,
                          const std::vector<NewRegion>& regions);
  // One decided again after a label or a waiver changed; the old one is kept as history.
  Result<void> put(const VerdictRow& verdict, const AuditEntry& audit);

  Result<std::optional<VerdictRow>> latest(const ModelName& model, const Digest& digest);
  Result<std::vector<VerdictRow>> newest(const ModelName& model, std::size_t limit);

 private:
  Result<void> insert(Transaction& in, const VerdictRow& verdict, const RegionCounts& regions);
  RegionCounts counted_regions(Transaction& in, std::int64_t job);

  Database& database_;
  AuditLog& audit_;
  JobStore& jobs_;
  JudgementStore& judgements_;
  RegionStore& regions_;
};

}  // namespace defuse
