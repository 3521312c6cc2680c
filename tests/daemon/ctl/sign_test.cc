// `defusectl sign` and `verify`, and what `evaluate` does where signatures are enforced.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <sstream>

#include "core/base/json.h"
#include "core/base/sha256.h"
#include "daemon/ctl/ctl.h"
#include "tests/support/fake_clock.h"
#include "tests/support/signing_keys.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

class Sign : public ::testing::Test {
 protected:
  TempTree tree{TempTree::In::memory};
  FakeClock clock;
  std::string out, err;

  void SetUp() override {
    tree.file("k.pem", kPrivateKey1).file("k.pub", kPublicKey1).file("other.pub", kPublicKey2).file("curve", kCurveKey);
    tree.file("digits/3/model.pt", "model").file("digits/3/labels.txt", "a\nb\n");
  }
  int run(std::vector<std::string> words) {
    std::ostringstream said, told;
    const int code = ctl::run(std::move(words), {said, told, clock, false, false});
    out = said.str();
    err = told.str();
    return code;
  }
  std::string at(const std::string& name) { return (tree / name).string(); }
  int sign() { return run({"sign", at("digits/3"), "--key", at("k.pem")}); }
  int verify(const std::string& key = "k.pub") { return run({"verify", at("digits/3"), "--key", at(key)}); }
};

TEST_F(Sign, WritesAManifestThatBindsEverythingAndVerifies) {
  ASSERT_EQ(sign(), 0) << err;
  const auto manifest = *parse_json(tree.read("digits/3/manifest.json"), "manifest");
  EXPECT_EQ(manifest["model"], "digits");
  EXPECT_EQ(manifest["version"], "3");
  EXPECT_EQ(manifest["sha256"], sha256_hex("model"));
  EXPECT_EQ(manifest["files"]["labels.txt"], sha256_hex("a\nb\n"));
  EXPECT_EQ(tree.read("digits/3/manifest.json.sig").size(), 64U);
  EXPECT_EQ(verify(), 0) << out << err;
  EXPECT_NE(out.find("digits/3: valid, signed by k.pub"), std::string::npos) << out;
  EXPECT_EQ(verify("other.pub"), 1);
  EXPECT_NE(out.find("none of the configured keys (other.pub)"), std::string::npos) << out;
  tree.file("digits/3/labels.txt", "b\na\n");
  EXPECT_EQ(verify(), 1);
  EXPECT_NE(out.find("labels.txt is another one"), std::string::npos) << out;
}

TEST_F(Sign, KeepsWhatAManifestSaysAndNeverContradictsIt) {
  tree.file("digits/3/manifest.json", R"({"created_by": "train.py", "sha256": ")" + sha256_hex("model") + "\"}");
  ASSERT_EQ(sign(), 0) << err;
  EXPECT_EQ((*parse_json(tree.read("digits/3/manifest.json"), "m"))["created_by"], "train.py");
  const auto whole = tree.read("digits/3/manifest.json");
  ASSERT_EQ(sign(), 0);
  EXPECT_EQ(tree.read("digits/3/manifest.json"), whole) << "complete already: not a byte changes";
  tree.file("digits/3/model.pt", "another");
  EXPECT_EQ(sign(), 2);
  EXPECT_NE(err.find("manifest.json says sha256"), std::string::npos) << err;
  EXPECT_EQ(verify(), 1);
  tree.file("digits/3/manifest.json", "[]");
  EXPECT_EQ(sign(), 2);
}

TEST_F(Sign, AsksForNamesThatAFolderDoesNotTell) {
  tree.rename("digits/3", "digits/.incoming-3");
  const auto folder = at("digits/.incoming-3");
  EXPECT_EQ(run({"sign", folder, "--key", at("k.pem")}), 2);
  EXPECT_NE(err.find("--version"), std::string::npos) << err;
  ASSERT_EQ(run({"sign", folder, "--key", at("k.pem"), "--version", "3"}), 0) << err;
  tree.rename("digits/.incoming-3", "digits/3");
  EXPECT_EQ(verify(), 0) << out;
}

TEST_F(Sign, WrongKeysAndFoldersAreWrongUse) {
  EXPECT_EQ(run({"sign", at("digits/4"), "--key", at("k.pem")}), 2);
  EXPECT_EQ(run({"sign", at("digits/3"), "--key", at("k.pub")}), 2);
  EXPECT_EQ(run({"verify", at("digits/3")}), 2);
  EXPECT_NE(err.find("--key FILE"), std::string::npos) << err;
  EXPECT_EQ(verify("curve"), 2);
  EXPECT_EQ(verify(), 1) << "not signed yet";
}

// Nothing is run: there is no worker.
TEST_F(Sign, EvaluateRefusesUnsignedArtifactsWhereSignaturesAreEnforced) {
  tree.file("defused.yaml", R"(api_version: defused/v1
state_dir: state
registry: { path: registry }
signature: { mode: enforce, keys: [{ name: ci, file: k.pub }] }
models:
  digits:
    input: { shape: [1, 8, 8] }
    data:
      train: { npy: { images: x.npy, labels: y.npy } }
      test:  { npy: { images: x.npy, labels: y.npy } }
)");
  tree.file("new.pt", "new").folder("registry").file("worker", "#!/bin/sh\ntouch " + at("ran") + "\n");
  std::filesystem::permissions(tree / "worker", std::filesystem::perms::owner_all);
  ::setenv("DEFUSED_WORKER", (tree / "worker").c_str(), 1);
  const auto evaluate = [&](const std::string& candidate, const std::string& incumbent) {
    std::vector<std::string> words = {"evaluate",    "--config",    at("defused.yaml"), "--model", "digits",
                                      "--candidate", at(candidate), "--report",         at("out")};
    if (!incumbent.empty()) words.insert(words.end(), {"--incumbent", at(incumbent)});
    return run(std::move(words));
  };
  EXPECT_EQ(evaluate("digits/3", ""), 4);
  EXPECT_NE(err.find("there is no manifest.json"), std::string::npos) << err;
  EXPECT_EQ(evaluate("new.pt", ""), 4);
  ASSERT_EQ(sign(), 0);
  tree.file("digits/2/model.pt", "old");
  EXPECT_EQ(evaluate("digits/3", "digits/2"), 4);
  EXPECT_NE(err.find("the incumbent"), std::string::npos) << err;
  EXPECT_FALSE(std::filesystem::exists(tree / "ran"));
  EXPECT_FALSE(std::filesystem::exists(tree / "out/verdict.json"));
  evaluate("digits/3", "");
  EXPECT_TRUE(std::filesystem::exists(tree / "ran")) << err;
  ::unsetenv("DEFUSED_WORKER");
}

}  // namespace
}  // namespace defuse::testing
