// What of a version's map travels as JSON: its points as one list for each coordinate and answer, since there may be
// thousands. Descriptions (core/base/describe.h).
#pragma once
#include <cmath>
#include <cstddef>
#include <string>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/map/latent_map.h"
#include "core/wire/limits.h"

namespace defuse {

struct Coordinate : form::Figure {
  std::string read(const Json& json, float& out) const {
    std::string why = Figure::read(json, out);
    if (why.empty() && !std::isfinite(out)) why = "expected a finite number";
    return why;
  }
};

// 1 for the training split, 0 for the test split.
struct IsTrain : form::Whole {
  std::string read(const Json& json, Split& out) const {
    std::int32_t train = 0;
    std::string why = Whole::read(json, train);
    if (why.empty()) out = train != 0 ? Split::train : Split::test;
    return why;
  }
  Json write(Split split) const { return split == Split::train ? 1 : 0; }
};

template <class V, Is<MapPoint> T>
void describe(V& v, T& s) {
  v.field("pca_x", s.pca_x, Coordinate{});
  v.field("pca_y", s.pca_y, Coordinate{});
  v.field("tsne_x", s.tsne_x, Coordinate{});
  v.field("tsne_y", s.tsne_y, Coordinate{});
  v.field("train", s.split, IsTrain{});
  v.field("index", s.index);
  v.field("label", s.label);
  v.field("candidate", s.candidate, form::kClassIndex);
  v.field("incumbent", s.incumbent, form::kClassIndex);
  v.field("region", s.region, form::kClassIndex);
}

template <class V, Is<VersionMap> T>
void describe(V& v, T& s) {
  v.field("seeds", s.seeds);
  v.field("pca_share", s.pca_share);
  v.field("tsne", s.tsne);
  v.field("tsne_problem", s.tsne_problem);
  v.field("sprite", s.sprite, form::FileName{});
  v.field("columns", s.columns, form::Whole{0, limits::kMapSide});
  v.field("tile_width", s.tile_width, form::Whole{0, limits::kMapSide});
  v.field("tile_height", s.tile_height, form::Whole{0, limits::kMapSide});
  v.columns(s.points, std::size_t{4} * kMapSeeds);
}

}  // namespace defuse
