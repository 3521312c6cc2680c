#include "reports/write_reports.h"

#include <algorithm>
#include <set>

#include "core/base/files.h"
#include "core/wire/documents.h"
#include "reports/html_report.h"
#include "reports/json_report.h"
#include "reports/junit_report.h"
#include "reports/markdown_report.h"
#include "reports/page_json.h"
#include "reports/pictures.h"
#include "reports/sarif_report.h"
#include "reports/text.h"

namespace defuse {
namespace {

constexpr std::size_t kLongText = 600;

// The map's images, if they are as wide as the map says: a page cuts them apart by it.
Result<void> copy_sheet(const Report& report, const std::filesystem::path& folder) {
  if (!report.result.map) return {};
  const VersionMap& map = *report.result.map;
  const std::string bytes = read_picture(report.pictures, map.sprite, kMaxSheet);
  if (bytes.empty() || static_cast<std::int64_t>(png_width(bytes)) != map.columns * map.tile_width) return {};
  return write_file(folder / map.sprite, bytes);
}

Result<void> copy_pictures(const Report& report, const std::filesystem::path& folder) {
  if (report.pictures.empty()) return {};
  std::error_code ignored;
  if (std::filesystem::equivalent(report.pictures, folder, ignored)) return {};
  std::set<std::string> copied;
  const auto copy = [&](const RegionSample& sample) -> Result<void> {
    if (!copied.insert(sample.picture).second) return {};
    const std::string bytes = read_picture(report.pictures, sample.picture);
    if (bytes.empty()) return {};  // a picture that is not there makes no verdict less true
    return write_file(folder / sample.picture, bytes);
  };
  for (const RegionSample& flip : report.result.flips) TRY_OK(copy(flip));
  for (const Region& region : report.result.regions)
    for (const RegionSample& sample : region.samples) TRY_OK(copy(sample));
  for (const Region& region : report.result.regions) {
    if (!region.novelty) continue;
    for (const auto* neighbours : {&region.novelty->nearest, &region.novelty->nearest_wrong})
      for (const RegionNeighbour& neighbour : *neighbours) TRY_OK(copy(neighbour.image));
  }
  return copy_sheet(report, folder);
}

// As much of a finding as a pipeline's log should hold.
Json short_finding(const Finding& finding) {
  Finding copy = finding;
  for (std::string* text : {&copy.id, &copy.check, &copy.subject, &copy.sentence, &copy.waiver})
    *text = clean(*text, kLongText);
  copy.region = RegionId(clean(copy.region, kLongText));
  return to_json(copy);
}

int importance(const Finding& finding) {
  if (finding.decision == Decision::violation) return finding.waiver.empty() ? 0 : 3;
  return finding.decision == Decision::error ? 1 : 2;
}

}  // namespace

Result<void> write_reports(const Report& report, const std::filesystem::path& folder, const Waivers& waivers) {
  TRY_OK(make_folder(folder));
  TRY_OK(copy_pictures(report, folder));
  TRY_OK(write_atomically(folder / kPageFile, dump_json(page_json(report)) + "\n"));
  if (const Json map = map_json(report); !map.is_null())
    TRY_OK(write_atomically(folder / kMapFile, dump_json(map) + "\n"));
  TRY_OK(write_atomically(folder / "report.html", html_report(report, waivers)));
  TRY_OK(write_atomically(folder / "report.md", markdown_report(report, waivers)));
  TRY_OK(write_atomically(folder / "report.junit.xml", junit_report(report, waivers)));
  TRY_OK(write_atomically(folder / "report.sarif", dump_json(sarif_report(report, waivers), 1) + "\n"));
  // Last, since it is the truth: where it stands, the renderings stand beside it.
  return write_atomically(folder / "report.json", dump_json(report_json(report, waivers), 1) + "\n");
}

namespace {

// Where this verdict stands in the stream of candidates; the report has all of it.
Json evidence_summary(const Report& report) {
  if (!report.test_reuse) return nullptr;
  const TestReuse& e = *report.test_reuse;
  const auto known = [&](std::int64_t count) { return e.counted ? Json(count) : Json(nullptr); };
  return {{"judgements", known(e.judgements)},
          {"position", known(e.position)},
          {"rejections", known(e.rejections)},
          {"correction", to_string(e.correction)},
          {"alpha", json_number(e.alpha)},
          {"level", json_number(e.level)},
          {"worn", e.worn}};
}

}  // namespace

Json verdict_document(const Report& report) {
  std::vector<const Finding*> findings;
  for (const Finding& finding : report.verdict.findings)
    if (finding.decision != Decision::ok && finding.decision != Decision::note) findings.push_back(&finding);
  std::stable_sort(findings.begin(), findings.end(),
                   [](const Finding* a, const Finding* b) { return importance(*a) < importance(*b); });

  std::string reason = report.verdict.reason;
  if (!report.cause.empty() && reason.find(report.cause) == std::string::npos) reason += " Cause: " + report.cause;
  Json reasons = Json::array();
  for (std::size_t i = 0; i < report.verdict.reasons.size() && i < 20; ++i)
    reasons.push_back(clean(report.verdict.reasons[i], kLongText));
  Json document = {
      {"schema", "defused/verdict/v1"},
      {"model", clean(report.model, kLongText)},
      {"version", clean(report.version, kLongText)},
      {"digest", clean(report.digest, kLongText)},
      {"verdict", to_string(report.verdict.state)},
      {"ok", report.verdict.ok()},
      {"reason", clean(reason, 2 * kLongText)},
      {"reasons", std::move(reasons)},
      {"incumbent", report.result.incumbent ? Json(clean(report.result.incumbent->version, kLongText)) : Json(nullptr)},
      {"created", to_rfc3339(report.created)},
      {"evidence", evidence_summary(report)},
      {"signature", to_json(report.signature)},
      {"report", report_address(report)},
      {"findings_left_out", 0},
      {"findings", Json::array()}};
  std::size_t size = dump_json(document, 2).size(), shown = 0;
  for (const Finding* finding : findings) {
    Json json = short_finding(*finding);
    // Four spaces more on each line, a comma, and room for the number of what is left out.
    size += dump_json(json, 2).size() + 4 * (json.size() + 2) + 16;
    if (size > kMaxVerdictDocument - 64) break;
    document["findings"].push_back(std::move(json));
    ++shown;
  }
  document["findings_left_out"] = findings.size() - shown;
  return document;
}

}  // namespace defuse
