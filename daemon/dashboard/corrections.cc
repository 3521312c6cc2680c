// The page of a repair: how far it is, then what it repaired and what that cost.
#include "daemon/api/corrections.h"

#include <fmt/format.h>

#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"

namespace defuse::http {
namespace {

std::string flip_rate(const FourCounts& flips) {
  if (flips.total() == 0) return "";
  return percent(static_cast<double>(flips.negative_flips) / static_cast<double>(flips.total()));
}

std::string flip_rate(const std::optional<FourCounts>& flips) { return flips ? flip_rate(*flips) : ""; }

std::string standing_words(const JobRow& job) {
  if (job.state == JobState::queued)
    return job.error.empty() ? "It waits in the queue, behind every gate." : "It will be tried again: " + job.error;
  if (job.state == JobState::running)
    return job.station.empty() ? "It begins." : fmt::format("{}: {:.0f} %", job.station, 100 * job.progress);
  return job.error;
}

// Held-out images only: nothing was tuned or chosen on them.
Json before_and_after(const RepairResult& result) {
  Json rows = Json::array();
  const RepairScore none;
  const RepairScore& after = result.chosen ? result.runs[*result.chosen].score : none;
  const auto& before = result.before.by_region;
  for (std::size_t r = 0; r < before.size(); ++r)
    rows.push_back({{"region", before[r].id},
                    {"what", ""},
                    {"seeds", before[r].seeds},
                    {"images", before[r].images},
                    {"before", percent(before[r].right)},
                    {"after", r < after.by_region.size() ? percent(after.by_region[r].right) : ""}});
  rows.push_back({{"region", ""},
                  {"what", "all regions"},
                  {"seeds", ""},
                  {"images", result.held_out_samples},
                  {"before", percent(result.before.regions)},
                  {"after", percent(after.regions)}});
  const auto flips = result.chosen ? result.runs[*result.chosen].flips.total() : 0;
  rows.push_back({{"region", ""},
                  {"what", "test split"},
                  {"seeds", ""},
                  {"images", flips > 0 ? Json(flips) : Json()},
                  {"before", percent(result.before.test)},
                  {"after", percent(after.test)}});
  return rows;
}

Json run_rows(const RepairResult& result) {
  Json rows = Json::array();
  rows.push_back({{"name", "(before)"},
                  {"lambda", ""},
                  {"chosen", false},
                  {"problem", ""},
                  {"regions", percent(result.before.regions)},
                  {"test", percent(result.before.test)},
                  {"validation", percent(result.before.validation_regions)},
                  {"flips", ""},
                  {"incumbent_flips", flip_rate(result.incumbent_flips)}});
  for (std::size_t i = 0; i < result.runs.size(); ++i) {
    const auto& run = result.runs[i];
    rows.push_back({{"name", run.name},
                    {"lambda", fmt::format("{:.3g}", run.lambda)},
                    {"chosen", result.chosen == i},
                    {"problem", run.problem},
                    {"regions", percent(run.score.regions)},
                    {"test", percent(run.score.test)},
                    {"validation", percent(run.score.validation_regions)},
                    {"flips", flip_rate(run.flips)},
                    {"incumbent_flips", flip_rate(run.incumbent_flips)}});
  }
  return rows;
}

Json result_json(const RepairResult& result) {
  return {{"chosen", result.chosen.has_value()},
          {"reason", result.reason},
          {"notes", result.notes},
          {"tuning_images", result.tuning_images},
          {"tuning_samples", result.tuning_samples},
          {"validation_images", result.validation_images},
          {"validation_samples", result.validation_samples},
          {"held_out_samples", result.held_out_samples},
          {"rows", before_and_after(result)},
          {"runs", run_rows(result)}};
}

}  // namespace

Answer page_repair(const Call& call) {
  TRY(job, repair_job(call));
  Json result, problem;
  if (job.state == JobState::done) {
    const auto found = repair_result(call, job);
    if (found)
      result = result_json(*found);
    else
      problem = found.error().describe();
  }
  return html_with_scripts("dashboard_correction.mustache",
                           {{"title", "Correction of " + job.model + " " + job.version},
                            {"program", "defused " DEFUSED_VERSION},
                            {"id", job.id},
                            {"model", job.model},
                            {"version", job.version},
                            {"incumbent", job.incumbent_version},
                            {"state", to_string(job.state)},
                            {"open", !is_final(job.state)},
                            {"words", standing_words(job)},
                            {"created", minute_of(job.created)},
                            {"finished", job.finished ? minute_of(*job.finished) : ""},
                            {"problem", std::move(problem)},
                            {"result", std::move(result)}});
}

Result<Json> repairs_of(const Standing& standing, Store& store) {
  if (!standing.row || standing.kind == Standing::Kind::unknown) return Json();
  constexpr std::size_t kShown = 10;
  TRY(rows, store.jobs.repairs(standing.row->model, standing.row->digest, kShown));
  Json list = Json::array();
  for (const auto& row : rows)
    list.push_back({{"id", row.id}, {"state", to_string(row.state)}, {"created", minute_of(row.created)}});
  const bool may_order = standing.judged && standing.judged->verdict.state == VerdictState::fail;
  if (!may_order && list.empty()) return Json();
  return Json{{"may_order", may_order}, {"has_corrections", !list.empty()}, {"corrections", std::move(list)}};
}

}  // namespace defuse::http
