#include "config/config.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "config/yaml.h"
#include "tests/support/signing_keys.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

constexpr const char* kBase = R"(api_version: defused/v1
registry: { path: /srv/models }
models:
  digits:
    input: { shape: [1, 28, 28] }
    data:
      train: { folder: { path: train } }
      test: { folder: { path: test } }
)";

// The base file with the first occurrence of `from` replaced.
std::string with(const std::string& from, const std::string& to, std::string text = kBase) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string plus(const std::string& lines) { return kBase + lines; }
std::string plus_checks(const std::string& lines) { return plus("    checks:\n" + lines); }

std::string problem(const std::string& yaml) {
  const auto config = parse_config(yaml, "/etc/defused/d.yaml");
  if (config) return "accepted";
  constexpr std::string_view kName = "/etc/defused/d.yaml";
  std::string text = config.error().message;
  for (auto at = text.find(kName); at != std::string::npos; at = text.find(kName)) text.erase(at, kName.size());
  return text;
}

TEST(Config, FillsInDefaults) {
  const auto config = parse_config(kBase, "/etc/defused/d.yaml");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->file, "/etc/defused/d.yaml");
  EXPECT_EQ(config->state_dir, "/var/lib/defused");
  EXPECT_EQ(config->registry.path, "/srv/models");
  EXPECT_EQ(config->registry.readiness, Readiness::automatic);
  EXPECT_EQ(config->registry.settle, std::chrono::seconds(5));
  EXPECT_EQ(config->registry.rescan, std::chrono::seconds(30));
  EXPECT_EQ(config->http.host, "127.0.0.1");
  EXPECT_EQ(config->http.port, 8470);
  EXPECT_EQ(config->worker.memory, 4ULL << 30);
  ASSERT_EQ(config->models.size(), 1U);
  const auto& digits = config->models.at("digits");
  EXPECT_EQ(digits.name, "digits");
  EXPECT_EQ(digits.input.shape, (ImageShape{1, 28, 28}));
  EXPECT_EQ(digits.input.scale, 255);
  EXPECT_TRUE(digits.input.mean.empty());
  EXPECT_EQ(digits.checks.accuracy.max_drop, 0.01);
  EXPECT_EQ(digits.checks.negative_flips.max_relative, std::nullopt);
  EXPECT_EQ(digits.alpha, 0.05);
}

TEST(Config, TakesRelativePathsFromTheFilesFolder) {
  const auto config =
      parse_config(with("path: train", "path: ../data/./train") + "state_dir: state\n", "/etc/defused/d.yaml");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->state_dir, "/etc/defused/state");
  EXPECT_EQ(std::get<FolderSource>(config->models.at("digits").data.train).path, "/etc/data/train");
  const auto relative = parse_config(kBase, "d.yaml");
  ASSERT_TRUE(relative);
  EXPECT_EQ(std::get<FolderSource>(relative->models.at("digits").data.test).path,
            std::filesystem::current_path() / "test");
}

TEST(Config, ModelsInheritAlphaAndSeedUnlessTheyHaveTheirOwn) {
  const auto config = parse_config("alpha: 2%\nseed: 18446744073709551615\n" + std::string(kBase) +
                                       "    alpha: 0.1\n  other:\n    input: { shape: [3, 32, 32] }\n    data:\n"
                                       "      train: { npy: { images: a, labels: b } }\n"
                                       "      test: { idx: { images: a, labels: b } }\n    seed: 3\n",
                                   "d.yaml");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->models.at("digits").alpha, 0.1);
  EXPECT_EQ(config->models.at("digits").seed, UINT64_MAX);
  EXPECT_EQ(config->models.at("other").alpha, 0.02);
  EXPECT_EQ(config->models.at("other").seed, 3U);
}

TEST(Config, ReadsOffAsAModeAndNotAsABoolean) {
  for (const auto* word : {"off", "\"off\"", "'off'"}) {
    const auto config = parse_config(plus_checks("      accuracy: { mode: " + std::string(word) + " }\n"), "d.yaml");
    ASSERT_TRUE(config) << config.error().describe();
    EXPECT_EQ(config->models.at("digits").checks.accuracy.mode, CheckMode::off);
  }
  EXPECT_EQ(problem(plus_checks("      accuracy: { mode: false }\n")),
            ":10:25: 'mode' wants one of block, warn, shadow or off, not 'false'");
}

