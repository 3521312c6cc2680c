// The dashboard's pages about bug regions: all of a model over its releases, and one with what people say of it.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "daemon/http/api_call.h"
#include "daemon/http/dashboard_parts.h"

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
Json cell_of(const RegionScoreRow& row) {
  const auto& score = row.score;
  return {{"there", true},
          {"error", fmt::format("{:.0f} %", 100 * score.candidate_error)},
          {"shade", shade_of(score.candidate_error)},
          {"status", to_string(row.status)},
          {"interval", fmt::format("{:.0f} to {:.0f} % of {} seeds", 100 * score.candidate_interval.lower,
                                   100 * score.candidate_interval.upper, score.seeds)}};
}

Result<Json> heat_rows(Store& store, const std::vector<RegionRow>& rows, const std::vector<VersionRow>& versions) {
  Json out = Json::array();
  for (const RegionRow& row : rows) {
    Json cells = Json::array();
    for (const auto& version : versions) {
      TRY(score, store.region_score(row.id, version.digest));
      cells.push_back(score ? cell_of(*score) : Json{{"there", false}});
    }
    out.push_back({{"id", row.id},
                   {"label", class_text(row.label)},
                   {"predicted", class_text(row.predicted_as)},
                   {"status", to_string(row.region.status)},
                   {"said", row.human_label},
                   {"picture", !row.region.samples.empty() && !row.region.samples.front().picture.empty()},
                   {"cells", std::move(cells)}});
  }
  return out;
}

Json sample_rows(const RegionRow& row) {
  Json list = Json::array();
  for (std::size_t i = 0; i < row.region.samples.size(); ++i) {
    const auto& sample = row.region.samples[i];
    if (sample.picture.empty()) continue;
    list.push_back({{"url", "/v1/regions/" + row.id + "/samples/" + std::to_string(i) + ".png"},
                    {"kind", sample.kind},
                    {"candidate", class_text(sample.candidate_predicted)},
                    {"incumbent", class_text(sample.incumbent_predicted)}});
  }
  return list;
}

// Class names where the configuration has them; what people give names to, they want to read.
std::string class_name(const Config& config, const std::string& model, std::int32_t label) {
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
                    {"label", class_name(config, row.model, neighbours[i].label)},
                    {"split", image.split == Split::test ? "test" : "training"},
                    {"candidate", class_name(config, row.model, image.candidate_predicted)},
                    {"incumbent", class_name(config, row.model, image.incumbent_predicted)},
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
  return fmt::format(
      "{}: the nearest training image it gets wrong is closer than {:.0f} % of random pairs of training images "
      "({} against {} for half of the pairs).",
      answer, 100 * novelty.farther_pairs, number(nearest), number(novelty.pair_distances[2]));
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

Json history_rows(const std::string& model, const std::vector<RegionScoreRow>& scores) {
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
  const auto asked = [&](const char* key) {
    const auto found = call.query.find(key);
    return found == call.query.end() ? std::string() : found->second;
  };
  RegionList list;
  const std::string show = asked("show");
  list.unlabelled = show == "unlabelled";
  if (!show.empty() && show != "all" && !list.unlabelled) {
    const auto status = region_status_from(show);
    if (!status) return fail(ErrorCode::invalid_input, "show: there is no such choice");
    list.status = *status;
  }
  list.newest = asked("sort") == "newest";
  list.limit = kRegionsShown;
  const std::string wanted = asked("page");
  const bool number =
      !wanted.empty() && wanted.size() <= 6 && wanted.find_first_not_of("0123456789") == std::string::npos;
  const std::size_t page = number ? std::stoul(wanted) : 0;
  list.offset = page * kRegionsShown;
  TRY(found, store->region_page(facts.model, list));
  TRY(versions, store->versions(facts.model));
  if (versions.size() > kVersionsShown)
    versions.erase(versions.begin(), versions.end() - static_cast<std::ptrdiff_t>(kVersionsShown));
  TRY(shown, heat_rows(*store, found.rows, versions));
  Json columns = Json::array();
  for (const auto& version : versions) columns.push_back({{"model", facts.model}, {"version", version.version}});
  Json filters = Json::array();
  for (const char* name : {"all", "new", "worse", "inherited", "fixed", "suspected", "unlabelled"})
    filters.push_back({{"name", name}, {"chosen", show == name || (show.empty() && std::string_view(name) == "all")}});
  const auto link = [&](std::size_t to) {
    return "?page=" + std::to_string(to) + (show.empty() ? "" : "&show=" + show) + (list.newest ? "&sort=newest" : "");
  };
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
               {"earlier", page > 0 ? link(page - 1) : ""},
               {"later", list.offset + kRegionsShown < found.total ? link(page + 1) : ""}});
}

Answer page_region(const Call& call) {
  TRY(store, call.read.store());
  TRY(row, store->region(call.at("region")));
  if (!row) return fail(ErrorCode::not_found, "no region " + call.at("region"));
  TRY(scores, store->region_scores(row->id));
  TRY(words, store->region_labels(row->id));
  Json said = Json::array();
  for (const auto& word : words)
    said.push_back({{"label", word.label.empty() ? "(taken back)" : word.label},
                    {"who", word.who},
                    {"note", word.note},
                    {"at", minute_of(word.at)}});
  const auto counted = tally_of(words);
  const auto samples = sample_rows(*row);
  const auto history = history_rows(row->model, scores);
  auto page = html("dashboard_region.mustache",
                   {{"title", row->id},
                    {"program", "defused " DEFUSED_VERSION},
                    {"id", row->id},
                    {"model", row->model},
                    {"status", to_string(row->region.status)},
                    {"sentence", row->region.sentence},
                    {"label", std::to_string(row->label)},
                    {"predicted", class_text(row->predicted_as)},
                    {"evidence", row->region.evidence == "both" ? "real and generated" : row->region.evidence},
                    {"first", row->first_version},
                    {"last", row->last_version},
                    {"seen", minute_of(row->first_seen)},
                    {"says", row->human_label},
                    {"voters", counted.voters},
                    {"has_votes", counted.voters > 0},
                    {"agreement", fmt::format("{:.0f} %", 100 * counted.agreement)},
                    {"undecided", counted.voters > 1 && counted.label.empty()},
                    {"has_samples", !samples.empty()},
                    {"samples", samples},
                    {"novelty", novelty_view(*row, *call.read.config())},
                    {"has_history", !history.empty()},
                    {"history", history},
                    {"has_words", !said.empty()},
                    {"words", said}});
  if (page) allow_script(*page);  // it sends what a person says
  return page;
}

}  // namespace defuse::http
