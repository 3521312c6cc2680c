// What the search for regions depends on, for the keys of the cache. Descriptions (core/base/describe.h).
#pragma once
#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/regions/search.h"

namespace defuse {

template <class V, Is<SearchShapes> T>
void describe(V& v, T& s) {
  v.field("balls", s.balls);
  v.field("half_spaces", s.half_spaces);
  v.field("real", s.real);
  v.field("generated", s.generated);
  v.list("spaces", s.spaces, s.spaces.size(), form::OneOf{kSpaces});
}

// All but `threads`, which change nothing in the result.
template <class V, Is<RegionSearchSettings> T>
void describe(V& v, T& s) {
  v.field("alpha", s.alpha);
  v.field("min_increase", s.min_increase);
  v.field("notable", s.notable);
  v.field("min_clear_increase", s.min_clear_increase);
  v.field("min_support", s.min_support);
  v.field("max_regions", s.max_regions);
  v.list("neighbourhood", s.neighbourhood, s.neighbourhood.size());
  v.object("shapes", s.shapes);
}

}  // namespace defuse
