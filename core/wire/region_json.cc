// JSON form of regions. Members and their distances are two parallel lists of numbers: a region may have many
// thousands.
#include "core/wire/json_fields.h"

namespace defuse {
namespace {

constexpr std::array kStatuses{RegionStatus::new_bug, RegionStatus::worse, RegionStatus::inherited, RegionStatus::fixed,
                               RegionStatus::suspected};

Json interval_to_json(const Interval& interval) {
  return Json::array({json_number(interval.lower), json_number(interval.upper)});
}

Interval interval_from_json(JsonReader& r, const char* key) {
  const std::vector<double> ends = fields::numbers(r, key, 2);
  if (ends.size() == 2) return {ends[0], ends[1]};
  r.problem(key, "expected [lower, upper]");
  return {};
}

Json score_to_json(const RegionScore& score) {
  return {{"seeds", score.seeds},
          {"real", to_json(score.real)},
          {"generated", to_json(score.generated)},
          {"candidate_error", json_number(score.candidate_error)},
          {"incumbent_error", json_number(score.incumbent_error)},
          {"candidate_interval", interval_to_json(score.candidate_interval)},
          {"incumbent_interval", interval_to_json(score.incumbent_interval)},
          {"net_flip_rate", json_number(score.net_flip_rate)},
          {"net_lower", json_number(score.net_lower)},
          {"p_raw", json_number(score.p_raw)},
          {"p_adjusted", json_number(score.p_adjusted)}};
}

Result<RegionScore> score_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  RegionScore score;
  score.seeds = fields::count(r, "seeds");
  const Json& real = r.object("real");
  const Json& generated = r.object("generated");
  TRY_OK(r.status());
  TRY(real_counts, four_counts_from_json(real, fields::child(r, "real")));
  TRY(generated_counts, four_counts_from_json(generated, fields::child(r, "generated")));
  score.real = real_counts;
  score.generated = generated_counts;
  score.candidate_error = r.number("candidate_error");
  score.incumbent_error = r.number("incumbent_error");
  score.candidate_interval = interval_from_json(r, "candidate_interval");
  score.incumbent_interval = interval_from_json(r, "incumbent_interval");
  score.net_flip_rate = r.number("net_flip_rate");
  score.net_lower = r.number("net_lower");
  score.p_raw = r.number("p_raw");
  score.p_adjusted = r.number("p_adjusted");
  TRY_OK(r.status());
  return score;
}

Result<void> members_from_json(JsonReader& r, Region& region) {
  const std::vector<std::uint32_t> seeds = fields::indices(r, "member_seeds", fields::kMaxMembers);
  const std::vector<double> distances = fields::numbers(r, "member_distances", fields::kMaxMembers);
  if (seeds.size() != distances.size()) r.problem("member_distances", "expected one for each of member_seeds");
  TRY_OK(r.status());
  region.members.reserve(seeds.size());
  for (std::size_t i = 0; i < seeds.size(); ++i) region.members.push_back({seeds[i], distances[i]});
  return {};
}

}  // namespace

namespace fields {

Json sample_to_json(const RegionSample& sample) {
  return {{"kind", sample.kind},
          {"split", sample.split == Split::test ? "test" : "train"},
          {"index", sample.index},
          {"draw", sample.draw},
          {"candidate_predicted", sample.candidate_predicted},
          {"incumbent_predicted", sample.incumbent_predicted},
          {"picture", sample.picture}};
}

Result<RegionSample> sample_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  RegionSample sample;
  sample.kind = text(r, "kind");
  if (sample.kind != "real" && sample.kind != "generated") r.problem("kind", "expected real or generated");
  const std::string split = text(r, "split");
  if (split != "test" && split != "train") r.problem("split", "expected test or train");
  sample.split = split == "train" ? Split::train : Split::test;
  sample.index = static_cast<std::uint32_t>(between(r, "index", 0, std::numeric_limits<std::uint32_t>::max()));
  sample.draw = static_cast<int>(between(r, "draw", -1, std::numeric_limits<int>::max()));
  sample.candidate_predicted = class_index(r, "candidate_predicted");
  sample.incumbent_predicted = class_index(r, "incumbent_predicted");
  sample.picture = plain_name(r, "picture");
  TRY_OK(r.status());
  return sample;
}

}  // namespace fields

namespace {

constexpr std::size_t kMaxNeighbours = 100;
constexpr std::size_t kMaxQuantiles = 5;

Json neighbours_to_json(const std::vector<RegionNeighbour>& neighbours) {
  Json list = Json::array();
  for (const RegionNeighbour& neighbour : neighbours)
    list.push_back({{"image", fields::sample_to_json(neighbour.image)},
                    {"label", neighbour.label},
                    {"distance", json_number(neighbour.distance)}});
  return list;
}

Result<RegionNeighbour> neighbour_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  RegionNeighbour neighbour;
  const Json& image = r.object("image");
  TRY_OK(r.status());
  TRY(sample, fields::sample_from_json(image, fields::child(r, "image")));
  neighbour.image = std::move(sample);
  neighbour.label = fields::class_index(r, "label");
  neighbour.distance = r.number("distance");
  TRY_OK(r.status());
  return neighbour;
}

