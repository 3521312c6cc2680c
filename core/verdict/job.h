// What the daemon (or `defusectl evaluate`) hands to a worker, and what it gets back. Both travel as JSON files in the
// job's folder: job.json in, result/ out (by rename; result/result.json plus pictures and frozen test images). The
// daemon trusts nothing in a result: its size is limited and every field is checked.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/names.h"
#include "core/compare/confusion.h"
#include "core/map/latent_map.h"
#include "core/settings/settings.h"
#include "core/verdict/check.h"
#include "core/verdict/test_reuse.h"

namespace defuse {

struct ArtifactRef {
  Version version;
  Digest digest;
  std::filesystem::path path;
};

// A version that is equally good by the user's word: it shows what a retrain alone changes.
struct SiblingRef {
  Version version;
  Digest digest;
  std::filesystem::path path;
  std::string problem;  // why it could not be found; empty if it was
};

// A frozen test that the worker must run again.
struct KnownRegionRef {
  RegionId id;
  std::int32_t label = 0;
  std::int32_t predicted_as = -1;
  std::string first_version;
  bool ambiguous = false;
  std::filesystem::path images;        // .npy [m, C, H, W] float32 in [0,1]
  std::vector<std::uint32_t> cluster;  // [m]
};

struct JobSpec {
  std::int64_t id = 0;
  ModelName model;
  ArtifactRef candidate;
  std::vector<std::string> candidate_labels;  // labels.txt
  std::optional<ArtifactRef> incumbent;
  std::vector<SiblingRef> siblings;  // of the noise floor; empty = none
  ModelSettings settings;
  WorkerSettings worker;
  std::vector<KnownRegionRef> known_regions;
  std::optional<JudgementHistory> history;  // what was judged on the line's test splits; unset = no store knows
  std::filesystem::path cache;              // <state>/cache, shared by all jobs, content-addressed
  std::uint64_t cache_size =
      20ULL << 30;  // bytes on disk the cache may take; what is kept for speed alone takes at most a quarter
};

struct StationTime {
  std::string station;
  double seconds = 0;
  std::uint64_t peak_memory = 0;  // bytes, of the process so far
  bool cached = false;
};

// Everything the worker found. What the verdict is made of; the verdict itself is made by the daemon (decide()).
struct WorkerResult {
  std::int64_t job = 0;
  ModelName model;
  ArtifactRef candidate;
  std::optional<ArtifactRef> incumbent;
  std::string code_version;  // of the stations, part of every cache key
  std::vector<std::string> classes;
  std::string test_digest;   // of the data
  std::string probe_digest;  // empty if no probe set could be made
  std::int64_t test_images = 0;
  std::int64_t seeds = 0;
  std::int64_t draws = 0;
  std::optional<double> candidate_accuracy;
  std::optional<double> incumbent_accuracy;
  std::optional<Comparison> comparison;
  std::optional<Confusion> confusion;  // on the test split; set once the candidate could be run
  std::optional<VersionMap> map;       // none could be made: nullopt
  std::vector<RegionSample> flips;     // negative flips with pictures, at most 60
  std::optional<GeneratorHealth> generator;
  std::optional<NoiseFloor> noise_floor;  // none configured: nullopt
  ContractFacts contract;
  std::vector<CheckResult> checks;
  std::vector<Region> regions;  // every one found, worst first
  std::vector<StationTime> stations;
  // Error rates side by side (methods/defuse.md 3.3), of the candidate: on x, on D(mean), on plausible D(mean + noise).
  double error_real = kNone;
  double error_reconstructed = kNone;
  double error_perturbed = kNone;
  std::string machine;  // "threads 2, BLAS …, capability …": bytes repeat only where this is the same
};

inline constexpr std::uint64_t kMaxResultBytes = 64ULL << 20;

}  // namespace defuse
