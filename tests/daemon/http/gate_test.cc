// The answer that pipelines act on. Every state has its status; nothing but a present, fitting pass is 200.
#include <gtest/gtest.h>

#include "daemon/api/status_map.h"
#include "tests/daemon/http/world.h"

namespace defuse::testing {
namespace {

const std::string kGate = "/v1/models/digits/versions/2/gate";
const std::string kVerdict = "/v1/models/digits/versions/2/verdict";

class Gate : public ::testing::Test {
 protected:
  World world;

  // Version 1 is in production, version 2 is there.
  void SetUp() override {
    world.release("1", "one");
    world.promote("1", "one");
    world.release("2", "two");
  }
  // Both ways of asking, which must agree.
  int gate() {
    const auto status = world.get(kGate).status;
    EXPECT_EQ(world.ask("POST", kGate).status, status);
    const auto body = world.get_json(kGate);
    EXPECT_EQ(body["ok"], status == 200);
    const auto verdict = world.get(kVerdict);
    if (verdict.status == 200) {
      EXPECT_EQ(world.get_json(kVerdict)["ok"], status == 200);
    }
    return status;
  }
};

TEST_F(Gate, EachVerdictHasItsStatus) {
  for (const auto& [state, status] :
       {std::pair{VerdictState::pass, 200}, std::pair{VerdictState::fail, 412},
        std::pair{VerdictState::inconclusive, 409}, std::pair{VerdictState::error, 422}}) {
    world.judge("2", "two", state, "one");
    EXPECT_EQ(gate(), status);
    EXPECT_EQ(world.get_json(kGate)["verdict"], to_string(state));
    EXPECT_EQ(gate_status(gate_answer(state)), status);
  }
}

TEST_F(Gate, BodyHasEveryFieldAndViolationsOnly) {
  auto fine = violation("accuracy/class/3");
  fine.decision = Decision::ok;
  world.judge("2", "two", VerdictState::fail, "one", {violation("accuracy/overall"), fine});
  const auto body = world.get_json(kGate);
  EXPECT_EQ(body["verdict"], "fail");
  EXPECT_EQ(body["ok"], false);
  EXPECT_EQ(body["reason"], "because of fail");
  EXPECT_EQ(body["report"], "/v1/models/digits/versions/2/report");
  ASSERT_EQ(body["findings"].size(), 1U);
  EXPECT_EQ(body["findings"][0]["id"], "accuracy/overall");
}

TEST_F(Gate, NotJudgedYetIs503WithRetryAfterAndNever202) {
  const auto expect_waiting = [&](const std::string& word) {
    const auto answer = world.get(kGate);
    EXPECT_EQ(answer.status, 503);
    EXPECT_EQ(header_of(answer, "Retry-After"), "5");
    const auto body = world.get_json(kGate);
    EXPECT_TRUE(body["verdict"].is_null());
    EXPECT_EQ(body["ok"], false);
    EXPECT_NE(body["reason"].get<std::string>().find(word), std::string::npos) << body["reason"];
    EXPECT_EQ(gate(), 503);
  };
  expect_waiting("not queued");
  const auto job = world.enqueue("2", "two");
  expect_waiting("queue");
  world.start(job);
  ASSERT_TRUE(world.store->jobs.set_progress(job, "evaluate", 0.5));
  expect_waiting("evaluate");
  EXPECT_EQ(world.get_json(kGate)["job"]["progress"], 0.5);
  ASSERT_TRUE(world.store->jobs.move(job, JobState::cancelled, {}));
  expect_waiting("cancelled");
}

TEST_F(Gate, SettlingVersionIsNotJudgedYetAndRefusedOneIsAnError) {
  world.read.daemon.not_ready = {
      {"digits", "7", "", EntryState::settling, "model.pt is still growing", "", {}},
      {"digits", "8", "", EntryState::refused, "model.pt is a link that leaves the registry", "", {}}};
  EXPECT_EQ(world.get("/v1/models/digits/versions/7/gate").status, 503);
  EXPECT_EQ(world.get("/v1/models/digits/versions/7").status, 200);
  EXPECT_EQ(world.get("/v1/models/digits/versions/8/gate").status, 422);
  EXPECT_EQ(world.get_json("/v1/models/digits/versions/8/gate")["verdict"], "error");
}

TEST_F(Gate, UnknownThingsAre404) {
  EXPECT_EQ(world.get("/v1/models/digits/versions/9/gate").status, 404);
  EXPECT_EQ(world.get("/v1/models/letters/versions/2/gate").status, 404);
  EXPECT_EQ(world.get("/v1/models/letters/versions/2/verdict").status, 404);
}

TEST_F(Gate, UnreadableRegistryNeverSaysThatAVersionDoesNotExist) {
  world.read.daemon.registry_problem = "no such mount";
  EXPECT_EQ(world.get("/v1/models/digits/versions/9/gate").status, 503);
  world.read.daemon.registry_problem = "";
  world.read.daemon.ready = false;
  EXPECT_EQ(world.get("/v1/models/digits/versions/9/gate").status, 503);
}

TEST_F(Gate, PassAgainstAnEarlierIncumbentIsNoPass) {
  world.judge("2", "two", VerdictState::pass, "one");
  ASSERT_EQ(gate(), 200);
  world.release("3", "three");
  world.promote("3", "three");
  EXPECT_EQ(gate(), 409);
  const auto body = world.get_json(kGate);
  EXPECT_EQ(body["verdict"], "inconclusive");
  const auto reason = body["reason"].get<std::string>();
  EXPECT_NE(reason.find("judged against one"), std::string::npos) << reason;
  EXPECT_NE(reason.find("incumbent is now 3"), std::string::npos) << reason;
  const auto verdict = world.get_json(kVerdict);
  EXPECT_EQ(verdict["decided"], "pass");
  EXPECT_EQ(verdict["stale"], true);
}

TEST_F(Gate, PassWithoutAnIncumbentIsNoPassOnceThereIsOne) {
  world.judge("2", "two", VerdictState::pass, "");
  EXPECT_EQ(gate(), 409);
}

TEST_F(Gate, VersionInProductionKeepsItsVerdict) {
  world.judge("2", "two", VerdictState::pass, "one");
  world.promote("2", "two");
  EXPECT_EQ(gate(), 200);
  EXPECT_EQ(world.get_json("/v1/models/digits/versions/2")["incumbent"], true);
}

TEST_F(Gate, VerdictOnAnotherDigestAtTheSamePathDoesNotCount) {
  world.judge("2", "two", VerdictState::pass, "one");
  world.release("2", "another two");
  EXPECT_EQ(gate(), 503);
  EXPECT_EQ(world.get_json("/v1/models/digits/versions/2")["replaced"], 1);
}

TEST_F(Gate, VersionThatIsBeingOverwrittenPassesNoMore) {
  world.judge("2", "two", VerdictState::pass, "one");
  RegistryEntry entry{"digits", "2", "", EntryState::settling, "model.pt is still growing", "another fingerprint", {}};
  world.read.daemon.not_ready = {entry};
  EXPECT_EQ(gate(), 503);
  EXPECT_EQ(world.get_json("/v1/models/digits/versions/2")["state"], "settling");
  entry.state = EntryState::refused;
  world.read.daemon.not_ready = {entry};
  EXPECT_EQ(gate(), 422);
  entry.state = EntryState::settling;
  entry.fingerprint = "fingerprint of two";
  world.read.daemon.not_ready = {entry};
  EXPECT_EQ(gate(), 200) << "the same bytes, only looked at again";
}

TEST_F(Gate, JudgingAgainTakesTheOldAnswerBack) {
  world.judge("2", "two", VerdictState::pass, "one");
  const auto job = world.enqueue("2", "two");
  EXPECT_EQ(gate(), 503);
  world.start(job);
  EXPECT_EQ(gate(), 503);
  ASSERT_TRUE(world.store->jobs.move(job, JobState::cancelled, {}));
  EXPECT_EQ(gate(), 200) << "nothing is under way any more";
}

TEST_F(Gate, DeletedVersionMayNotBePromoted) {
  world.judge("2", "two", VerdictState::pass, "one");
  ASSERT_TRUE(world.store->versions.mark_deleted("digits", "2"));
  EXPECT_EQ(gate(), 404);
}

TEST_F(Gate, ModelThatLeftTheConfigurationPassesNothing) {
  world.judge("2", "two", VerdictState::pass, "one");
  world.read.settings->models.clear();
  EXPECT_EQ(gate(), 404);
}

TEST_F(Gate, PassThatLeansOnAWaiverEndsWithIt) {
  Waiver waiver;
  waiver.model = "digits";
  waiver.finding = "accuracy/overall";
  waiver.reason = "known";
  waiver.ticket = "T-1";
  waiver.approved_by = "ann";
  waiver.created = world.clock.now();
  waiver.expires = world.clock.now() + std::chrono::hours(24);
  const auto id = world.store->waivers.add(waiver, "ann");
  ASSERT_TRUE(id);
  world.judge("2", "two", VerdictState::pass, "one", {violation("accuracy/overall", *id)});
  EXPECT_EQ(gate(), 200);
  world.clock.advance(std::chrono::hours(24));
  EXPECT_EQ(gate(), 412);
  EXPECT_NE(world.get_json(kGate)["reason"].get<std::string>().find("expired"), std::string::npos);
  world.clock.advance(-std::chrono::hours(24));
  ASSERT_TRUE(world.store->waivers.remove(*id, "ann"));
  EXPECT_EQ(gate(), 412) << "a waiver taken back covers nothing";
}

TEST_F(Gate, LockedStoreIs503AndCorruptOneIs500) {
  world.read.store_problem = Error{ErrorCode::unavailable, "locked", {}};
  EXPECT_EQ(world.get(kGate).status, 503);
  EXPECT_EQ(header_of(world.get(kGate), "Retry-After"), "5");
  world.read.store_problem = Error{ErrorCode::corrupt, "malformed", {}};
  EXPECT_EQ(world.get(kGate).status, 500);
}

}  // namespace
}  // namespace defuse::testing
