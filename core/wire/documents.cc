#include "core/wire/documents.h"

#include "core/base/document_reader.h"
#include "core/base/document_writer.h"
#include "core/wire/result_fields.h"

namespace defuse {

Json to_json(const WorkerResult& result) { return write_document(result); }
Json to_json(const FourCounts& counts) { return write_document(counts); }
Json to_json(const Comparison& comparison) { return write_document(comparison); }
Json to_json(const Finding& finding) { return write_document(finding); }
Json to_json(const CheckResult& result) { return write_document(result); }
Json to_json(const Region& region) { return write_document(region); }
Json to_json(const RegionScore& score) { return write_document(score); }
Json to_json(const RegionSample& sample) { return write_document(sample); }
Json to_json(const GeneratorHealth& health) { return write_document(health); }
Json to_json(const ContractFacts& facts) { return write_document(facts); }
Json to_json(const NoiseFloor& floor) { return write_document(floor); }
Json to_json(const Confusion& confusion) { return write_document(confusion); }
Json to_json(const VersionMap& map) { return write_document(map); }
Json to_json(const StationTime& station) { return write_document(station); }
Json to_json(const Verdict& verdict) { return write_document(verdict); }
Json to_json(const Waiver& waiver) { return write_document(waiver); }

Result<WorkerResult> worker_result_from_json(const Json& json) { return read_document<WorkerResult>(json, "result"); }
Result<Finding> finding_from_json(const Json& json, const std::string& path) {
  return read_document<Finding>(json, path);
}
Result<Region> region_from_json(const Json& json, const std::string& path) {
  return read_document<Region>(json, path, Age::stored);
}
Result<RegionScore> region_score_from_json(const Json& json, const std::string& path) {
  return read_document<RegionScore>(json, path);
}
Result<Verdict> verdict_from_json(const Json& json, const std::string& path) {
  return read_document<Verdict>(json, path);
}
Result<Waiver> waiver_from_json(const Json& json, const std::string& path) { return read_document<Waiver>(json, path); }

}  // namespace defuse
