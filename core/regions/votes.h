// What several people's words about one region add up to. Each person's last word is a vote; taking a label back takes
// the vote back. A label counts while more than half of those who vote say so: two who disagree leave the region to the
// data. Pure.
// Source: methods "Defuse", section 5 (several annotators, a majority for one class).
#pragma once
#include <cstddef>
#include <map>
#include <span>
#include <string>

namespace defuse {

struct Vote {
  std::string who;
  std::string label;  // empty: taken back
};

struct Tally {
  std::string label;                          // what counts; empty if nothing does
  std::map<std::string, std::size_t> counts;  // votes by label
  std::size_t voters = 0;
  double agreement = 0;  // share of the voters behind the most frequent label; 0 without voters
};

// `votes`: oldest first.
Tally tally(std::span<const Vote> votes);

}  // namespace defuse
