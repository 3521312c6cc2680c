#include "core/verdict/conclude.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/wire/documents.h"
#include "tests/daemon/supported.h"

namespace defuse {
namespace {

const TimePoint kNow = *parse_rfc3339("2026-03-01T12:00:00Z");
const RegionId kRegionA("r-aaaaaaaaaaaa");
const RegionId kRegionB("r-bbbbbbbbbbbb");

Finding finding_of(const std::string& check, const RegionId& region, Decision decision) {
  Finding finding;
  finding.id = check + "/" + region;
  finding.check = check;
  finding.subject = "region " + region;
  finding.region = region;
  finding.decision = decision;
  finding.sentence = "Region " + region + " is bad.";
  return finding;
}

CheckResult check_of(const std::string& name, VerdictState state, std::vector<Finding> findings = {}) {
  CheckResult check;
  check.check = name;
  check.mode = CheckMode::block;
  check.state = state;
  check.reason = name + " says so";
  check.findings = std::move(findings);
  return check;
}

Region region_of(const RegionId& id, std::int32_t label, std::int32_t predicted, std::vector<std::uint32_t> seeds) {
  Region region;
  region.id = id;
  region.label = label;
  region.predicted_as = predicted;
  region.status = RegionStatus::new_bug;
  region.sentence = "Seen in " + id + ".";
  for (const auto seed : seeds) region.members.push_back({seed, 0.1});
  return region;
}

// A result whose only harm is one confirmed region.
WorkerResult one_bad_region() {
  WorkerResult result;
  result.job = 7;
  result.model = ModelName("digits");
  result.candidate = {Version("3"), Digest("cc"), "/x"};
  result.incumbent = ArtifactRef{Version("2"), Digest("bb"), "/y"};
  result.probe_digest = "p1";
  result.generator = GeneratorHealth{};
  result.generator->usable = true;
  result.checks = {check_of("contract", VerdictState::pass), check_of("accuracy", VerdictState::pass),
                   check_of("negative_flips", VerdictState::pass), check_of("known_regions", VerdictState::pass),
                   check_of("misclassification_regions", VerdictState::fail,
                            {finding_of("misclassification_regions", kRegionA, Decision::violation)})};
  result.regions = {region_of(kRegionA, 3, 5, {1, 2, 3, 4})};
  test::support(result);
  return result;
}

JobSpec job_seven() {
  JobSpec job;
  job.id = 7;
  job.model = ModelName("digits");
  job.candidate = {Version("3"), Digest("cc"), "/x"};
  job.incumbent = ArtifactRef{Version("2"), Digest("bb"), "/y"};
  return job;
}

VerdictState state_with(const WorkerResult& result, const RegionLabels& labels) {
  return conclude(result, ModelSettings{}, {}, labels, kNow, {}).verdict.state;
}

TEST(Conclude, ConfirmedRegionFailsAndTheReportHoldsEverything) {
  auto result = one_bad_region();
  result.stations = {{"evaluate", 1.5, 0, false}, {"search", 2.5, 0, false}};
  const auto report = conclude(result, ModelSettings{}, {}, {}, kNow, "/pictures");
  EXPECT_EQ(report.verdict.state, VerdictState::fail);
  EXPECT_EQ(report.model, "digits");
  EXPECT_EQ(report.version, "3");
  EXPECT_EQ(report.digest, "cc");
  EXPECT_EQ(report.created, kNow);
  EXPECT_DOUBLE_EQ(report.seconds, 4.0);
  EXPECT_EQ(report.pictures, "/pictures");
  EXPECT_EQ(report.result.checks.size(), 5U);
}

TEST(Conclude, APersonsWordThatImagesAreNoEvidenceTurnsTheFindingIntoANote) {
  for (const char* word : {"ambiguous", "unrealistic", "class:5"}) {
    const auto label = RegionLabel::from(word).value();
    const auto report = conclude(one_bad_region(), ModelSettings{}, {}, {{kRegionA, label}}, kNow, {});
    EXPECT_EQ(report.verdict.state, VerdictState::pass) << word;
    const auto& finding = report.result.checks.back().findings.front();
    EXPECT_EQ(finding.decision, Decision::note);
    EXPECT_NE(finding.sentence.find("Not counted"), std::string::npos);
    EXPECT_EQ(report.region_labels.at(kRegionA), label) << word;
  }
}

TEST(Conclude, ConfirmedLabelOrAnotherClassStillFails) {
  EXPECT_EQ(state_with(one_bad_region(), {{kRegionA, RegionLabel::Word::confirmed}}), VerdictState::fail);
  EXPECT_EQ(state_with(one_bad_region(), {{kRegionA, RegionLabel::of_class(8)}}), VerdictState::fail);
  EXPECT_EQ(state_with(one_bad_region(), {{kRegionB, RegionLabel::Word::ambiguous}}), VerdictState::fail);
}

TEST(Conclude, SettingOneRegionAsideLeavesTheOthers) {
  auto result = one_bad_region();
  result.checks.back().findings.push_back(finding_of("misclassification_regions", kRegionB, Decision::violation));
  result.regions.push_back(region_of(kRegionB, 1, 7, {9}));
  EXPECT_EQ(state_with(result, {{kRegionA, RegionLabel::Word::ambiguous}}), VerdictState::fail);
  EXPECT_EQ(state_with(result, {{kRegionA, RegionLabel::Word::ambiguous}, {kRegionB, RegionLabel::Word::unrealistic}}),
            VerdictState::pass);
}

TEST(Conclude, LabelsNeverTurnErrorOrMissingEvidenceIntoPass) {
  auto error = one_bad_region();
  error.checks.back().state = VerdictState::error;  // of the whole check, with no finding that says so
  EXPECT_EQ(state_with(error, {{kRegionA, RegionLabel::Word::ambiguous}}), VerdictState::error);

  auto undecided = one_bad_region();
  undecided.checks.back().findings.push_back(finding_of("misclassification_regions", "", Decision::undecided));
  EXPECT_EQ(state_with(undecided, {{kRegionA, RegionLabel::Word::ambiguous}}), VerdictState::inconclusive);

  auto weak_generator = one_bad_region();
  weak_generator.generator->usable = false;
  EXPECT_EQ(state_with(weak_generator, {{kRegionA, RegionLabel::Word::ambiguous}}), VerdictState::inconclusive);
  weak_generator.generator.reset();
  EXPECT_EQ(state_with(weak_generator, {{kRegionA, RegionLabel::Word::ambiguous}}), VerdictState::inconclusive);
}

TEST(Conclude, LabelsReachReopenedRegionsToo) {
  auto result = one_bad_region();
  result.checks.back() = check_of("misclassification_regions", VerdictState::pass);
  result.checks[3] =
      check_of("known_regions", VerdictState::fail, {finding_of("known_regions", kRegionB, Decision::violation)});
  EXPECT_EQ(state_with(result, {}), VerdictState::fail);
  EXPECT_EQ(state_with(result, {{kRegionB, RegionLabel::Word::ambiguous}}), VerdictState::pass);
}

TEST(Conclude, WorkerCannotSwitchItsOwnChecksOff) {
  auto result = one_bad_region();
  result.checks.back().mode = CheckMode::off;
  EXPECT_EQ(state_with(result, {}), VerdictState::fail);
}

TEST(Conclude, WorkerCannotGrantItselfAWaiver) {
  auto result = one_bad_region();
  result.checks.back().findings.front().waiver = "w-1";
  EXPECT_EQ(state_with(result, {}), VerdictState::fail);
}

TEST(Conclude, MissingBlockingCheckIsNeverAPass) {
  auto result = one_bad_region();
  result.checks.pop_back();
  EXPECT_EQ(state_with(result, {}), VerdictState::error);
  result.checks.clear();
  EXPECT_EQ(state_with(result, {}), VerdictState::error);
}

TEST(Conclude, NoIncumbentIsInconclusiveNeverPass) {
  auto result = one_bad_region();
  result.checks.back() = check_of("misclassification_regions", VerdictState::inconclusive);
  result.incumbent.reset();
  EXPECT_EQ(state_with(result, {}), VerdictState::inconclusive);
}

TEST(Conclude, TheSameInputsGiveTheSameReport) {
  const auto once =
      conclude(one_bad_region(), ModelSettings{}, {}, {{kRegionA, RegionLabel::Word::ambiguous}}, kNow, {});
  const auto twice = conclude(once.result, ModelSettings{}, {}, {{kRegionA, RegionLabel::Word::ambiguous}}, kNow, {});
  EXPECT_EQ(once.verdict.state, twice.verdict.state);
  EXPECT_EQ(dump_json(to_json(once.result)), dump_json(to_json(twice.result)));
}

TEST(ConcludeFailure, IsAnErrorThatNamesTheCauseWhateverTheModes) {
  auto job = job_seven();
  for (const auto mode : {CheckMode::block, CheckMode::warn, CheckMode::shadow, CheckMode::off}) {
    auto& checks = job.settings.checks;
    checks.contract.mode = checks.accuracy.mode = checks.negative_flips.mode = checks.known_regions.mode =
        checks.misclassification_regions.mode = mode;
    const auto report = conclude_failure(job, "killed by signal 9 (Killed)", kNow);
    EXPECT_EQ(report.verdict.state, VerdictState::error);
    EXPECT_NE(report.verdict.reason.find("killed by signal 9"), std::string::npos);
    EXPECT_EQ(report.cause, "killed by signal 9 (Killed)");
    EXPECT_EQ(report.digest, "cc");
  }
}

TEST(SettleRegions, GivesARegionTheIdOfTheSameBugInAnEarlierRelease) {
  auto result = one_bad_region();
  const auto ids = settle_regions(result, {{"r-111111111111", 3, 5, {1, 2, 3, 4}, "p1"}});
  ASSERT_TRUE(ids.contains(kRegionA));
  EXPECT_EQ(ids.at(kRegionA), "r-111111111111");
  rename_regions(ids, result);
  EXPECT_EQ(result.regions.front().id, "r-111111111111");
  EXPECT_EQ(result.regions.front().sentence, "Seen in r-111111111111.");
  const auto& finding = result.checks.back().findings.front();
  EXPECT_EQ(finding.region, "r-111111111111");
  EXPECT_EQ(finding.id, "misclassification_regions/r-111111111111");
  EXPECT_EQ(finding.subject, "region r-111111111111");
  EXPECT_EQ(finding.sentence, "Region r-111111111111 is bad.");
}

TEST(RenameRegions, TwoRegionsMaySwapNamesAndKnownRegionsAreLeftAlone) {
  auto result = one_bad_region();
  result.regions.push_back(region_of(kRegionB, 1, 7, {9}));
  result.checks.back().reason = kRegionA.str() + " and " + kRegionB + ", r-cccccccccccc, r-";
  result.checks[3].findings = {finding_of("known_regions", kRegionA, Decision::ok)};
  rename_regions({{kRegionA, kRegionB}, {kRegionB, kRegionA}}, result);
  EXPECT_EQ(result.checks.back().reason, kRegionB.str() + " and " + kRegionA + ", r-cccccccccccc, r-");
  EXPECT_EQ(result.regions[0].id, kRegionB);
  EXPECT_EQ(result.regions[1].id, kRegionA);
  EXPECT_EQ(result.checks[3].findings.front().region, kRegionA);
}

TEST(FitsJob, RefusesAPassThatItsOwnNumbersDeny) {
  const auto refused = [](auto change) {
    auto result = one_bad_region();
    change(result);
    const auto fits = fits_job(result, job_seven());
    return !fits && fits.error().code == ErrorCode::corrupt;
  };
  EXPECT_TRUE(refused([](WorkerResult& r) { r.contract.loaded = false; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.contract.run_error = "it threw"; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.contract.images = 99; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.contract.not_finite = 1; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.test_images = r.contract.images = 0; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.comparison.reset(); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.comparison->overall = {80, 8, 2, 10}; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.comparison->overall.both_wrong += 1; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.candidate_accuracy = 0.5; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.incumbent_accuracy.reset(); }));
}

TEST(FitsJob, TakesAFailureWhateverItsNumbersSay) {
  auto result = one_bad_region();
  for (auto& check : result.checks) check.state = VerdictState::error;
  result.contract = {};
  result.comparison.reset();
  EXPECT_TRUE(fits_job(result, job_seven()));
}

TEST(FitsJob, RefusesAResultOfAnotherJobArtifactOrIncumbent) {
  const auto refused = [](auto change) {
    auto result = one_bad_region();
    change(result);
    const auto fits = fits_job(result, job_seven());
    return !fits && fits.error().code == ErrorCode::corrupt;
  };
  EXPECT_TRUE(fits_job(one_bad_region(), job_seven()));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.job = 8; }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.model = ModelName("letters"); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.candidate.version = Version("4"); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.candidate.digest = Digest("dd"); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.incumbent.reset(); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.incumbent->digest = Digest("dd"); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.checks.push_back(r.checks.front()); }));
  EXPECT_TRUE(refused([](WorkerResult& r) { r.regions.push_back(r.regions.front()); }));
}

TEST(RequiredChecks, AreTheBlockingOnes) {
  ModelSettings settings;
  settings.checks.accuracy.mode = CheckMode::warn;
  settings.checks.contract.mode = CheckMode::off;
  const auto required = required_checks(settings);
  EXPECT_EQ(std::count(required.begin(), required.end(), "accuracy"), 0);
  EXPECT_EQ(std::count(required.begin(), required.end(), "contract"), 0);
  EXPECT_EQ(std::count(required.begin(), required.end(), "negative_flips"), 1);
}

}  // namespace
}  // namespace defuse
