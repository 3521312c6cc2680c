// JSON form of the noise floor.
#include "core/wire/json_fields.h"

namespace defuse {
namespace {

constexpr std::size_t kMaxSiblings = 100;

Json both_to_json(const BothWays& both) {
  return {{"forward", json_number(both.forward)}, {"backward", json_number(both.backward)}};
}

Result<BothWays> both_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  BothWays both;
  both.forward = r.number("forward");
  both.backward = r.number("backward");
  TRY_OK(r.status());
  return both;
}

Json limit_to_json(const NoiseLimit& limit) {
  return {{"default_limit", json_number(limit.default_limit)},
          {"limit", json_number(limit.limit)},
          {"mean", json_number(limit.mean)},
          {"largest", json_number(limit.largest)},
          {"candidate", json_number(limit.candidate)},
          {"p", json_number(limit.p)},
          {"values", limit.values},
          {"at_least", limit.at_least}};
}

Result<NoiseLimit> limit_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  NoiseLimit limit;
  limit.default_limit = r.number("default_limit");
  limit.limit = r.number("limit");
  limit.mean = r.number("mean");
  limit.largest = r.number("largest");
  limit.candidate = r.number("candidate");
  limit.p = r.number("p");
  limit.values = fields::count(r, "values");
  limit.at_least = fields::count(r, "at_least");
  TRY_OK(r.status());
  return limit;
}

Json sibling_to_json(const SiblingValues& sibling) {
  Json per_class = Json::array();
  for (const FourCounts& counts : sibling.per_class) per_class.push_back(to_json(counts));
  return {{"version", sibling.version},
          {"digest", sibling.digest},
          {"left_out", sibling.left_out},
          {"overall", to_json(sibling.overall)},
          {"per_class", std::move(per_class)},
          {"flips", both_to_json(sibling.flips)},
          {"clear_flips", both_to_json(sibling.clear_flips)}};
}

Result<SiblingValues> sibling_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  SiblingValues sibling;
  sibling.version = fields::text(r, "version");
  sibling.digest = fields::text(r, "digest");
  sibling.left_out = fields::text(r, "left_out");
  const Json& overall = r.object("overall");
  const Json& flips = r.object("flips");
  const Json& clear = r.object("clear_flips");
  TRY_OK(r.status());
  TRY(counts, four_counts_from_json(overall, fields::child(r, "overall")));
  TRY(per_class, fields::list<FourCounts>(r, "per_class", fields::kMaxClasses, four_counts_from_json));
  TRY(both_flips, both_from_json(flips, fields::child(r, "flips")));
  TRY(both_clear, both_from_json(clear, fields::child(r, "clear_flips")));
  sibling.overall = counts;
  sibling.per_class = std::move(per_class);
  sibling.flips = both_flips;
  sibling.clear_flips = both_clear;
  return sibling;
}

}  // namespace

Json to_json(const NoiseFloor& floor) {
  Json siblings = Json::array(), classes = Json::array();
  for (const SiblingValues& sibling : floor.siblings) siblings.push_back(sibling_to_json(sibling));
  for (const NoiseLimit& limit : floor.class_flips) classes.push_back(limit_to_json(limit));
  return {{"problem", floor.problem},
          {"counted", floor.counted},
          {"region", limit_to_json(floor.region)},
          {"clear_region", limit_to_json(floor.clear_region)},
          {"flips", limit_to_json(floor.flips)},
          {"relative", limit_to_json(floor.relative)},
          {"class_flips", std::move(classes)},
          {"siblings", std::move(siblings)}};
}

Result<NoiseFloor> noise_floor_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  NoiseFloor floor;
  floor.problem = fields::text(r, "problem");
  floor.counted = fields::count(r, "counted");
  const std::array<std::pair<const char*, NoiseLimit*>, 4> limits = {{{"region", &floor.region},
                                                                      {"clear_region", &floor.clear_region},
                                                                      {"flips", &floor.flips},
                                                                      {"relative", &floor.relative}}};
  for (const auto& [key, limit] : limits) {
    const Json& object = r.object(key);
    TRY_OK(r.status());
    TRY(read, limit_from_json(object, fields::child(r, key)));
    *limit = read;
  }
  TRY(classes, fields::list<NoiseLimit>(r, "class_flips", fields::kMaxClasses, limit_from_json));
  TRY(siblings, fields::list<SiblingValues>(r, "siblings", kMaxSiblings, sibling_from_json));
  floor.class_flips = std::move(classes);
  floor.siblings = std::move(siblings);
  return floor;
}

}  // namespace defuse
