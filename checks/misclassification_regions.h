// Defuse as a check: which regions of images, real and generated, does the candidate get wrong that the incumbent gets
// right? The regions come found and confirmed (core/regions/search.h); this check turns them into findings and a state.
// Const, keeps nothing, no I/O.
#pragma once
#include "core/verdict/check.h"

namespace defuse {

class MisclassificationRegionsCheck final : public Check {
 public:
  explicit MisclassificationRegionsCheck(RegionSettings settings) : settings_(std::move(settings)) {}

  CheckInfo info() const override;
  CheckMode mode() const override { return settings_.mode; }
  // fail          a confirmed new or worse region.
  // error         the search could not be made, or the incumbent could not be run.
  // inconclusive  no incumbent; the generator is too weak for its images to prove anything; or a class has too few
  // held-back images for any
  //               region of it to be confirmed.
  // pass          none of these.
  CheckResult run(const CheckInput& input) const override;

 private:
  RegionSettings settings_;
};

}  // namespace defuse
