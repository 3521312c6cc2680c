// The last steps of a job, as file work: the worker's folder is read with suspicion, the verdict made, the reports
// written and put in place. Safe to repeat at any point after a kill -9: whatever was written before is written again
// or replaced, and nothing that a stored verdict refers to is touched. Runs on the work thread; touches no store.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/store/store.h"
#include "core/verdict/conclude.h"
#include "core/verdict/job.h"

namespace defuse {

// Where things are in the state folder. What a worker may write to (its job's folder) never holds what the daemon
// relies on.
struct StateFolder {
  std::filesystem::path root;

  std::filesystem::path database() const { return root / "defused.db"; }
  std::filesystem::path lock() const { return root / "defused.lock"; }
  std::filesystem::path cache() const { return root / "cache"; }
  std::filesystem::path address() const { return root / "address"; }  // where the daemon listens
  std::filesystem::path jobs() const { return root / "jobs"; }
  std::filesystem::path job(std::int64_t id) const {
    return jobs() / std::to_string(id);
  }  // job.json, worker.log, result/
  // The daemon's own copy of job.json: a worker could change the one in its folder.
  std::filesystem::path job_record(std::int64_t id) const { return jobs() / (std::to_string(id) + ".json"); }
  // Which ids the regions of a job were given, so that judging again gives the same ones.
  std::filesystem::path region_ids(std::int64_t id) const { return jobs() / (std::to_string(id) + ".regions.json"); }
  // Which probe set the members of a remembered region count in: they mean nothing in another.
  std::filesystem::path probe_of_region(const std::string& id) const { return root / "regions" / (id + ".probe"); }
  // What finished repairs left: correction.json, correction.md, sweep.svg, and a model with its manifest.
  std::filesystem::path corrections() const { return root / "corrections"; }
  std::filesystem::path correction(std::int64_t id) const { return corrections() / std::to_string(id); }
  std::filesystem::path verdict_file(const ModelName& model, const Version& version) const {
    return root / "verdicts" / model / (version + ".json");
  }
  std::filesystem::path absolute(const std::filesystem::path& relative) const { return root / relative; }

  Result<void> create() const;
};

// Makes an empty folder for an attempt (only worker.log of earlier ones stays) with job.json in it, and the daemon's
// own copy.
Result<void> prepare_job(const StateFolder& state, const JobSpec& job);
Result<JobSpec> read_job(const StateFolder& state, std::int64_t id);
bool has_result(const StateFolder& state, std::int64_t id);

// The worker's result, checked against the job: `corrupt` if it is another job's, too large, or not what it should be.
Result<WorkerResult> read_result(const std::filesystem::path& job_folder, const JobSpec& job);

struct JudgeRequest {
  StateFolder state;
  JobSpec job;
  std::vector<Waiver> waivers;
  RegionLabels labels;
  std::vector<RegionFingerprint>
      earlier;  // used the first time only; their probe digests are filled in from the state folder
  TimePoint now;
  SignatureView signature;  // of the candidate
  std::string suffix;       // distinguishes the report of a later judgement; empty for the first
};

struct Judged {
  VerdictRow row;
  std::vector<NewRegion> regions;
  std::vector<StationTime> stations;
};

Result<Judged> judge_result(const JudgeRequest& request);
Result<Judged> judge_failure(const JudgeRequest& request, const std::string& cause);

// The small verdict document as last published for this report; for <state>/verdicts.
Result<std::string> published_document(const StateFolder& state, const std::filesystem::path& report);
// The document of a version whose stored verdict does not count (any more), or that has none: never `ok`.
std::string other_document(const ModelName& model, const Version& version, const Digest& digest,
                           std::optional<VerdictState> verdict, const std::string& reason);
Result<void> write_verdict_file(const StateFolder& state, const ModelName& model, const Version& version,
                                const std::string& document);

// What a finished job needs no more; `keep_result` while it may be judged again.
enum class KeepResult { no, yes };
Result<void> tidy_job(const StateFolder& state, std::int64_t id, KeepResult keep);
// Half-written things of an earlier life.
Result<void> sweep(const StateFolder& state);

}  // namespace defuse
