// defusectl from words to exit code, against a server in this process. The exit codes are a promise to pipelines.
#include "daemon/ctl/ctl.h"

#include <SQLiteCpp/Database.h>
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <map>
#include <sstream>

#include "daemon/ctl/commands.h"
#include "daemon/http/server.h"
#include "tests/daemon/http/world.h"

namespace defuse::testing {
namespace {

struct Done {
  int code = -1;
  std::string out;
  std::string err;
};

Done run_words(std::vector<std::string> words, const Clock& clock) {
  std::ostringstream out, err;
  const int code = ctl::run(std::move(words), {out, err, clock, false, false});
  return {code, out.str(), err.str()};
}

class Ctl : public ::testing::Test {
 protected:
  World world;
  std::unique_ptr<HttpServer> server;
  std::string token;

  void SetUp() override {
    ::unsetenv("DEFUSED_URL");
    ::unsetenv("DEFUSED_TOKEN");
    HttpSettings settings;
    settings.port = 0;
    auto started = HttpServer::start(settings, world.read, world.actions, world.tree.root());
    ASSERT_TRUE(started) << started.error().describe();
    server = std::move(*started);
    world.release("1", "one");
    token = world.make_token("ann", Scope::operate);
  }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(server->port()); }
  Done run(std::vector<std::string> words) {
    words.insert(words.begin(), {"--url", url()});
    return run_words(std::move(words), world.clock);
  }
  Done act(std::vector<std::string> words) {
    words.insert(words.end(), {"--token", token});
    return run(std::move(words));
  }
};

TEST_F(Ctl, ExitCodesOfVerdictAndWaitAreThePromisedOnes) {
  for (const auto& [state, code] : {std::pair{VerdictState::pass, 0}, std::pair{VerdictState::fail, 1},
                                    std::pair{VerdictState::inconclusive, 3}, std::pair{VerdictState::error, 4}}) {
    world.judge("1", "one", state);
    for (const char* verb : {"wait", "verdict"}) {
      const auto done = run({verb, "digits", "1"});
      EXPECT_EQ(done.code, code) << verb << " " << to_string(state) << done.err;
      EXPECT_NE(done.out.find("digits 1: " + std::string(to_string(state))), std::string::npos) << done.out;
      EXPECT_NE(done.out.find("because of"), std::string::npos) << "the reason belongs to the data";
    }
    EXPECT_EQ(run({"wait", "digits", "1", "--output", "json"}).code, code);
  }
}

TEST_F(Ctl, NotJudgedIs4AndNeverHeardOfInTimeIs124) {
  EXPECT_EQ(run({"verdict", "digits", "1"}).code, 4);
  EXPECT_EQ(run({"verdict", "digits", "9"}).code, 4);
  EXPECT_EQ(run({"wait", "digits", "1", "--timeout", "5ms"}).code, 124);
  const auto unknown = run({"wait", "digits", "9", "--timeout", "5ms"});
  EXPECT_EQ(unknown.code, 124);
  EXPECT_TRUE(unknown.out.empty());
  EXPECT_NE(unknown.err.find("no version 9"), std::string::npos) << unknown.err;
}

TEST_F(Ctl, WaitsForAVersionThatNobodyHasSeenYet) {
  int asked = 0;
  world.read.on_status = [&] {
    if (++asked == 3) world.release("9", "nine");
    if (asked == 5) world.judge("9", "nine", VerdictState::fail, "", {violation("accuracy/overall")});
  };
  std::ostringstream out, err;
  ctl::Console console(out, err);
  const ctl::Remote remote(*parse_url(url()), "");
  ctl::WaitRequest request;
  request.model = "digits";
  request.version = "9";
  request.poll = std::chrono::milliseconds(1);
  EXPECT_EQ(ctl::wait(remote, console, request), 1);
  EXPECT_GE(asked, 5);
  EXPECT_NE(out.str().find("It is worse."), std::string::npos) << out.str();
}

TEST_F(Ctl, WaitDoesNotWaitForAModelThatIsNotWatched) {
  EXPECT_EQ(run({"wait", "letters", "1"}).code, 4);
  world.judge("1", "one", VerdictState::pass);
  world.read.settings->models.clear();
  EXPECT_EQ(run({"wait", "digits", "1"}).code, 4);
}

TEST_F(Ctl, StaleVerdictIsInconclusive) {
  world.judge("1", "one", VerdictState::pass);
  world.release("2", "two");
  world.promote("2", "two");
  EXPECT_EQ(run({"wait", "digits", "1"}).code, 3);
  EXPECT_EQ(run({"verdict", "digits", "1"}).code, 3);
}

TEST_F(Ctl, VerdictTellsItsPlaceInTheStreamOfCandidatesWhereSomebodyCounted) {
  world.judge("1", "one", VerdictState::pass);
  EXPECT_EQ(run({"verdict", "digits", "1"}).out.find("judgement"), std::string::npos) << "no document, no line";
  const auto told = [&](Json evidence) {
    world.write_document("1", "one", {{"evidence", std::move(evidence)}});
    const auto done = run({"verdict", "digits", "1"});
    EXPECT_EQ(done.code, 0) << done.err;
    return done.out;
  };
  const auto evidence = [](const Json& position, const Json& rejections, const char* correction, double level) {
    return Json{{"judgements", position},
                {"position", position},
                {"rejections", rejections},
                {"correction", correction},
                {"alpha", 0.05},
                {"level", level},
                {"worn", false}};
  };
  EXPECT_NE(told(evidence(3, 1, "lond", 0.00675))
                .find("\njudgement 3 on this test split, 1 of those before it failed; violations were tested at "
                      "0.675 % of 5 % (correction: lond)\n"),
            std::string::npos);
  EXPECT_NE(told(evidence(1, 0, "none", 0.05))
                .find("\njudgement 1 on this test split; each is tested at the full level of 5 % (correction: none)\n"),
            std::string::npos);
  for (const Json& nobody : {evidence(nullptr, nullptr, "lond", 0.05), Json(nullptr), Json("rubbish")})
    EXPECT_EQ(told(nobody).find("judgement"), std::string::npos) << dump_json(nobody);
}

TEST_F(Ctl, DaemonThatCannotBeAskedIsNeverAPass) {
  world.judge("1", "one", VerdictState::pass);
  const auto address = url();
  server.reset();
  for (const char* verb : {"wait", "verdict"}) {
    const auto done = run_words({"--url", address, verb, "digits", "1"}, world.clock);
    EXPECT_EQ(done.code, 4) << verb;
    EXPECT_NE(done.err.find("cannot reach defused at 127.0.0.1"), std::string::npos) << done.err;
    EXPECT_TRUE(done.out.empty());
  }
}

TEST_F(Ctl, DaemonThatGoesAwayWhileOneWaitsIsAnErrorAfterAWhile) {
  std::ostringstream out, err;
  ctl::Console console(out, err);
  const ctl::Remote remote(*parse_url(url()), "");
  ctl::WaitRequest request;
  request.model = "digits";
  request.version = "1";
  request.poll = std::chrono::milliseconds(1);
  request.patience = std::chrono::milliseconds(20);
  world.read.on_status = [&, asked = 0]() mutable {
    if (++asked > 3) world.read.store_problem = Error{ErrorCode::corrupt, "malformed", {}};
  };
  EXPECT_EQ(ctl::wait(remote, console, request), 4);
  EXPECT_NE(err.str().find("malformed"), std::string::npos) << err.str();
}

TEST_F(Ctl, WrongUseIs2) {
  const std::vector<std::vector<std::string>> wrong = {
      {},
      {"frobnicate"},
      {"verdict", "digits"},
      {"correct", "digits"},
      {"wait", "digits", "1", "--timeout", "soon"},
      {"models", "--output", "xml"},
      {"report", "digits", "1", "--format", "pdf"},
      {"rollback", "digits"},
      {"waive", "add", "digits", "f", "--reason", "r", "--ticket", "t"},
      {"token", "create", "x", "--scope", "root"},
      {"token", "list"}};
  for (const auto& words : wrong) {
    const auto done = run(words);
    EXPECT_EQ(done.code, 2) << (words.empty() ? "nothing" : words.front());
    EXPECT_FALSE(done.err.empty());
  }
  EXPECT_EQ(run_words({"--url", "ftp://x", "models"}, world.clock).code, 2);
  EXPECT_EQ(run_words({"--url", "http://127.0.0.1:99999", "models"}, world.clock).code, 2);
  EXPECT_EQ(run({"--version"}).code, 0);
  EXPECT_NE(run({"--help"}).out.find("124 timed out"), std::string::npos);
}

TEST_F(Ctl, ActingWithoutARightTokenIs2) {
  EXPECT_EQ(run({"retry", "digits", "1"}).code, 2);
  EXPECT_EQ(run({"retry", "digits", "1", "--token", "dfs_wrong"}).code, 2);
  EXPECT_EQ(run({"retry", "digits", "1", "--token", "a\r\nb: c"}).code, 2);
  EXPECT_TRUE(world.actions.asked.empty());
}

TEST_F(Ctl, ActsInThePersonsName) {
  EXPECT_EQ(act({"retry", "digits", "1"}).code, 0);
  EXPECT_EQ(act({"promote", "digits", "1", "--reason", "better", "--override"}).code, 0);
  EXPECT_EQ(act({"rollback", "digits", "--reason", "broken"}).code, 0);
  const auto waived =
      act({"waive", "add", "digits", "accuracy/overall", "--reason", "known", "--ticket", "T-1", "--for", "14d"});
  EXPECT_EQ(waived.code, 0) << waived.err;
  EXPECT_EQ(waived.out, "w-1\n");
  EXPECT_EQ(world.actions.last_waiver.expires, world.clock.now() + std::chrono::hours(24 * 14));
  EXPECT_EQ(act({"waive", "remove", "w-1"}).code, 0);
  EXPECT_EQ(world.actions.asked,
            (std::vector<std::string>{
                "evaluate digits 1 by ann", "promote digits 1 over the gate because better by ann",
                "rollback digits because broken by ann", "waive accuracy/overall by ann", "unwaive w-1 by ann"}));
}

TEST_F(Ctl, TokenComesFromFileOrEnvironmentToo) {
  world.tree.file("token", token + "\n");
  EXPECT_EQ(run({"retry", "digits", "1", "--token-file", (world.tree / "token").string()}).code, 0);
  ::setenv("DEFUSED_TOKEN", token.c_str(), 1);
  ::setenv("DEFUSED_URL", url().c_str(), 1);
  EXPECT_EQ(run_words({"retry", "digits", "1"}, world.clock).code, 0);
  EXPECT_EQ(run({"retry", "digits", "1", "--token-file", "/nowhere"}).code, 2);
}

TEST_F(Ctl, AuditLogThatWasTamperedWithIs1) {
  const auto folder = world.tree.root().string();
  ASSERT_TRUE(world.store->audit.add({"ann", "promote", "digits/1", Json::object()}));
  auto done = run_words({"audit", "verify", "--state-dir", folder}, world.clock);
  EXPECT_EQ(done.code, 0) << done.err;
  EXPECT_NE(done.out.find("each fits the one before"), std::string::npos);
  SQLite::Database file(folder + "/defused.db", SQLite::OPEN_READWRITE);
  file.exec("DROP TRIGGER audit_no_update");
  file.exec("UPDATE audit SET who = 'bob' WHERE id = 1");
  done = run_words({"audit", "verify", "--state-dir", folder}, world.clock);
  EXPECT_EQ(done.code, 1);
  EXPECT_NE(done.err.find("row 1 was changed"), std::string::npos) << done.err;
  EXPECT_EQ(run_words({"audit", "verify", "--state-dir", "/nowhere"}, world.clock).code, 2);
}

TEST_F(Ctl, RefusalOfTheDaemonIs4) {
  world.actions.refusal = Error{ErrorCode::conflict, "its verdict is fail", {}};
  const auto done = act({"promote", "digits", "1"});
  EXPECT_EQ(done.code, 4);
  EXPECT_NE(done.err.find("its verdict is fail"), std::string::npos);
}

TEST_F(Ctl, AnOverrideInProductionIsTold) {
  world.promote("1", "one");
  EXPECT_EQ(run({"models"}).out.find("(override)"), std::string::npos);
  ASSERT_TRUE(world.store->promotions.promote("digits", "1", digest_of("one"), PromotionKind::override_verdict, "ann",
                                              "needed today"));
  EXPECT_NE(run({"models"}).out.find("1 (override)"), std::string::npos);
  EXPECT_NE(run({"status"}).out.find("1 (override)"), std::string::npos);
}

TEST_F(Ctl, StatusSaysWhatSandboxWorkersHave) {
  EXPECT_EQ(run({"status"}).out.find("sandbox"), std::string::npos);  // nobody knows yet
  world.read.daemon.memory_limit = "a control group";
  world.read.daemon.sandbox = SandboxState{{"rlimits", "seccomp"}, {}};
  EXPECT_NE(run({"status"}).out.find("sandbox of workers: rlimits, seccomp; memory by a control group"),
            std::string::npos);
  world.read.daemon.sandbox->missing = {"landlock (Function not implemented)"};
  const auto said = run({"status"});
  EXPECT_NE(said.out.find("missing landlock (Function not implemented); in force rlimits"), std::string::npos);
  const auto json = Json::parse(run({"status", "--output", "json"}).out);
  EXPECT_EQ(json["sandbox"]["missing"].size(), 1u);
  EXPECT_EQ(json["sandbox"]["memory"], "a control group");
}

TEST_F(Ctl, ListsAndReports) {
  world.judge("1", "one", VerdictState::fail, "", {violation("accuracy/overall")});
  EXPECT_NE(run({"models"}).out.find("digits"), std::string::npos);
  EXPECT_NE(run({"versions", "digits"}).out.find("because of fail"), std::string::npos);
  EXPECT_EQ(run({"versions", "letters"}).code, 4);
  EXPECT_EQ(run({"status"}).code, 0);
  world.read.daemon.registry_problem = "no such mount";
  EXPECT_EQ(run({"status"}).code, 4);
  world.read.daemon.registry_problem = "";
  EXPECT_EQ(run({"regions", "digits"}).code, 0);
  EXPECT_EQ(run({"waive", "list"}).code, 0);
  EXPECT_EQ(run({"report", "digits", "1"}).out, "# report\n");
  const auto file = world.tree / "out.html";
  EXPECT_EQ(run({"report", "digits", "1", "--format", "html", "--output", file.string()}).code, 0);
  EXPECT_EQ(world.tree.read("out.html"), "<!doctype html>");
  const auto json = run({"versions", "digits", "--output", "json"});
  EXPECT_TRUE(Json::accept(json.out));
}

TEST_F(Ctl, DataGoesToStdoutAndNoControlCharactersReachATerminal) {
  world.judge("1", "one", VerdictState::fail, "", {violation("accuracy/overall\033[31m")});
  const auto done = run({"verdict", "digits", "1"});
  EXPECT_EQ(done.out.find('\033'), std::string::npos);
  std::ostringstream out, err;
  ctl::run({"--url", url(), "verdict", "digits", "1"}, {out, err, world.clock, true, false});
  EXPECT_NE(out.str().find("\033[31mfail"), std::string::npos) << "colour on a terminal";
  std::ostringstream plain;
  ctl::run({"--url", url(), "--no-color", "verdict", "digits", "1"}, {plain, err, world.clock, true, false});
  EXPECT_EQ(plain.str().find('\033'), std::string::npos);
}

TEST_F(Ctl, MakesListsAndRevokesTokens) {
  const auto state = world.tree.root().string();
  const auto made = run({"token", "create", "ci", "--scope", "read", "--state-dir", state});
  ASSERT_EQ(made.code, 0) << made.err;
  const auto text = made.out.substr(0, made.out.size() - 1);
  EXPECT_EQ(world.tokens.find(text)->name, "ci");
  EXPECT_NE(run({"token", "list", "--state-dir", state}).out.find("ci"), std::string::npos);
  EXPECT_EQ(run({"token", "list", "--state-dir", state}).out.find(text), std::string::npos);
  EXPECT_EQ(run({"token", "create", "ci", "--state-dir", state}).code, 2);
  EXPECT_NE(run({"token", "list", "--state-dir", state}).out.find("never"), std::string::npos);
  EXPECT_EQ(run({"token", "create", "late", "--expires", "2001-01-01", "--state-dir", state}).code, 2);
  EXPECT_EQ(run({"token", "create", "late", "--expires", "soon", "--state-dir", state}).code, 2);
  EXPECT_EQ(run({"token", "create", "brief", "--expires", "90d", "--state-dir", state}).code, 0);
  const auto listed = run({"--output", "json", "token", "list", "--state-dir", state}).out;
  ASSERT_TRUE(Json::accept(listed)) << listed;
  std::map<std::string, Json> tokens;
  const auto list = Json::parse(listed);
  for (const auto& one : list["tokens"]) tokens[one["name"]] = one;
  ASSERT_EQ(tokens.size(), 3U) << listed;  // one is the world's
  EXPECT_TRUE(tokens["ci"]["expires"].is_null());
  EXPECT_TRUE(tokens["brief"]["expires"].is_string());
  EXPECT_EQ(tokens["brief"]["expired"], false);
  EXPECT_EQ(run({"token", "revoke", "ci", "--state-dir", state}).code, 0);
  EXPECT_FALSE(world.tokens.find(text));
}

TEST(Spans, AreReadAsPeopleWriteThem) {
  EXPECT_EQ(ctl::parse_span("90s"), std::chrono::seconds(90));
  EXPECT_EQ(ctl::parse_span("30m"), std::chrono::minutes(30));
  EXPECT_EQ(ctl::parse_span("30min"), std::chrono::minutes(30));
  EXPECT_EQ(ctl::parse_span("2h"), std::chrono::hours(2));
  for (const char* bad : {"", "m", "30", "-5s", "soon"}) EXPECT_FALSE(ctl::parse_span(bad)) << bad;
}

TEST(Urls, AreTakenApartStrictly) {
  const auto url = parse_url("https://gate.example:8443/defused/");
  ASSERT_TRUE(url);
  EXPECT_TRUE(url->tls);
  EXPECT_EQ(url->host, "gate.example");
  EXPECT_EQ(url->port, 8443);
  EXPECT_EQ(url->prefix, "/defused");
  EXPECT_EQ(parse_url("http://[::1]:80")->host, "::1");
  for (const char* bad : {"", "gate", "http://", "http://a:b", "http://a:0", "http://user@host", "http://a b"})
    EXPECT_FALSE(parse_url(bad)) << bad;
}

// A server that says anything at all, once.
class OneAnswer {
 public:
  explicit OneAnswer(std::string bytes) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    ::listen(listener_, 1);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    url.host = "127.0.0.1";
    url.port = ntohs(address.sin_port);
    thread_ = std::thread([this, bytes = std::move(bytes)] {
      const int client = ::accept(listener_, nullptr, nullptr);
      char buffer[4096];
      [[maybe_unused]] const auto got = ::recv(client, buffer, sizeof buffer, 0);
      ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      ::close(client);
    });
  }
  ~OneAnswer() {
    thread_.join();
    ::close(listener_);
  }
  Url url;

