// defusectl correct MODEL VERSION: ordering, following, and a model that arrives whole or not at all.
#include <gtest/gtest.h>
#include <stdlib.h>

#include <sstream>

#include "core/base/sha256.h"
#include "daemon/ctl/commands.h"
#include "daemon/ctl/ctl.h"
#include "daemon/http/server.h"
#include "tests/daemon/http/world.h"
#include "tests/support/repairs.h"

namespace defuse::testing {
namespace {

class CtlCorrect : public ::testing::Test {
 protected:
  World world;
  std::unique_ptr<HttpServer> server;
  std::string token;
  std::int64_t job = 0;
  std::string model = std::string(3 << 20, 'm');  // more than one block
  std::string said, wrong;

  // Version 1 has failed, and a correction of it waits.
  void SetUp() override {
    ::unsetenv("DEFUSED_URL");
    ::unsetenv("DEFUSED_TOKEN");
    HttpSettings settings;
    settings.port = 0;
    auto started = HttpServer::start(settings, world.read, world.actions, world.tree.root());
    ASSERT_TRUE(started) << started.error().describe();
    server = std::move(*started);
    world.release("1", "one");
    world.judge("1", "one", VerdictState::fail);
    token = world.make_token("ann", Scope::operate);
    RepairOrder order;
    order.regions = {{"r-0123456789ab", 7, RegionEvidence::both, {1}}};
    job = world.store->jobs.enqueue_repair("digits", "1", digest_of("one"), order, {"ann", "correct", "digits/1"})
              .value();
    world.actions.repair_job = job;
  }
  void finish(const RepairResult& result, const Digest& digest) {
    world.start(job);
    ASSERT_TRUE(world.store->jobs.move(job, JobState::done, {}));
    const auto folder = "corrections/" + std::to_string(job) + "/";
    world.tree.file(folder + "correction.json", dump_json(to_json(result)));
    world.tree.file(folder + "manifest.json", dump_json({{"sha256", digest}, {"created_by", "defused"}}));
    world.tree.file(folder + "model.pt", model);
  }
  int run(std::vector<std::string> words) {
    words.insert(words.begin(), {"--url", "http://127.0.0.1:" + std::to_string(server->port()), "--token", token});
    std::ostringstream out, err;
    const int code = ctl::run(std::move(words), {out, err, world.clock, false, false});
    said = out.str();
    wrong = err.str();
    return code;
  }
};

TEST_F(CtlCorrect, OrdersFollowsAndFetchesAVersionForTheRegistry) {
  finish(mended_result("r-0123456789ab"), Digest(sha256_hex(model)));
  const auto out = world.tree / "registry" / "2";
  ASSERT_EQ(run({"correct", "digits", "1", "--lambda", "0.1,1", "--steps", "5", "--region", "r-0123456789ab", "--out",
                 out.string()}),
            0)
      << wrong;
  EXPECT_EQ(world.actions.last_correction.settings.lambdas, (std::vector<double>{0.1, 1}));
  EXPECT_EQ(world.actions.last_correction.settings.steps, 5);
  EXPECT_EQ(world.actions.last_correction.settings.batch, RepairSettings{}.batch);
  EXPECT_EQ(world.actions.last_correction.regions.size(), 1U);
  EXPECT_NE(said.find("regions, held out: 3 % -> 90 %"), std::string::npos) << said;
  EXPECT_NE(said.find("chosen"), std::string::npos) << said;
  EXPECT_EQ(world.tree.read("registry/2/model.pt"), model);
  EXPECT_EQ(parse_json(world.tree.read("registry/2/manifest.json"), "manifest").value()["sha256"],
            Digest(sha256_hex(model)));
  std::size_t files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(out)) ++files;
  EXPECT_EQ(files, 2U);
  EXPECT_EQ(run({"correct", "--job", std::to_string(job), "--out", out.string()}), 2) << "a version is not overwritten";
  EXPECT_EQ(run({"correct", "--job", std::to_string(job), "--output", "json"}), 0);
  EXPECT_EQ(parse_json(said, "answer").value()["result"]["chosen"], 1);
}

TEST_F(CtlCorrect, AModelThatIsNotWhatItsManifestSaysIsNotLeftThere) {
  finish(mended_result("r-0123456789ab"), Digest(sha256_hex("another")));
  const auto out = world.tree / "new";
  EXPECT_EQ(run({"correct", "digits", "1", "--out", out.string()}), 4);
  EXPECT_NE(wrong.find("another digest"), std::string::npos) << wrong;
  EXPECT_TRUE(std::filesystem::is_empty(out));
}

TEST_F(CtlCorrect, ExitCodesAreThePromisedOnes) {
  EXPECT_EQ(run({"correct", "digits", "1", "--timeout", "5ms"}), 124);
  auto none = mended_result("r-0123456789ab");
  none.chosen.reset();
  none.reason = "every weight loses too much";
  finish(none, "");
  EXPECT_EQ(run({"correct", "digits", "1", "--out", (world.tree / "none").string()}), 1);
  EXPECT_NE(said.find("every weight loses too much"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(world.tree / "none"));
  world.actions.refusal = Error{ErrorCode::conflict, "no verdict yet", {}};
  EXPECT_EQ(run({"correct", "digits", "1"}), 4);
  EXPECT_NE(wrong.find("no verdict yet"), std::string::npos) << wrong;
  EXPECT_EQ(run({"correct", "--job", "999"}), 4);
}

TEST_F(CtlCorrect, AFailedJobSaysWhy) {
  world.start(job);
  ASSERT_TRUE(world.store->jobs.move(job, JobState::failed, {.error = "the module is frozen"}));
  EXPECT_EQ(run({"correct", "digits", "1"}), 4);
  EXPECT_NE(wrong.find("the module is frozen"), std::string::npos) << wrong;
}

TEST_F(CtlCorrect, TheTwoFormsAreNotMixed) {
  EXPECT_EQ(run({"correct", "digits"}), 2);
  EXPECT_EQ(run({"correct", "digits", "1", "--config", "x.yaml"}), 2);
  EXPECT_EQ(run({"correct", "--job", "1", "--gate", "x"}), 2);
  EXPECT_EQ(run({"correct", "--model", "digits", "--config", "x.yaml", "--gate", "g", "--out", "o"}), 2)
      << "no candidate";
  EXPECT_EQ(run({"correct", "--help"}), 0);
  EXPECT_NE(said.find("--gate"), std::string::npos);
  EXPECT_TRUE(world.actions.asked.empty());
}

}  // namespace
}  // namespace defuse::testing
