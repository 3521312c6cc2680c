// What a list of versions tells of a verdict, without reading it whole.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

#include "core/base/clock.h"
#include "core/base/names.h"
#include "core/verdict/verdict.h"

namespace defuse {

// A job's regions by status.
struct RegionCounts {
  std::int64_t new_bug = 0;
  std::int64_t worse = 0;
  std::int64_t inherited = 0;
  std::int64_t fixed = 0;
  std::int64_t suspected = 0;
};

struct VerdictSummary {
  VerdictState state = VerdictState::error;
  TimePoint created;
  Version incumbent_version;
  std::optional<double> accuracy;  // unset where it was not measured
  std::optional<double> incumbent_accuracy;
  std::optional<double> flip_rate;  // of all test images: right before, wrong now
  RegionCounts regions;
};

}  // namespace defuse
