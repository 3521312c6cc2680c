// Keeps the station cache within a disk budget: drops whole entries, those first that went unused longest, and scratch
// of processes that are gone. The daemon runs it after each job and at its start, on a thread of its own; a worker may
// publish and use entries meanwhile. Looks only at <root>/<station>/<entry>, follows no link, and touches nothing that
// a verdict needs: that lives elsewhere. An entry that is dropped costs time, never a result. Thread-safe, but one
// collection at a time is meant.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace defuse {

struct CacheCollection {
  std::filesystem::path root;
  std::uint64_t budget = 0;  // bytes on disk
  TimePoint now;
  // Asked before every drop: what was used at or after this time stays, whatever the budget says, because a worker that
  // began then may need it. TimePoint::max() if none runs.
  std::function<TimePoint()> in_use_since = [] { return TimePoint::max(); };
  TimePoint last_job = TimePoint::max();  // when the job that ended last began; for CacheSweep::needed
};

struct CacheSweep {
  std::uint64_t before = 0;  // bytes on disk, scratch of the living included
  std::uint64_t freed = 0;   // of `before`
  std::uint64_t needed = 0;  // of entries that the last job used: a budget below this makes every gate start anew
  std::size_t dropped = 0;   // entries
  std::size_t scratch = 0;   // left-overs of processes that are gone
  bool over_budget = false;  // still: the rest is in use, or cannot be removed
  std::vector<std::string> problems;  // a few, for the log: what could not be read or removed
};

CacheSweep collect_cache(const CacheCollection& collection);

// Notes that an entry (a folder, or an unpacked data set's file) was used now. Called whenever one is found in the
// cache; one that vanished, or that may not be written, is nobody's error.
void mark_used(const std::filesystem::path& entry);

}  // namespace defuse
