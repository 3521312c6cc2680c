// What a correction did, for people: the table of all runs, and the sweep over lambda as a picture. Pure.
#pragma once
#include <string>

#include "core/repair/correction.h"

namespace defuse {

// What the result speaks of.
struct CorrectionTitle {
  std::string model;
  std::string version;  // that was mended
};

std::string correction_markdown(const CorrectionTitle& title, const CorrectionResult& result);

// Two panels over lambda (logarithmic): share of right answers on the regions' held-out images, and on the test split;
// the version before as a dashed line, baselines as marks at their lambda. Self-contained, without scripts; readable in
// light and dark.
std::string correction_svg(const CorrectionTitle& title, const CorrectionResult& result);

}  // namespace defuse
