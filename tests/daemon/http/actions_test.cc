// Acting: who may, what is refused before it is tried, and what reaches the daemon.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/base64.h"
#include "tests/daemon/http/world.h"

namespace defuse::testing {
namespace {

const std::string kVersion = "/v1/models/digits/versions/1";

class Acting : public ::testing::Test {
 protected:
  World world;
  std::string operate, reading;

  void SetUp() override {
    world.release("1", "one");
    operate = world.make_token("ann", Scope::operate);
    reading = world.make_token("grafana", Scope::read);
  }
  ApiResponse act(const std::string& method, const std::string& path, const std::string& body = "") {
    return world.ask(method, path, body, operate);
  }
  std::string waiver(const std::string& more = "", const std::string& expires = "2026-03-15") {
    return R"({"model":"digits","finding":"accuracy/overall","reason":"known","ticket":"T-1","expires":")" + expires +
           "\"" + more + "}";
  }
};

TEST_F(Acting, NeedsATokenEvenOnThisMachine) {
  const std::vector<std::pair<std::string, std::string>> writes = {{"POST", kVersion + "/evaluate"},
                                                                   {"POST", kVersion + "/correct"},
                                                                   {"POST", kVersion + "/promote"},
                                                                   {"POST", "/v1/models/digits/rollback"},
                                                                   {"PUT", "/v1/regions/r-0123456789ab/label"},
                                                                   {"POST", "/v1/waivers"},
                                                                   {"DELETE", "/v1/waivers/w-1"},
                                                                   {"DELETE", "/v1/jobs/1"}};
  for (const auto& [method, path] : writes) {
    const auto nobody = world.ask(method, path, "{}");
    EXPECT_EQ(nobody.status, 401) << path;
    EXPECT_EQ(header_of(nobody, "WWW-Authenticate"), "Bearer realm=\"defused\"") << path;
    EXPECT_EQ(world.ask(method, path, "{}", "dfs_wrong").status, 401) << path;
    EXPECT_EQ(world.ask(method, path, "{}", reading).status, 403) << path;
  }
  EXPECT_TRUE(world.actions.asked.empty());
}

TEST_F(Acting, BrowserCredentialsReadButNeverAct) {
  world.loopback = false;
  // "any:" and the token, as a browser would send them.
  world.headers["authorization"] = "Basic " + base64("any:" + operate);
  EXPECT_EQ(world.get("/v1/models").status, 200);
  EXPECT_EQ(world.get("/").status, 200);
  EXPECT_EQ(world.ask("POST", kVersion + "/evaluate").status, 401);
  for (const std::string& bad : {base64("any" + operate), base64("any:" + operate) + "*", std::string("*")}) {
    world.headers["authorization"] = "Basic " + bad;
    EXPECT_EQ(world.get("/v1/models").status, 401) << bad;
  }
}

TEST_F(Acting, OffThisMachineEvenReadingNeedsAToken) {
  world.loopback = false;
  for (const auto& path :
       std::vector<std::string>{"/v1/models", "/metrics", "/", "/v1/events", kVersion + "/gate", kVersion + "/report"})
    EXPECT_EQ(world.get(path).status, 401) << path;
  EXPECT_EQ(header_of(world.get("/"), "WWW-Authenticate").substr(0, 5), "Basic");
  EXPECT_EQ(world.ask("GET", "/v1/models", "", reading).status, 200);
  EXPECT_EQ(world.ask("GET", "/v1/models", "", operate).status, 200);
  EXPECT_EQ(world.get("/livez").status, 200);
  EXPECT_EQ(world.get("/readyz?verbose").body, "ok\n") << "details are not for strangers";
}

TEST_F(Acting, EvaluateAnswers202WithTheJob) {
  const auto answer = act("POST", kVersion + "/evaluate");
  EXPECT_EQ(answer.status, 202);
  EXPECT_EQ(header_of(answer, "Location"), "/v1/jobs/42");
  EXPECT_EQ(world.actions.asked, std::vector<std::string>{"evaluate digits 1 by ann"});
  EXPECT_EQ(act("POST", "/v1/models/digits/versions/9/evaluate").status, 404);
}

TEST_F(Acting, PromoteAndRollbackReachTheDaemonWithTheirReasons) {
  EXPECT_EQ(act("POST", kVersion + "/promote", R"({"reason":"better"})").status, 200);
  EXPECT_EQ(act("POST", kVersion + "/promote", R"({"reason":"must","override":true})").status, 200);
  const auto back = act("POST", "/v1/models/digits/rollback", R"({"reason":"broken"})");
  EXPECT_EQ(back.status, 200);
  EXPECT_EQ(world.actions.asked, (std::vector<std::string>{"promote digits 1 because better by ann",
                                                           "promote digits 1 over the gate because must by ann",
                                                           "rollback digits because broken by ann"}));
}

TEST_F(Acting, OverrideAndRollbackNeedAReason) {
  EXPECT_EQ(act("POST", kVersion + "/promote", R"({"override":true})").status, 400);
  EXPECT_EQ(act("POST", kVersion + "/promote", R"({"override":true,"reason":"  "})").status, 400);
  EXPECT_EQ(act("POST", "/v1/models/digits/rollback").status, 400);
  EXPECT_TRUE(world.actions.asked.empty());
}

TEST_F(Acting, MisspeltOrIllTypedFieldsAreRefused) {
  for (const auto& body : std::vector<std::string>{R"({"overide":true})", R"({"override":"yes","reason":"x"})",
                                                   R"({"reason":7})", "[]", "\"x\"", "{", "nonsense",
                                                   std::string(R"({"reason":")") + std::string(3000, 'x') + "\"}"})
    EXPECT_EQ(act("POST", kVersion + "/promote", body).status, 400) << body.substr(0, 40);
  EXPECT_TRUE(world.actions.asked.empty());
}

TEST_F(Acting, RefusalsOfTheDaemonKeepTheirMeaning) {
  world.actions.refusal = Error{ErrorCode::conflict, "its verdict is fail", {}};
  const auto answer = act("POST", kVersion + "/promote", R"({"reason":"x"})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_NE(answer.body.find("its verdict is fail"), std::string::npos);
  world.actions.refusal = Error{ErrorCode::unavailable, "stopping", {}};
  EXPECT_EQ(act("POST", kVersion + "/evaluate").status, 503);
}

TEST_F(Acting, WaiverIsNarrowDatedAndReasoned) {
  const auto made = act("POST", "/v1/waivers", waiver(R"(,"versions":["1","2"])"));
  EXPECT_EQ(made.status, 201);
  EXPECT_EQ(header_of(made, "Location"), "/v1/waivers/w-1");
  EXPECT_EQ(world.actions.last_waiver.approved_by, "ann");
  EXPECT_EQ(world.actions.last_waiver.versions.size(), 2U);
  EXPECT_EQ(to_rfc3339(world.actions.last_waiver.expires), "2026-03-15T00:00:00.000Z");
  for (const auto& body :
       {waiver("", "2026-02-01"), waiver("", "2099-01-01"), waiver("", "soon"), waiver(R"(,"versions":["../1"])"),
        waiver(R"(,"versions":"1")"), std::string(R"({"model":"digits"})"),
        std::string(R"({"model":"digits","finding":"*","reason":"x","ticket":"t","expires":"2026-03-15"})"),
        std::string(R"({"model":"digits","finding":"a","reason":" ","ticket":"t","expires":"2026-03-15"})"),
        std::string(R"({"model":"digits","finding":"a","reason":"x","expires":"2026-03-15"})")})
    EXPECT_EQ(act("POST", "/v1/waivers", body).status, 400) << body;
  EXPECT_EQ(act("POST", "/v1/waivers",
                R"({"model":"letters","finding":"a","reason":"x","ticket":"t","expires":"2026-03-15"})")
                .status,
            404);
  EXPECT_EQ(world.actions.asked.size(), 1U);
}

TEST_F(Acting, ListsWaiversAndSaysWhichAreLive) {
  Waiver stored;
  stored.model = "digits";
  stored.finding = "a";
  stored.reason = "r";
  stored.ticket = "t";
  stored.approved_by = "ann";
  stored.created = world.clock.now();
  stored.expires = world.clock.now() + std::chrono::hours(1);
  ASSERT_TRUE(world.store->waivers.add(stored, "ann"));
  EXPECT_EQ(world.get_json("/v1/waivers?model=digits")["waivers"][0]["live"], true);
  world.clock.advance(std::chrono::hours(1));
  EXPECT_EQ(world.get_json("/v1/waivers")["waivers"][0]["live"], false);
  EXPECT_EQ(act("DELETE", "/v1/waivers/w-1").status, 204);
}

TEST_F(Acting, LabelsAreChecked) {
  NewRegion region;
  region.region.id = "r-0123456789ab";
  region.region.space = Space::codes;
  region.region.evidence = RegionEvidence::real;
  world.judge("1", "one", VerdictState::fail, "", {}, {region});
  const std::string path = "/v1/regions/r-0123456789ab/label";
  for (const std::string label : {"confirmed", "ambiguous", "unrealistic", "class:12", ""})
    EXPECT_EQ(act("PUT", path, R"({"label":")" + label + R"(","note":"n"})").status, 200) << label;
  for (const std::string label : {"class:", "class:x", "class:-1", "sure", "class:12345678"})
    EXPECT_EQ(act("PUT", path, R"({"label":")" + label + "\"}").status, 400) << label;
  EXPECT_EQ(act("PUT", path, "{}").status, 400);
  EXPECT_EQ(act("PUT", "/v1/regions/r-ffffffffffff/label", R"({"label":"confirmed"})").status, 404);
}

TEST_F(Acting, CancelsJobsThatExist) {
  const auto job = std::to_string(world.enqueue("1", "one"));
  EXPECT_EQ(act("DELETE", "/v1/jobs/" + job).status, 204);
  EXPECT_EQ(act("DELETE", "/v1/jobs/999").status, 404);
  EXPECT_EQ(act("DELETE", "/v1/jobs/x").status, 404);
  EXPECT_EQ(world.get_json("/v1/jobs/" + job)["state"], "queued");
  EXPECT_EQ(world.actions.asked, std::vector<std::string>{"cancel " + job + " by ann"});
}

TEST_F(Acting, OversizedBodyIs413) {
  EXPECT_EQ(act("POST", "/v1/waivers", std::string(kMaxBodyBytes + 1, ' ')).status, 413);
}

TEST_F(Acting, RevokedTokenStopsAtOnce) {
  EXPECT_EQ(act("POST", kVersion + "/evaluate").status, 202);
  ASSERT_TRUE(revoke_token(world.tree.root(), "ann"));
  EXPECT_EQ(act("POST", kVersion + "/evaluate").status, 401);
}

TEST(Tokens, LookLikeTheyShouldAndAreNeverStored) {
  TempTree tree;
  FakeClock clock;
  const auto token = create_token(tree.root(), "ci", Scope::operate, clock);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->size(), 47U);
  EXPECT_EQ(token->substr(0, 4), "dfs_");
  EXPECT_EQ(token->find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"),
            std::string::npos);
  EXPECT_EQ(tree.read("tokens.json").find(token->substr(4)), std::string::npos);
  const auto other = create_token(tree.root(), "ci2", Scope::read, clock);
  ASSERT_TRUE(other);
  EXPECT_NE(*token, *other);
  const TokenBook book(tree.root());
  ASSERT_TRUE(book.find(*token));
  EXPECT_EQ(book.find(*token)->name, "ci");
  EXPECT_EQ(book.find(*other)->scope, Scope::read);
  EXPECT_FALSE(book.find(token->substr(0, 46)));
  EXPECT_FALSE(book.find(""));
}

