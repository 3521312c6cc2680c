// What of a region travels as JSON. Descriptions (core/base/describe.h).
#pragma once
#include <array>
#include <string>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/regions/region.h"
#include "core/wire/limits.h"
#include "core/wire/measure_fields.h"

namespace defuse {

inline constexpr form::OneOf kStatusName{std::array{RegionStatus::new_bug, RegionStatus::worse, RegionStatus::inherited,
                                                    RegionStatus::fixed, RegionStatus::suspected}};

inline constexpr form::OneOf kImageKindName{kImageKinds};
inline constexpr form::OneOf kEvidenceName{kRegionEvidence};

struct SplitName : form::Text {
  std::string read(const Json& json, Split& out) const {
    const bool train = json == "train";
    if (!train && json != "test") return json.is_string() ? "expected test or train" : "expected a text";
    out = train ? Split::train : Split::test;
    return {};
  }
  Json write(Split split) const { return split == Split::test ? "test" : "train"; }
  Json schema() const { return {{"enum", Json::array({"test", "train"})}}; }
};

// [lower, upper]
struct IntervalPair {
  std::string wants() const { return "a list"; }
  std::string read(const Json& json, Interval& out) const {
    if (!json.is_array()) return "expected a list";
    const form::Figure end;
    if (json.size() != 2 || !end.read(json[0], out.lower).empty() || !end.read(json[1], out.upper).empty())
      return "expected [lower, upper]";
    return {};
  }
  Json write(const Interval& interval) const {
    return Json::array({json_number(interval.lower), json_number(interval.upper)});
  }
  Json schema() const {
    return {{"type", "array"}, {"items", form::Figure{}.schema()}, {"minItems", 2}, {"maxItems", 2}};
  }
};

template <class V, Is<RegionScore> T>
void describe(V& v, T& s) {
  v.field("seeds", s.seeds);
  v.object("real", s.real);
  v.object("generated", s.generated);
  v.field("candidate_error", s.candidate_error);
  v.field("incumbent_error", s.incumbent_error);
  v.field("candidate_interval", s.candidate_interval, IntervalPair{});
  v.field("incumbent_interval", s.incumbent_interval, IntervalPair{});
  v.field("net_flip_rate", s.net_flip_rate);
  v.field("net_lower", s.net_lower);
  v.field("p_raw", s.p_raw);
  v.field("p_adjusted", s.p_adjusted);
}

template <class V, Is<RegionMember> T>
void describe(V& v, T& s) {
  v.field("member_seeds", s.seed);
  v.field("member_distances", s.distance);
}

template <class V, Is<RegionSample> T>
void describe(V& v, T& s) {
  v.field("kind", s.kind, kImageKindName);
  v.field("split", s.split, SplitName{});
  v.field("index", s.index);
  v.field("draw", s.draw, form::Whole{-1});  // -1: a real image
  v.field("candidate_predicted", s.candidate_predicted, form::kClassIndex);
  v.field("incumbent_predicted", s.incumbent_predicted, form::kClassIndex);
  v.field("picture", s.picture, form::FileName{});
}

template <class V, Is<RegionNeighbour> T>
void describe(V& v, T& s) {
  v.object("image", s.image);
  v.field("label", s.label, form::kClassIndex);
  v.field("distance", s.distance);
}

template <class V, Is<RegionNovelty> T>
void describe(V& v, T& s) {
  v.objects("nearest", s.nearest, limits::kNeighbours);
  v.objects("nearest_wrong", s.nearest_wrong, limits::kNeighbours);
  v.list("pair_distances", s.pair_distances, limits::kQuantiles);
  v.field("farther_pairs", s.farther_pairs);
}

template <class V, Is<Region> T>
void describe(V& v, T& s) {
  v.field("id", s.id, form::FileName{});
  v.field("status", s.status, kStatusName);
  v.field("space", s.space, form::OneOf{kSpaces});
  v.field("evidence", s.evidence, kEvidenceName);
  v.field("shape", s.shape, form::OneOf{kRegionShapes});
  v.field("measure", s.measure, form::OneOf{kMeasures});
  v.list("center", s.center, limits::kDimensions);
  v.field("radius", s.radius);
  v.field("label", s.label, form::kClassIndex);
  v.field("predicted_as", s.predicted_as, form::kClassIndex);
  v.field("predicted_as_share", s.predicted_as_share);
  v.field("component", s.component, form::Whole{-1});
  v.object("discover", s.discover);
  v.object("confirm", s.confirm);
  v.columns(s.members, limits::kMembers);
  v.objects("samples", s.samples, limits::kSamples);
  v.newer("novelty", s.novelty);
  v.field("frozen", s.frozen, form::FileName{});
  v.list("frozen_cluster", s.frozen_cluster, limits::kMembers);
  v.field("sentence", s.sentence);
}

}  // namespace defuse
