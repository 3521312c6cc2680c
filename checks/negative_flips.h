// How many images that the production model gets right does the new one break: overall, per class, and on the list of
// images that must never break? Exact binomial bounds. Stateless and thread-safe. README.md has the exact meaning of
// each outcome.
#pragma once
#include <utility>

#include "core/pipeline/check.h"
#include "core/pipeline/settings.h"

namespace defuse {

class NegativeFlipsCheck final : public Check {
 public:
  explicit NegativeFlipsCheck(NegativeFlipSettings settings) : settings_(std::move(settings)) {}

  CheckInfo info() const override;
  CheckMode mode() const override { return settings_.mode; }
  CheckResult run(const CheckInput& input) const override;

 private:
  NegativeFlipSettings settings_;
};

}  // namespace defuse
