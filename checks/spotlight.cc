#include "checks/spotlight.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "checks/conclude.h"
#include "core/slices/spotlight_search.h"

namespace defuse {
namespace {

constexpr char kCheck[] = "spotlight";

std::int64_t candidate_wrong(const FourCounts& c) { return c.negative_flips + c.both_wrong; }
std::int64_t incumbent_wrong(const FourCounts& c) { return c.positive_flips + c.both_wrong; }

bool failed_to_converge(SpotlightState state) {
  return state != SpotlightState::converged && state != SpotlightState::no_loss_left;
}

bool violates(const CheckInput& in, const SpotlightSettings& settings, const ConfirmedSpotlight& spotlight) {
  return spotlight.confirm.total() >= settings.min_support && spotlight.p_adjusted <= in.alpha &&
         spotlight.net_lower > settings.min_increase;
}

std::string sentence_of(const CheckInput& in, const SpotlightSettings& settings, const ConfirmedSpotlight& s,
                        Decision decision) {
  const std::string group =
      "images that look alike to the new model" +
      (s.label < 0 ? std::string()
                   : ", " + percent(std::round(100 * s.label_share) / 100) + " of " + class_words(in, s.label));
  const std::string counted = "of " + std::to_string(s.confirm.total()) + " held-back ones it gets " +
                              std::to_string(candidate_wrong(s.confirm)) + " wrong, the old one " +
                              std::to_string(incumbent_wrong(s.confirm));
  std::string text;
  if (decision == Decision::violation) {
    text = "A group of " + group + ", got worse: " + counted;
    if (s.predicted_as >= 0) text += ", mostly as " + class_name(in, s.predicted_as);
  } else if (s.confirm.total() < settings.min_support) {
    text = "A group of " + group +
           ", looked worse where it was found, but too few held-back images are like it to decide: " + counted;
  } else {
    text = "A group of " + group +
           ", looked worse on the half where it was found, but this is not confirmed on the other half: " + counted;
  }
  if (failed_to_converge(s.state)) text += "; the search for it did not converge: " + std::string(describe(s.state));
  return text + ".";
}

Finding finding_of(const CheckInput& in, const SpotlightSettings& settings, const ConfirmedSpotlight& s) {
  Finding f;
  f.id = std::string(kCheck) + "/" + s.id;
  f.check = kCheck;
  f.subject = "group " + std::to_string(s.order + 1);
  f.decision = violates(in, settings, s) ? Decision::violation : Decision::note;
  const auto n = static_cast<double>(s.confirm.total());
  if (n > 0) {
    f.value = static_cast<double>(candidate_wrong(s.confirm)) / n;
    f.incumbent_value = static_cast<double>(incumbent_wrong(s.confirm)) / n;
  }
  f.limit = settings.min_increase;
  f.lower = s.net_lower;
  f.upper = 1;
  f.n = s.confirm.total();
  f.p = s.p;
  f.p_adjusted = s.p_adjusted;
  f.sentence = sentence_of(in, settings, s, f.decision);
  return f;
}

Finding undecided(const std::string& what, const std::string& sentence) {
  Finding f;
  f.id = std::string(kCheck) + "/" + what;
  f.check = kCheck;
  f.subject = "overall";
  f.decision = Decision::undecided;
  f.sentence = sentence;
  return f;
}

}  // namespace

CheckInfo SpotlightCheck::info() const {
  return {.id = kCheck,
          .version = 1,
          .question = "Which groups of images that the new model itself finds alike lose more than before?",
          .paper = "d'Eon, d'Eon, Wright and Leyton-Brown, The Spotlight, arXiv:2107.00758"};
}

CheckResult SpotlightCheck::run(const CheckInput& input) const {
  if (auto stopped_early = cannot_compare(input, kCheck, settings_.mode)) return *stopped_early;
  if (input.spotlights == nullptr) {
    const bool known = !input.spotlights_problem.empty();
    return stopped(
        kCheck, settings_.mode, "not_searched", known ? Decision::undecided : Decision::error,
        "No group could be searched: " + (known ? input.spotlights_problem : "the search was not made") + ".");
  }
  CheckResult result;
  result.check = kCheck;
  result.mode = settings_.mode;
  const auto& search = *input.spotlights;
  for (const auto& spotlight : search.found) result.findings.push_back(finding_of(input, settings_, spotlight));
  if (search.found.empty()) {
    result.findings.push_back(undecided("not_searched", "There was nothing to search."));
  } else if (const auto& first = search.found.front(); failed_to_converge(first.state)) {
    result.findings.push_back(undecided("convergence", "The search found no stable group (" +
                                                           std::string(describe(first.state)) +
                                                           "): one that got worse may have been missed."));
  }
  // A spotlight is a share of the images: where that share of the held-back half is too small, none can be confirmed.
  const auto needed =
      static_cast<std::int64_t>(std::ceil(static_cast<double>(settings_.min_support) / settings_.share));
  if (search.confirmation_seeds < needed) {
    result.more_images = 2 * (needed - search.confirmation_seeds);  // half of new images goes to discovery
    result.findings.push_back(undecided(
        "evidence", "Too few held-back images to confirm a group: " + std::to_string(search.confirmation_seeds) +
                        " of " + std::to_string(needed) + "."));
  }
  conclude(result, "No group of similar images is confirmed to have got worse.");
  return result;
}

}  // namespace defuse
