// What a repair did, for people: the table of all runs, and the sweep over lambda as a picture. Pure.
#pragma once
#include <string>

#include "core/repair/repair.h"

namespace defuse {

// What the result speaks of.
struct RepairTitle {
  std::string model;
  std::string version;  // that was repaired
};

std::string repair_markdown(const RepairTitle& title, const RepairResult& result);

// Two panels over lambda (logarithmic): share of right answers on the regions' held-out images, and on the test split;
// the version before as a dashed line, baselines as marks at their lambda. Self-contained, without scripts; readable in
// light and dark.
std::string repair_svg(const RepairTitle& title, const RepairResult& result);

}  // namespace defuse