TEST(Config, AliasesAndEmptySectionsAreFine) {
  const auto config = parse_config(plus_checks("      accuracy: &strict { max_drop: 0.5% }\n") +
                                       "http:\n"
                                       "worker: {}\n",
                                   "d.yaml");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->models.at("digits").checks.accuracy.max_drop, 0.005);
  const auto shared = parse_config(
      "api_version: defused/v1\nregistry: { path: /m }\nmodels:\n  a: &a\n    input: { shape: [1, 8, 8] }\n"
      "    data: { train: &d { folder: { path: x } }, test: *d }\n  b: *a\n",
      "/d.yaml");
  ASSERT_TRUE(shared) << shared.error().describe();
  EXPECT_EQ(shared->models.at("b").name, "b");
  EXPECT_EQ(std::get<FolderSource>(shared->models.at("b").data.test).path, "/x");
}

TEST(Config, PointsAtAnUnknownKeyAndNamesTheNearest) {
  EXPECT_EQ(problem(plus_checks("      accuracy:\n        max_dorp: 1%\n")),
            ":11:9: unknown key 'max_dorp' in models.digits.checks.accuracy; did you mean 'max_drop'?");
  EXPECT_EQ(problem(plus_checks("      acuracy: { mode: off }\n")),
            ":10:7: unknown key 'acuracy' in models.digits.checks; did you mean 'accuracy'?");
  EXPECT_EQ(problem(plus("logging: debug\n")),
            ":9:1: unknown key 'logging' at the top level; known there: api_version, state_dir, log_level, registry, "
            "http, worker, cache, alpha, seed, signature, models");
  EXPECT_EQ(problem(plus("log: debug\n")), ":9:1: unknown key 'log' at the top level; did you mean 'log_level'?");
  EXPECT_EQ(problem(with("path: /srv/models", "path: /srv/models, setle: 5s")),
            ":2:32: unknown key 'setle' in registry; did you mean 'settle'?");
  EXPECT_EQ(problem(plus("\"a\\nb\\x01\": 1\n")).find(":9:1: unknown key 'a\\x0ab\\x01' at"), 0U);
}

TEST(Config, PointsAtAnIllTypedValue) {
  const auto registry = [](const std::string& more) { return with("/srv/models", "/srv/models, " + more); };
  EXPECT_EQ(problem(registry("settle: soon")),
            ":2:40: 'settle' wants a duration such as 5s or 200ms (from 0s to 1h), not 'soon'");
  EXPECT_EQ(problem(registry("settle: 5")),
            ":2:40: 'settle' wants a duration such as 5s or 200ms (from 0s to 1h), not '5'");
  EXPECT_EQ(problem(registry("settle: [5s]")),
            ":2:32: 'settle' wants a duration such as 5s or 200ms (from 0s to 1h), not a list");
  EXPECT_EQ(problem(registry("settle: {}")),
            ":2:32: 'settle' wants a duration such as 5s or 200ms (from 0s to 1h), not keys and values");
  EXPECT_EQ(problem(registry("settle: ")),
            ":2:32: 'settle' wants a duration such as 5s or 200ms (from 0s to 1h), not nothing");
  EXPECT_EQ(problem(registry("readiness: now")),
            ":2:43: 'readiness' wants one of auto, marker, manifest or settle, not 'now'");
  EXPECT_EQ(problem(plus("worker: { memory: 4 }\n")),
            ":9:19: 'memory' wants a size such as 512MiB or 4GB (from 64MiB to 1048576GiB), not '4'");
  EXPECT_EQ(problem(plus("worker: { threads: many }\n")),
            ":9:20: 'threads' wants auto or a whole number from 1 to 1024, not 'many'");
  EXPECT_EQ(problem(plus("worker: { timeout: 1500ms }\n")),
            ":9:20: 'timeout' wants a duration in whole seconds such as 90s or 30min (from 1s to 30d), not '1500ms'");
  EXPECT_EQ(problem(plus("worker: { device: gpu }\n")), ":9:19: 'device' wants cpu, cuda or cuda:<number>, not 'gpu'");
  EXPECT_EQ(problem(plus("worker: 2\n")), ":9:1: 'worker' wants keys and values, not '2'");
  EXPECT_EQ(problem(plus("http: { max_waiver: 90min }\n")),
            ":9:21: 'max_waiver' wants a duration in whole hours such as 12h or 90d (from 1h to 3650d), not '90min'");
  EXPECT_EQ(problem(plus("    generator: { latent: 16.5 }\n")),
            ":9:26: 'latent' wants a whole number from 1 to 512, not '16.5'");
  EXPECT_EQ(problem(plus("    generator: { beta: .nan }\n")),
            ":9:24: 'beta' wants a number from 0.0 to 1000.0, not '.nan'");
  EXPECT_EQ(problem(plus("    classes: cats\n")), ":9:5: 'classes' wants a list, not 'cats'");
  EXPECT_EQ(problem(plus("    classes: [a, [b]]\n")), ":9:18: each entry of 'classes' wants a text, not a list");
  EXPECT_EQ(problem(plus("    classes: [a, ~]\n")), ":9:18: each entry of 'classes' wants a text, not nothing");
  EXPECT_EQ(problem(with("path: train", "path: ''")), ":7:32: 'path' wants a path, not ''");
}

