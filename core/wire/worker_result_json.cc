// JSON form of everything a worker found. Written in a worker, read by the daemon, which trusts none of it: every list
// is bounded, every number has a range, every file name stays in its folder, and an absent field is an error.
#include <cmath>

#include "core/wire/json_fields.h"

namespace defuse {
namespace {

constexpr const char* kSchema = "defused/result/v1";

Json artifact_to_json(const ArtifactRef& artifact) {
  return {{"version", artifact.version}, {"digest", artifact.digest}, {"path", artifact.path.string()}};
}

Result<ArtifactRef> artifact_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  ArtifactRef artifact;
  artifact.version = fields::text(r, "version");
  artifact.digest = fields::text(r, "digest");
  artifact.path = fields::text(r, "path");
  TRY_OK(r.status());
  return artifact;
}

Result<StationTime> station_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  StationTime station;
  station.station = fields::text(r, "station");
  station.seconds = r.number("seconds");
  station.peak_memory = static_cast<std::uint64_t>(fields::count(r, "peak_memory"));
  station.cached = r.boolean("cached");
  TRY_OK(r.status());
  return station;
}

// Present in the document in any case; null where there is none.
std::optional<double> nullable(JsonReader& r, const char* key) {
  const double value = r.number(key);
  return std::isnan(value) ? std::nullopt : std::optional(value);
}

// What a stored row may lack, a worker's region may not.
Result<Region> whole_region_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  (void)fields::present(r, "novelty");
  TRY_OK(r.status());
  return region_from_json(json, path);
}

Result<void> read_lists(JsonReader& r, WorkerResult& result) {
  TRY(flips, fields::list<RegionSample>(r, "flips", fields::kMaxSamples, fields::sample_from_json));
  TRY(checks, fields::list<CheckResult>(r, "checks", fields::kMaxChecks, check_result_from_json));
  TRY(regions, fields::list<Region>(r, "regions", fields::kMaxRegions, whole_region_from_json));
  TRY(stations, fields::list<StationTime>(r, "stations", fields::kMaxList, station_from_json));
  result.flips = std::move(flips);
  result.checks = std::move(checks);
  result.regions = std::move(regions);
  result.stations = std::move(stations);
  return {};
}

Result<void> read_objects(JsonReader& r, WorkerResult& result) {
  const Json& contract = r.object("contract");
  const Json& candidate = r.object("candidate");
  TRY_OK(r.status());
  TRY(artifact, artifact_from_json(candidate, fields::child(r, "candidate")));
  TRY(facts, fields::contract_facts_from_json(contract, fields::child(r, "contract")));
  result.candidate = std::move(artifact);
  result.contract = std::move(facts);
  if (fields::present(r, "incumbent")) {
    TRY(incumbent, artifact_from_json(r.any("incumbent"), fields::child(r, "incumbent")));
    result.incumbent = std::move(incumbent);
  }
  if (fields::present(r, "comparison")) {
    TRY(comparison, fields::comparison_from_json(r.any("comparison"), fields::child(r, "comparison")));
    result.comparison = std::move(comparison);
  }
  if (fields::present(r, "confusion")) {
    TRY(confusion, confusion_from_json(r.any("confusion"), fields::child(r, "confusion")));
    result.confusion = std::move(confusion);
  }
  if (fields::present(r, "map")) {
    TRY(map, version_map_from_json(r.any("map"), fields::child(r, "map")));
    result.map = std::move(map);
  }
  if (fields::present(r, "generator")) {
    TRY(generator, fields::generator_health_from_json(r.any("generator"), fields::child(r, "generator")));
    result.generator = std::move(generator);
  }
  if (fields::present(r, "noise_floor")) {
    TRY(floor, noise_floor_from_json(r.any("noise_floor"), fields::child(r, "noise_floor")));
    result.noise_floor = std::move(floor);
  }
  return r.status();
}

}  // namespace

Json to_json(const WorkerResult& result) {
  Json flips = Json::array(), checks = Json::array(), regions = Json::array(), stations = Json::array();
  for (const RegionSample& flip : result.flips) flips.push_back(fields::sample_to_json(flip));
  for (const CheckResult& check : result.checks) checks.push_back(to_json(check));
  for (const Region& region : result.regions) regions.push_back(to_json(region));
  for (const StationTime& station : result.stations)
    stations.push_back({{"station", station.station},
                        {"seconds", json_number(station.seconds)},
                        {"peak_memory", station.peak_memory},
                        {"cached", station.cached}});
  return {{"schema", kSchema},
          {"job", result.job},
          {"model", result.model},
          {"candidate", artifact_to_json(result.candidate)},
          {"incumbent", result.incumbent ? artifact_to_json(*result.incumbent) : Json(nullptr)},
          {"code_version", result.code_version},
          {"classes", result.classes},
          {"test_digest", result.test_digest},
          {"probe_digest", result.probe_digest},
          {"test_images", result.test_images},
          {"seeds", result.seeds},
          {"draws", result.draws},
          {"candidate_accuracy", json_number(result.candidate_accuracy.value_or(kNone))},
          {"incumbent_accuracy", json_number(result.incumbent_accuracy.value_or(kNone))},
          {"comparison", result.comparison ? fields::comparison_to_json(*result.comparison) : Json(nullptr)},
          {"confusion", result.confusion ? to_json(*result.confusion) : Json(nullptr)},
          {"map", result.map ? to_json(*result.map) : Json(nullptr)},
          {"flips", std::move(flips)},
          {"generator", result.generator ? to_json(*result.generator) : Json(nullptr)},
          {"noise_floor", result.noise_floor ? to_json(*result.noise_floor) : Json(nullptr)},
          {"contract", to_json(result.contract)},
          {"checks", std::move(checks)},
          {"regions", std::move(regions)},
          {"stations", std::move(stations)},
          {"error_real", json_number(result.error_real)},
          {"error_reconstructed", json_number(result.error_reconstructed)},
          {"error_perturbed", json_number(result.error_perturbed)},
          {"machine", result.machine}};
}

Result<WorkerResult> worker_result_from_json(const Json& json) {
  JsonReader r(json, "result");
  WorkerResult result;
  if (r.text("schema") != kSchema) r.problem("schema", std::string("expected ") + kSchema);
  result.job = fields::count(r, "job");
  result.model = fields::text(r, "model");
  result.code_version = fields::text(r, "code_version");
  result.classes = fields::texts(r, "classes", fields::kMaxClasses);
  result.test_digest = fields::text(r, "test_digest");
  result.probe_digest = fields::text(r, "probe_digest");
  result.test_images = fields::count(r, "test_images");
  result.seeds = fields::count(r, "seeds");
  result.draws = fields::count(r, "draws");
  result.candidate_accuracy = nullable(r, "candidate_accuracy");
  result.incumbent_accuracy = nullable(r, "incumbent_accuracy");
  result.error_real = r.number("error_real");
  result.error_reconstructed = r.number("error_reconstructed");
  result.error_perturbed = r.number("error_perturbed");
  result.machine = fields::text(r, "machine");
  TRY_OK(r.status());
  TRY_OK(read_objects(r, result));
  TRY_OK(read_lists(r, result));
  if (result.map)
    for (const MapPoint& point : result.map->points)
      if (point.region >= static_cast<std::int32_t>(result.regions.size()))
        r.problem("map", "a point is of a region that is not there");
  TRY_OK(r.status());
  return result;
}

}  // namespace defuse
