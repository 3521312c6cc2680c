// The question that everything is about, asked three ways: verdict (JSON, always 200 once the version is known), gate
// (the status is the answer) and report (what to read). All three go through standing_of, so that they cannot disagree.
#include <algorithm>

#include "core/wire/documents.h"
#include "daemon/api/handlers.h"
#include "daemon/api/plain_file.h"
#include "daemon/api/status_map.h"

namespace defuse::http {
namespace {

constexpr std::uint64_t kMaxReportBytes = 64ULL << 20;
constexpr std::uint64_t kMaxPictureBytes = 4ULL << 20;
constexpr std::uint64_t kMaxDocumentBytes = 1ULL << 20;

enum class Reader { person, machine };

struct Format {
  const char* name;
  const char* file;
  const char* type;
  Reader reader;
};
constexpr Format kFormats[] = {
    {"json", "report.json", "application/json", Reader::person},
    {"html", "report.html", "text/html; charset=utf-8", Reader::person},
    {"markdown", "report.md", "text/markdown; charset=utf-8", Reader::person},
    {"junit", "report.junit.xml", "application/xml", Reader::machine},
    {"sarif", "report.sarif", "application/sarif+json", Reader::machine},
};

// A report carries its style and its pictures inside; scripts have no place in it.
constexpr const char* kReportPolicy =
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'";

// A person may read what was decided at any time. What a machine reads is taken for the answer, so it must be the one
// that the gate gives now: no green report of a version that was replaced, deleted, or judged against a former
// incumbent.
Result<VerdictRow> verdict_on_record(const Call& call, Reader reader) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(standing, standing_of(facts, call.version(), *store));
  if (!standing.judged)
    return fail(ErrorCode::not_found, "there is no report on version " + call.version() + ": " + standing.reason);
  const bool current = standing.kind == Standing::Kind::judged && standing.verdict == standing.judged->verdict.state;
  if (reader == Reader::machine && !current)
    return fail(ErrorCode::conflict,
                "the report on version " + call.version() + " is no answer any more: " + standing.reason);
  return *standing.judged;
}

// Where the verdict stands among those on its test split, as it was given: the document beside the report knows the
// level that was tested at. Null where nothing was compared, and where the document is gone: it is told, not decided
// by.
Json evidence_on_record(const Call& call, const Standing& standing) {
  if (!standing.judged) return nullptr;
  const auto bytes =
      read_plain_file(call.read.config()->state_dir, standing.judged->report, "verdict.json", kMaxDocumentBytes);
  if (!bytes) return nullptr;
  const auto document = parse_json(*bytes, "verdict.json");
  if (!document || !document->is_object() || !document->contains("evidence")) return nullptr;
  const Json& evidence = document->at("evidence");
  return evidence.is_object() ? evidence : Json(nullptr);
}

bool is_png(const std::string& bytes) { return bytes.starts_with("\x89PNG\r\n\x1a\n"); }

ApiResponse png_response(std::string bytes) {
  ApiResponse response;
  response.content_type = "image/png";
  response.headers.emplace_back("Cache-Control", "private, no-cache");
  response.body = std::move(bytes);
  return response;
}

}  // namespace

Json finding_list(const Verdict& verdict, bool violations_only) {
  Json list = Json::array();
  for (const auto& finding : verdict.findings)
    if (!violations_only || finding.decision == Decision::violation) list.push_back(to_json(finding));
  return list;
}

// Argo Rollouts and others read this one (200 and JSON); `ok` is true exactly when the gate answers 200.
Answer verdict(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(standing, standing_of(facts, call.version(), *store));
  if (standing.answer == GateAnswer::unknown && !standing.judged) return fail(ErrorCode::not_found, standing.reason);
  Json body = version_json(facts, call.version(), standing);
  const Verdict nothing{};
  const Verdict& decided = standing.judged ? standing.judged->verdict : nothing;
  body["decided"] = standing.judged ? Json(to_string(decided.state)) : Json();
  body["reasons"] = decided.reasons;
  body["warnings"] = decided.warnings;
  body["checks"] = Json::array();
  for (const auto& check : decided.checks)
    body["checks"].push_back({{"check", check.check},
                              {"mode", to_string(check.mode)},
                              {"state", to_string(check.state)},
                              {"reason", check.reason}});
  body["findings"] = finding_list(decided, /*violations_only=*/false);
  body["evidence"] = evidence_on_record(call, standing);
  return json_response(body);
}

