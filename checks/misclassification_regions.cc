#include "checks/misclassification_regions.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/regions/search.h"

namespace defuse {
namespace {

constexpr const char* kId = "misclassification_regions";
// A class is covered when it has this many times min_support images: a region with enough of them can then be a part of
// it, and be found on one half and judged on the other.
constexpr std::int64_t kCoverage = 8;

// What evidence counts. Regions carry their status from the search; this is the second lock on the door.
struct Judge {
  bool has_incumbent = false;
  bool generated_usable = false;

  bool violates(const Region& region) const {
    const bool confirmed = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
    return confirmed && has_incumbent && (generated_usable || region.evidence != RegionEvidence::generated);
  }
};

// Seeds by class: each is judged by a region found without it.
std::vector<std::int64_t> seeds_by_class(const ProbeSet& probes, std::size_t classes) {
  std::vector<std::int64_t> counts(classes, 0);
  for (const Seed& seed : probes.seeds) {
    const auto label = static_cast<std::size_t>(seed.label);
    if (label < counts.size()) ++counts[label];
  }
  return counts;
}

std::string label_text(const CheckInput& input, std::size_t label) {
  return label < input.classes.size() ? input.classes[label] : std::to_string(label);
}

Finding finding_of(const Region& region, const RegionSettings& settings, const Judge& judge) {
  Finding f;
  f.id = std::string(kId) + "/" + region.id;
  f.check = kId;
  f.subject = "region " + region.id;
  f.region = region.id;
  f.decision = judge.violates(region) ? Decision::violation : Decision::note;
  f.value = region.confirm.candidate_error;
  f.n = region.confirm.seeds;
  f.sentence = region.sentence;
  if (!judge.has_incumbent) return f;
  f.incumbent_value = region.confirm.incumbent_error;
  f.limit = region.measure == Measure::clear_flips ? settings.min_clear_increase : settings.min_increase;
  f.lower = region.confirm.net_lower;
  f.upper = 1;
  f.p = region.confirm.p_raw;
  f.p_adjusted = region.confirm.p_adjusted;
  return f;
}

// The first max_shown regions as findings, violations always among them, and a note on how many were left out.
void add_findings(const std::vector<Region>& regions, const RegionSettings& settings, const Judge& judge,
                  CheckResult& result) {
  std::vector<const Region*> ordered;
  for (const Region& region : regions) ordered.push_back(&region);
  const auto violates = [&](const Region* r) { return judge.violates(*r); };
  std::stable_partition(ordered.begin(), ordered.end(), violates);
  const auto violations = std::count_if(ordered.begin(), ordered.end(), violates);
  const auto shown =
      std::min(ordered.size(), static_cast<std::size_t>(std::max<std::ptrdiff_t>(violations, settings.max_shown)));
  for (std::size_t i = 0; i < shown; ++i) result.findings.push_back(finding_of(*ordered[i], settings, judge));
  if (shown == ordered.size()) return;
  Finding more;
  more.id = std::string(kId) + "/more";
  more.check = kId;
  more.subject = "overall";
  more.decision = Decision::note;
  more.n = static_cast<std::int64_t>(ordered.size() - shown);
  more.sentence =
      std::to_string(ordered.size() - shown) + " more regions are not shown; none of them is new or confirmed worse.";
  result.findings.push_back(std::move(more));
}

// What share of all images a bug needs to be seen, for the class where that is hardest; classes that are too small for
// any are left to the state.
void add_detectable(const CheckInput& input, const std::vector<std::int64_t>& counts, const RegionSettings& settings,
                    CheckResult& result) {
  RegionSearchSettings search;
  search.alpha = input.alpha;
  search.min_increase = settings.min_increase;
  search.min_clear_increase = settings.min_clear_increase;
  search.min_support = settings.min_support;
  search.max_regions = settings.max_shown;
  double total = 0;
  for (const std::int64_t n : counts) total += static_cast<double>(n);
  double worst = 0;
  for (const std::int64_t n : counts) {
    const double share = smallest_detectable_share(n, static_cast<int>(counts.size()), search);
    if (std::isfinite(share) && total > 0) worst = std::max(worst, share * static_cast<double>(n) / total);
  }
  if (!(worst > 0)) return;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f", 100 * worst);
  result.detectable_value = worst;
  result.detectable = "A group of similar images that is " + std::string(text.data()) +
                      " % of all images and fails completely would be confirmed with 80 % probability, once found.";
}

CheckResult conclude(CheckResult result, VerdictState state, std::string reason) {
  result.state = state;
  result.reason = std::move(reason);
  return result;
}

// Names of the classes with too few held-back images, and how many more test images would do for all of them.
struct Gaps {
  std::string names;
  std::int64_t classes = 0;
  std::int64_t more_images = 0;
};

Gaps find_gaps(const CheckInput& input, const std::vector<std::int64_t>& counts, std::int64_t needed) {
  Gaps gaps;
  for (std::size_t c = 0; c < counts.size(); ++c) {
    if (counts[c] >= needed) continue;
    gaps.names += (gaps.classes++ == 0 ? "" : ", ") + label_text(input, c) + " (" + std::to_string(counts[c]) + ")";
    gaps.more_images += needed - counts[c];
  }
  return gaps;
}

// Why a clean search would prove too little here; empty if it would not. Fills result.more_images.
std::string missing_evidence(const CheckInput& input, const Judge& judge, const std::vector<std::int64_t>& counts,
                             std::int64_t needed, CheckResult& result) {
  if (!judge.generated_usable) {
    const bool known = input.generator != nullptr && !input.generator->problem.empty();
    return "Generated images were not used: " + (known ? input.generator->problem : "there is no generator") +
           "; only real images were searched.";
  }
  const Gaps gaps = find_gaps(input, counts, needed);
  if (!counts.empty() && gaps.classes == 0) return {};
  result.more_images = gaps.more_images;
  return "Too few images to confirm a region of class " + gaps.names + "; " + std::to_string(needed) +
         " of each are needed.";
}

// Nothing without a violation.
std::optional<std::string> violation_reason(const std::vector<Region>& regions, const Judge& judge) {
  const auto violates = [&](const Region& r) { return judge.violates(r); };
  const auto first = std::find_if(regions.begin(), regions.end(), violates);
  const auto count = std::count_if(regions.begin(), regions.end(), violates);
  if (count == 0) return std::nullopt;
  if (count == 1) return first->sentence;
  return std::to_string(count) + " regions are new or worse. The first: " + first->sentence;
}

}  // namespace

CheckInfo MisclassificationRegionsCheck::info() const {
  return {.id = kId,
          .version = 1,
          .question =
              "Which regions of real and generated images does the candidate get wrong that the incumbent gets right?",
          .paper = "arXiv:2102.06162",
          .statistical = true};
}

CheckResult MisclassificationRegionsCheck::run(const CheckInput& input) const {
  CheckResult result;
  result.check = kId;
  result.mode = settings_.mode;
  if (input.regions == nullptr || input.probes == nullptr) {
    const std::string why = input.regions_problem.empty() ? "the search was not made" : input.regions_problem;
    return conclude(std::move(result), VerdictState::error, "Regions could not be searched: " + why + ".");
  }
  if (!input.incumbent_problem.empty()) {
    return conclude(std::move(result), VerdictState::error,
                    "The incumbent could not be run: " + input.incumbent_problem + ".");
  }
  const std::vector<Region>& regions = *input.regions;
  auto settings = settings_;
  const NoiseFloor* floor = input.noise_floor;
  if (floor != nullptr && floor->made() && std::isfinite(floor->region.limit))
    settings.min_increase = floor->region.limit;  // what the search was made with
  if (floor != nullptr && floor->made() && std::isfinite(floor->clear_region.limit))
    settings.min_clear_increase = floor->clear_region.limit;
  const Judge judge{.has_incumbent = input.incumbent != nullptr,
                    .generated_usable = input.generator != nullptr && input.generator->usable};
  add_findings(regions, settings, judge, result);
  if (input.incumbent == nullptr) {
    result.no_incumbent = true;
    return conclude(std::move(result), VerdictState::inconclusive, "There is no incumbent to compare with yet.");
  }
  const auto counts = seeds_by_class(*input.probes, input.classes.size());
  add_detectable(input, counts, settings, result);
  // Thin evidence is a finding of its own: else waiving the violations beside it would turn it into a pass.
  const std::string missing = missing_evidence(input, judge, counts, kCoverage * settings_.min_support, result);
  if (!missing.empty()) {
    Finding finding;
    finding.id = std::string(kId) + "/evidence";
    finding.check = kId;
    finding.subject = "overall";
    finding.decision = Decision::undecided;
    finding.sentence = missing;
    result.findings.push_back(std::move(finding));
  }
  if (auto violated = violation_reason(regions, judge)) {
    return conclude(std::move(result), VerdictState::fail, std::move(*violated));
  }
  if (!missing.empty()) return conclude(std::move(result), VerdictState::inconclusive, missing);
  return conclude(std::move(result), VerdictState::pass,
                  "No group of images is new or confirmed worse than with the version in production.");
}

}  // namespace defuse
