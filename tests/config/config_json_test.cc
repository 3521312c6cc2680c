#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "config/config.h"

namespace defuse {
namespace {

using namespace std::chrono_literals;

// No field has its default, so that one forgotten on either way shows.
ModelSettings unusual() {
  ModelSettings s;
  s.name = "digits";
  s.classes = {"no", "2", "a: b", "\xc3\xa9t\xc3\xa9 \"q\"\n", "null"};
  s.input = {{3, 20, 24}, 1.5, {0.1, 1.0 / 3, -2}, {1e-3, 0.5, 7}};
  s.data.train = NpySource{"/d/i.npy", "/d/l.npy"};
  s.data.test = IdxSource{"/d/i 1", "/d/#l"};
  s.generator = {.kind = GeneratorKind::torchscript,
                 .latent = 7,
                 .epochs = 3,
                 .beta = 0.25,
                 .batch = 9,
                 .learning_rate = 1e-5,
                 .encoder = "/g/e.pt",
                 .decoder = "/g/d.pt",
                 .max_accuracy_loss = 0.07,
                 .max_reconstruction_error = 0.3};
  s.checks.contract = {CheckMode::warn, 123456789, 1500ms};
  s.checks.accuracy = {CheckMode::off, 0.003, 0.11};
  s.checks.negative_flips = {CheckMode::shadow, 0.021, 1.25, 0.12, {0, 17, 9999}, "/n/b.txt"};
  s.checks.known_regions = {CheckMode::warn, 0.19};
  s.checks.misclassification_regions = {.mode = CheckMode::warn,
                                        .draws = 4,
                                        .noise = NoiseMode::beta_centred,
                                        .noise_scale = 0.45,
                                        .train_seeds = 0,
                                        .train_perturbed = 7,
                                        .neighbours = 5,
                                        .agreement = 0.8,
                                        .min_support = 3,
                                        .min_increase = 0.15,
                                        .min_clear_increase = 0.07,
                                        .components = 11,
                                        .covariance = "tied",
                                        .max_shown = 2};
  s.checks.spotlight = {CheckMode::shadow, 3, 0.04, 12, 0.17};
  s.noise_floor = {{"5", "v 6"}, 0};
  s.bootstrap = Bootstrap::allow;
  s.alpha = 0.01;
  s.correction = Correction::spending;
  s.judgements = 25;
  s.seed = UINT64_MAX;
  return s;
}

WorkerSettings unusual_worker() {
  return {.threads = 3,
          .device = "cuda:1",
          .memory = 3ULL << 30,
          .timeout = 61s,
          .cpu_time = 100s,
          .retries = 0,
          .backoff = 250ms,
          .sandbox = SandboxMode::require};
}

void expect_equal(const ModelSettings& a, const ModelSettings& b) {
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.classes, b.classes);
  EXPECT_EQ(a.input.shape, b.input.shape);
  EXPECT_EQ(a.input.scale, b.input.scale);
  EXPECT_EQ(a.input.mean, b.input.mean);
  EXPECT_EQ(a.input.std, b.input.std);
  EXPECT_EQ(std::get<NpySource>(a.data.train).images, std::get<NpySource>(b.data.train).images);
  EXPECT_EQ(std::get<NpySource>(a.data.train).labels, std::get<NpySource>(b.data.train).labels);
  EXPECT_EQ(std::get<IdxSource>(a.data.test).images, std::get<IdxSource>(b.data.test).images);
  EXPECT_EQ(std::get<IdxSource>(a.data.test).labels, std::get<IdxSource>(b.data.test).labels);
  const auto generator = [](const GeneratorSettings& g) {
    return std::tuple(g.kind, g.latent, g.epochs, g.beta, g.batch, g.learning_rate, g.encoder, g.decoder,
                      g.max_accuracy_loss, g.max_reconstruction_error);
  };
  EXPECT_EQ(generator(a.generator), generator(b.generator));
  const auto checks = [](const CheckSettings& c) {
    return std::tuple(c.contract.mode, c.contract.max_size, c.contract.max_latency, c.accuracy.mode,
                      c.accuracy.max_drop, c.accuracy.max_class_drop, c.known_regions.mode,
                      c.known_regions.max_increase, c.negative_flips.mode, c.negative_flips.max_rate,
                      c.negative_flips.max_relative, c.negative_flips.max_class_rate, c.negative_flips.never_break,
                      c.negative_flips.never_break_file);
  };
  EXPECT_EQ(checks(a.checks), checks(b.checks));
  const auto regions = [](const RegionSettings& r) {
    return std::tuple(r.mode, r.draws, r.noise, r.noise_scale, r.train_seeds, r.train_perturbed, r.neighbours,
                      r.agreement, r.min_support, r.min_increase, r.min_clear_increase, r.components, r.covariance,
                      r.max_shown);
  };
  EXPECT_EQ(regions(a.checks.misclassification_regions), regions(b.checks.misclassification_regions));
  const auto spotlight = [](const SpotlightSettings& l) {
    return std::tuple(l.mode, l.spotlights, l.share, l.min_support, l.min_increase);
  };
  EXPECT_EQ(spotlight(a.checks.spotlight), spotlight(b.checks.spotlight));
  EXPECT_EQ(a.noise_floor.versions, b.noise_floor.versions);
  EXPECT_EQ(a.noise_floor.last_promoted, b.noise_floor.last_promoted);
  EXPECT_EQ(a.bootstrap, b.bootstrap);
  EXPECT_EQ(a.alpha, b.alpha);
  EXPECT_EQ(a.correction, b.correction);
  EXPECT_EQ(a.judgements, b.judgements);
  EXPECT_EQ(a.seed, b.seed);
}

// Leaves of `b` that also stand in `a` with the same value; empty sections and lists count as leaves.
void same_leaves(const Json& a, const Json& b, const std::string& path, std::vector<std::string>& out) {
  if (a.is_object() && b.is_object()) {
    for (const auto& [key, value] : b.items())
      if (a.contains(key)) same_leaves(a.at(key), value, path + "/" + key, out);
  } else if (a == b) {
    out.push_back(path);
  }
}

TEST(ConfigJson, ModelSettingsReadBackToTheSameValues) {
  const auto settings = unusual();
  for (const int indent : {-1, 2}) {
    const auto back = parse_model_settings(dump_json(to_json(settings), indent), "digits", "/x/job.json");
    ASSERT_TRUE(back) << back.error().describe();
    expect_equal(settings, *back);
  }
}

TEST(ConfigJson, TheTestAboveLeavesNoFieldAtItsDefault) {
  std::vector<std::string> same;
  same_leaves(to_json(ModelSettings{}), to_json(unusual()), "", same);
  EXPECT_EQ(same, (std::vector<std::string>{"/checks/embedding_compatibility/mode", "/noise_floor/last_promoted"}));
}

TEST(ConfigJson, DefaultsReadBackWithoutWhatIsNotSet) {
  ModelSettings settings;
  settings.name = "m";
  settings.input.shape = {1, 28, 28};
  settings.data.train = FolderSource{"/train"};
  settings.data.test = FolderSource{"/test"};
  const auto json = to_json(settings);
  EXPECT_FALSE(json["generator"].contains("encoder"));
  EXPECT_FALSE(json["checks"]["negative_flips"].contains("max_relative"));
  EXPECT_EQ(json["data"]["train"], (Json{{"folder", {{"path", "/train"}}}}));
  const auto back = parse_model_settings(dump_json(json), "m", "x");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->checks.negative_flips.max_relative, std::nullopt);
  EXPECT_EQ(to_json(*back), json);
}

