// Keeps config/defused.yaml and config/config-v1.schema.json from telling something else than the code.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <string>

#include "config/config.h"
#include "config/schema.h"
#include "core/base/files.h"

namespace defuse {
namespace {

const std::filesystem::path kFolder = std::filesystem::path(DEFUSED_SOURCE_DIR) / "config";

std::string text_of(const std::string& name) {
  const auto text = read_file(kFolder / name);
  EXPECT_TRUE(text) << text.error().describe();
  return text.value_or("");
}

void collect_keys(const Json& schema, std::set<std::string>& keys) {
  if (const auto it = schema.find("properties"); it != schema.end())
    for (const auto& [key, value] : it->items()) {
      keys.insert(key);
      collect_keys(value, keys);
    }
  if (const auto it = schema.find("additionalProperties"); it != schema.end() && it->is_object())
    collect_keys(*it, keys);
}

TEST(DefusedYaml, IsAValidConfiguration) {
  const auto config = load_config(kFolder / "defused.yaml");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->models.at("digits").classes.size(), 10U);
  EXPECT_EQ(std::get<IdxSource>(config->models.at("digits").data.train).images,
            "/srv/data/mnist/train-images-idx3-ubyte.gz");
}

TEST(DefusedYaml, ShowsEveryKeyTheDecoderKnows) {
  std::set<std::string> keys;
  collect_keys(config_schema(), keys);
  ASSERT_GT(keys.size(), 60U);
  const auto text = text_of("defused.yaml");
  for (const auto& key : keys) {
    // At the head of a line, perhaps commented out, or inside braces.
    const std::regex written("(^|\\n) *(# *)?" + key + ":|[{,] *" + key + ": ");
    EXPECT_TRUE(std::regex_search(text, written)) << "config/defused.yaml does not show '" << key << "'";
  }
}

TEST(DefusedYaml, KeysThatAreCommentedOutAreValidToo) {
  auto text = text_of("defused.yaml");
  for (const auto* key : {"certificate: /", "max_relative: 0", "alpha: 0.01", "seed: 7"}) {
    const auto at = text.find("# " + std::string(key));
    ASSERT_NE(at, std::string::npos) << key;
    text.erase(at, 2);
  }
  const auto config = parse_config(text, "defused.yaml");
  ASSERT_TRUE(config) << config.error().describe();
  EXPECT_EQ(config->models.at("digits").checks.negative_flips.max_relative, 0.6);
  EXPECT_EQ(config->models.at("digits").seed, 7U);
}

TEST(DefusedYaml, StatesTheDefaultsOfTheCode) {
  const auto full = load_config(kFolder / "defused.yaml");
  const auto minimal = parse_config(R"(
api_version: defused/v1
registry: { path: /srv/models }
models:
  digits:
    classes: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
    input: { shape: [1, 28, 28], mean: [0.1307], std: [0.3081] }
    data:
      train:
        idx:
          images: /srv/data/mnist/train-images-idx3-ubyte.gz
          labels: /srv/data/mnist/train-labels-idx1-ubyte.gz
      test:
        idx:
          images: /srv/data/mnist/t10k-images-idx3-ubyte.gz
          labels: /srv/data/mnist/t10k-labels-idx1-ubyte.gz
)",
                                    kFolder / "defused.yaml");
  ASSERT_TRUE(full);
  ASSERT_TRUE(minimal) << minimal.error().describe();
  EXPECT_EQ(dump_json(to_json(*full), 1), dump_json(to_json(*minimal), 1));
}

TEST(ConfigSchema, IsWhatTheDecoderKnows) {
  const auto text = dump_json(config_schema(), 2) + "\n";
  const auto file = kFolder / "config-v1.schema.json";
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::ofstream(file, std::ios::binary) << text;
    GTEST_SKIP() << "rewrote " << file;
  }
  EXPECT_EQ(text_of("config-v1.schema.json"), text) << "run this test with UPDATE_GOLDEN=1";
}

TEST(ConfigSchema, EveryKeyIsDescribedAndObjectsAreClosed) {
  const auto visit = [](const auto& self, const Json& schema, const std::string& path) -> void {
    if (!schema.contains("properties")) return;
    EXPECT_EQ(schema.at("additionalProperties"), Json(false)) << path;
    for (const auto& [key, value] : schema.at("properties").items()) {
      EXPECT_FALSE(value.value("description", "").empty()) << path << "/" << key;
      self(self, value, path + "/" + key);
      if (value.contains("additionalProperties") && value.at("additionalProperties").is_object())
        self(self, value.at("additionalProperties"), path + "/" + key + "/*");
    }
  };
  const auto schema = config_schema();
  EXPECT_EQ(schema.at("required"), Json::array({"api_version", "registry", "models"}));
  visit(visit, schema, "");
}

}  // namespace
}  // namespace defuse
