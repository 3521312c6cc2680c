// What a job tells a worker, written and read in the configuration's own form. It comes from the daemon, but is checked
// all the same. Descriptions (core/base/describe.h).
#pragma once
#include <cstdint>

#include "core/base/describe.h"
#include "core/settings/fields.h"
#include "core/verdict/job.h"
#include "core/wire/artifact_fields.h"

namespace defuse {

template <class V, Is<SiblingRef> T>
void describe(V& v, T& s) {
  v.field("version", s.version, Text{}, "", Need::required);
  v.field("digest", s.digest, AnyText{}, "", Need::required);
  v.field("path", s.path, Path{}, "");
  v.field("problem", s.problem, AnyText{}, "", Need::required);
}

template <class V, Is<KnownRegionRef> T>
void describe(V& v, T& s) {
  v.field("id", s.id, Text{}, "", Need::required);
  v.field("label", s.label, Whole<std::int32_t>{0}, "", Need::required);
  v.field("predicted_as", s.predicted_as, Whole<std::int32_t>{-1}, "", Need::required);
  v.field("first_version", s.first_version, AnyText{}, "", Need::required);
  v.field("ambiguous", s.ambiguous, Flag{}, "", Need::required);
  v.field("images", s.images, Path{}, "", Need::required);
  v.list("cluster", s.cluster, Whole<std::uint32_t>{0}, "", Need::required);
}

template <class V, Is<DataStanding> T>
void describe(V& v, T& s) {
  v.field("data_digest", s.data_digest, Text{}, "", Need::required);
  v.field("judgements", s.judgements, Whole<std::int64_t>{1}, "", Need::required);
  v.field("position", s.position, Whole<std::int64_t>{1}, "", Need::required);
  v.field("rejections", s.rejections, Whole<std::int64_t>{0}, "", Need::required);
}

template <class V, Is<JudgementHistory> T>
void describe(V& v, T& s) {
  v.objects("data", s.data, "", Need::required);
}

template <class V, Is<JobSpec> T>
void describe(V& v, T& s) {
  v.field("id", s.id, Whole<std::int64_t>{0}, "", Need::required);
  v.field("model", s.model, Text{}, "", Need::required);
  v.object("candidate", s.candidate, "", Need::required);
  v.list("candidate_labels", s.candidate_labels, AnyText{}, "", Need::required);
  v.object("incumbent", s.incumbent, "");
  v.objects("siblings", s.siblings, "", Need::required);
  v.object("settings", s.settings, "", Need::required);
  v.object("worker", s.worker, "", Need::required);
  v.objects("known_regions", s.known_regions, "", Need::required);
  v.object("history", s.history, "");
  v.field("cache", s.cache, Path{}, "", Need::required);
  v.field("cache_size", s.cache_size, Size{0}, "", Need::required);
}

}  // namespace defuse
