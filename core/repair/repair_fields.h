// An order to correct a version, and what came of it, as they travel as JSON. The order is also what the store keeps.
// Descriptions (core/base/describe.h).
#pragma once
#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/repair/repair.h"
#include "core/wire/limits.h"
#include "core/wire/measure_fields.h"
#include "core/wire/region_fields.h"

namespace defuse {

inline constexpr std::size_t kMostLambdas = 50;
inline constexpr std::size_t kMostRuns = 100;

inline constexpr form::OneOf kDistillationName{std::array{Distillation::none, Distillation::logits, Distillation::kl}};
inline constexpr form::OneOf kRunKindName{std::array{RunKind::sweep, RunKind::baseline, RunKind::distillation}};

inline bool rise_above_zero(const std::vector<double>& values) {
  return !values.empty() && std::is_sorted(values.begin(), values.end()) && values.front() > 0 &&
         std::isfinite(values.back());
}

template <class V, Is<RepairSettings> T>
void describe(V& v, T& s) {
  v.list("lambdas", s.lambdas, kMostLambdas);
  v.field("steps", s.steps, form::Whole{1, 1'000'000});
  v.field("batch", s.batch, form::Whole{1, 4096});
  v.field("learning_rate", s.learning_rate, form::Within{1e-9, 10});
  v.field("momentum", s.momentum, form::Within{0, 0.9999});
  v.field("update_batch_norm", s.update_batch_norm);
  v.field("max_loss", s.max_loss, form::Within{0, 1});
  v.field("distillation", s.distillation, kDistillationName);
  v.field("distillation_weight", s.distillation_weight, form::Within{0, 1e6});
  v.field("distillation_alpha", s.distillation_alpha, form::Within{0, 1e6});
  v.field("distillation_beta", s.distillation_beta, form::Within{0, 1e6});
  v.field("temperature", s.temperature, form::Within{1e-3, 1e6});
  v.field("seed", s.seed);
  v.check(rise_above_zero(s.lambdas), "lambdas", "expected rising numbers above 0");
}

template <class V, Is<RegionToRepair> T>
void describe(V& v, T& s) {
  v.field("id", s.id, form::FileName{});
  v.field("label", s.label, form::kClassIndex);
  v.field("evidence", s.evidence, kEvidenceName);
  v.list("seeds", s.seeds, limits::kMembers);
}

template <class V, Is<RepairOrder> T>
void describe(V& v, T& s) {
  v.field("probe_digest", s.probe_digest);
  v.objects("regions", s.regions, limits::kRegions);
  v.object("settings", s.settings);
}

template <class V, Is<RegionRate> T>
void describe(V& v, T& s) {
  v.field("id", s.id, form::FileName{});
  v.field("seeds", s.seeds);
  v.field("images", s.images);
  v.field("right", s.right);
}

template <class V, Is<RepairScore> T>
void describe(V& v, T& s) {
  v.field("validation", s.validation);
  v.field("validation_regions", s.validation_regions);
  v.field("test", s.test);
  v.field("regions", s.regions);
  v.objects("by_region", s.by_region, limits::kRegions);
}

template <class V, Is<RepairRun> T>
void describe(V& v, T& s) {
  v.field("name", s.name);
  v.field("kind", s.kind, kRunKindName);
  v.field("lambda", s.lambda);
  v.object("score", s.score);
  v.object("flips", s.flips);
  v.object("incumbent_flips", s.incumbent_flips);
  v.field("seconds", s.seconds);
  v.field("problem", s.problem);
}

template <class V, Is<RepairResult> T>
void describe(V& v, T& s) {
  v.object("before", s.before);
  v.object("incumbent_flips", s.incumbent_flips);
  v.objects("runs", s.runs, kMostRuns);
  v.field("chosen", s.chosen, form::OrNull<form::Whole>{});
  v.field("reason", s.reason);
  v.list("notes", s.notes, limits::kList);
  v.field("tuning_images", s.tuning_images);
  v.field("validation_images", s.validation_images);
  v.field("tuning_samples", s.tuning_samples);
  v.field("validation_samples", s.validation_samples);
  v.field("held_out_samples", s.held_out_samples);
  v.field("error_samples", s.error_samples);
  v.check(!s.chosen || *s.chosen < s.runs.size(), "chosen", "there is no such run");
}

}  // namespace defuse
