#include "tests/bench/gate/gate_column.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "checks/all_checks.h"
#include "core/evidence/predictions.h"
#include "core/gate/region_station.h"
#include "core/regions/frozen.h"
#include "core/regions/identity.h"
#include "core/regions/regressions.h"
#include "core/verdict/verdict.h"

namespace defuse::bench {
namespace {

constexpr std::uint64_t kBootstraps = 0xb007;  // one of a pair's random streams

double seconds_since(std::chrono::steady_clock::time_point started) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

// The test split is the first part of the seeds.
Evaluation on_test_split(const World& world, const ProbeEvaluation& answers) {
  const std::size_t n = world.test_size();
  Evaluation out;
  out.model_digest = answers.model_digest;
  out.data_digest = world.splits().test.digest();
  const auto part = [&](const Matrix& all) {
    if (all.empty()) return Matrix();
    Matrix own(n, all.cols);
    std::copy_n(all.data.begin(), own.data.size(), own.data.begin());
    return own;
  };
  out.logits = part(answers.logits);
  const auto labels = world.splits().test.labels();
  for (std::size_t i = 0; i < n; ++i) {
    out.predicted.push_back(predicted_class(out.logits.row(i)));
    out.loss.push_back(cross_entropy(out.logits.row(i), labels[i]));
  }
  return out;
}

// What the pipeline would hand to the checks; keeps alive what CheckInput points to.
class Evidence {
 public:
  explicit Evidence(const GatePair& pair)
      : pair_(pair),
        incumbent_(on_test_split(pair.world, pair.incumbent)),
        candidate_(on_test_split(pair.world, pair.candidate)) {}

  Result<CheckInput> input(double alpha) {
    TRY(compared,
        compare(pair_.world.splits().test.labels(), incumbent_.predicted, candidate_.predicted, pair_.world.classes()));
    comparison_ = std::move(compared);
    CheckInput in;
    in.test_labels = pair_.world.splits().test.labels();
    in.classes = pair_.world.splits().classes;
    in.candidate = &candidate_;
    in.incumbent = &incumbent_;
    in.comparison = &comparison_;
    in.generator = &pair_.health;
    in.probes = &pair_.world.probes();
    in.alpha = alpha;
    in.confidence_alpha = pair_.world.settings().alpha;
    return in;
  }

