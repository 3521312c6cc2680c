// Does a bug that an earlier release had come back? Every earlier bug is a frozen set of images; both models answered
// them anew. Exact sign-flip tests on seed images under Holm. Stateless and thread-safe. README.md has the exact
// meaning of each outcome.
#pragma once
#include <utility>

#include "core/settings/settings.h"
#include "core/verdict/check.h"

namespace defuse {

class KnownRegionsCheck final : public Check {
 public:
  explicit KnownRegionsCheck(KnownRegionSettings settings) : settings_(std::move(settings)) {}

  CheckInfo info() const override;
  CheckMode mode() const override { return settings_.mode; }
  CheckResult run(const CheckInput& input) const override;

 private:
  KnownRegionSettings settings_;
};

}  // namespace defuse
