// Bug regions of a model line and their history over releases.
#include <algorithm>

#include "core/wire/documents.h"
#include "daemon/api/handlers.h"

namespace defuse::http {
namespace {

Json samples_json(const RegionRow& row) {
  Json list = Json::array();
  for (std::size_t i = 0; i < row.region.samples.size(); ++i) {
    const auto& sample = row.region.samples[i];
    list.push_back(
        {{"kind", sample.kind},
         {"index", sample.index},
         {"draw", sample.draw},
         {"candidate_predicted", sample.candidate_predicted},
         {"incumbent_predicted", sample.incumbent_predicted},
         {"picture",
          sample.picture.empty() ? Json() : Json("/v1/regions/" + row.id + "/samples/" + std::to_string(i) + ".png")}});
  }
  return list;
}

Json novelty_json(const RegionRow& row) {
  if (!row.region.novelty) return nullptr;
  const auto& novelty = *row.region.novelty;
  std::size_t number = 0;  // of the picture: they are counted through both lists
  const auto list = [&](const std::vector<RegionNeighbour>& neighbours) {
    Json out = Json::array();
    for (const auto& [image, label, distance] : neighbours) {
      const auto address = "/v1/regions/" + row.id + "/nearest/" + std::to_string(number++) + ".png";
      out.push_back({{"split", image.split == Split::test ? "test" : "train"},
                     {"index", image.index},
                     {"label", label},
                     {"distance", json_number(distance)},
                     {"candidate_predicted", image.candidate_predicted},
                     {"incumbent_predicted", image.incumbent_predicted},
                     {"picture", image.picture.empty() ? Json() : Json(address)}});
    }
    return out;
  };
  Json quantiles = Json::array();
  for (const double distance : novelty.pair_distances) quantiles.push_back(json_number(distance));
  auto nearest = list(novelty.nearest);
  auto wrong = list(novelty.nearest_wrong);
  return {{"nearest", std::move(nearest)},
          {"nearest_wrong", std::move(wrong)},
          {"pair_distances", std::move(quantiles)},
          {"farther_pairs", json_number(novelty.farther_pairs)}};
}

Json region_summary(const RegionRow& row) {
  return {{"id", row.id},
          {"model", row.model},
          {"status", to_string(row.region.status)},
          {"label", row.label},
          {"predicted_as", row.predicted_as},
          {"evidence", to_string(row.region.evidence)},
          {"sentence", row.region.sentence},
          {"first_version", row.first_version},
          {"last_version", row.last_version},
          {"first_seen", to_rfc3339(row.first_seen)},
          {"human_label", text_or_null(to_string(row.human_label))},
          {"confirmed", row.confirmed},
          {"seeds", row.region.confirm.seeds},
          {"candidate_error", json_number(row.region.confirm.candidate_error)},
          {"incumbent_error", json_number(row.region.confirm.incumbent_error)},
          {"net_flip_rate", json_number(row.region.confirm.net_flip_rate)},
          {"p_adjusted", json_number(row.region.confirm.p_adjusted)},
          {"samples", row.region.samples.size()}};
}

Json score_json(const RegionScoreRow& row) {
  return {{"version", row.version},
          {"digest", row.digest},
          {"at", to_rfc3339(row.at)},
          {"status", to_string(row.status)},
          {"seeds", row.score.seeds},
          {"real", to_json(row.score.real)},
          {"generated", to_json(row.score.generated)},
          {"candidate_error", json_number(row.score.candidate_error)},
          {"incumbent_error", json_number(row.score.incumbent_error)},
          {"net_flip_rate", json_number(row.score.net_flip_rate)},
          {"net_lower", json_number(row.score.net_lower)},
          {"p_adjusted", json_number(row.score.p_adjusted)}};
}

}  // namespace

Tally tally_of(const std::vector<LabelRow>& words) {
  std::vector<Vote> votes;
  for (const auto& word : words) votes.push_back({word.who, word.label});
  return tally(votes);
}

Answer regions(const Call& call) {
  TRY(store, call.read.store());
  TRY(facts, known_model(call, *store));
  TRY(limit, limit_of(call, 100));
  RegionList list;
  list.newest = true;
  TRY(offset, offset_of(call));
  list.offset = offset;
  list.limit = limit + 1;  // one more, to know whether the list goes on
  if (const auto before = call.query.find("before"); before != call.query.end()) {
    TRY(row, store->regions.find(RegionId(before->second)));
    if (!row || row->model != facts.model) return fail(ErrorCode::invalid_input, "before: no region " + before->second);
    list.before = RegionId(before->second);
  }
  TRY(found, store->regions.page(facts.model, list));
  const bool more = found.rows.size() > limit;
  if (more) found.rows.pop_back();
  Json page = Json::array();
  for (const auto& row : found.rows) page.push_back(region_summary(row));
  Json next;
  if (more) next = found.rows.back().id;
  return json_response(
      {{"model", facts.model}, {"regions", std::move(page)}, {"next", std::move(next)}, {"total", found.total}});
}

Answer region(const Call& call) {
  TRY(store, call.read.store());
  TRY(row, store->regions.find(call.region()));
  if (!row) return fail(ErrorCode::not_found, "no region " + call.region());
  TRY(scores, store->regions.scores(row->id));
  TRY(words, store->regions.labels(row->id));
  Json said = Json::array();
  for (const auto& word : words)
    said.push_back(
        {{"label", text_or_null(word.label)}, {"who", word.who}, {"note", word.note}, {"at", to_rfc3339(word.at)}});
  const auto counted = tally_of(words);
  Json body = region_summary(*row);
  body["votes"] = {{"words", std::move(said)},
                   {"voters", counted.voters},
                   {"counts", counted.counts},
                   {"agreement", counted.voters > 0 ? Json(counted.agreement) : Json()}};
  body["samples"] = samples_json(*row);
  body["novelty"] = novelty_json(*row);
  body["history"] = Json::array();
  for (const auto& score : scores) body["history"].push_back(score_json(score));
  return json_response(body);
}

}  // namespace defuse::http
