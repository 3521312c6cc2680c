// The server on a real socket: what it adds to api::handle, and what it must not let through.
#include "daemon/http/server.h"

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <latch>
#include <string>
#include <thread>
#include <vector>

#include "tests/daemon/http/server_fixture.h"
#include "tests/support/repairs.h"

namespace defuse::testing {
namespace {

const std::string kAskMetrics = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";

void send_text(int fd, const std::string& text) { ::send(fd, text.data(), text.size(), MSG_NOSIGNAL); }

void expect_answered(int fd) {
  char answer[12] = {};
  EXPECT_EQ(::recv(fd, answer, sizeof answer, MSG_WAITALL), 12);
  EXPECT_EQ(std::string(answer, 12), "HTTP/1.1 200");
  ::close(fd);
}

// For as long as it lives this process gets no descriptor more.
class FewDescriptors {
 public:
  FewDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit fewer = before_;
    fewer.rlim_cur = 256;
    ::setrlimit(RLIMIT_NOFILE, &fewer);
    for (int fd = ::dup(STDOUT_FILENO); fd >= 0; fd = ::dup(STDOUT_FILENO)) taken_.push_back(fd);
    EXPECT_EQ(errno, EMFILE);
  }
  FewDescriptors(const FewDescriptors&) = delete;
  FewDescriptors& operator=(const FewDescriptors&) = delete;
  ~FewDescriptors() {
    for (const int fd : taken_) ::close(fd);
    ::setrlimit(RLIMIT_NOFILE, &before_);
  }

