// The daemon's memory, in one SQLite file: each member remembers one kind of thing, over one connection. Every change
// of something a person or pipeline did or sees writes its audit row in the same transaction. One Store object writes
// (the daemon's main strand); others are opened read-only, one per thread. Not thread-safe per object. Errors of all
// members: `unavailable` when locked too long, `corrupt`, `exhausted` on a full disk, `conflict` for moves that are not
// legal, `not_found`.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>

#include "core/store/audit_log.h"
#include "core/store/jobs.h"
#include "core/store/judgements.h"
#include "core/store/promotions.h"
#include "core/store/regions.h"
#include "core/store/verdicts.h"
#include "core/store/versions.h"
#include "core/store/waivers.h"

namespace defuse {

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

class Store {
 public:
  enum class Mode { read_write, read_only };
  // Creates and migrates in read_write mode. Refuses a file written by a newer version or with altered migrations.
  static Result<std::unique_ptr<Store>> open(const std::filesystem::path& file, Mode mode, const Clock& clock);
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Result<Referenced> referenced();
  Database& database() { return *database_; }  // for tests that look beneath

 private:
  Store(std::unique_ptr<Database> database, const Clock& clock);
  std::unique_ptr<Database> database_;

 public:
  AuditLog audit;
  VersionStore versions;
  JobStore jobs;
  JudgementStore judgements;
  PromotionStore promotions;
  RegionStore regions;
  WaiverStore waivers;
  VerdictStore verdicts;
};

}  // namespace defuse
