// What names a version's artifact, in jobs and in results. Description (core/base/describe.h).
#pragma once
#include "core/base/describe.h"
#include "core/base/forms.h"
#include "core/verdict/job.h"

namespace defuse {

template <class V, Is<ArtifactRef> T>
void describe(V& v, T& s) {
  v.field("version", s.version);
  v.field("digest", s.digest);
  v.field("path", s.path);
}

}  // namespace defuse
