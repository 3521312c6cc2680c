#include "checks/all_checks.h"

#include <utility>

#include "checks/accuracy.h"
#include "checks/contract.h"
#include "checks/known_regions.h"
#include "checks/misclassification_regions.h"
#include "checks/negative_flips.h"
#include "checks/spotlight.h"

namespace defuse {

std::vector<std::unique_ptr<Check>> make_checks(const CheckSettings& settings) {
  std::vector<std::unique_ptr<Check>> checks;
  const auto add = [&checks](std::unique_ptr<Check> check) {
    if (check->mode() != CheckMode::off) checks.push_back(std::move(check));
  };
  add(std::make_unique<ContractCheck>(settings.contract));
  add(std::make_unique<AccuracyCheck>(settings.accuracy));
  add(std::make_unique<NegativeFlipsCheck>(settings.negative_flips));
  add(std::make_unique<KnownRegionsCheck>(settings.known_regions));
  add(std::make_unique<MisclassificationRegionsCheck>(settings.misclassification_regions));
  add(std::make_unique<SpotlightCheck>(settings.spotlight));
  return checks;
}

}  // namespace defuse