 private:
  rlimit before_{};
  std::vector<int> taken_;
};

TEST_F(Server, AnswersOnAFreePort) {
  start();
  EXPECT_EQ(status("/livez"), 200);
  EXPECT_EQ(status("/v1/models/digits/versions/1/gate"), 404);
  world.release("1", "one");
  EXPECT_EQ(status("/v1/models/digits/versions/1/gate"), 503);
  world.judge("1", "one", VerdictState::pass);
  EXPECT_EQ(status("/v1/models/digits/versions/1/gate"), 200);
  EXPECT_EQ(status("/v1/models/digits/versions/1/gate", "POST"), 200);
}

TEST_F(Server, ServesNoFilesHoweverOneAsks) {
  start();
  world.tree.file("secret.txt", "secret");
  for (const std::string path : {"/etc/passwd", "/../../../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/secret.txt",
                                 "//etc/passwd", "/defused.db", "/tokens.json"}) {
    const auto answer = raw("GET " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 404") << path;
    EXPECT_EQ(answer.find("root:"), std::string::npos);
  }
  EXPECT_EQ(raw("GET /a%00b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").substr(0, 12), "HTTP/1.1 400");
}

TEST_F(Server, ExceptionInAHandlerIs500AndTheServerLives) {
  start();
  world.read.throws = true;
  EXPECT_EQ(status("/metrics"), 500);
  const auto answer = raw("GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  EXPECT_NE(answer.find("Content-Security-Policy: default-src 'none'"), std::string::npos) << answer;
  world.read.throws = false;
  EXPECT_EQ(status("/metrics"), 200);
}

TEST_F(Server, BodyOverTheLimitIs413HoweverItIsSent) {
  start();
  const auto token = world.make_token("ann", Scope::operate);
  EXPECT_EQ(status("/v1/waivers", "POST", "{}", token), 400);
  const std::string big(kMaxBodyBytes + 1, ' ');
  EXPECT_NE(
      raw("POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 999999999\r\nConnection: close\r\n\r\n")
          .find("413"),
      std::string::npos);
  const auto chunked =
      raw("POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nConnection: "
          "close\r\n\r\n10001\r\n" +
          big + "\r\n0\r\n\r\n");
  EXPECT_NE(chunked.find("413"), std::string::npos) << chunked.substr(0, 100);
  EXPECT_EQ(status("/livez"), 200);
}

TEST_F(Server, HeadersOverTheLimitAndNonsenseAreRefused) {
  start();
  const auto long_header = raw("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(40000, 'x') + "\r\n\r\n");
  EXPECT_EQ(long_header.find(" 200 "), std::string::npos);
  EXPECT_EQ(raw("nonsense\r\n\r\n").find(" 200 "), std::string::npos);
  EXPECT_EQ(status("/livez"), 200);
}

TEST_F(Server, HeadHasNoBodyAndConnectionsAreKept) {
  start();
  const auto answer =
      raw("HEAD /livez HTTP/1.1\r\nHost: localhost\r\n\r\nGET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: "
          "close\r\n\r\n");
  const auto second = answer.find("HTTP/1.1 200", 1);
  ASSERT_NE(second, std::string::npos) << answer;
  EXPECT_EQ(answer.substr(second - 4, 4), "\r\n\r\n") << "no body after HEAD";
  EXPECT_NE(answer.find("X-Content-Type-Options: nosniff"), std::string::npos);
}

TEST_F(Server, StreamsEventsAndEndsThemWithTheServer) {
  start();
  world.read.events = {{7, "job", "{\"id\":1}"}, {8, "verdict", "{\"x\":\n2}"}};
  const auto answer = raw("GET /v1/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 7\r\n\r\n", "2}\n\n");
  EXPECT_EQ(answer.find("Content-Length"), std::string::npos) << "a browser would end there";
  EXPECT_EQ(answer.find("Content-Type: text/event-stream"), answer.rfind("Content-Type")) << answer;
  EXPECT_NE(answer.find("Content-Security-Policy"), std::string::npos) << answer;
  EXPECT_NE(answer.find("Content-Type: text/event-stream"), std::string::npos);
  EXPECT_NE(answer.find("id: 8\nevent: verdict\ndata: {\"x\":2}\n\n"), std::string::npos) << answer;
  EXPECT_EQ(answer.find("id: 7\n"), std::string::npos);
  server.reset();  // would hang here if a stream outlived it
}

TEST_F(Server, AFileIsSentInBlocksAndWhole) {
  world.release("1", "one");
  const RepairOrder order{"", {{"r-0123456789ab", 7, RegionEvidence::both, {1}}}, few_settings()};
  const auto id =
      world.store->jobs.enqueue_repair("digits", "1", digest_of("one"), order, {"ann", "correct", "digits/1"}).value();
  world.start(id);
  ASSERT_TRUE(world.store->jobs.move(id, JobState::done, {}));
  std::string model(5 << 20, '\0');
  for (std::size_t i = 0; i < model.size(); ++i) model[i] = static_cast<char>(i % 251);
  const auto folder = "corrections/" + std::to_string(id) + "/";
  world.tree.file(folder + "correction.json", dump_json(to_json(mended_result("r-0123456789ab"))))
      .file(folder + "manifest.json", R"({"sha256":"abc"})")
      .file(folder + "model.pt", model);
  start();
  HttpRequest request;
  request.path = "/v1/jobs/" + std::to_string(id) + "/correction/model.pt";
  request.token = world.make_token("ann", Scope::operate);
  const auto whole = ask(request);
  ASSERT_TRUE(whole) << whole.error().describe();
  EXPECT_EQ(whole->status, 200);
  EXPECT_EQ(whole->headers.at("etag"), "\"abc\"");
  EXPECT_TRUE(whole->body == model);
  std::string poured;
  request.sink = [&](std::string_view bytes) -> Result<void> {
    poured += bytes;
    return {};
  };
  const auto piecewise = ask(request);
  ASSERT_TRUE(piecewise) << piecewise.error().describe();
  EXPECT_TRUE(piecewise->body.empty());
  EXPECT_TRUE(poured == model);
  const auto head = raw("HEAD " + request.path + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " +
                        request.token + "\r\nConnection: close\r\n\r\n");
  EXPECT_NE(head.find("Content-Length: " + std::to_string(model.size())), std::string::npos) << head;
  EXPECT_TRUE(head.ends_with("\r\n\r\n"));
}

// Whoever holds every place: it is taken from the one that has waited longest, not from the one that asks.
TEST_F(Server, ManyClientsThatNeverFinishKeepNobodyOut) {
  HttpLimits limits;
  limits.connections = 20;
  start({}, limits);
  const std::vector<std::string> beginnings = {
      "", "G", "GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ",
      "POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{"};
  std::vector<int> held;
  for (int i = 0; i < 100; ++i) {
    held.push_back(connect());
    const auto& text = beginnings[static_cast<std::size_t>(i) % beginnings.size()];
    ::send(held.back(), text.data(), text.size(), MSG_NOSIGNAL);
    if (i % 10 == 0) {
      EXPECT_EQ(status("/livez"), 200);
    }
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(status("/livez"), 200);
  for (const int fd : held) ::close(fd);
}

// More than have a place ask at once, and each in earnest: those beyond wait in the kernel, and nobody is turned away.
TEST_F(Server, WhoAsksInEarnestWhenAllPlacesAreTakenWaitsForOne) {
  HttpLimits limits;
  limits.connections = 4;
  start({}, limits);
  std::latch held(1);
  world.read.held = &held;
  std::vector<int> asking(40);
  for (int& fd : asking) {
    fd = connect();
    send_text(fd, kAskMetrics);
  }
  while (world.read.asked < 4) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // in which somebody could be turned away
  held.count_down();
  for (const int fd : asking) expect_answered(fd);
  EXPECT_EQ(world.read.asked, 40);
  world.read.held = nullptr;
}

// Everybody waits until there is a descriptor again; the server does not ask the kernel over and over meanwhile.
TEST_F(Server, OutOfDescriptorsItRests) {
  start();
  std::latch held(1);
  world.read.held = &held;
  const std::array<int, 2> asking = {connect(), ::socket(AF_INET, SOCK_STREAM, 0)};
  send_text(asking[0], kAskMetrics);
  while (world.read.asked < 1) std::this_thread::yield();
  {
    const FewDescriptors none_left;
    connect(asking[1]);
    send_text(asking[1], kAskMetrics);
    const auto before = std::clock();
    std::this_thread::sleep_for(std::chrono::milliseconds(400));
    const double busy = static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC;
    EXPECT_LT(busy, 0.2) << "s of processor time in 0.4 s";  // a busy machine gives less, not more
  }
  held.count_down();
  for (const int fd : asking) expect_answered(fd);
  EXPECT_EQ(world.read.asked, 2);
  world.read.held = nullptr;
}

TEST_F(Server, SlowRequestIsToldSoAndSilenceIsClosed) {
  HttpLimits limits;
  limits.request = limits.idle = std::chrono::milliseconds(300);
  start({}, limits);
  EXPECT_EQ(raw("GET /livez HTT").substr(0, 12), "HTTP/1.1 408");
  EXPECT_EQ(raw("POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{").substr(0, 12),
            "HTTP/1.1 408");
  EXPECT_EQ(raw(""), "");
  const auto kept = raw("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(kept.substr(0, 12), "HTTP/1.1 200");
  EXPECT_EQ(kept.find("408"), std::string::npos) << "between two requests nobody is late";
}

// A client that sends a byte now and then has no more time than one that sends none.
TEST_F(Server, TrickleDoesNotBuyTime) {
  HttpLimits limits;
  limits.request = std::chrono::milliseconds(300);
  start({}, limits);
  const int fd = connect();
  const std::string head = "GET /livez HTTP/1.1\r\nX: ";
  ::send(fd, head.data(), head.size(), MSG_NOSIGNAL);
  char byte = 'x';
  std::string answer;
  for (int i = 0; i < 3000 && answer.empty(); ++i) {  // bounded by the request's time, not by this
    ::send(fd, &byte, 1, MSG_NOSIGNAL);
    char buffer[64];
    const auto n = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (n > 0) answer.assign(buffer, static_cast<std::size_t>(n));
    if (n == 0 || (n < 0 && errno != EAGAIN)) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  ::close(fd);
  EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 408");
}

TEST_F(Server, ReaderThatTakesNothingIsLetGo) {
  HttpLimits limits;
  limits.stall = std::chrono::milliseconds(300);
  start({}, limits);
  world.read.metrics_text = std::string(32 << 20, 'm');  // more than the kernel keeps for anybody
  const int fd = connect();
  send_text(fd, kAskMetrics);
  pollfd entry{fd, POLLRDHUP | POLLERR, 0};
  EXPECT_EQ(::poll(&entry, 1, 60000), 1) << "the server has to close";
  ::close(fd);
  EXPECT_EQ(status("/livez"), 200);
}

TEST_F(Server, RefusedRequestsAreAnsweredOnceAndClosed) {
  start();
  const std::string get = "GET /livez HTTP/1.1\r\nHost: localhost\r\n";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"400", "POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\nContent-Length: 44\r\n\r\n" + get +
                  "\r\n"},
      {"400",
       "POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n" +
           get + "\r\n"},
      {"400", "GET /livez HTTP/1.1\nHost: localhost\n\n"},
      {"400", "GET /livez\r\n"},
      {"400", "GET http://localhost/livez HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"414", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"414", "GET /" + std::string(3000, 'a') + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"},
      {"431", get + "X: " + std::string(20000, 'x') + "\r\n\r\n"},
      {"501", std::string(5000, 'A') + " / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"417", get + "Expect: tea\r\n\r\n"},
  };
  for (const auto& [status, bytes] : cases) {
    const auto answer = raw(bytes);
    EXPECT_EQ(answer.substr(0, 12), "HTTP/1.1 " + status) << bytes.substr(0, 200);
    EXPECT_EQ(answer.find("HTTP/1.1 ", 1), std::string::npos) << "what was smuggled in is not answered";
    for (const std::string header : {"Connection: close", "X-Content-Type-Options: nosniff", "X-Frame-Options: DENY",
                                     "Content-Security-Policy: default-src 'none'", "Cache-Control: no-store"})
      EXPECT_NE(answer.find(header), std::string::npos) << status << " without " << header;
    EXPECT_EQ(answer.find("Server:"), std::string::npos);
  }
}

TEST_F(Server, PipelinedRequestsAreAnsweredInTurnAndOldOnesClosed) {
  start();
  std::string many;
  for (int i = 0; i < 20; ++i) many += "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n";
  const auto answer = raw(many + "GET /nothing HTTP/1.0\r\n\r\n");
  std::size_t answers = 0;
  for (auto at = answer.find("HTTP/1.1 200"); at != std::string::npos; at = answer.find("HTTP/1.1 200", at + 1))
    ++answers;
  EXPECT_EQ(answers, 20U);
  EXPECT_NE(answer.find("HTTP/1.1 404"), std::string::npos);
  const auto asked =
      raw("POST /v1/waivers HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: "
          "70000\r\nConnection: close\r\n\r\n");
  EXPECT_EQ(asked.substr(0, 12), "HTTP/1.1 413") << "nobody is asked to send what is refused";
}

TEST_F(Server, ListenersBeyondTheirNumberAreRefusedAndTheRestGoesOn) {
  HttpLimits limits;
  limits.streams = 2;
  start({}, limits);
  const std::string ask = "GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::vector<int> held;
  for (int i = 0; i < 2; ++i) {
    held.push_back(connect());
    ::send(held.back(), ask.data(), ask.size(), MSG_NOSIGNAL);
    char buffer[16];
    EXPECT_GT(::recv(held.back(), buffer, sizeof buffer, 0), 0);
  }
  EXPECT_EQ(raw(ask, "}").substr(0, 12), "HTTP/1.1 503");
  EXPECT_EQ(status("/livez"), 200);
  for (const int fd : held) ::close(fd);
}

TEST_F(Server, AddressForOthersNeedsACertificate) {
  HttpSettings settings;
  settings.host = "0.0.0.0";
  settings.port = 0;
  const auto started = HttpServer::start(settings, world.read, world.actions, world.tree.root());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::invalid_input);
}

TEST_F(Server, TakenPortIsSaid) {
  start();
  HttpSettings settings;
  settings.port = server->port();
  const auto second = HttpServer::start(settings, world.read, world.actions, world.tree.root());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::unavailable);
}

}  // namespace
}  // namespace defuse::testing
