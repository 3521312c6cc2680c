#include "tests/reports/sample_report.h"

#include <chrono>
#include <string>

#include "core/base/files.h"

namespace defuse::samples {
namespace {

const std::string kIncumbentDigest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
const std::string kCandidateDigest = "d4735e3a265e16eee03f59718b9b5d03019c07d8b6c51f90da3a666eec13ab35";

std::string region_id(std::size_t number) {
  std::string digits = std::to_string(number);
  return "r-" + std::string(12 - digits.size(), 'a') + digits;
}

RegionScore score(std::int64_t seeds, double candidate, double incumbent) {
  RegionScore s;
  s.seeds = seeds;
  const auto wrong = static_cast<std::int64_t>(candidate * static_cast<double>(seeds));
  s.real = {seeds - wrong - 1, wrong, 1, 0};
  s.generated = {(seeds - wrong) * 10, wrong * 9, 2, wrong};
  s.candidate_error = candidate;
  s.incumbent_error = incumbent;
  s.candidate_interval = {candidate * 0.8, std::min(1.0, candidate * 1.15)};
  s.incumbent_interval = {incumbent * 0.5, std::min(1.0, incumbent * 2.5 + 0.02)};
  s.net_flip_rate = candidate - incumbent;
  s.net_lower = (candidate - incumbent) * 0.7;
  s.p_raw = 0.0000191;
  s.p_adjusted = 0.0000573;
  return s;
}

RegionSample sample(const std::string& picture, std::uint32_t index, int draw, std::int32_t candidate,
                    std::int32_t incumbent) {
  RegionSample s;
  s.kind = draw < 0 ? ImageKind::real : ImageKind::generated;
  s.split = draw < 0 ? Split::test : Split::train;
  s.index = index;
  s.draw = draw;
  s.candidate_predicted = candidate;
  s.incumbent_predicted = incumbent;
  s.picture = picture;
  return s;
}

Finding finding(std::string check, std::string subject, Decision decision, double value, double limit,
                std::string sentence) {
  Finding f;
  f.check = std::move(check);
  f.subject = std::move(subject);
  f.id = f.check + "/" + f.subject;
  f.decision = decision;
  f.value = value;
  f.limit = limit;
  f.lower = value - 0.004;
  f.upper = value + 0.0045;
  f.n = 10'000;
  f.p = 0.0123;
  f.p_adjusted = 0.0246;
  f.sentence = std::move(sentence);
  return f;
}

CheckResult check(std::string name, CheckMode mode, VerdictState state, std::string reason) {
  CheckResult c;
  c.check = std::move(name);
  c.mode = mode;
  c.state = state;
  c.reason = std::move(reason);
  return c;
}

std::vector<CheckResult> checks() {
  CheckResult contract = check("contract", CheckMode::block, VerdictState::pass, "The model keeps its contract.");
  contract.findings.push_back(
      finding("contract", "overall", Decision::ok, 0, 0, "It loads, and gives ten finite numbers for each image."));

  CheckResult accuracy =
      check("accuracy", CheckMode::block, VerdictState::pass, "Accuracy is not worse by more than 1 %.");
  accuracy.findings.push_back(finding("accuracy", "overall", Decision::ok, -0.0031, 0.01,
                                      "Accuracy rose from 98.1 % to 98.4 %; a drop of more than 1 % is ruled out."));
  accuracy.findings.back().incumbent_value = 0.9812;
  accuracy.detectable = "A drop of 0.6 % would have been seen with 80 % power.";
  accuracy.detectable_value = 0.006;

  CheckResult flips = check("negative_flips", CheckMode::block, VerdictState::fail, "It breaks 61 images that worked.");
  flips.findings.push_back(
      finding("negative_flips", "overall", Decision::ok, 0.0061, 0.02,
              "61 of 10,000 images that version 6 reads correctly are now wrong (0.61 %; limit 2 %)."));
  flips.findings.push_back(finding("negative_flips", "class/7", Decision::violation, 0.0412, 0.02,
                                   "42 of 1,018 images of class 7 that worked are now wrong (4.1 %; limit 2 %)."));

  CheckResult regions =
      check("misclassification_regions", CheckMode::block, VerdictState::fail, "One new bug region is confirmed.");
  for (std::size_t i = 0; i < 2; ++i) {
    Finding f = finding(
        "misclassification_regions", region_id(i), Decision::violation, 0.71 - 0.4 * static_cast<double>(i), 0.2,
        i == 0 ? "Sevens like these are read as 1: the candidate errs on 76 % of them, version 6 on 4 %."
               : "Ones like these are read as 6 more often: the candidate errs on 76 % of them, version 6 on 45 %.");
    f.region = RegionId(region_id(i));
    f.n = 38;
    regions.findings.push_back(f);
  }
  regions.findings[1].waiver = "w-1";
  regions.more_images = 240;

  CheckResult spotlight =
      check("spotlight", CheckMode::warn, VerdictState::inconclusive, "The last hidden layer was not found.");
  spotlight.findings.push_back(
      finding("spotlight", "overall", Decision::undecided, kNone, kNone, "No embedding, no search."));
  CheckResult shadow =
      check("embedding_compatibility", CheckMode::shadow, VerdictState::error, "No gallery was declared.");
  shadow.no_incumbent = true;
  return {contract, accuracy, flips, regions, spotlight, shadow};
}

ContractFacts contract() {
  ContractFacts c;
  c.loaded = c.ran = true;
  c.load_error = "none";
  c.run_error = "nothing";
  c.size_bytes = 4'812'331;
  c.output_shape = {64, 10};
  c.batch_tried = 64;
  c.classes_expected = 10;
  c.not_finite = 1;
  c.images = 10'000;
  c.not_deterministic = 2;
  c.batch_dependent = 3;
  c.latency_ms = 0.412;
  c.labels = {"zero", "one"};
  c.classes = {"zero", "one"};
  c.embedding = "graph";
  return c;
}

// One point of each state, and one that is in a region.
VersionMap map() {
  VersionMap m;
  m.points = {{-1.5F, 0.5F, -20, 3, Split::test, 12, 7, 1, 7, 0},
              {1.5F, -0.5F, 20, -3, Split::train, 340, 7, 7, 7, -1},
              {0.25F, 2, 4, 9.5F, Split::test, 7, 1, 7, 7, 1},
              {0, 0, 1, 1, Split::train, 77, 1, 1, 7, -1}};
  m.pca_share = 0.375;
  m.tsne = true;
  m.seeds = 30'000;
  m.sprite = "map.png";
  m.columns = 1;
  m.tile_width = 1;
  m.tile_height = 1;
  return m;
}

Comparison comparison() {
  Comparison c;
  c.overall = {9751, 61, 92, 96};
  for (std::int64_t k = 0; k < 10; ++k) c.per_class.push_back({970 + k, k == 7 ? 42 : 2, k == 7 ? 1 : 10, 9 + k});
  c.negative_flip_images = {12, 340, 9'841};
  c.positive_flip_images = {7, 77};
  return c;
}

}  // namespace

TimePoint noon() { return TimePoint{std::chrono::sys_days{std::chrono::March / 1 / 2026}} + std::chrono::hours{12}; }

Region region(std::size_t number) {
  Region r;
  r.id = RegionId(region_id(number));
  r.status = static_cast<RegionStatus>(number < 4 ? number : 4);
  r.space = number % 2 == 0 ? Space::codes : Space::candidate_embedding;
  r.evidence = number % 3 == 0 ? RegionEvidence::both : RegionEvidence::generated;
  r.center = {0.25F, -1.5F, 0.1F};
  r.radius = 1.75;
  r.label = number == 0 ? 7 : static_cast<std::int32_t>(number % 10);
  r.predicted_as = number == 0 ? 1 : static_cast<std::int32_t>((number + 5) % 10);
  r.predicted_as_share = 0.91;
  r.component = static_cast<int>(number);
  const bool fixed = r.status == RegionStatus::fixed;
  r.discover = score(41, fixed ? 0.03 : 0.8, fixed ? 0.7 : 0.05);
  r.confirm = score(38, fixed ? 0.02 : 0.76, r.status == RegionStatus::inherited || fixed ? 0.72 : 0.04);
  r.members = {{17, 0.125}, {4021, 0.5}, {39, 1.625}};
  for (int i = 0; i < 6; ++i) {
    const std::int32_t now = fixed ? r.label : r.predicted_as, was = fixed || i == 4 ? r.predicted_as : r.label;
    r.samples.push_back(
        sample(r.id + "-" + std::to_string(i) + ".png", 100 + static_cast<std::uint32_t>(i), i < 3 ? -1 : i, now, was));
  }
  if (number < 3) {
    RegionNovelty novelty;
    novelty.nearest = {{sample(r.id + "-near-0.png", 17, -1, r.predicted_as, r.label), r.label, 0.25},
                       {sample(r.id + "-near-1.png", 93, -1, r.predicted_as, r.label), r.predicted_as, 0.5}};
    novelty.nearest_wrong = {{sample(r.id + "-wrong-0.png", 4021, -1, r.predicted_as, r.label), r.label, 0.75}};
    novelty.nearest_wrong[0].image.split = Split::train;
    novelty.pair_distances = {1.5, 2.25, 3, 3.75, 5};
    novelty.farther_pairs = 0.99;
    r.novelty = novelty;
  }
  r.frozen = r.id + ".npy";
  r.frozen_cluster = {17, 17, 4021};
  r.sentence =
      "Images of " + std::to_string(r.label) + " like these are read as " + std::to_string(r.predicted_as) + ".";
  return r;
}

WorkerResult worker_result() {
  WorkerResult w;
  w.job = 42;
  w.model = ModelName("digits");
  w.candidate = {Version("7"), Digest(kCandidateDigest), "/srv/models/digits/7/model.pt"};
  w.incumbent = ArtifactRef{Version("6"), Digest(kIncumbentDigest), "/srv/models/digits/6/model.pt"};
  w.code_version = "1";
  for (int k = 0; k < 10; ++k) w.classes.push_back(std::to_string(k));
  w.test_digest = "4e07408562bedb8b60ce05c1decfe3ad16b72230967de01f640b7e4729b49fce";
  w.probe_digest = "4b227777d4dd1fc61c6f884f48641d02b4d121d3fd328cb08b5531fcacdabf8a";
  w.test_images = 10'000;
  w.seeds = 30'000;
  w.draws = 10;
  w.candidate_accuracy = 0.9843;
  w.incumbent_accuracy = 0.9812;
  w.comparison = comparison();
  w.confusion = Confusion{true, true, {{1, 1, 970, 968}, {1, 7, 3, 5}, {7, 1, 42, 1}, {7, 7, 950, 991}, {7, -1, 1, 0}}};
  w.map = map();
  for (int i = 0; i < 5; ++i)
    w.flips.push_back(sample("flip-" + std::to_string(i) + ".png", 500 + static_cast<std::uint32_t>(i), -1, 1, 7));
  GeneratorHealth g;
  g.usable = true;
  g.problem = "none";
  g.reconstruction_error = 0.081;
  g.accuracy_real = 0.9812;
  g.accuracy_reconstructed = 0.9604;
  g.accuracy_perturbed = 0.9433;
  g.active_dimensions = 14;
  g.latent = 16;
  w.generator = g;
  w.contract = contract();
  w.checks = checks();
  for (std::size_t i = 0; i < 5; ++i) w.regions.push_back(region(i));
  w.stations = {{"load", 0.21, 180ULL << 20, false}, {"evaluate", 3.75, 410ULL << 20, true}};
  w.error_real = 0.0157;
  w.error_reconstructed = 0.0371;
  w.error_perturbed = 0.0552;
  w.machine = "threads 2, BLAS OpenBLAS 0.3.21, capability AVX2";
  return w;
}

Verdict verdict() {
  Verdict v;
  v.state = VerdictState::fail;
  v.reason = "Sevens like these are read as 1: the candidate errs on 76 % of them, version 6 on 4 %.";
  v.reasons = {v.reason, "42 of 1,018 images of class 7 that worked are now wrong (4.1 %; limit 2 %)."};
  for (const CheckResult& c : checks()) {
    v.checks.push_back({c.check, c.mode, c.state, c.reason});
    v.findings.insert(v.findings.end(), c.findings.begin(), c.findings.end());
  }
  v.warnings = {"Waiver w-9 covers nothing in this version.", "spotlight (warn): The last hidden layer was not found."};
  return v;
}

Waiver waiver() {
  Waiver w;
  w.id = "w-1";
  w.model = ModelName("digits");
  w.finding = region_id(1);
  w.versions = {"7", "8"};
  w.reason = "Known noise in the labels of this corner";
  w.ticket = "VIS-341";
  w.approved_by = "release-owner";
  w.created = noon();
  w.expires = noon() + std::chrono::days{30};
  return w;
}

Report report() {
  Report r;
  r.model = ModelName("digits");
  r.version = Version("7");
  r.digest = Digest(kCandidateDigest);
  r.created = noon();
  r.seconds = 12.34;
  r.verdict = verdict();
  r.result = worker_result();
  r.region_labels = {{RegionId(region_id(2)), RegionLabel::Word::confirmed}};
  ModelSettings settings;
  settings.correction = Correction::lond;
  r.test_reuse = test_reuse_of(settings, JudgementHistory{{{r.result.test_digest, 12, 12, 3}}}, r.result.test_digest,
                               r.result.comparison->overall);
  return r;
}

Report passing_report() {
  Report r = report();
  r.verdict = {};
  r.verdict.state = VerdictState::pass;
  r.verdict.reason = "Every blocking check bounded harm within its limit.";
  r.verdict.reasons = {r.verdict.reason};
  r.result.regions = {region(2), region(3)};
  r.result.flips.clear();
  r.result.checks.resize(2);
  for (const CheckResult& c : r.result.checks) {
    r.verdict.checks.push_back({c.check, c.mode, c.state, c.reason});
    r.verdict.findings.insert(r.verdict.findings.end(), c.findings.begin(), c.findings.end());
  }
  return r;
}

Report inconclusive_report() {
  Report r = report();
  r.verdict = {};
  r.verdict.state = VerdictState::inconclusive;
  r.verdict.reason = "There is no version in production yet to compare with.";
  r.verdict.reasons = {r.verdict.reason};
  r.result.incumbent.reset();
  r.result.incumbent_accuracy.reset();
  r.result.comparison.reset();
  r.test_reuse.reset();
  r.result.regions.clear();
  r.result.flips.clear();
  CheckResult accuracy =
      check("accuracy", CheckMode::block, VerdictState::inconclusive, "No incumbent to compare with.");
  accuracy.no_incumbent = true;
  accuracy.more_images = 1'400;
  r.result.checks = {accuracy};
  r.verdict.checks = {{accuracy.check, accuracy.mode, accuracy.state, accuracy.reason}};
  return r;
}

Report error_report() {
  Report r;
  r.model = ModelName("digits");
  r.version = Version("8");
  r.digest = Digest(kIncumbentDigest);
  r.created = noon();
  r.verdict.state = VerdictState::error;
  r.verdict.reason = "The worker could not finish.";
  r.verdict.reasons = {r.verdict.reason};
  r.cause = "killed after 3 attempts: out of memory (limit 4 GiB)";
  return r;
}

Report huge_report(std::size_t regions, std::size_t findings) {
  Report r = report();
  r.result.regions.clear();
  for (std::size_t i = 0; i < regions; ++i) r.result.regions.push_back(region(i));
  CheckResult& last = r.result.checks[3];
  last.findings.clear();
  for (std::size_t i = 0; i < findings; ++i) {
    Finding f = finding(
        "misclassification_regions", region_id(i), i % 2 == 0 ? Decision::violation : Decision::undecided, 0.5, 0.2,
        "A finding with a sentence of some length, as checks write them, number " + std::to_string(i) + ".");
    f.region = RegionId(region_id(i));
    last.findings.push_back(f);
  }
  r.verdict.findings.clear();
  for (const CheckResult& c : r.result.checks)
    r.verdict.findings.insert(r.verdict.findings.end(), c.findings.begin(), c.findings.end());
  return r;
}

std::string tiny_png() {
  // One grey pixel: signature, IHDR, IDAT, IEND.
  static constexpr unsigned char kBytes[] = {
      0x89, 'P',  'N',  'G',  13,  10,  26,  10,   0,    0,    0,    13,  'I',  'H',  'D',  'R',  0,
      0,    0,    1,    0,    0,   0,   1,   8,    0,    0,    0,    0,   0x3a, 0x7e, 0x9b, 0x55, 0,
      0,    0,    10,   'I',  'D', 'A', 'T', 0x78, 0x9c, 0x63, 0x68, 0,   0,    0,    0x82, 0,    0x81,
      0x77, 0xcd, 0x72, 0xb6, 0,   0,   0,   0,    'I',  'E',  'N',  'D', 0xae, 0x42, 0x60, 0x82};
  return {reinterpret_cast<const char*>(kBytes), sizeof kBytes};
}

void draw_pictures(Report& report, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  const auto draw = [&](const RegionSample& s) {
    if (!s.picture.empty()) (void)write_atomically(folder / s.picture, tiny_png());
  };
  for (const Region& r : report.result.regions)
    for (const RegionSample& s : r.samples) draw(s);
  for (const Region& r : report.result.regions) {
    if (!r.novelty) continue;
    for (const auto& near : r.novelty->nearest) draw(near.image);
    for (const auto& near : r.novelty->nearest_wrong) draw(near.image);
  }
  if (report.result.map) (void)write_atomically(folder / report.result.map->sprite, tiny_png());
  for (const RegionSample& s : report.result.flips) draw(s);
  report.pictures = folder;
}

}  // namespace defuse::samples