 private:
  int listener_;
  std::thread thread_;
};

Result<HttpAnswer> hear(const std::string& bytes) {
  const OneAnswer server(bytes);
  return http_ask(server.url, {});
}

TEST(HttpClient, ReadsEveryWayToSayHowLongAnAnswerIs) {
  EXPECT_EQ(hear("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")->body, "abc");
  EXPECT_EQ(hear("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\n\r\n")->body,
            "abc");
  EXPECT_EQ(hear("HTTP/1.0 412 No\r\n\r\nabc")->body, "abc");
  EXPECT_EQ(hear("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n")->status, 204);
}

TEST(HttpClient, HalfAnAnswerIsNone) {
  for (const std::string bytes :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFF\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n"})
    EXPECT_FALSE(hear(bytes)) << bytes;
}

TEST(HttpClient, SomebodyElsesServerIsNoGate) {
  FakeClock clock;
  for (const std::string bytes :
       {"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]"}) {
    const OneAnswer server(bytes);
    EXPECT_EQ(
        run_words({"--url", "http://127.0.0.1:" + std::to_string(server.url.port), "verdict", "digits", "1"}, clock)
            .code,
        4);
  }
  // 200, but nothing in it says pass.
  const OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n{\"verdict\":null}");
  EXPECT_EQ(
      run_words({"--url", "http://127.0.0.1:" + std::to_string(server.url.port), "verdict", "digits", "1"}, clock).code,
      4);
}

}  // namespace
}  // namespace defuse::testing