TEST(Config, PointsAtAValueOutOfRange) {
  EXPECT_EQ(problem(plus("alpha: 0\n")), ":9:8: 'alpha' wants a share such as 2% or 0.02 (above 0% to 50%), not '0'");
  EXPECT_EQ(problem(plus("alpha: 51%\n")),
            ":9:8: 'alpha' wants a share such as 2% or 0.02 (above 0% to 50%), not '51%'");
  EXPECT_EQ(problem(plus("seed: -1\n")), ":9:7: 'seed' wants a whole number of at least 0, not '-1'");
  EXPECT_EQ(problem(plus("log_level: loud\n")),
            ":9:12: 'log_level' wants one of trace, debug, info, warn or error, not 'loud'");
  EXPECT_EQ(problem(plus("    generator: { latent: 513 }\n")),
            ":9:26: 'latent' wants a whole number from 1 to 512, not '513'");
  EXPECT_EQ(problem(plus_checks("      accuracy: { max_drop: 101% }\n")),
            ":10:29: 'max_drop' wants a share such as 2% or 0.02 (from 0% to 100%), not '101%'");
  EXPECT_EQ(problem(plus_checks("      misclassification_regions: { noise: loud }\n")),
            ":10:43: 'noise' wants one of outward, gaussian, beta_centred or published, not 'loud'");
  EXPECT_EQ(problem(plus_checks("      negative_flips: { never_break: [3, -1] }\n")),
            ":10:42: each entry of 'never_break' wants a whole number of at least 0, not '-1'");
}

TEST(Config, ReportsKeysThatAreMissing) {
  EXPECT_EQ(problem("registry: { path: /m }\n"),
            ":1:1: key 'api_version' is missing at the top level\n"
            ":1:1: key 'models' is missing at the top level");
  EXPECT_EQ(problem(with("defused/v1", "defused/v2")), ":1:14: 'api_version' wants defused/v1, not 'defused/v2'");
  EXPECT_EQ(problem(with("{ path: /srv/models }", "{ settle: 1s }")), ":2:11: key 'path' is missing in registry");
  EXPECT_EQ(problem(with("input: { shape: [1, 28, 28] }", "input: { scale: 1 }")),
            ":5:12: key 'shape' is missing in models.digits.input");
  EXPECT_EQ(problem(with("      train: { folder: { path: train } }\n", "")),
            ":7:7: key 'train' is missing in models.digits.data");
  EXPECT_EQ(problem("api_version: defused/v1\nregistry: { path: /m }\nmodels: {}\n"),
            ":3:1: 'models' names no model; at least one is needed");
  EXPECT_EQ(problem("api_version: defused/v1\nregistry: { path: /m }\nmodels: { digits: }\n"),
            ":3:11: key 'input' is missing in models.digits\n"
            ":3:11: key 'data' is missing in models.digits");
}

