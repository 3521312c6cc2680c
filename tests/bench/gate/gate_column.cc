#include "tests/bench/gate/gate_column.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <utility>

#include "checks/all_checks.h"
#include "core/evaluate/predictions.h"
#include "core/pipeline/region_station.h"
#include "core/regions/identity.h"
#include "core/verdict/verdict.h"

namespace defuse::bench {
namespace {

constexpr std::size_t kFrozenSeeds = 256;  // as pictures.cc
constexpr int kFrozenDraws = 2;

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
  out.embeddings = part(answers.embeddings);
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

Result<std::vector<Region>> search(const GatePair& pair, double alpha) {
  const auto& settings = pair.world.settings();
  const auto& wanted = settings.checks.misclassification_regions;
  TRY(regions, regions_between({.probes = pair.world.probes(),
                                .candidate = pair.candidate,
                                .incumbent = &pair.incumbent,
                                .generated_usable = pair.health.usable,
                                .classes = pair.world.classes()},
                               wanted, search_settings(wanted, alpha, pair.world.threads()), settings.seed));
  assign_ids(settings.name, pair.world.probes().digest, /*earlier=*/{}, regions);
  return regions;
}

bool asked_for_worse(const Region& region) {
  return region.regression;
}

}  // namespace

Result<GateAnswer> judge(const GatePair& pair) {
  const auto started = std::chrono::steady_clock::now();
  const auto checks = make_checks(pair.world.settings().checks);
  const double alpha = share_of_alpha(checks, pair.world.settings().alpha);
  GateAnswer answer;
  TRY(regions, search(pair, alpha));
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
  const auto verdict = decide(pair.world.settings().name, "candidate", results, policy, {}, TimePoint{});
  answer.verdict = to_string(verdict.state);
  std::set<std::string> violating;
  for (const auto& result : results) {
    if (result.mode == CheckMode::block && result.state == VerdictState::fail) answer.failed.push_back(result.check);
    if (result.check != "misclassification_regions") continue;
    for (const auto& finding : result.findings)
      if (finding.decision == Decision::violation) violating.insert(finding.region);
  }
  for (std::size_t i = 0; i < answer.regions.size(); ++i) {
    const auto& region = answer.regions[i];
    if (violating.count(region.id) != 0) answer.blocking.push_back(i);
    if (asked_for_worse(region)) answer.score = std::max(answer.score, region.confirm.net_lower);
  }
  answer.seconds = seconds_since(started);
  return answer;
}

KnownRegion freeze(const Region& region, const ProbeSet& probes, const ProbeEvaluation& incumbent,
                   const ProbeEvaluation& candidate) {
  KnownRegion known;
  known.id = region.id;
  known.label = region.label;
  known.predicted_as = region.predicted_as;
  known.first_version = "candidate-1";
  const auto draws = static_cast<std::size_t>(probes.draws);
  for (std::size_t i = 0; i < std::min(region.members.size(), kFrozenSeeds); ++i) {
    const auto s = region.members[i].seed;
    known.cluster.push_back(s);
    known.incumbent.push_back(incumbent.real[s]);
    known.candidate.push_back(candidate.real[s]);
    int taken = 0;
    for (std::size_t q = s * draws; q < (s + 1) * draws && taken < kFrozenDraws; ++q) {
      if (probes.plausible[q] == 0) continue;
      known.cluster.push_back(s);
      known.incumbent.push_back(incumbent.perturbed[q]);
      known.candidate.push_back(candidate.perturbed[q]);
      ++taken;
    }
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