TEST(ConfigJson, TheWholeConfigurationReadsBack) {
  Config config;
  config.state_dir = "/s";
  config.registry = {"/m", Readiness::manifest, 7ms, 1min};
  config.http = {"::1", 0, "/tls.pem", "/key.pem", std::chrono::hours(25)};
  config.worker = unusual_worker();
  config.log_level = "debug";
  config.alpha = 0.1;
  config.seed = 12;
  config.models["digits"] = unusual();
  const auto back = parse_config(dump_json(to_json(config), 1), "/x/d.yaml");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->state_dir, "/s");
  EXPECT_EQ(back->registry.path, "/m");
  EXPECT_EQ(back->registry.readiness, Readiness::manifest);
  EXPECT_EQ(back->registry.settle, 7ms);
  EXPECT_EQ(back->registry.rescan, 1min);
  EXPECT_EQ(back->http.host, "::1");
  EXPECT_EQ(back->http.port, 0);
  EXPECT_EQ(back->http.certificate, "/tls.pem");
  EXPECT_EQ(back->http.key, "/key.pem");
  EXPECT_EQ(back->http.max_waiver, 25h);
  EXPECT_EQ(back->log_level, "debug");
  EXPECT_EQ(back->alpha, 0.1);
  EXPECT_EQ(back->seed, 12U);
  expect_equal(back->models.at("digits"), config.models.at("digits"));
  EXPECT_EQ(to_json(*back), to_json(config));
}

