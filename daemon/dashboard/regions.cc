// The dashboard's pages about bug regions: all of a model over its releases, and one with what people say of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "daemon/dashboard/pages.h"
#include "daemon/dashboard/parts.h"

namespace defuse::http {
namespace {

constexpr std::size_t kRegionsShown = 25;   // rows of the heat map
constexpr std::size_t kVersionsShown = 12;  // its columns, the newest
constexpr int kShades = 5;                  // of a cell, in dashboard_style.css

std::string class_text(std::int32_t label) { return label < 0 ? "" : std::to_string(label); }

std::string shade_of(double error) {
  const int step = static_cast<int>(std::ceil(std::clamp(error, 0.0, 1.0) * kShades));
  return "shade" + std::to_string(step);
}

// One cell: the candidate's error rate in the region, as that version's gate measured it.
Json cell_of(const RegionCell& cell) {
  return {{"there", true},
          {"error", fmt::format("{:.0f} %", 100 * cell.candidate_error)},
          {"shade", shade_of(cell.candidate_error)},
          {"status", to_string(cell.status)},
          {"interval", fmt::format("{:.0f} to {:.0f} % of {} seeds", 100 * cell.candidate_interval.lower,
                                   100 * cell.candidate_interval.upper, cell.seeds)}};
}

Result<Json> heat_rows(Store& store, const std::vector<RegionRow>& rows,
                       const std::vector<VersionPage::Row>& versions) {
  std::vector<RegionId> regions;
  std::vector<Digest> digests;
  for (const auto& row : rows) regions.push_back(row.id);
  for (const auto& row : versions) digests.push_back(row.version.digest);
  TRY(cells, store.regions.cells(regions, digests));
  std::map<std::pair<RegionId, Digest>, const RegionCell*> scores;
  for (const auto& cell : cells) scores.emplace(std::pair(cell.region, cell.digest), &cell);
  Json out = Json::array();
  for (const RegionRow& row : rows) {
    Json line = Json::array();
    for (const auto& digest : digests) {
      const auto score = scores.find({row.id, digest});
      line.push_back(score == scores.end() ? Json{{"there", false}} : cell_of(*score->second));
    }
    out.push_back({{"id", row.id},
                   {"label", class_text(row.label)},
                   {"predicted", class_text(row.predicted_as)},
                   {"status", to_string(row.region.status)},
                   {"said", to_string(row.human_label)},
                   {"picture", !row.region.samples.empty() && !row.region.samples.front().picture.empty()},
                   {"cells", std::move(line)}});
  }
  return out;
}

// Class names where the configuration has them; what people give names to, they want to read.
std::string named_class(const Config& config, const ModelName& model, std::int32_t label) {
  const auto known = config.models.find(model);
  const auto at = static_cast<std::size_t>(std::max(label, 0));
  if (label < 0 || known == config.models.end() || at >= known->second.classes.size()) return class_text(label);
  return known->second.classes[at];
}

Json neighbour_rows(const RegionRow& row, const std::vector<RegionNeighbour>& neighbours, std::size_t first,
                    const Config& config) {
  Json list = Json::array();
  for (std::size_t i = 0; i < neighbours.size(); ++i) {
    const auto& image = neighbours[i].image;
    if (image.picture.empty()) continue;
    list.push_back({{"url", "/v1/regions/" + row.id + "/nearest/" + std::to_string(first + i) + ".png"},
                    {"label", named_class(config, row.model, neighbours[i].label)},
                    {"split", image.split == Split::test ? "test" : "training"},
                    {"candidate", named_class(config, row.model, image.candidate_predicted)},
                    {"incumbent", named_class(config, row.model, image.incumbent_predicted)},
                    {"distance", number(neighbours[i].distance)}});
  }
  return list;
}

// Whether the bug is known in the training data, in one sentence.
std::string novelty_sentence(const RegionNovelty& novelty) {
  if (novelty.nearest_wrong.empty())
    return "Very likely: among the training images that were looked at there is none that this version gets wrong.";
  const double nearest = novelty.nearest_wrong.front().distance;
  if (novelty.pair_distances.size() != 5)
    return fmt::format("The nearest training image it gets wrong lies {} away.", number(nearest));
  const char* answer = nearest <= novelty.pair_distances[0]   ? "No, by all appearance"
                       : nearest <= novelty.pair_distances[1] ? "Probably not"
                       : nearest <= novelty.pair_distances[2] ? "Perhaps"
                                                              : "Yes, by all appearance";
  const auto pairs =
      novelty.farther_pairs >= 1 ? std::string("all") : fmt::format("{:.1f} % of", 100 * novelty.farther_pairs);
  return fmt::format(
      "{}: the nearest training image it gets wrong is closer than {} random pairs of training images ({} against {} "
      "for half of the pairs).",
      answer, pairs, number(nearest), number(novelty.pair_distances[2]));
}

Json novelty_view(const RegionRow& row, const Config& config) {
  if (!row.region.novelty) return nullptr;
  const auto& novelty = *row.region.novelty;
  auto nearest = neighbour_rows(row, novelty.nearest, 0, config);
  auto wrong = neighbour_rows(row, novelty.nearest_wrong, novelty.nearest.size(), config);
  return {{"sentence", novelty_sentence(novelty)},
          {"has_wrong", !wrong.empty()},
          {"wrong", std::move(wrong)},
          {"has_nearest", !nearest.empty()},
          {"nearest", std::move(nearest)}};
}

Json history_rows(const ModelName& model, const std::vector<RegionScoreRow>& scores) {
  Json list = Json::array();
  for (auto row = scores.rbegin(); row != scores.rend(); ++row) {
    const auto& score = row->score;
    list.push_back(
        {{"model", model},
         {"version", row->version},
         {"status", to_string(row->status)},
         {"seeds", score.seeds},
         {"error", percent(score.candidate_error)},
         {"interval", percent(score.candidate_interval.lower) + " – " + percent(score.candidate_interval.upper)},
         {"incumbent_error", percent(score.incumbent_error)},
         {"at", minute_of(row->at)}});
  }
  return list;
}

}  // namespace

Answer page_regions(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  RegionList list;
  const std::string show = asked(call, "show");
  list.unlabelled = show == "unlabelled";
  if (!show.empty() && show != "all" && !list.unlabelled) {
    const auto status = region_status_from(show);
    if (!status) return fail(ErrorCode::invalid_input, "show: there is no such choice");
    list.status = *status;
  }
  list.newest = asked(call, "sort") == "newest";
  list.limit = kRegionsShown;
  const std::size_t page = page_of(call);
  list.offset = page * kRegionsShown;
  TRY(found, store->regions.page(facts.model, list));
  const std::size_t columns_page = number_asked(call, "columns");
  TRY(releases, store->versions.page(facts.model, {.offset = columns_page * kVersionsShown, .limit = kVersionsShown}));
  auto& versions = releases.rows;
  std::reverse(versions.begin(), versions.end());
  TRY(shown, heat_rows(*store, found.rows, versions));
  Json columns = Json::array();
  for (const auto& row : versions) columns.push_back({{"model", facts.model}, {"version", row.version.version}});
  Json filters = Json::array();
  for (const char* name : {"all", "new", "worse", "inherited", "fixed", "suspected", "unlabelled"})
    filters.push_back({{"name", name}, {"chosen", show == name || (show.empty() && std::string_view(name) == "all")}});
  const auto link = [&](std::size_t to, std::size_t to_columns) {
    return "?page=" + std::to_string(to) + (show.empty() ? "" : "&show=" + show) + (list.newest ? "&sort=newest" : "") +
           (to_columns > 0 ? "&columns=" + std::to_string(to_columns) : "");
  };
  const bool older = (columns_page + 1) * kVersionsShown < releases.total;
  return html("dashboard_regions.mustache",
              {{"title", facts.model + ": bug regions"},
               {"program", "defused " DEFUSED_VERSION},
               {"model", facts.model},
               {"count", found.total},
               {"from", list.offset + 1},
               {"to", list.offset + found.rows.size()},
               {"filters", std::move(filters)},
               {"newest", list.newest},
               {"columns", std::move(columns)},
               {"has_regions", !shown.empty()},
               {"regions", std::move(shown)},
               {"newer_columns", columns_page > 0 ? link(page, columns_page - 1) : ""},
               {"older_columns", older ? link(page, columns_page + 1) : ""},
               {"earlier", page > 0 ? link(page - 1, columns_page) : ""},
               {"later", list.offset + kRegionsShown < found.total ? link(page + 1, columns_page) : ""}});
}

Answer page_region(const Call& call) {
  TRY(store, call.read.store());
  TRY(row, store->regions.find(call.region()));
  if (!row) return fail(ErrorCode::not_found, "no region " + call.region());
  TRY(scores, store->regions.scores(row->id));
  TRY(words, store->regions.labels(row->id));
  TRY(waivers, store->waivers.rows(row->model));
  const auto now = call.read.clock().now();
  Json covering = Json::array();
  for (const auto& waiver : waivers)  // a finding of a region is named <check>/<region>
    if (waiver.waiver.finding == row->id || waiver.waiver.finding.ends_with("/" + row->id))
      covering.push_back(waiver_row(waiver, now));
  const auto samples = sample_rows(*row);
  const auto history = history_rows(row->model, scores);
  Json data = people_say(*row, words);
  data.update(waiver_form(call, row->model, row->id));
  data.update({{"title", row->id},
               {"program", "defused " DEFUSED_VERSION},
               {"status", to_string(row->region.status)},
               {"sentence", row->region.sentence},
               {"predicted", class_text(row->predicted_as)},
               {"evidence",
                row->region.evidence == RegionEvidence::both ? "real and generated" : to_string(row->region.evidence)},
               {"first", row->first_version},
               {"last", row->last_version},
               {"seen", minute_of(row->first_seen)},
               {"has_samples", !samples.empty()},
               {"samples", samples},
               {"novelty", novelty_view(*row, *call.read.config())},
               {"has_history", !history.empty()},
               {"history", history},
               {"has_waivers", !covering.empty()},
               {"waivers", std::move(covering)}});
  return html_with_scripts("dashboard_region.mustache", data);
}

}  // namespace defuse::http