TEST(Config, ReportsDuplicates) {
  EXPECT_EQ(problem(plus("alpha: 1%\nalpha: 2%\n")),
            ":10:1: duplicate key 'alpha' at the top level; it stands in line 9 already");
  EXPECT_EQ(
      problem(plus("  digits:\n    input: { shape: [1, 28, 28] }\n    data:\n      train: { folder: { path: a } }\n"
                   "      test: { folder: { path: a } }\n")),
      ":9:3: duplicate key 'digits' in models; it stands in line 4 already");
  EXPECT_EQ(problem(with("path: /srv/models", "path: /a, path: /b")),
            ":2:23: duplicate key 'path' in registry; it stands in line 2 already");
}

TEST(Config, WantsExactlyOneKindOfData) {
  EXPECT_EQ(problem(with("{ folder: { path: train } }", "{}")),
            ":7:14: 'models.digits.data.train' wants exactly one of idx, folder, npy, not none of them");
  EXPECT_EQ(problem(with("{ folder: { path: train } }", "{ folder: { path: a }, npy: { images: a, labels: b } }")),
            ":7:14: 'models.digits.data.train' wants exactly one of idx, folder, npy, not 2 of them");
  EXPECT_EQ(problem(with("{ folder: { path: train } }", "{ idx: { images: a } }")),
            ":7:21: key 'labels' is missing in models.digits.data.train.idx");
}

TEST(Config, ChecksTheInput) {
  const auto input = [](const std::string& text) { return problem(with("{ shape: [1, 28, 28] }", text)); };
  EXPECT_EQ(input("{ shape: [28, 28] }"), ":5:21: 'shape' wants three numbers: [channels, height, width]");
  EXPECT_EQ(input("{ shape: [1, 0, 28] }"),
            ":5:25: each entry of 'shape' wants a whole number from 1 to 4096, not '0'");
  EXPECT_EQ(input("{ shape: [1, 28, 28], mean: [0.1, 0.2] }"), ":5:40: 'mean' wants one number per channel (1), not 2");
  EXPECT_EQ(input("{ shape: [3, 28, 28], std: [1] }"), ":5:39: 'std' wants one number per channel (3), not 1");
  EXPECT_EQ(input("{ shape: [1, 28, 28], std: [0] }"),
            ":5:40: each entry of 'std' wants a number above 0.0 to 1000000.0, not '0'");
  EXPECT_EQ(input("{ shape: [1, 28, 28], scale: 0 }"),
            ":5:41: 'scale' wants a number above 0.0 to 1000000000.0, not '0'");
}

TEST(Config, TheVaeLimitsTheImageSizeOnlyWhereItIsUsed) {
  const auto large = with("[1, 28, 28]", "[1, 224, 28]");
  EXPECT_EQ(problem(large).find(
                ":5:12: 'input' has a shape that the vae generator cannot learn: height and width must be 8 to 128"),
            0U);
  EXPECT_NE(problem(with("[1, 28, 28]", "[1, 28, 7]")), "accepted");
  EXPECT_EQ(problem(with("[1, 28, 28]", "[1, 8, 128]")), "accepted");
  EXPECT_EQ(problem(large + "    generator: { kind: torchscript, encoder: e.pt, decoder: d.pt }\n"), "accepted");
  EXPECT_EQ(problem(large + "    checks: { misclassification_regions: { mode: off } }\n"), "accepted");
}

TEST(Config, OwnGeneratorsNeedBothHalves) {
  EXPECT_EQ(problem(plus("    generator: { kind: torchscript, encoder: e.pt }\n")),
            ":9:16: 'decoder' is needed where kind is torchscript");
  EXPECT_EQ(problem(plus("    generator: { encoder: e.pt }\n")),
            ":9:27: 'encoder' belongs to kind torchscript, not to vae");
}

TEST(Config, ChecksClassNames) {
  EXPECT_EQ(problem(plus("    classes: [a, b, a]\n")), ":9:14: 'classes' names a class twice");
  EXPECT_EQ(problem(plus("    classes: [a]\n")),
            ":9:14: 'classes' names a single class; there is nothing to tell apart");
  EXPECT_EQ(problem(plus("    classes: [a, '']\n")), ":9:18: each entry of 'classes' wants a text, not ''");
}

TEST(Config, ChecksModelNames) {
  for (const auto* name : {"../x", ".hidden", "tmp-1", "a/b", "''"})
    EXPECT_NE(problem(with("digits", name)).find("cannot be a model's name"), std::string::npos) << name;
  EXPECT_EQ(problem(with("digits", "my model")),
            ":4:3: 'my model' cannot be a model's name: letters, digits, '.', '_' and '-', a letter or digit first");
  EXPECT_EQ(problem(with("digits", "7.segment_v-2")), "accepted");
}

