// Everything that a worker found, as it travels to the daemon, which trusts none of it. Descriptions
// (core/base/describe.h).
#pragma once
#include <algorithm>
#include <optional>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/verdict/job.h"
#include "core/wire/artifact_fields.h"
#include "core/wire/finding_fields.h"
#include "core/wire/limits.h"
#include "core/wire/map_fields.h"
#include "core/wire/measure_fields.h"
#include "core/wire/region_fields.h"

namespace defuse {

template <class V, Is<StationTime> T>
void describe(V& v, T& s) {
  v.field("station", s.station);
  v.field("seconds", s.seconds);
  v.field("peak_memory", s.peak_memory);
  v.field("cached", s.cached);
}

// Every point of the map that is of a region is of one that is there.
inline bool map_fits(const WorkerResult& result) {
  if (!result.map) return true;
  const auto& points = result.map->points;
  const auto regions = static_cast<std::int64_t>(result.regions.size());
  return std::all_of(points.begin(), points.end(), [&](const MapPoint& point) { return point.region < regions; });
}

template <class V, Is<WorkerResult> T>
void describe(V& v, T& s) {
  constexpr form::OrNull<form::Figure> figure_or_null;
  v.constant("schema", "defused/result/v1");
  v.field("job", s.job);
  v.field("model", s.model);
  v.object("candidate", s.candidate);
  v.object("incumbent", s.incumbent);
  v.field("code_version", s.code_version);
  v.list("classes", s.classes, limits::kClasses);
  v.field("test_digest", s.test_digest);
  v.field("probe_digest", s.probe_digest);
  v.field("test_images", s.test_images);
  v.field("seeds", s.seeds);
  v.field("draws", s.draws);
  v.field("candidate_accuracy", s.candidate_accuracy, figure_or_null);
  v.field("incumbent_accuracy", s.incumbent_accuracy, figure_or_null);
  v.object("comparison", s.comparison);
  v.object("confusion", s.confusion);
  v.object("map", s.map);
  v.objects("flips", s.flips, limits::kSamples);
  v.object("generator", s.generator);
  v.object("noise_floor", s.noise_floor);
  v.object("contract", s.contract);
  v.objects("checks", s.checks, limits::kChecks);
  v.objects("regions", s.regions, limits::kRegions);
  v.objects("stations", s.stations, limits::kList);
  v.field("error_real", s.error_real);
  v.field("error_reconstructed", s.error_reconstructed);
  v.field("error_perturbed", s.error_perturbed);
  v.field("machine", s.machine);
  v.check(map_fits(s), "map", "a point is of a region that is not there");
}

}  // namespace defuse