TEST(Tokens, ADaemonOfAnotherUserReadsThemWhateverTheUmaskIs) {
  TempTree tree;
  FakeClock clock;
  const auto before = ::umask(077);  // of root on many a hardened server
  const auto token = create_token(tree.root(), "ci", Scope::operate, clock);
  const auto restored = ::umask(before);
  ASSERT_TRUE(token);
  EXPECT_EQ(restored, 077U) << "the caller's umask was changed for good";
  struct stat info {};
  ASSERT_EQ(::stat((tree.root() / "tokens.json").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0644U);
}

TEST(Tokens, NamesAreUniqueAndValid) {
  TempTree tree;
  FakeClock clock;
  ASSERT_TRUE(create_token(tree.root(), "ci", Scope::read, clock));
  EXPECT_EQ(create_token(tree.root(), "ci", Scope::read, clock).error().code, ErrorCode::conflict);
  EXPECT_EQ(create_token(tree.root(), "../ci", Scope::read, clock).error().code, ErrorCode::invalid_input);
  EXPECT_EQ(revoke_token(tree.root(), "nobody").error().code, ErrorCode::not_found);
  EXPECT_EQ(list_tokens(tree.root())->size(), 1U);
}

TEST(Tokens, BrokenFileAdmitsNobody) {
  TempTree tree;
  FakeClock clock;
  const TokenBook book(tree.root());
  const auto token = create_token(tree.root(), "ci", Scope::operate, clock);
  ASSERT_TRUE(token && book.find(*token));
  const auto good = tree.read("tokens.json");
  for (const std::string bad : {"{}", "[{}]", "nonsense", R"([{"name":"a","scope":"all","sha256":"","created":""}])"}) {
    tree.file("tokens.json", bad);
    EXPECT_FALSE(book.find(*token)) << bad;
    EXPECT_FALSE(book.problem().empty()) << bad;
  }
  tree.file("tokens.json", good);
  EXPECT_TRUE(book.find(*token));
  tree.remove("tokens.json");
  EXPECT_FALSE(book.find(*token));
  EXPECT_EQ(book.problem(), "");
}

}  // namespace
}  // namespace defuse::testing