TEST(Config, SpotlightMayBeAnyModeAndChecksItsShare) {
  for (const char* mode : {"off", "shadow", "warn", "block"})
    EXPECT_EQ(problem(plus_checks("      spotlight: { mode: " + std::string(mode) + " }\n")), "accepted");
  EXPECT_NE(problem(plus_checks("      spotlight: { share: 60% }\n")), "accepted");
}

TEST(Config, ChecksThatAreNotAvailableMayOnlyBeOff) {
  EXPECT_EQ(problem(plus_checks("      embedding_compatibility: { mode: off }\n")), "accepted");
  EXPECT_EQ(problem(plus_checks("      embedding_compatibility: { mode: block }\n")),
            ":10:40: 'mode' must be off: this check is not available in this version");
}

TEST(Config, ReadsTheAddressToListenOn) {
  const struct {
    const char* text;
    const char* host;
    int port;
  } good[] = {{"127.0.0.1:0", "127.0.0.1", 0},
              {"127.8.9.10:80", "127.8.9.10", 80},
              {"localhost:65535", "localhost", 65535},
              {"'[::1]:8470'", "::1", 8470}};
  for (const auto& c : good) {
    const auto config = parse_config(plus("http: { listen: " + std::string(c.text) + " }\n"), "d.yaml");
    ASSERT_TRUE(config) << config.error().describe();
    EXPECT_EQ(config->http.host, c.host);
    EXPECT_EQ(config->http.port, c.port);
  }
  for (const auto* text : {"8470", "127.0.0.1", "'127.0.0.1:'", "127.0.0.1:65536", "127.0.0.1:-1", ":80", "'::1:80'",
                           "'[::1]'", "'[zz]:80'", "'a b:80'", "'*:80'", "http://localhost:80"})
    EXPECT_EQ(problem(plus("http: { listen: " + std::string(text) + " }\n"))
                  .find(":9:17: 'listen' wants host:port such as 127.0.0.1:8470 or [::1]:8470, not '"),
              0U)
        << text;
}

TEST(Config, AnythingButLoopbackNeedsACertificate) {
  for (const auto* text : {"0.0.0.0:80", "'[::]:80'", "gate.example.org:80", "10.0.0.1:80", "128.0.0.1:80"}) {
    const auto http = "http: { listen: " + std::string(text);
    EXPECT_EQ(problem(plus(http + " }\n")),
              ":9:17: 'listen' may be reached from other machines, so http.certificate is needed "
              "(or listen on 127.0.0.1)")
        << text;
    EXPECT_EQ(problem(plus(http + ", certificate: tls.pem }\n")), "accepted") << text;
  }
}

TEST(Config, NamesEveryProblemInTheOrderOfTheFile) {
  EXPECT_EQ(problem("api_version: defused/v1\nseed: x\nregistry: { settle: 5 }\nmodles: {}\nalpha: 2\n"),
            ":1:1: key 'models' is missing at the top level\n"
            ":2:7: 'seed' wants a whole number of at least 0, not 'x'\n"
            ":3:11: key 'path' is missing in registry\n"
            ":3:21: 'settle' wants a duration such as 5s or 200ms (from 0s to 1h), not '5'\n"
            ":4:1: unknown key 'modles' at the top level; did you mean 'models'?\n"
            ":5:8: 'alpha' wants a share such as 2% or 0.02 (above 0% to 50%), not '2'");
  std::string many = kBase;
  for (int i = 0; i < 30; ++i) many += "unheard_of_" + std::to_string(i) + ": 1\n";
  const auto text = problem(many);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 20);
  EXPECT_TRUE(text.ends_with(": and 10 more problems")) << text;
}

