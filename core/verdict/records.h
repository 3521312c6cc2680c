// What is on record of versions, jobs, verdicts and promotions: what the law is asked about. The store (core/store)
// keeps them; nothing here knows how. Plain values.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/base/names.h"
#include "core/registry/signature.h"
#include "core/verdict/job_state.h"
#include "core/verdict/pace.h"
#include "core/verdict/verdict.h"

namespace defuse {

enum class VersionPresence { present, deleted };

struct VersionRow {
  ModelName model;
  Version version;
  Digest digest;
  std::filesystem::path artifact;
  std::string fingerprint;  // of the files when the digest was taken
  std::vector<std::string> labels;
  VersionPresence presence = VersionPresence::present;
  bool current = true;        // false for a digest that another one replaced at the same path
  std::int64_t replaced = 0;  // how many digests this version has had before this one
  TimePoint first_seen;
  TimePoint last_seen;
  SignatureRecord signature = {};
};

struct JobRow {
  std::int64_t id = 0;
  JobKind kind = JobKind::gate;
  ModelName model;
  Version version;
  Digest digest;
  JobState state = JobState::queued;
  int attempt = 0;            // attempts started
  std::int64_t priority = 0;  // higher first, then older first
  TimePoint created;
  TimePoint not_before;  // back-off
  std::optional<TimePoint> started;
  std::optional<TimePoint> finished;
  std::string station;  // last progress seen
  double progress = 0;
  std::optional<Pace> pace;   // of the station
  std::string error;          // last failure, for people
  Version incumbent_version;  // what it was (or will be) compared with; empty if none
  Digest incumbent_digest;
};

// When the running job's station is expected to be done.
inline std::optional<TimePoint> station_ends(const JobRow& job) {
  return job.state == JobState::running && job.pace ? expected_end(*job.pace) : std::nullopt;
}

// A verdict's place among those on one test split (core/verdict/test_reuse.h).
struct Judgement {
  std::string data_digest;
  std::int64_t position = 1;
  std::int64_t rejections = 0;
  bool rejected = false;
};

struct VerdictRow {
  std::int64_t job = 0;
  ModelName model;
  Version version;
  Digest digest;
  TimePoint created;
  Version incumbent_version;  // empty if there was none
  Digest incumbent_digest;
  Verdict verdict;
  std::filesystem::path report;        // folder with report.json, report.html, …; relative to the state folder
  std::optional<Judgement> judgement;  // to be counted; never read back. Unset if nothing was compared
};

enum class PromotionKind { promote, override_verdict, rollback };

struct PromotionRow {
  std::int64_t id = 0;
  ModelName model;
  Version version;
  Digest digest;
  PromotionKind kind = PromotionKind::promote;
  std::string who;
  std::string reason;
  TimePoint at;
};

}  // namespace defuse
