// Columns of the benchmark by name: the parts of our own search, each alone, and what a list on the command line asks
// for. Pure.
#pragma once
#include <set>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/regions/search.h"

namespace defuse::bench {

struct Part {
  std::string name;  // with a prefix that gate_table.py knows as a part's
  SearchShapes shapes;
};

// Every space, every shape and every kind of evidence by itself, and everything without the image statistics.
std::vector<Part> part_columns();

// A list such as "gate,regions,parts": names of columns, and "parts", "rivals" or "all" for many. `invalid_input`
// naming a column that there is not: a misspelt one would be a column silently never judged.
Result<std::set<std::string>> choose_columns(const std::string& list, const std::set<std::string>& rivals);

// Without those that cost about as much as a gate or more: parts, and the published searches for slices. Empty (all)
// stands for every column.
std::set<std::string> cheap(std::set<std::string> columns);

}  // namespace defuse::bench