JobSpec unusual_job() {
  JobSpec job;
  job.id = 42;
  job.model = ModelName("digits");
  job.candidate = {Version("7"), Digest("abc"), "/m/digits/7/model.pt"};
  job.candidate_labels = {"one", ""};
  job.incumbent = ArtifactRef{Version("6"), Digest("def"), "/m/digits/6/model.pt"};
  job.siblings = {{Version("5"), Digest("0a1"), "/m/digits/5/model.pt", ""},
                  {Version("v 6"), {}, "", "there is no such version"}};
  job.settings = unusual();
  job.worker = unusual_worker();
  job.known_regions = {{"r1", 3, 5, "4", true, "/s/r1.npy", {0, 0, 4294967295U}},
                       {"r2", 0, -1, "", false, "/s/r2.npy", {}}};
  job.cache = "/s/cache";
  return job;
}

TEST(JobJson, ReadsBackToTheSameJob) {
  const auto job = unusual_job();
  const auto back = job_from_json(dump_json(to_json(job)), "job.json");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_EQ(back->id, 42);
  EXPECT_EQ(back->model, "digits");
  EXPECT_EQ(back->candidate.version, "7");
  EXPECT_EQ(back->candidate.digest, "abc");
  EXPECT_EQ(back->candidate.path, "/m/digits/7/model.pt");
  EXPECT_EQ(back->candidate_labels, job.candidate_labels);
  ASSERT_TRUE(back->incumbent);
  EXPECT_EQ(back->incumbent->version, "6");
  ASSERT_EQ(back->siblings.size(), 2U);
  EXPECT_EQ(back->siblings[0].digest, "0a1");
  EXPECT_EQ(back->siblings[0].path, "/m/digits/5/model.pt");
  EXPECT_EQ(back->siblings[1].path, "");
  EXPECT_EQ(back->siblings[1].problem, "there is no such version");
  expect_equal(back->settings, job.settings);
  EXPECT_EQ(back->worker.threads, 3);
  EXPECT_EQ(back->worker.device, "cuda:1");
  EXPECT_EQ(back->worker.memory, 3ULL << 30);
  EXPECT_EQ(back->worker.timeout, 61s);
  EXPECT_EQ(back->worker.cpu_time, 100s);
  EXPECT_EQ(back->worker.retries, 0);
  EXPECT_EQ(back->worker.backoff, 250ms);
  EXPECT_EQ(back->worker.sandbox, SandboxMode::require);
  ASSERT_EQ(back->known_regions.size(), 2U);
  EXPECT_EQ(back->known_regions[0].id, "r1");
  EXPECT_EQ(back->known_regions[0].label, 3);
  EXPECT_EQ(back->known_regions[0].predicted_as, 5);
  EXPECT_EQ(back->known_regions[0].first_version, "4");
  EXPECT_TRUE(back->known_regions[0].ambiguous);
  EXPECT_EQ(back->known_regions[0].images, "/s/r1.npy");
  EXPECT_EQ(back->known_regions[0].cluster, job.known_regions[0].cluster);
  EXPECT_EQ(back->cache, "/s/cache");
  EXPECT_EQ(to_json(*back), to_json(job));
}

TEST(JobJson, AFirstVersionHasNoIncumbent) {
  auto job = unusual_job();
  job.incumbent.reset();
  EXPECT_FALSE(to_json(job).contains("incumbent"));
  const auto back = job_from_json(dump_json(to_json(job)), "job.json");
  ASSERT_TRUE(back) << back.error().describe();
  EXPECT_FALSE(back->incumbent);
}

TEST(JobJson, IsReadStrictly) {
  const auto whole = to_json(unusual_job());
  for (const auto& [key, value] : whole.items()) {
    if (key == "incumbent") continue;
    auto without = whole;
    without.erase(key);
    const auto job = job_from_json(dump_json(without), "job.json");
    ASSERT_FALSE(job) << key;
    EXPECT_EQ(job.error().message, "job.json: key '" + key + "' is missing at the top level");
  }
  auto wrong = whole;
  wrong["known_regions"][1]["label"] = "three";
  EXPECT_EQ(job_from_json(dump_json(wrong), "job.json").error().message,
            "job.json: 'known_regions[1].label' wants a whole number of at least 0, not 'three'");
  wrong = whole;
  wrong["settings"]["checks"]["acuracy"] = 1;
  EXPECT_EQ(job_from_json(dump_json(wrong), "job.json").error().message,
            "job.json: unknown key 'acuracy' in settings.checks; did you mean 'accuracy'?");
  EXPECT_EQ(job_from_json("{\"id\":", "job.json").error().message, "job.json is not valid JSON");
  EXPECT_FALSE(job_from_json("[]", "job.json"));
  EXPECT_FALSE(job_from_json(std::string(100000, '['), "job.json"));
  EXPECT_FALSE(job_from_json(std::string(100000, '[') + std::string(100000, ']'), "job.json"));
}

}  // namespace
}  // namespace defuse