TEST(Config, RefusesWhatIsNoYamlMapping) {
  EXPECT_EQ(problem(""), " is empty");
  EXPECT_EQ(problem("# nothing\n"), " is empty");
  EXPECT_EQ(problem("- a\n").find(":1:1: the file wants keys and values, not a list"), 0U) << problem("- a\n");
  EXPECT_EQ(problem("a: b: c\n"), ":1:5: illegal map value");
  EXPECT_EQ(problem("a: \"open\n"), ":3:1: illegal document indicator in scalar");
  EXPECT_EQ(problem("{a: 1"), ":2:1: end of map flow not found");
  EXPECT_EQ(problem(kBase + std::string("...\n")), "accepted");
  EXPECT_EQ(problem(kBase + std::string("# no newline at the end")), "accepted");
  EXPECT_EQ(problem(kBase + std::string("log_level: 'info\n")), ":11:1: illegal document indicator in scalar");
  EXPECT_EQ(problem("[1]: 2\n"), ":1:1: a key must be a plain text");
  EXPECT_EQ(problem(std::string(kBase) + "---\na: 1\n"), " holds more than one document");
  EXPECT_EQ(problem("a: *nobody\n").find(":1:4: "), 0U);
  EXPECT_EQ(problem("a: &a { b: *a }\n"), ":1:12: an alias must not lie inside what it stands for");
}

TEST(Config, SurvivesHostileInput) {
  const std::pair<std::string, int> repeated[] = {{"[", 20000},   {"{", 20000},  {"- ", 20000},  {"? ", 20000},
                                                  {"a: ", 20000}, {"&a ", 9999}, {"{\"a", 9999}, {"!", 20000},
                                                  {"\"\\", 9999}, {"%\n", 20000}};
  for (const auto& [piece, count] : repeated) {
    std::string text;
    for (int i = 0; i < count; ++i) text += piece;
    EXPECT_NE(problem(text), "accepted") << piece;
  }
  std::string deep = "a: ";
  for (int i = 0; i < 40; ++i) deep += "[";
  deep += std::string(40, ']');
  EXPECT_EQ(problem(deep), ":1:35: nested too deeply");
  // Sixty aliases, each twice the one before: 2^60 nodes for whoever copies them.
  std::string bomb = "a0: &a0 [x, x]\n";
  for (int i = 1; i < 60; ++i) {
    const auto before = std::to_string(i - 1), name = std::to_string(i);
    bomb += "a" + name + ": &a" + name + " [*a" + before + ", *a" + before + "]\n";
  }
  EXPECT_NE(problem(bomb), "accepted");
  EXPECT_EQ(parse_config(std::string(kMaxYamlBytes + 1, ' '), "d.yaml").error().message,
            "d.yaml is larger than the limit of 1048576 bytes");
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  EXPECT_NE(problem(all), "accepted");
}

TEST(Config, EveryPrefixAndEveryByteFlipEndsInAnAnswer) {
  const std::string whole = plus_checks("      negative_flips: &x { mode: \"off\", never_break: [1, 2] }\n");
  int refused = 0;
  for (std::size_t i = 0; i < whole.size(); ++i) {
    refused += problem(whole.substr(0, i)) == "accepted" ? 0 : 1;
    for (const char mask : {'\x01', '\x10', '\x80'}) {
      auto text = whole;
      text[i] = static_cast<char>(text[i] ^ mask);
      refused += problem(text) == "accepted" ? 0 : 1;
    }
  }
  EXPECT_GT(refused, 500);
}

TEST(Config, AnErrorShowsNoControlCharacterOfTheFile) {
  for (const std::string text : {"state_dir: \"\\\x1b[31m\"\n", "models: { \"\\e[31m\": { seeds: 1 } }\n"}) {
    const auto said = problem(text);
    EXPECT_NE(said.find("\\x1b"), std::string::npos) << said;
    EXPECT_EQ(said.find('\x1b'), std::string::npos) << said;
  }
}

TEST(Config, RefusesAliasesThatStandForMoreThanFitsIntoMemory) {
  std::string classes, lines;
  for (int i = 0; i < 2000; ++i) classes += (i > 0 ? ", c" : "c") + std::to_string(i);
  for (int i = 0; i < 2000; ++i) lines += "  m" + std::to_string(i) + ": *a\n";
  const auto said = problem("models:\n  a: &a { classes: [" + classes + "] }\n" + lines);
  EXPECT_NE(said.find("aliases make it too large"), std::string::npos) << said.substr(0, 200);
}

