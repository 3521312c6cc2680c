// Reports: 'r' and {"result", "verdict", "waivers", "labels", "cause"}, which become a report in every format; 'g' and
// a report.json as `defusectl correct` reads it; 'v' and a stored verdict; 'w' and a waiver; 't' and a table of labels.
#include <algorithm>
#include <string>

#include "core/repair/order.h"
#include "core/wire/documents.h"
#include "daemon/ctl/csv.h"
#include "reports/html_report.h"
#include "reports/json_report.h"
#include "reports/junit_report.h"
#include "reports/markdown_report.h"
#include "reports/page_json.h"
#include "reports/sarif_report.h"
#include "reports/write_reports.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/json_mutator.h"
#include "tests/fuzz/markup.h"

namespace defuse {
namespace {

using fuzz::require;

constexpr std::string_view kMark = "<fuzz";  // the dictionary's; it must never come through as a tag

void check_html(const Report& report, const Waivers& waivers) {
  const auto html = html_report(report, waivers);
  require(html.size() <= kMaxHtmlBytes, "the page keeps its budget");
  require(fuzz::is_utf8(html), "the page is UTF-8");
  require(html.find(kMark) == std::string::npos, "the page is escaped", html);
  require(html.find("<script") == std::string::npos, "the page has no script");
}

void check_json(const Report& report, const Waivers& waivers) {
  const auto read = parse_json(dump_json(report_json(report, waivers)), "report.json");
  require(read.has_value(), "the report is JSON");
  const auto found = gate_findings_from_json(*read, "report.json");
  require(found.has_value(), "a correction can read the report", found ? "" : found.error().message);
  require(found->regions.size() == report.result.regions.size(), "every region is in the report");
  require(dump_json(page_json(report)).size() <= kMaxPageFile, "page.json is small");
  require(dump_json(map_json(report)).size() <= kMaxMapFile, "map.json is small");
  const auto document = dump_json(verdict_document(report), 2);
  require(document.size() <= kMaxVerdictDocument, "verdict.json is small", std::to_string(document.size()));
  require(dump_json(sarif_report(report, waivers)).size() <= kMaxSarifBytes, "SARIF keeps its budget");
}

void check_renderings(std::string_view text) {
  const auto json = parse_json(text, "report");
  if (!json || !json->is_object()) return;
  const auto part = [&](const char* key) { return json->contains(key) ? (*json)[key] : Json(); };
  const auto result = worker_result_from_json(part("result"));
  const auto verdict = verdict_from_json(part("verdict"), "verdict");
  if (!result || !verdict) return;
  Report report;
  report.result = *result;
  report.verdict = *verdict;
  report.model = result->model;
  report.version = result->candidate.version;
  report.digest = result->candidate.digest;
  for (const auto& station : result->stations) report.seconds += station.seconds;
  if (part("cause").is_string()) report.cause = part("cause").get<std::string>();
  const auto labels = part("labels");
  if (labels.is_object())
    for (const auto& [region, said] : labels.items())
      if (said.is_string())
        if (const auto label = RegionLabel::from(said.get<std::string>()))
          report.region_labels[RegionId(region)] = *label;
  Waivers waivers;
  for (const auto& item : part("waivers"))
    if (auto waiver = waiver_from_json(item, "waiver")) waivers.push_back(std::move(*waiver));

  check_json(report, waivers);
  check_html(report, waivers);
  const auto markdown = markdown_report(report, waivers);
  require(markdown.size() <= 4 * kMaxMarkdown && fuzz::is_utf8(markdown), "Markdown is UTF-8 and short");
  require(markdown.find(kMark) == std::string::npos, "Markdown is escaped", markdown);
  const auto junit = junit_report(report, waivers);
  require(junit.size() <= kMaxJunitBytes && fuzz::is_utf8(junit), "JUnit is UTF-8 and keeps its budget");
  require(fuzz::is_well_formed(junit), "JUnit is XML", junit);
  const bool green = junit.find("<failure") == std::string::npos && junit.find("<error") == std::string::npos;
  require(!green || report.verdict.state == VerdictState::pass, "only a pass is green", junit);
}

void check_gate_findings(std::string_view text) {
  const auto json = parse_json(text, "report.json");
  if (!json) return;
  const auto found = gate_findings_from_json(*json, "report.json");
  if (!found) return fuzz::require_names(found.error(), "report.json");
  const auto order = repair_order(*found, {}, {});
  if (!order) return require(!order.error().message.empty(), "a refusal has words");
  const auto written = dump_json(to_json(*order));
  const auto parsed = parse_json(written, "order");
  require(parsed.has_value(), "what is written is JSON", written);
  const auto again = repair_order_from_json(*parsed);
  if (again) require(dump_json(to_json(*again)) == written, "reading and writing change nothing", written);
}

template <class Read>
void read_back(std::string_view text, Read&& read) {
  const auto json = parse_json(text, "stored");
  if (!json) return;
  const auto value = read(*json, "stored");
  if (!value) return fuzz::require_names(value.error(), "stored");
  const auto written = dump_json(to_json(*value));
  const auto again = read(parse_json(written, "stored").value(), "stored");
  require(again.has_value() && dump_json(to_json(*again)) == written, "reading and writing change nothing", written);
}

// A table is read, written and read again; a formula has an apostrophe before it by then.
void check_table(std::string_view text) {
  const auto rows = ctl::parse_csv(text);
  if (!rows) return fuzz::require_names(rows.error(), "line ");
  std::string written;
  for (const auto& row : *rows) written += ctl::csv_line(row);
  const auto again = ctl::parse_csv(written);
  require(again.has_value() && again->size() == rows->size(), "a table keeps its rows", written);
  for (std::size_t i = 0; i < rows->size(); ++i) {
    require((*again)[i].size() == (*rows)[i].size(), "a row keeps its columns", written);
    for (const auto& value : (*again)[i])
      require(value.empty() || std::string_view("=+-@\t\r").find(value.front()) == std::string_view::npos,
              "no formula comes out", written);
  }
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  switch (input.byte()) {
    case 'g':
      check_gate_findings(input.rest());
      break;
    case 'v':
      read_back(input.rest(), verdict_from_json);
      break;
    case 'w':
      read_back(input.rest(), waiver_from_json);
      break;
    case 't':
      check_table(input.rest());
      break;
    default:
      check_renderings(input.rest());
  }
  return 0;
}
