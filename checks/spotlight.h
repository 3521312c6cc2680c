// Which groups of images that the new model itself finds alike lose more than with the production model? The groups
// come found and measured (core/slices/spotlight_search.h); this check turns them into findings and a state. Stateless
// and thread-safe. README.md has the exact meaning of each outcome.
#pragma once
#include <utility>

#include "core/settings/settings.h"
#include "core/verdict/check.h"

namespace defuse {

class SpotlightCheck final : public Check {
 public:
  explicit SpotlightCheck(SpotlightSettings settings) : settings_(std::move(settings)) {}

  CheckInfo info() const override;
  CheckMode mode() const override { return settings_.mode; }
  CheckResult run(const CheckInput& input) const override;

 private:
  SpotlightSettings settings_;
};

}  // namespace defuse
