// What of two versions' answers, of a generator and of loading and running a candidate travels as JSON. Descriptions
// (core/base/describe.h).
#pragma once
#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/verdict/job.h"
#include "core/wire/limits.h"

namespace defuse {

template <class V, Is<FourCounts> T>
void describe(V& v, T& s) {
  v.field("both_right", s.both_right);
  v.field("negative_flips", s.negative_flips);
  v.field("positive_flips", s.positive_flips);
  v.field("both_wrong", s.both_wrong);
}

template <class V, Is<Comparison> T>
void describe(V& v, T& s) {
  v.object("overall", s.overall);
  v.objects("per_class", s.per_class, limits::kClasses);
  v.list("negative_flip_images", s.negative_flip_images, limits::kImages);
  v.list("positive_flip_images", s.positive_flip_images, limits::kImages);
}

template <class V, Is<ConfusionCell> T>
void describe(V& v, T& s) {
  v.field("label", s.label, form::kClassIndex);
  v.field("predicted", s.predicted, form::kClassIndex);
  v.field("candidate", s.candidate);
  v.field("incumbent", s.incumbent);
}

template <class V, Is<Confusion> T>
void describe(V& v, T& s) {
  v.field("whole", s.whole);
  v.field("incumbent", s.incumbent);
  v.objects("cells", s.cells, limits::kConfusionCells);
}

template <class V, Is<GeneratorHealth> T>
void describe(V& v, T& s) {
  v.field("usable", s.usable);
  v.field("problem", s.problem);
  v.field("reconstruction_error", s.reconstruction_error);
  v.field("accuracy_real", s.accuracy_real);
  v.field("accuracy_reconstructed", s.accuracy_reconstructed);
  v.field("accuracy_perturbed", s.accuracy_perturbed);
  v.field("active_dimensions", s.active_dimensions);
  v.field("latent", s.latent);
}

template <class V, Is<ContractFacts> T>
void describe(V& v, T& s) {
  v.field("loaded", s.loaded);
  v.field("load_error", s.load_error);
  v.field("ran", s.ran);
  v.field("run_error", s.run_error);
  v.field("size_bytes", s.size_bytes);
  v.list("output_shape", s.output_shape, limits::kOutputAxes);
  v.field("batch_tried", s.batch_tried);
  v.field("classes_expected", s.classes_expected);
  v.field("not_finite", s.not_finite);
  v.field("images", s.images);
  v.field("not_deterministic", s.not_deterministic);
  v.field("batch_dependent", s.batch_dependent);
  v.field("latency_ms", s.latency_ms);
  v.list("labels", s.labels, limits::kClasses);
  v.list("classes", s.classes, limits::kClasses);
  v.field("embedding", s.embedding);
}

template <class V, Is<BothWays> T>
void describe(V& v, T& s) {
  v.field("forward", s.forward);
  v.field("backward", s.backward);
}

template <class V, Is<NoiseLimit> T>
void describe(V& v, T& s) {
  v.field("default_limit", s.default_limit);
  v.field("limit", s.limit);
  v.field("mean", s.mean);
  v.field("largest", s.largest);
  v.field("candidate", s.candidate);
  v.field("p", s.p);
  v.field("values", s.values);
  v.field("at_least", s.at_least);
}

template <class V, Is<SiblingValues> T>
void describe(V& v, T& s) {
  v.field("version", s.version);
  v.field("digest", s.digest);
  v.field("left_out", s.left_out);
  v.object("overall", s.overall);
  v.objects("per_class", s.per_class, limits::kClasses);
  v.object("flips", s.flips);
  v.object("clear_flips", s.clear_flips);
}

template <class V, Is<NoiseFloor> T>
void describe(V& v, T& s) {
  v.field("problem", s.problem);
  v.field("counted", s.counted);
  v.object("region", s.region);
  v.object("clear_region", s.clear_region);
  v.object("flips", s.flips);
  v.object("relative", s.relative);
  v.objects("class_flips", s.class_flips, limits::kClasses);
  v.objects("siblings", s.siblings, limits::kSiblings);
}

}  // namespace defuse
