// One JSON row per judged pair, appended to a file and flushed, so that a benchmark that was killed goes on where it
// was.
#pragma once
#include <filesystem>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "tests/bench/gate/column.h"
#include "tests/bench/gate/pairs.h"

namespace defuse::bench {

// Ids of the pairs that `file` already holds; none if there is no file. A last line that was cut short is cut off.
Result<std::set<std::string>> judged_pairs(const std::filesystem::path& file);
Result<void> append_row(const std::filesystem::path& file, const Json& row);

// Precision and recall of a region's members against the truth. NaN where undefined.
struct Match {
  double precision = kNone;  // members that lie in any bug
  double recall = kNone;     // of the bug with the largest overlap
};
Match match(std::span<const std::uint32_t> members, std::span<const std::vector<std::uint32_t>> planted);

struct RowOptions {
  std::set<std::string> columns;  // empty = all; known_regions answers for every reopened pair, asked or not
  int bootstraps = 0;             // of the seeds, for the stability of gate and regions
};
Result<Json> judge_row(const Pair& pair, const RowOptions& options);

}  // namespace defuse::bench
