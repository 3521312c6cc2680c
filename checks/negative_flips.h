// How many images that the production model gets right does the new one break: overall, per class, and on the list of
// images that must never break? Against limits of the user, else by a rule of its own that honest retrains keep, and
// against the noise floor where there is one. Stateless and thread-safe. README.md has the exact meaning of each
// outcome.
#pragma once
#include <utility>

#include "core/settings/settings.h"
#include "core/verdict/check.h"

namespace defuse {

// The check's own rule, where the user set no limit: both the rate and the relative rate must be exceeded. Set on
// honest retrains (README.md): their relative rates lie between 0.2 and 0.75.
inline constexpr double kOwnRateLimit = 0.02;
inline constexpr double kOwnClassLimit = 0.20;
inline constexpr double kOwnRelativeLimit = 0.75;
// No class is held against a floor below this rate.
inline constexpr double kFloorClassLimit = 0.05;

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