Answer gate(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, model_facts(call.model(), call.read, *store));
  TRY(standing, standing_of(facts, call.version(), *store));
  const auto url = version_url(call.model(), call.version());
  auto response = json_response({{"verdict", standing.verdict ? Json(to_string(*standing.verdict)) : Json()},
                                 {"ok", standing.ok()},
                                 {"reason", standing.reason},
                                 {"report", standing.judged ? Json(url + "/report") : Json()},
                                 {"findings", standing.judged && standing.kind == Standing::Kind::judged
                                                  ? finding_list(standing.judged->verdict, /*violations_only=*/true)
                                                  : Json::array()},
                                 {"job", standing.job ? job_json(*standing.job) : Json()}},
                                gate_status(standing.answer));
  if (standing.answer == GateAnswer::not_judged) response.headers.emplace_back("Retry-After", "5");
  return response;
}

Answer report(const Call& call) {
  const auto given = call.query.find("format");
  const std::string wanted = given == call.query.end() ? "json" : given->second;
  const auto* format =
      std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& f) { return f.name == wanted; });
  if (format == std::end(kFormats))
    return fail(ErrorCode::invalid_input, "format: expected json, html, markdown, junit or sarif");
  TRY(row, verdict_on_record(call, format->reader));
  TRY(bytes, read_plain_file(call.read.config()->state_dir, row.report, format->file, kMaxReportBytes));
  ApiResponse response;
  response.content_type = format->type;
  response.headers.emplace_back("Content-Security-Policy", kReportPolicy);
  response.body = std::move(bytes);
  return response;
}

Answer report_file(const Call& call) {
  TRY(row, verdict_on_record(call, Reader::person));
  const auto name = call.at("picture") + ".png";
  TRY(bytes, read_plain_file(call.read.config()->state_dir, row.report, name, kMaxPictureBytes));
  if (!is_png(bytes)) return fail(ErrorCode::not_found, name + " is not a picture");
  return png_response(std::move(bytes));
}

namespace {

// A region's picture lies with the report of the version in whose gate the region was last seen.
Answer picture_of_region(const Call& call, Store& store, const RegionRow& row, const std::string& picture) {
  if (picture.empty()) return fail(ErrorCode::not_found, "no picture was drawn of this image");
  TRY(scores, store.regions.scores(row.id));
  const auto seen = std::find_if(scores.rbegin(), scores.rend(),
                                 [&](const RegionScoreRow& score) { return score.version == row.last_version; });
  if (seen == scores.rend()) return fail(ErrorCode::not_found, "region " + row.id + " is in no report");
  TRY(judged, store.verdicts.latest(row.model, seen->digest));
  if (!judged) return fail(ErrorCode::not_found, "region " + row.id + " is in no report");
  TRY(bytes, read_plain_file(call.read.config()->state_dir, judged->report, picture, kMaxPictureBytes));
  if (!is_png(bytes)) return fail(ErrorCode::not_found, picture + " is not a picture");
  return png_response(std::move(bytes));
}

Result<RegionRow> known_region(const Call& call, Store& store) {
  TRY(row, store.regions.find(call.region()));
  if (!row) return fail(ErrorCode::not_found, "no region " + call.region());
  return std::move(*row);
}

}  // namespace

Answer region_sample(const Call& call) {
  TRY(store, call.read.store());
  TRY(row, known_region(call, *store));
  const auto index = static_cast<std::size_t>(std::stoull(call.at("sample")));
  if (index >= row.region.samples.size())
    return fail(ErrorCode::not_found,
                "region " + row.id + " has " + std::to_string(row.region.samples.size()) + " samples");
  return picture_of_region(call, *store, row, row.region.samples[index].picture);
}

// Those of any class first, then the training images that the candidate gets wrong.
Answer region_neighbour(const Call& call) {
  TRY(store, call.read.store());
  TRY(row, known_region(call, *store));
  auto index = static_cast<std::size_t>(std::stoull(call.at("sample")));
  if (row.region.novelty) {
    for (const auto* neighbours : {&row.region.novelty->nearest, &row.region.novelty->nearest_wrong}) {
      if (index < neighbours->size()) return picture_of_region(call, *store, row, (*neighbours)[index].image.picture);
      index -= neighbours->size();
    }
  }
  return fail(ErrorCode::not_found, "region " + row.id + " has no such image near it");
}

}  // namespace defuse::http
