#include "reports/json_report.h"

#include "core/wire/documents.h"
#include "reports/page_json.h"

namespace defuse {
namespace {

Json nullable(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

Json incumbent_json(const Report& report) {
  if (!report.result.incumbent) return nullptr;
  return {{"version", report.result.incumbent->version}, {"digest", report.result.incumbent->digest}};
}

Json evidence_json(const Report& report) {
  if (!report.test_reuse) return nullptr;
  const TestReuse& e = *report.test_reuse;
  const auto known = [&](std::int64_t count) { return e.counted ? Json(count) : Json(nullptr); };
  return {{"test_digest", e.data_digest},
          {"images", e.images},
          {"judgements", known(e.judgements)},
          {"position", known(e.position)},
          {"rejections", known(e.rejections)},
          {"correction", to_string(e.correction)},
          {"planned", e.planned > 0 ? Json(e.planned) : Json(nullptr)},
          {"level", json_number(e.level)},
          {"discordance_below", json_number(e.discordance)},
          {"accuracy_holds_to", json_number(e.accuracy_holds_to)},
          {"drop_holds_to", json_number(e.drop_holds_to)},
          {"drop_if_fresh", json_number(e.drop_if_fresh)},
          {"worn_beyond", json_number(e.worn_beyond)},
          {"worn", e.worn},
          {"sentences", test_reuse_sentences(e)}};
}

// Findings stand once, in the verdict, where waivers are filled in.
Json checks_json(const Report& report) {
  Json checks = Json::array();
  for (const CheckResult& check : report.result.checks) {
    Json json = to_json(check);
    json.erase("findings");
    checks.push_back(std::move(json));
  }
  return checks;
}

Json regions_json(const Report& report) {
  Json regions = Json::array();
  for (const Region& region : report.result.regions) {
    Json json = to_json(region);
    const auto said = report.region_labels.find(region.id);
    json["label_by_person"] = said == report.region_labels.end() ? Json(nullptr) : Json(to_string(said->second));
    regions.push_back(std::move(json));
  }
  return regions;
}

Json contract_json(const Report& report) {
  Json json = to_json(report.result.contract);
  json.erase("latency_ms");  // a time: it stands under "run"
  return json;
}

Json run_json(const Report& report) {
  Json stations = Json::array();
  for (const StationTime& station : report.result.stations) stations.push_back(to_json(station));
  return {{"created", to_rfc3339(report.created)},
          {"job", report.result.job},
          {"seconds", json_number(report.seconds)},
          {"stations", std::move(stations)},
          {"latency_ms", json_number(report.result.contract.latency_ms)},
          {"machine", report.result.machine}};
}

}  // namespace

Json report_json(const Report& report, const Waivers& waivers) {
  const WorkerResult& result = report.result;
  Json flips = Json::array(), waived = Json::array(), steps = next_steps(report);
  for (const RegionSample& flip : result.flips) flips.push_back(to_json(flip));
  for (const Waiver& waiver : waivers) waived.push_back(to_json(waiver));
  return {{"schema", "defused/report/v1"},
          {"model", report.model},
          {"version", report.version},
          {"digest", report.digest},
          {"signature", to_json(report.signature)},
          {"incumbent", incumbent_json(report)},
          {"verdict", to_json(report.verdict)},
          {"cause", nullable(report.cause)},
          {"next_steps", std::move(steps)},
          {"alpha", json_number(report.alpha)},
          {"evidence", evidence_json(report)},
          {"data",
           {{"test_digest", nullable(result.test_digest)},
            {"probe_digest", nullable(result.probe_digest)},
            {"code_version", nullable(result.code_version)},
            {"test_images", result.test_images},
            {"seeds", result.seeds},
            {"draws", result.draws},
            {"classes", result.classes}}},
          {"accuracy",
           {{"candidate", json_number(result.candidate_accuracy.value_or(kNone))},
            {"incumbent", json_number(result.incumbent_accuracy.value_or(kNone))}}},
          {"comparison", result.comparison ? to_json(*result.comparison) : Json(nullptr)},
          {"confusion", result.confusion ? to_json(*result.confusion) : Json(nullptr)},
          {"map", result.map ? Json(kMapFile) : Json(nullptr)},
          {"error_rates",
           {{"real", json_number(result.error_real)},
            {"reconstructed", json_number(result.error_reconstructed)},
            {"perturbed", json_number(result.error_perturbed)}}},
          {"generator", result.generator ? to_json(*result.generator) : Json(nullptr)},
          {"noise_floor", result.noise_floor ? to_json(*result.noise_floor) : Json(nullptr)},
          {"contract", contract_json(report)},
          {"checks", checks_json(report)},
          {"flips", std::move(flips)},
          {"regions", regions_json(report)},
          {"waivers", std::move(waived)},
          {"run", run_json(report)}};
}

}  // namespace defuse
