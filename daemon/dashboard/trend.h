// The picture above a model's versions: accuracy, flips from right to wrong, and bug regions, release by release. Only
// coordinates: dashboard_trend.mustache draws them, and the table below it says the same in words. Pure; thread-safe.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json.h"

namespace defuse::http {

struct TrendPoint {
  std::string version;
  bool promoted = false;  // was the incumbent at some time
  std::optional<double> accuracy = std::nullopt;
  std::optional<double> flip_rate = std::nullopt;
  std::int64_t fresh = 0;  // new or worse regions
  std::int64_t inherited = 0;
  std::int64_t fixed = 0;
};

// `points`: oldest first. Null where there is nothing to draw: fewer than two versions that were measured.
Json trend_picture(const std::vector<TrendPoint>& points);

}  // namespace defuse::http