Json novelty_to_json(const std::optional<RegionNovelty>& novelty) {
  if (!novelty) return nullptr;
  Json quantiles = Json::array();
  for (const double distance : novelty->pair_distances) quantiles.push_back(json_number(distance));
  return {{"nearest", neighbours_to_json(novelty->nearest)},
          {"nearest_wrong", neighbours_to_json(novelty->nearest_wrong)},
          {"pair_distances", std::move(quantiles)},
          {"farther_pairs", json_number(novelty->farther_pairs)}};
}

Result<RegionNovelty> novelty_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  RegionNovelty novelty;
  TRY(nearest, fields::list<RegionNeighbour>(r, "nearest", kMaxNeighbours, neighbour_from_json));
  TRY(wrong, fields::list<RegionNeighbour>(r, "nearest_wrong", kMaxNeighbours, neighbour_from_json));
  novelty.nearest = std::move(nearest);
  novelty.nearest_wrong = std::move(wrong);
  novelty.pair_distances = fields::numbers(r, "pair_distances", kMaxQuantiles);
  novelty.farther_pairs = r.number("farther_pairs");
  TRY_OK(r.status());
  return novelty;
}

}  // namespace

Json to_json(const Region& region) {
  Json seeds = Json::array(), distances = Json::array(), center = Json::array(), samples = Json::array();
  for (const RegionMember& member : region.members) {
    seeds.push_back(member.seed);
    distances.push_back(json_number(member.distance));
  }
  for (const float x : region.center) center.push_back(json_number(static_cast<double>(x)));
  for (const RegionSample& sample : region.samples) samples.push_back(fields::sample_to_json(sample));
  return {{"id", region.id},
          {"status", to_string(region.status)},
          {"space", region.space},
          {"evidence", region.evidence},
          {"shape", region.shape},
          {"measure", region.measure},
          {"center", std::move(center)},
          {"radius", json_number(region.radius)},
          {"label", region.label},
          {"predicted_as", region.predicted_as},
          {"predicted_as_share", json_number(region.predicted_as_share)},
          {"component", region.component},
          {"discover", score_to_json(region.discover)},
          {"confirm", score_to_json(region.confirm)},
          {"member_seeds", std::move(seeds)},
          {"member_distances", std::move(distances)},
          {"samples", std::move(samples)},
          {"novelty", novelty_to_json(region.novelty)},
          {"frozen", region.frozen},
          {"frozen_cluster", region.frozen_cluster},
          {"sentence", region.sentence}};
}

Result<Region> region_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Region region;
  region.id = fields::plain_name(r, "id");
  region.status = fields::name(r, "status", kStatuses);
  region.space = fields::text(r, "space");
  region.evidence = fields::text(r, "evidence");
  region.shape = fields::text(r, "shape");
  region.measure = fields::text(r, "measure");
  for (const double x : fields::numbers(r, "center", fields::kMaxDimensions))
    region.center.push_back(static_cast<float>(x));
  region.radius = r.number("radius");
  region.label = fields::class_index(r, "label");
  region.predicted_as = fields::class_index(r, "predicted_as");
  region.predicted_as_share = r.number("predicted_as_share");
  region.component = static_cast<int>(fields::between(r, "component", -1, std::numeric_limits<int>::max()));
  const Json& discover = r.object("discover");
  const Json& confirm = r.object("confirm");
  TRY_OK(r.status());
  TRY(discover_score, score_from_json(discover, fields::child(r, "discover")));
  TRY(confirm_score, score_from_json(confirm, fields::child(r, "confirm")));
  region.discover = discover_score;
  region.confirm = confirm_score;
  TRY_OK(members_from_json(r, region));
  TRY(samples, fields::list<RegionSample>(r, "samples", fields::kMaxSamples, fields::sample_from_json));
  region.samples = std::move(samples);
  // Absent in rows that were stored before it was looked at; a result must have it (worker_result_json.cc).
  if (!r.any("novelty").is_null()) {
    TRY(novelty, novelty_from_json(r.object("novelty"), fields::child(r, "novelty")));
    region.novelty = std::move(novelty);
  }
  region.frozen = fields::plain_name(r, "frozen");
  region.frozen_cluster = fields::indices(r, "frozen_cluster", fields::kMaxMembers);
  region.sentence = fields::text(r, "sentence");
  TRY_OK(r.status());
  return region;
}

}  // namespace defuse
