// The JSON forms of what a worker found and of what follows from it, for the worker, the store and reports; those of a
// job are in config/config.h, as settings travel in the configuration's own form. Reading is strict: a wrong type, a
// missing field or a value out of bounds is an error that names its place. Pure; thread-safe.
#pragma once
#include <string>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/verdict/job.h"

namespace defuse {

Json to_json(const WorkerResult& result);
Result<WorkerResult> worker_result_from_json(const Json& json);

Json to_json(const FourCounts& counts);
Json to_json(const Comparison& comparison);
Json to_json(const Finding& finding);
Json to_json(const CheckResult& result);
Json to_json(const Region& region);
Json to_json(const RegionScore& score);
Json to_json(const RegionSample& sample);
Json to_json(const GeneratorHealth& health);
Json to_json(const ContractFacts& facts);
Json to_json(const NoiseFloor& floor);
Json to_json(const Confusion& confusion);
Json to_json(const VersionMap& map);
Json to_json(const StationTime& station);
Json to_json(const Verdict& verdict);
Json to_json(const Waiver& waiver);
Result<Finding> finding_from_json(const Json& json, const std::string& path);
// It may be a row that an earlier version stored.
Result<Region> region_from_json(const Json& json, const std::string& path);
Result<RegionScore> region_score_from_json(const Json& json, const std::string& path);
Result<Verdict> verdict_from_json(const Json& json, const std::string& path);
Result<Waiver> waiver_from_json(const Json& json, const std::string& path);

}  // namespace defuse
