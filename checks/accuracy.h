// Is the new model's accuracy not worse than the production model's by more than the margin, overall and per class?
// Non-inferiority by Tango's score interval; worse by exact McNemar tests under Holm. Stateless and thread-safe.
// README.md has the exact meaning of each outcome.
#pragma once
#include <utility>

#include "core/settings/settings.h"
#include "core/verdict/check.h"

namespace defuse {

class AccuracyCheck final : public Check {
 public:
  explicit AccuracyCheck(AccuracySettings settings) : settings_(std::move(settings)) {}

  CheckInfo info() const override;
  CheckMode mode() const override { return settings_.mode; }
  CheckResult run(const CheckInput& input) const override;

 private:
  AccuracySettings settings_;
};

}  // namespace defuse
