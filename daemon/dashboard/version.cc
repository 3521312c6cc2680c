// The dashboard's page of one version: verdict and reasons, checks against their limits, findings, where answers moved,
// the broken images, bug regions and the map of the latent space.
#include "daemon/api/plain_file.h"
#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"
#include "daemon/dashboard/version_view.h"
#include "reports/page_json.h"

namespace defuse::http {
namespace {

// A document that the daemon wrote beside a report. One that is gone, or of a release before it was written, leaves its
// part of the page out: the verdict does not hang on it.
Json document_of(const Call& call, const Standing& standing, const char* name, std::uint64_t most) {
  if (!standing.judged) return nullptr;
  const auto bytes = read_plain_file(call.read.config()->state_dir, standing.judged->report, name, most);
  if (!bytes) return nullptr;
  auto document = parse_json(*bytes, name);
  return document && document->is_object() ? std::move(*document) : Json(nullptr);
}

std::string asked_projection(const Call& call) {
  const auto found = call.query.find("map");
  return found == call.query.end() ? "" : found->second;
}

// What a report's folder adds to the verdict.
void add_report_parts(const Call& call, const Standing& standing, const std::string& url, const Json& page,
                      Json& values) {
  auto flips = flip_pictures(page, url);
  auto regions = region_cards(page, url);
  // The whole number, where more there are than shown.
  const auto in_all = [&](const char* key, std::size_t shown) {
    const double count = number_at(page, key);
    return count > static_cast<double>(shown) ? std::to_string(static_cast<std::int64_t>(count)) : "";
  };
  values["confusion"] = confusion_table(page);
  values["has_flips"] = !flips.empty();
  values["flip_count"] = flips.size();
  values["flips_in_all"] = in_all("flip_count", flips.size());
  values["flips"] = std::move(flips);
  values["has_regions"] = !regions.empty();
  values["regions_in_all"] = in_all("region_count", regions.size());
  values["regions"] = std::move(regions);
  values["map"] = truth_at(page, "map")
                      ? map_view(document_of(call, standing, kMapFile, kMaxMapFile), page, asked_projection(call), url)
                      : Json();
}

}  // namespace

namespace {

// Said here as it is now; the verdict's warning says how it was when it was judged.
std::string signature_words(const Standing& standing) {
  const auto& signature = standing.signature;
  if (signature.problem.empty()) return "";
  return "Signature " + std::string(to_string(signature.state)) + ": " + signature.problem + ".";
}

}  // namespace

Answer page_version(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(standing, standing_of(facts, call.version(), *store));
  if (standing.answer == GateAnswer::unknown && !standing.row) return fail(ErrorCode::not_found, standing.reason);
  const Verdict nothing{};
  const Verdict& decided = standing.judged ? standing.judged->verdict : nothing;
  const auto page = document_of(call, standing, kPageFile, kMaxPageFile);
  const auto url = version_url(facts.model, call.version());
  auto checks = check_rows(decided, page);
  TRY(repairing, repairs_of(standing, *store));
  Json values = {{"title", facts.model + " " + call.version()},
                 {"program", "defused " DEFUSED_VERSION},
                 {"model", facts.model},
                 {"version", call.version()},
                 {"url", url},
                 {"row", version_row(facts.model, call.version(), standing)},
                 {"digest", standing.row ? standing.row->digest : ""},
                 {"replaced", standing.row ? standing.row->replaced > 0 : false},
                 {"signed_by", standing.signature.state == SignatureState::valid ? standing.signature.key : ""},
                 {"signature_problem", signature_words(standing)},
                 {"judged", standing.judged.has_value()},
                 {"reasons", decided.reasons},
                 {"warnings", decided.warnings},
                 {"has_checks", !checks.empty()},
                 {"checks", std::move(checks)},
                 {"has_findings", !decided.findings.empty()},
                 {"findings", finding_lists(decided)},
                 {"job", standing.job ? job_row(*standing.job) : Json()},
                 {"repairing", std::move(repairing)}};
  add_report_parts(call, standing, url, page, values);
  const bool scripted = values["map"].is_object() || values["repairing"].is_object();
  return scripted ? html_with_scripts("dashboard_version.mustache", values)
                  : html("dashboard_version.mustache", values);
}

}  // namespace defuse::http