 private:
  const GatePair& pair_;
  Evaluation incumbent_, candidate_;
  Comparison comparison_;
};

// The share of the error budget that every statistical check has.
double share_of_alpha(const std::vector<std::unique_ptr<Check>>& checks, double alpha) {
  const auto count = std::count_if(checks.begin(), checks.end(), [](const auto& check) {
    return check->info().statistical && check->mode() == CheckMode::block;
  });
  return alpha / static_cast<double>(std::max<std::ptrdiff_t>(1, count));
}

// The images and answers that the search is made of: the pair's own, or a bootstrap of them.
struct Material {
  const ProbeSet& probes;
  const ProbeEvaluation& incumbent;
  const ProbeEvaluation& candidate;
};
Material own_of(const GatePair& pair) { return {pair.world.probes(), pair.incumbent, pair.candidate}; }

Result<std::vector<Region>> search(const GatePair& pair, const Material& of, double alpha, const SearchShapes& shapes) {
  const auto& settings = pair.world.settings();
  const auto& wanted = settings.checks.misclassification_regions;
  auto asked = search_settings(wanted, alpha, pair.world.threads());
  asked.shapes = shapes;
  TRY(regions, regions_between({.probes = of.probes,
                                .candidate = of.candidate,
                                .incumbent = &of.incumbent,
                                .generated_usable = pair.health.usable,
                                .classes = pair.world.classes()},
                               wanted, asked, settings.seed));
  assign_ids(settings.name, of.probes.digest, /*earlier=*/{}, regions);
  return regions;
}

constexpr const char* kRegions = "misclassification_regions";

// What the regions and their check's findings say together.
void describe(const GatePair& pair, const CheckResult& result, GateAnswer& answer) {
  const auto settings = search_settings(pair.world.settings().checks.misclassification_regions, 0, 1);
  std::set<std::string> violating;
  for (const auto& finding : result.findings)
    if (finding.decision == Decision::violation) violating.insert(finding.region);
  for (std::size_t i = 0; i < answer.regions.size(); ++i) {
    const auto& region = answer.regions[i];
    if (violating.count(region.id) != 0) answer.blocking.push_back(i);
    if (!region.regression) continue;
    const double limit = limit_of(settings, region.measure);
    answer.score = std::max(answer.score, region.confirm.net_lower);
    answer.margin = std::max(answer.margin, (region.confirm.net_lower - limit) / (1 - limit));
  }
}

// The search and its check, nothing else of the gate.
Result<GateAnswer> search_and_check(const GatePair& pair, const Material& of, const SearchShapes& shapes) {
  const auto started = std::chrono::steady_clock::now();
  const auto checks = make_checks(pair.world.settings().checks);
  const double alpha = share_of_alpha(checks, pair.world.settings().alpha);
  GateAnswer answer;
  TRY(regions, search(pair, of, alpha, shapes));
  answer.regions = std::move(regions);
  Evidence evidence(pair);
  TRY(input, evidence.input(alpha));
  input.regions = &answer.regions;
  input.probes = &of.probes;
  for (const auto& check : checks) {
    if (check->info().id != kRegions) continue;
    describe(pair, check->run(input), answer);
    answer.seconds = answer.search_seconds = seconds_since(started);
    return answer;
  }
  return fail(ErrorCode::internal, std::string("the product has no check ") + kRegions + " by default");
}

}  // namespace

Result<GateAnswer> judge(const GatePair& pair) {
  const auto started = std::chrono::steady_clock::now();
  const auto checks = make_checks(pair.world.settings().checks);
  const double alpha = share_of_alpha(checks, pair.world.settings().alpha);
  GateAnswer answer;
  TRY(regions, search(pair, own_of(pair), alpha, {}));
  answer.regions = std::move(regions);
  answer.search_seconds = seconds_since(started);
  Evidence evidence(pair);
  TRY(input, evidence.input(alpha));
  input.regions = &answer.regions;
  const std::vector<KnownRegion> none;
  input.known_regions = &none;
  std::vector<CheckResult> results;
  for (const auto& check : checks)
    if (check->info().id != "contract") results.push_back(check->run(input));  // bench models keep theirs
  Policy policy;
  policy.has_incumbent = true;
  const auto verdict =
      decide(ModelName(pair.world.settings().name), Version("candidate"), results, policy, {}, TimePoint{});
  answer.verdict = to_string(verdict.state);
  for (const auto& result : results) {
    if (result.mode == CheckMode::block && result.state == VerdictState::fail) answer.failed.push_back(result.check);
    if (result.check == kRegions) describe(pair, result, answer);
  }
  answer.seconds = seconds_since(started);
  return answer;
}

Result<GateAnswer> judge_part(const GatePair& pair, const SearchShapes& shapes) {
  return search_and_check(pair, own_of(pair), shapes);
}

Result<Stability> stability(const GatePair& pair, int bootstraps, std::uint64_t seed) {
  const auto& probes = pair.world.probes();
  std::vector<Redone> all;
  for (int b = 0; b < bootstraps; ++b) {
    RandomStream random(seed, kBootstraps, static_cast<std::uint64_t>(b));
    const auto source = draw_seeds(probes, random);
    const auto drawn = resampled(probes, source);
    const auto incumbent = resampled(pair.incumbent, probes.draws, source);
    const auto candidate = resampled(pair.candidate, probes.draws, source);
    TRY(answer, search_and_check(pair, {drawn, incumbent, candidate}, {}));
    Redone redone{.blocked = !answer.blocking.empty(), .present = distinct(source), .members = {}};
    if (redone.blocked) {
      for (const auto& member : answer.regions[answer.blocking.front()].members)
        redone.members.push_back(source[member.seed]);
      redone.members = distinct(std::move(redone.members));
    }
    all.push_back(std::move(redone));
  }
  return stability_of(all);
}

KnownRegion freeze(const Region& region, const GatePair& found_in, const ProbeEvaluation& candidate) {
  KnownRegion known;
  known.id = region.id;
  known.label = region.label;
  known.predicted_as = region.predicted_as;
  known.first_version = "candidate-1";
  const auto& probes = found_in.world.probes();
  const auto pixels = static_cast<std::size_t>(found_in.world.splits().test.shape().pixels());
  for (const auto& image : choose_frozen(region, probes, found_in.candidate, &found_in.incumbent, pixels)) {
    const auto at =
        image.seed * static_cast<std::size_t>(probes.draws) + static_cast<std::size_t>(std::max(0, image.draw));
    known.cluster.push_back(image.seed);
    known.incumbent.push_back(image.draw < 0 ? found_in.incumbent.real[image.seed] : found_in.incumbent.perturbed[at]);
    known.candidate.push_back(image.draw < 0 ? candidate.real[image.seed] : candidate.perturbed[at]);
  }
  return known;
}

Result<ReopenedAnswer> judge_reopened(const GatePair& pair, const KnownRegion& known) {
  const auto checks = make_checks(pair.world.settings().checks);
  Evidence evidence(pair);
  TRY(input, evidence.input(share_of_alpha(checks, pair.world.settings().alpha)));
  const std::vector<KnownRegion> list = {known};
  input.known_regions = &list;
  for (const auto& check : checks) {
    if (check->info().id != "known_regions") continue;
    const auto result = check->run(input);
    ReopenedAnswer answer;
    answer.blocked = result.state == VerdictState::fail;
    if (result.findings.empty()) return answer;
    answer.lower = result.findings.front().lower;
    answer.p = result.findings.front().p_adjusted;
    answer.seeds = result.findings.front().n;
    return answer;
  }
  return fail(ErrorCode::internal, "the product has no known_regions check by default");
}

}  // namespace defuse::bench
