// Who may ask what, from where, and what every answer carries. The tables are written out by hand on purpose: a new
// route has to be entered here, with who may use it, before these tests pass.
#include <gtest/gtest.h>

#include <set>

#include "tests/daemon/http/world.h"

namespace defuse::testing {
namespace {

enum class Who { anybody, reader, operating };

struct Rule {
  const char* method;
  const char* pattern;
  Who who;  // off loopback; on loopback reading is open
};

constexpr Rule kRules[] = {
    {"GET", "/livez", Who::anybody},
    {"GET", "/readyz", Who::anybody},
    {"GET", "/healthz", Who::anybody},
    {"GET", "/v1/openapi.json", Who::anybody},
    {"GET", "/assets/dashboard.css", Who::anybody},
    {"GET", "/assets/dashboard.js", Who::anybody},
    {"GET", "/assets/{script}.js", Who::anybody},
    {"GET", "/assets/icon.svg", Who::anybody},
    {"GET", "/metrics", Who::reader},
    {"GET", "/v1/models", Who::reader},
    {"GET", "/v1/models/{model}", Who::reader},
    {"GET", "/v1/models/{model}/versions", Who::reader},
    {"GET", "/v1/models/{model}/versions/{version}", Who::reader},
    {"GET", "/v1/models/{model}/versions/{version}/verdict", Who::reader},
    {"GET", "/v1/models/{model}/versions/{version}/gate", Who::reader},
    {"POST", "/v1/models/{model}/versions/{version}/gate", Who::reader},
    {"GET", "/v1/models/{model}/versions/{version}/report", Who::reader},
    {"GET", "/v1/models/{model}/versions/{version}/{picture}.png", Who::reader},
    {"GET", "/v1/models/{model}/regions", Who::reader},
    {"GET", "/v1/regions/{region}", Who::reader},
    {"GET", "/v1/regions/{region}/samples/{sample}.png", Who::reader},
    {"GET", "/v1/regions/{region}/nearest/{sample}.png", Who::reader},
    {"GET", "/v1/waivers", Who::reader},
    {"GET", "/v1/jobs", Who::reader},
    {"GET", "/v1/jobs/{job}", Who::reader},
    {"GET", "/v1/jobs/{job}/correction", Who::reader},
    {"GET", "/v1/jobs/{job}/correction.svg", Who::reader},
    {"GET", "/v1/jobs/{job}/correction/manifest.json", Who::reader},
    {"GET", "/v1/events", Who::reader},
    {"GET", "/v1/audit", Who::reader},
    {"GET", "/", Who::reader},
    {"GET", "/models/{model}", Who::reader},
    {"GET", "/models/{model}/regions", Who::reader},
    {"GET", "/models/{model}/queue", Who::reader},
    {"GET", "/models/{model}/versions/{version}", Who::reader},
    {"GET", "/regions/{region}", Who::reader},
    {"GET", "/corrections/{job}", Who::reader},
    {"GET", "/queue", Who::reader},
    {"GET", "/jobs", Who::reader},
    {"GET", "/waivers", Who::reader},
    {"GET", "/waivers/new", Who::reader},
    {"GET", "/audit", Who::reader},
    {"GET", "/v1/jobs/{job}/correction/model.pt", Who::operating},
    {"POST", "/v1/models/{model}/versions/{version}/evaluate", Who::operating},
    {"POST", "/v1/models/{model}/versions/{version}/correct", Who::operating},
    {"POST", "/v1/models/{model}/versions/{version}/promote", Who::operating},
    {"POST", "/v1/models/{model}/rollback", Who::operating},
    {"PUT", "/v1/regions/{region}/label", Who::operating},
    {"POST", "/v1/waivers", Who::operating},
    {"DELETE", "/v1/waivers/{waiver}", Who::operating},
    {"DELETE", "/v1/jobs/{job}", Who::operating},
};

std::string path_of(std::string pattern) {
  for (const auto& [name, value] : std::map<std::string, std::string>{{"{model}", "digits"},
                                                                      {"{version}", "1"},
                                                                      {"{region}", "r-0123456789ab"},
                                                                      {"{sample}", "0"},
                                                                      {"{picture}", "region-1-0"},
                                                                      {"{waiver}", "w-1"},
                                                                      {"{job}", "1"},
                                                                      {"{script}", "map"}})
    if (const auto at = pattern.find(name); at != std::string::npos) pattern.replace(at, name.size(), value);
  return pattern;
}

class Access : public ::testing::Test {
 protected:
  World world;
  std::map<std::string, std::string> tokens;  // by kind; "" for none

