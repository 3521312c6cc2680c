// What the dashboard's page of a version shows of a report, small and ready for a template, so that a page does not
// read the whole report. Written beside it once; everything in it is cleaned text and checked numbers. Pure;
// thread-safe.
#pragma once
#include <cstddef>

#include "core/base/json.h"
#include "core/verdict/report.h"

namespace defuse {

inline constexpr const char* kPageFile = "page.json";
inline constexpr const char* kMapFile = "map.json";
inline constexpr std::size_t kMaxPageFile = 1 << 20;  // what a page reads at most; far above what is written
inline constexpr std::size_t kMaxMapFile = 2 << 20;
inline constexpr std::size_t kPageRegions = 30;

Json page_json(const Report& report);

// The map and the names it needs; null without one.
Json map_json(const Report& report);

}  // namespace defuse
