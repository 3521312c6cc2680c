// Does the new model keep its side of the bargain: loads, answers in the right shape, with finite and repeatable
// numbers, for the right classes in the right order, within size and latency? Judges facts that the evaluator gathered;
// runs no model. Stateless and thread-safe. README.md has the exact meaning of each outcome.
#pragma once
#include <utility>

#include "core/settings/settings.h"
#include "core/verdict/check.h"

namespace defuse {

class ContractCheck final : public Check {
 public:
  explicit ContractCheck(ContractSettings settings) : settings_(std::move(settings)) {}

  CheckInfo info() const override;
  CheckMode mode() const override { return settings_.mode; }
  CheckResult run(const CheckInput& input) const override;

 private:
  ContractSettings settings_;
};

}  // namespace defuse
