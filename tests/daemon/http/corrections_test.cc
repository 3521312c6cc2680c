// Corrections over HTTP: ordering one, what is told of it while it runs and when it has ended, and its page.
#include <gtest/gtest.h>

#include "tests/daemon/http/world.h"
#include "tests/support/repairs.h"

namespace defuse::testing {
namespace {

const std::string kOrder = "/v1/models/digits/versions/1/correct";
const std::string kRegion = "r-0123456789ab";

class CorrectionApi : public ::testing::Test {
 protected:
  World world;
  std::string operate, reading;
  std::int64_t gate = 0;

  void SetUp() override {
    world.release("1", "one");
    world.judge("1", "one", VerdictState::fail);
    gate = world.store->jobs.last_gate("digits", digest_of("one")).value()->id;
    operate = world.make_token("ann", Scope::operate);
    reading = world.make_token("grafana", Scope::read);
  }
  std::int64_t queue() {
    RepairOrder order;
    order.regions = {{RegionId(kRegion), 7, RegionEvidence::both, {1, 2}}};
    order.settings = few_settings();
    return world.store->jobs.enqueue_repair("digits", "1", digest_of("one"), order, {"ann", "correct", "digits/1"})
        .value();
  }
  std::int64_t done(const RepairResult& result = mended_result(kRegion)) {
    const auto id = queue();
    world.start(id);
    EXPECT_TRUE(world.store->jobs.move(id, JobState::done, {}));
    const auto folder = "corrections/" + std::to_string(id) + "/";
    world.tree.file(folder + "correction.json", dump_json(to_json(result))).file(folder + "sweep.svg", "<svg/>");
    if (result.chosen)
      world.tree.file(folder + "manifest.json", R"({"sha256":"abc"})").file(folder + "model.pt", "the model");
    return id;
  }
  std::string of(std::int64_t id, const std::string& rest = "") {
    return "/v1/jobs/" + std::to_string(id) + "/correction" + rest;
  }
  ApiResponse model(std::int64_t id) { return world.ask("GET", of(id, "/model.pt"), "", operate); }
};

TEST_F(CorrectionApi, AnOrderIsCheckedAndPassedOn) {
  EXPECT_EQ(world.ask("POST", kOrder, "{}").status, 401);
  EXPECT_EQ(world.ask("POST", kOrder, "{}", reading).status, 403);
  const auto plain = world.ask("POST", kOrder, "", operate);
  EXPECT_EQ(plain.status, 202) << plain.body;
  EXPECT_EQ(header_of(plain, "Location"), "/v1/jobs/43");
  EXPECT_EQ(parse_json(plain.body, "body").value()["kind"], "correction");
  EXPECT_EQ(to_json(world.actions.last_correction.settings), to_json(RepairSettings{}));
  const auto wishes = world.ask(
      "POST", kOrder,
      R"({"regions":["r-0123456789ab"],"lambdas":[0.5,2],"steps":10,"distillation":"logits","max_loss":null})",
      operate);
  EXPECT_EQ(wishes.status, 202) << wishes.body;
  const auto& got = world.actions.last_correction;
  EXPECT_EQ(got.regions, (std::vector<std::string>{kRegion}));
  EXPECT_EQ(got.settings.lambdas, (std::vector<double>{0.5, 2}));
  EXPECT_EQ(got.settings.steps, 10);
  EXPECT_EQ(got.settings.distillation, Distillation::logits);
  EXPECT_EQ(got.settings.max_loss, RepairSettings{}.max_loss);
  const auto asked = world.actions.asked.size();
  for (const char* body : {R"({"lambda":[1]})", R"({"lambdas":[2,1]})", R"({"lambdas":1})", R"({"steps":0})",
                           R"({"steps":"many"})", R"({"regions":"all"})", R"({"regions":["../x"]})",
                           R"({"distillation":"magic"})", R"({"max_loss":2})", R"({"seed":7})", "[]", "{"})
    EXPECT_EQ(world.ask("POST", kOrder, body, operate).status, 400) << body;
  EXPECT_EQ(world.actions.asked.size(), asked);
  EXPECT_EQ(world.ask("POST", "/v1/models/letters/versions/1/correct", "{}", operate).status, 404);
  world.actions.refusal = Error{ErrorCode::conflict, "nothing to repair", {}};
  EXPECT_EQ(world.ask("POST", kOrder, "{}", operate).status, 409);
}

TEST_F(CorrectionApi, WhatIsNotThereYetSaysWhy) {
  EXPECT_EQ(world.get(of(99)).status, 404);
  EXPECT_NE(world.get(of(gate)).body.find("is a gate"), std::string::npos);
  EXPECT_EQ(world.get(of(gate)).status, 404);
  const auto id = queue();
  for (const char* rest : {"", ".svg", "/manifest.json"}) EXPECT_EQ(world.get(of(id, rest)).status, 503) << rest;
  EXPECT_EQ(header_of(world.get(of(id)), "Retry-After"), "5");
  world.start(id);
  EXPECT_EQ(model(id).status, 503);
  ASSERT_TRUE(world.store->jobs.move(id, JobState::failed, {.error = "the module is frozen"}));
  EXPECT_EQ(world.get(of(id)).status, 409);
  EXPECT_NE(world.get(of(id)).body.find("the module is frozen"), std::string::npos);
}

TEST_F(CorrectionApi, AFinishedOneTellsWhatItMendedAndGivesItsModelToThoseWhoMayAct) {
  const auto id = done();
  const auto body = world.get_json(of(id));
  EXPECT_EQ(body["job"]["kind"], "correction");
  EXPECT_EQ(body["regions"], Json::array({{{"id", kRegion}, {"label", 7}, {"seeds", 2}}}));
  EXPECT_EQ(body["settings"]["steps"], 5);
  EXPECT_EQ(body["result"]["chosen"], 1);
  EXPECT_EQ(body["sha256"], "abc");
  std::set<std::string> have, described;
  for (const auto& item : body.items()) have.insert(item.key());
  const auto schemas = world.get_json("/v1/openapi.json")["components"]["schemas"];
  for (const auto& item : schemas["Correction"]["properties"].items()) described.insert(item.key());
  EXPECT_EQ(have, described);
  EXPECT_EQ(world.get_json(of(id, "/manifest.json"))["sha256"], "abc");
  EXPECT_EQ(world.get(of(id, ".svg")).content_type, "image/svg+xml");

  EXPECT_EQ(world.get(of(id, "/model.pt")).status, 401);
  EXPECT_EQ(world.ask("GET", of(id, "/model.pt"), "", reading).status, 403);
  const auto answer = model(id);
  ASSERT_EQ(answer.status, 200) << answer.body;
  EXPECT_EQ(header_of(answer, "ETag"), "\"abc\"");
  ASSERT_TRUE(answer.file);
  EXPECT_EQ(answer.file->size(), 9U);
  world.headers["if-none-match"] = "\"abc\"";
  EXPECT_EQ(model(id).status, 304);
}

TEST_F(CorrectionApi, WithoutAChosenModelOrOnceRemovedThereIsNoneAndWhy) {
  auto none = mended_result(kRegion);
  none.chosen.reset();
  none.reason = "every weight loses too much";
  const auto id = done(none);
  EXPECT_TRUE(world.get_json(of(id))["sha256"].is_null());
  EXPECT_TRUE(world.get_json(of(id))["model"].is_null());
  EXPECT_EQ(model(id).status, 404);
  EXPECT_NE(model(id).body.find("every weight loses too much"), std::string::npos);
  const auto gone = done();
  std::filesystem::remove_all(world.tree / ("corrections/" + std::to_string(gone)));
  EXPECT_EQ(world.get(of(gone)).status, 404);
  EXPECT_NE(world.get(of(gone)).body.find("no longer kept"), std::string::npos);
  std::filesystem::create_directory_symlink("/etc", world.tree / ("corrections/" + std::to_string(gone)));
  EXPECT_EQ(world.get("/corrections/" + std::to_string(gone)).status, 200);
}

TEST_F(CorrectionApi, ThePagesShowItAndEscapeWhatTheWorkerSaid) {
  EXPECT_NE(world.get("/models/digits/versions/1").body.find("data-order=\"/v1/models/digits/versions/1/correct\""),
            std::string::npos);
  const auto id = done();
  const auto link = "/corrections/" + std::to_string(id);
  const auto version = world.get("/models/digits/versions/1");
  EXPECT_NE(version.body.find("href=\"" + link + "\""), std::string::npos);
  EXPECT_NE(header_of(version, "Content-Security-Policy").find("script-src 'self'"), std::string::npos);
  const auto page = world.get(link);
  ASSERT_EQ(page.status, 200) << page.body;
  for (const char* part : {"90.00 %", "lambda 1 repairs most", "a note", "correction.svg", "--job ", "chosen"})
    EXPECT_NE(page.body.find(part), std::string::npos) << part;
  EXPECT_EQ(page.body.find("<b>no</b>"), std::string::npos);
  EXPECT_EQ(page.body.find("{{"), std::string::npos);
  EXPECT_EQ(world.get("/corrections/" + std::to_string(gate)).status, 404);
  const auto waiting = queue();
  EXPECT_NE(world.get("/corrections/" + std::to_string(waiting)).body.find("waits in the queue"), std::string::npos);
}

TEST_F(CorrectionApi, AVersionThatPassedHasNothingToBeMended) {
  world.release("2", "two");
  world.judge("2", "two", VerdictState::pass);
  const auto page = world.get("/models/digits/versions/2");
  EXPECT_EQ(page.body.find("Repair it"), std::string::npos);
  EXPECT_EQ(page.body.find("<script"), std::string::npos);
  EXPECT_EQ(header_of(page, "Content-Security-Policy").find("script-src"), std::string::npos);
}

TEST_F(CorrectionApi, JobsSayTheirKindAndTheGateIsTheGates) {
  const auto id = queue();
  EXPECT_EQ(world.get_json("/v1/jobs/" + std::to_string(id))["kind"], "correction");
  EXPECT_EQ(world.get_json("/v1/jobs/" + std::to_string(gate))["kind"], "gate");
  const auto before = world.get("/v1/models/digits/versions/1/gate");
  EXPECT_EQ(before.status, 412) << "as it was before the correction was ordered";
  EXPECT_EQ(parse_json(before.body, "gate").value()["job"]["id"], gate);
  for (const char* page : {"/", "/jobs"})
    EXPECT_NE(world.get(page).body.find("<a href=\"/corrections/" + std::to_string(id) + "\">"), std::string::npos)
        << page;
}

}  // namespace
}  // namespace defuse::testing