  void SetUp() override {
    world.release("1", "one");
    world.judge("1", "one", VerdictState::pass);
    const auto soon = world.clock.now() + std::chrono::hours(1);
    tokens[""] = "";
    tokens["unknown"] = "dfs_" + std::string(43, 'x');
    tokens["read"] = world.make_token("reader", Scope::read);
    tokens["operate"] = world.make_token("operator", Scope::operate);
    tokens["revoked"] = world.make_token("former", Scope::operate);
    tokens["expired"] = create_token(world.tree.root(), "old", Scope::operate, world.clock, soon).value();
    tokens["expiring"] =
        create_token(world.tree.root(), "young", Scope::operate, world.clock, soon + std::chrono::milliseconds(1))
            .value();
    ASSERT_TRUE(revoke_token(world.tree.root(), "former"));
    world.clock.advance(std::chrono::hours(1));  // the very millisecond at which `old` ends
  }
};

TEST_F(Access, EveryRouteHasARuleHere) {
  std::set<std::pair<std::string, std::string>> ruled;
  for (const auto& rule : kRules) ruled.emplace(rule.method, rule.pattern);
  const auto routes = api_routes();
  EXPECT_EQ(ruled, (std::set<std::pair<std::string, std::string>>(routes.begin(), routes.end())));
}

TEST_F(Access, EveryRouteAdmitsWhomItShouldAndNobodyElse) {
  for (const bool loopback : {true, false}) {
    world.loopback = loopback;
    for (const auto& rule : kRules)
      for (const auto& [kind, token] : tokens) {
        const auto answer = world.ask(rule.method, path_of(rule.pattern), "", token);
        const auto where = std::string(rule.method) + " " + rule.pattern + " with " + (kind.empty() ? "no" : kind) +
                           " token " + (loopback ? "on" : "off") + " loopback: " + answer.body;
        const bool operates = kind == "operate" || kind == "expiring";
        const bool open = rule.who == Who::anybody || (rule.who == Who::reader && loopback);
        if (!open && !operates && kind != "read") {
          EXPECT_EQ(answer.status, 401) << where;
          EXPECT_NE(header_of(answer, "WWW-Authenticate"), "") << where;
        } else if (rule.who == Who::operating && kind == "read") {
          EXPECT_EQ(answer.status, 403) << where;
        } else {
          EXPECT_NE(answer.status, 401) << where;
          EXPECT_NE(answer.status, 403) << where;
        }
      }
  }
}

TEST_F(Access, ExpiredTokenSaysSo) {
  const auto answer = world.ask("POST", "/v1/models/digits/versions/1/evaluate", "", tokens["expired"]);
  EXPECT_EQ(answer.status, 401);
  EXPECT_NE(answer.body.find("token 'old' expired at "), std::string::npos) << answer.body;
  EXPECT_NE(header_of(answer, "WWW-Authenticate").find("error=\"invalid_token\""), std::string::npos);
  EXPECT_TRUE(world.actions.asked.empty());
  world.clock.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(world.ask("POST", "/v1/models/digits/versions/1/evaluate", "", tokens["expiring"]).status, 401);
}

TEST_F(Access, FileFromBeforeThereWasAnExpiryIsReadAndABadExpiryAdmitsNobody) {
  auto file = Json::parse(world.tree.read("tokens.json"));
  for (auto& token : file) token.erase("expires");
  world.tree.file("tokens.json", dump_json(file));
  EXPECT_EQ(world.ask("POST", "/v1/models/digits/versions/1/evaluate", "", tokens["operate"]).status, 202);
  for (const Json& bad : {Json(7), Json("soon"), Json::object()}) {
    file[0]["expires"] = bad;
    world.tree.file("tokens.json", dump_json(file));
    EXPECT_EQ(world.ask("POST", "/v1/models/digits/versions/1/evaluate", "", tokens["operate"]).status, 401) << bad;
  }
}

TEST_F(Access, DetailsOfReadinessAreForReaders) {
  world.loopback = false;
  world.read.daemon.registry_problem = "/srv/models is gone";
  for (const auto& [kind, token] : tokens) {
    const auto body = world.ask("GET", "/readyz?verbose", "", token).body;
    const bool reads = kind == "read" || kind == "operate" || kind == "expiring";
    EXPECT_EQ(body.find("/srv/models") != std::string::npos, reads) << kind;
  }
}

TEST_F(Access, EveryAnswerCarriesTheHeadersThatLockBrowsersDown) {
  std::vector<std::pair<std::string, ApiResponse>> answers;
  for (const bool loopback : {true, false}) {
    world.loopback = loopback;
    for (const auto& rule : kRules)
      for (const auto& [kind, token] : tokens)
        answers.emplace_back(std::string(rule.method) + " " + rule.pattern + " " + kind,
                             world.ask(rule.method, path_of(rule.pattern), "", token));
  }
  world.loopback = true;
  for (const std::string path : {"/nothing", "/v1/models/digits/versions/7", "/v1/models/%00", "/v1/models/%zz",
                                 "/v1/models?limit=0", "/v1/models?a=1&a=2"})
    answers.emplace_back(path, world.get(path));
  answers.emplace_back("a long path", world.get("/" + std::string(3000, 'a')));
  answers.emplace_back("a method that nobody knows", world.ask("BREW", "/v1/models"));
  answers.emplace_back("a large body", world.ask("POST", "/v1/waivers", std::string(kMaxBodyBytes + 1, 'x')));
  world.headers["host"] = "evil.example";
  answers.emplace_back("another host", world.get("/"));
  world.headers.clear();
  world.read.store_problem = Error{ErrorCode::unavailable, "locked", {}};
  answers.emplace_back("no store", world.get("/v1/models"));
  for (const int status : {400, 408, 413, 414, 431, 500, 501, 505})
    answers.emplace_back("before there is a request", problem_response(status, "x"));
  std::set<int> statuses;
  for (const auto& [what, answer] : answers) {
    statuses.insert(answer.status);
    const auto policy = header_of(answer, "Content-Security-Policy");
    EXPECT_TRUE(policy.starts_with("default-src 'none'")) << what << ": " << policy;
    EXPECT_EQ(policy.find("unsafe-eval"), std::string::npos) << what;
    EXPECT_EQ(policy.find("script-src 'unsafe-inline'"), std::string::npos) << what;
    EXPECT_NE(policy.find("frame-ancestors 'none'"), std::string::npos) << what << ": " << policy;
    EXPECT_NE(policy.find("base-uri 'none'"), std::string::npos) << what << ": " << policy;
    EXPECT_NE(policy.find("form-action 'none'"), std::string::npos) << what << ": " << policy;
    EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff") << what;
    EXPECT_EQ(header_of(answer, "X-Frame-Options"), "DENY") << what;
    EXPECT_EQ(header_of(answer, "Referrer-Policy"), "no-referrer") << what;
    EXPECT_EQ(header_of(answer, "Cross-Origin-Resource-Policy"), "same-origin") << what;
    EXPECT_EQ(header_of(answer, "Cross-Origin-Opener-Policy"), "same-origin") << what;
    EXPECT_NE(header_of(answer, "Permissions-Policy"), "") << what;
    EXPECT_EQ(header_of(answer, "Access-Control-Allow-Origin"), "") << what;
    EXPECT_EQ(header_of(answer, "Server"), "") << what;
    const auto cache = header_of(answer, "Cache-Control");
    EXPECT_TRUE(cache.find("no-store") != std::string::npos || cache.find("private") != std::string::npos ||
                what.find("/assets/") != std::string::npos || what.find("openapi") != std::string::npos)
        << what << ": " << cache;
    if (answer.status >= 400) {
      EXPECT_TRUE(Json::accept(answer.body) || answer.content_type.starts_with("text/")) << what;
    }
  }
  for (const int wanted : {200, 400, 401, 403, 404, 405, 413, 414, 421, 500, 503})
    EXPECT_TRUE(statuses.contains(wanted)) << "no case gives " << wanted;
}

// -- other sites

class OtherSites : public Access {
 protected:
  int post(const std::map<std::string, std::string>& headers, const std::string& body = "{}") {
    world.headers = headers;
    return world.ask("POST", "/v1/models/digits/versions/1/evaluate", body, tokens["operate"]).status;
  }
  int get(const std::map<std::string, std::string>& headers, const std::string& path = "/v1/models") {
    world.headers = headers;
    return world.get(path).status;
  }
};

TEST_F(OtherSites, MayNotActHoweverTheyDisguiseIt) {
  const std::map<std::string, std::map<std::string, std::string>> refused = {
      {"another site", {{"origin", "https://evil.example"}}},
      {"a sandboxed frame", {{"origin", "null"}}},
      {"another port", {{"origin", "http://127.0.0.1:9999"}}},
      {"no port", {{"origin", "http://127.0.0.1"}}},
      {"our name as a user", {{"origin", "http://127.0.0.1:8470@evil.example"}}},
      {"our name as a beginning", {{"origin", "http://127.0.0.1:8470.evil.example"}}},
      {"a browser that says so", {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "cors"}}},
      {"a sister", {{"sec-fetch-site", "same-site"}, {"origin", "http://127.0.0.1:8470"}}},
      {"a form that navigates",
       {{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "document"}}},
  };
  for (const auto& [what, headers] : refused) {
    EXPECT_EQ(post(headers), 403) << what;
    EXPECT_EQ(post(headers, ""), 403) << what;
  }
  for (const std::string type : {"text/plain", "text/plain; charset=application/json", "multipart/form-data",
                                 "application/x-www-form-urlencoded", "application/json-seq", ""})
    EXPECT_EQ(post({{"content-type", type}}), 415) << type;
  EXPECT_TRUE(world.actions.asked.empty());
}

TEST_F(OtherSites, ANameThatWasBentToUsIsNotOurs) {
  for (const std::string host :
       {"evil.example", "evil.example:8470", "127.0.0.1.evil.example", "localhost.evil.example"}) {
    EXPECT_EQ(get({{"host", host}, {"origin", "http://" + host}, {"sec-fetch-site", "same-origin"}}), 421) << host;
    EXPECT_EQ(post({{"host", host}, {"origin", "http://" + host}, {"sec-fetch-site", "same-origin"}}), 421) << host;
  }
}

TEST_F(OtherSites, MayLinkHereAndNoMore) {
  EXPECT_EQ(
      get({{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "document"}}, "/"),
      200);
  for (const std::string destination : {"image", "script", "iframe", "empty", "embed", "style"})
    EXPECT_EQ(get({{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "no-cors"}, {"sec-fetch-dest", destination}}),
              403)
        << destination;
  EXPECT_EQ(get({{"sec-fetch-site", "cross-site"}, {"sec-fetch-mode", "navigate"}, {"sec-fetch-dest", "iframe"}}, "/"),
            403);
  EXPECT_EQ(get({{"origin", "https://evil.example"}}), 403);
}

TEST_F(OtherSites, OurOwnPagesAndToolsGoOn) {
  EXPECT_EQ(post({{"origin", "http://127.0.0.1:8470"}, {"sec-fetch-site", "same-origin"}}), 202);
  EXPECT_EQ(post({{"origin", "http://127.0.0.1:8470"}}), 202) << "a browser that knows no Sec-Fetch";
  EXPECT_EQ(post({{"origin", "http://LOCALHOST:8470"}, {"host", "localhost:8470"}}), 202);
  EXPECT_EQ(post({}), 202) << "curl";
  EXPECT_EQ(post({}, ""), 202) << "curl without a body";
  EXPECT_EQ(post({{"content-type", "Application/JSON ; charset=utf-8"}}), 202);
  EXPECT_EQ(get({{"sec-fetch-site", "none"}}), 200) << "typed into the address bar";
}

}  // namespace
}  // namespace defuse::testing
