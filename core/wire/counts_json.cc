// JSON form of the paired counts.
#include "core/wire/json_fields.h"

namespace defuse {

Json to_json(const FourCounts& counts) {
  return {{"both_right", counts.both_right},
          {"negative_flips", counts.negative_flips},
          {"positive_flips", counts.positive_flips},
          {"both_wrong", counts.both_wrong}};
}

Result<FourCounts> four_counts_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  FourCounts counts;
  counts.both_right = fields::count(r, "both_right");
  counts.negative_flips = fields::count(r, "negative_flips");
  counts.positive_flips = fields::count(r, "positive_flips");
  counts.both_wrong = fields::count(r, "both_wrong");
  TRY_OK(r.status());
  return counts;
}

namespace fields {

Json comparison_to_json(const Comparison& comparison) {
  Json per_class = Json::array();
  for (const FourCounts& counts : comparison.per_class) per_class.push_back(to_json(counts));
  return {{"overall", to_json(comparison.overall)},
          {"per_class", std::move(per_class)},
          {"negative_flip_images", comparison.negative_flip_images},
          {"positive_flip_images", comparison.positive_flip_images}};
}

Result<Comparison> comparison_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  Comparison comparison;
  const Json& overall = r.object("overall");
  TRY_OK(r.status());
  TRY(counts, four_counts_from_json(overall, child(r, "overall")));
  TRY(per_class, list<FourCounts>(r, "per_class", kMaxClasses, four_counts_from_json));
  comparison.overall = counts;
  comparison.per_class = std::move(per_class);
  comparison.negative_flip_images = fields::counts(r, "negative_flip_images", kMaxImages);
  comparison.positive_flip_images = fields::counts(r, "positive_flip_images", kMaxImages);
  TRY_OK(r.status());
  return comparison;
}

}  // namespace fields
}  // namespace defuse