TEST(Config, RefusesAChainOfAliasesThatIsTooDeep) {
  std::string text = "a0: &a0 [x]\n";
  for (int i = 1; i < 40'000; ++i)
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [*a" + std::to_string(i - 1) + "]\n";
  const auto said = problem(text);
  EXPECT_NE(said.find("nested too deeply"), std::string::npos) << said.substr(0, 200);
}

TEST(Config, NamesAFileThatCannotBeRead) {
  const auto config = load_config("/nonexistent/defused.yaml");
  ASSERT_FALSE(config);
  EXPECT_EQ(config.error().code, ErrorCode::not_found);
  EXPECT_NE(config.error().message.find("/nonexistent/defused.yaml"), std::string::npos);
}

// ---- signatures: their keys are read along with the file

class SignatureKeys : public ::testing::Test {
 protected:
  SignatureKeys() {
    tree_.file("ci.pub", testing::kPublicKey1).file("other.pub", testing::kPublicKey2);
    tree_.file("private.pem", testing::kPrivateKey1).file("curve.pub", testing::kCurveKey);
  }
  Result<Config> parsed(const std::string& yaml) { return parse_config(yaml, tree_ / "d.yaml"); }
  std::string complaint(const std::string& yaml) {
    const auto config = parsed(yaml);
    return config ? "accepted" : config.error().message;
  }
  testing::TempTree tree_{testing::TempTree::In::memory};
};

TEST_F(SignatureKeys, AreOffUnlessSomebodyAsks) {
  const auto config = parsed(kBase);
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->signature_of("digits").mode, SignatureMode::off);
}

TEST_F(SignatureKeys, AreInheritedByModelsWhichMayChooseAnotherMode) {
  const auto config = parsed(
      plus("    signature: { mode: warn }\n") +
      "signature: { mode: enforce, keys: [{ name: release-ci, file: ci.pub }, { name: other, file: other.pub }] }\n");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->signature.mode, SignatureMode::enforce);
  const auto& digits = config->signature_of("digits");
  EXPECT_EQ(digits.mode, SignatureMode::warn);
  ASSERT_EQ(digits.keys.size(), 2U);
  EXPECT_EQ(digits.keys[0].name, "release-ci");
  EXPECT_EQ(digits.keys[0].raw.size(), 32U);
  EXPECT_NE(digits.keys[0].raw, digits.keys[1].raw);
  EXPECT_EQ(config->signature_of("letters").mode, SignatureMode::off) << "a model that is not configured";
  const auto json = to_json(*config);
  EXPECT_EQ(json["signature"]["mode"], "enforce");
  EXPECT_EQ(json["signature"]["keys"][1]["name"], "other");
}

TEST_F(SignatureKeys, MustBeThereWhereTheyAreNeeded) {
  EXPECT_NE(complaint(plus("signature: { mode: enforce }\n")).find("mode enforce needs one"), std::string::npos);
  EXPECT_NE(complaint(plus("signature: { mode: warn, keys: [] }\n")).find("mode warn needs one"), std::string::npos);
  const auto of_model = complaint(plus("    signature: { mode: enforce }\n"));
  EXPECT_NE(of_model.find("d.yaml:9:16: 'keys' names no key: mode enforce needs one"), std::string::npos) << of_model;
}

TEST_F(SignatureKeys, ThatCannotBeUsedAreMistakesOfTheFileAndNamed) {
  const auto with_key = [&](const std::string& file) {
    return complaint(plus("signature: { mode: enforce, keys: [{ name: k, file: " + file + " }] }\n"));
  };
  EXPECT_EQ(with_key("ci.pub"), "accepted");
  EXPECT_NE(with_key("absent.pub").find("absent.pub"), std::string::npos) << with_key("absent.pub");
  EXPECT_NE(with_key("absent.pub").find("d.yaml:9:"), std::string::npos) << with_key("absent.pub");
  EXPECT_NE(with_key("private.pem").find("private key"), std::string::npos) << with_key("private.pem");
  EXPECT_NE(with_key("curve.pub").find("not Ed25519"), std::string::npos) << with_key("curve.pub");
  EXPECT_NE(complaint(plus("signature: { keys: [{ name: k, file: ci.pub }, { name: k, file: other.pub }] }\n"))
                .find("two keys alike"),
            std::string::npos);
  EXPECT_NE(complaint(plus("signature: { mode: on }\n")).find("one of off, warn or enforce"), std::string::npos)
      << complaint(plus("signature: { mode: on }\n"));
}

}  // namespace
}  // namespace defuse
