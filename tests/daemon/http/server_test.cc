// The server on a real socket: what it adds to api::handle, and what it must not let through.
#include "daemon/http/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <latch>
#include <thread>

#include "daemon/ctl/http_client.h"
#include "tests/daemon/http/certificate.h"
#include "tests/daemon/http/world.h"
#include "tests/support/corrections.h"

namespace defuse::testing {
namespace {

class Server : public ::testing::Test {
 protected:
  World world;
  std::unique_ptr<HttpServer> server;

  void start(HttpSettings settings = {}, HttpLimits limits = {}) {
    std::signal(SIGPIPE, SIG_IGN);  // as the daemon does
    settings.port = 0;
    auto started = HttpServer::start(settings, world.read, world.actions, world.tree.root(), limits);
    ASSERT_TRUE(started) << started.error().describe();
    server = std::move(*started);
    ASSERT_GT(server->port(), 0);
  }

  Result<HttpAnswer> ask(HttpRequest request, bool tls = false, const std::string& host = "127.0.0.1") {
    Url url;
    url.tls = tls;
    url.host = host;
    url.port = server->port();
    return http_ask(url, request);
  }
  int status(const std::string& path, const std::string& method = "GET", const std::string& body = "",
             const std::string& token = "") {
    HttpRequest request;
    request.path = path;
    request.method = method;
    request.body = body;
    request.token = token;
    const auto answer = ask(request);
    return answer ? answer->status : -1;
  }

  int connect() {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server->port()));
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
  }

  // Bytes as they are; reads until `until` was seen or the other side closed.
  std::string raw(const std::string& bytes, const std::string& until = "") {
    const int fd = connect();
    std::size_t sent = 0;
    while (sent < bytes.size()) {
      const auto n = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n <= 0) break;  // refused before the end, which is what some tests are about
      sent += static_cast<std::size_t>(n);
    }
    std::string answer;
    char buffer[4096];
    for (;;) {
      const auto n = ::recv(fd, buffer, sizeof buffer, 0);
      if (n <= 0) break;
      answer.append(buffer, static_cast<std::size_t>(n));
      if (!until.empty() && answer.find(until) != std::string::npos) break;
    }
    ::close(fd);
    return answer;
  }
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
  const CorrectionOrder order{"", {{"r-0123456789ab", 7, "both", {1}}}, few_settings()};
  const auto id =
      world.store->enqueue_correction("digits", "1", digest_of("one"), order, {"ann", "correct", "digits/1"}).value();
  world.start(id);
  ASSERT_TRUE(world.store->move_job(id, JobState::done, {}));
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
  const std::string ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  std::vector<int> asking(40);
  for (int& fd : asking) {
    fd = connect();
    ::send(fd, ask.data(), ask.size(), MSG_NOSIGNAL);
  }
  while (world.read.asked < 4) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // in which somebody could be turned away
  held.count_down();
  for (const int fd : asking) {
    char answer[12] = {};
    EXPECT_EQ(::recv(fd, answer, sizeof answer, MSG_WAITALL), 12);
    EXPECT_EQ(std::string(answer, 12), "HTTP/1.1 200");
    ::close(fd);
  }
  EXPECT_EQ(world.read.asked, 40);
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
  const std::string ask = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
  ::send(fd, ask.data(), ask.size(), MSG_NOSIGNAL);
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

class TlsServer : public Server {
 protected:
  void SetUp() override {
    world.tree.file("server.pem", self_signed_certificate());
    ::setenv("SSL_CERT_FILE", (world.tree / "server.pem").c_str(), 1);
  }
  void TearDown() override { ::unsetenv("SSL_CERT_FILE"); }
  HttpSettings settings() {
    HttpSettings made;
    made.host = "0.0.0.0";
    made.certificate = world.tree / "server.pem";
    return made;
  }
};

TEST_F(TlsServer, CarriesSmallAndLargeAnswersAndWantsTokens) {
  start(settings());
  HttpRequest request;
  request.path = "/livez";
  const auto alive = ask(request, /*tls=*/true);
  ASSERT_TRUE(alive) << alive.error().describe();
  EXPECT_EQ(alive->status, 200);
  request.path = "/v1/models";
  EXPECT_EQ(ask(request, true)->status, 401);
  request.token = world.make_token("ci", Scope::read);
  EXPECT_EQ(ask(request, true)->status, 200);
  request.path = "/v1/openapi.json";
  const auto large = ask(request, true);
  ASSERT_TRUE(large);
  EXPECT_GT(large->body.size(), 40000U);
  EXPECT_TRUE(Json::accept(large->body));
}

TEST_F(TlsServer, ClientRefusesACertificateThatDoesNotFit) {
  start(settings());
  HttpRequest request;
  request.path = "/livez";
  const auto wrong_name = ask(request, true, "localhost");
  ASSERT_FALSE(wrong_name);
  EXPECT_NE(wrong_name.error().message.find("certificate"), std::string::npos) << wrong_name.error().message;
  ::setenv("SSL_CERT_FILE", "/dev/null", 1);
  EXPECT_FALSE(ask(request, true));
}

TEST_F(TlsServer, PlainTextAndNonsenseDoNotHurtIt) {
  start(settings());
  EXPECT_EQ(raw("GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").find("200 OK"), std::string::npos);
  EXPECT_EQ(raw(std::string(5000, '\x16')).find("200 OK"), std::string::npos);
  HttpRequest request;
  request.path = "/livez";
  EXPECT_TRUE(ask(request, true));
}

TEST_F(TlsServer, HandshakesThatNeverEndKeepNobodyOut) {
  HttpLimits limits;
  limits.connections = 20;
  start(settings(), limits);
  std::vector<int> held;
  for (int i = 0; i < 60; ++i) {
    held.push_back(connect());
    ::send(held.back(), "\x16\x03\x01\x02", 4, MSG_NOSIGNAL);
  }
  HttpRequest request;
  request.path = "/livez";
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(ask(request, true));
  for (const int fd : held) ::close(fd);
}

TEST_F(TlsServer, RenewedCertificateIsTakenAndABadOneIsNot) {
  start(settings());
  HttpRequest request;
  request.path = "/livez";
  const auto first = server->look_at_certificate(TlsCertificate::When::changed);
  EXPECT_TRUE(first.used);
  EXPECT_EQ(first.problem, "");

  world.tree.file("server.pem", "half a certificate");
  server->look_at_certificate(TlsCertificate::When::changed);
  const auto bad = server->look_at_certificate(TlsCertificate::When::changed);
  EXPECT_NE(bad.problem.find("server.pem"), std::string::npos) << bad.problem;
  EXPECT_EQ(bad.expires, first.expires);
  world.tree.file("trusted.pem", "");
  ::setenv("SSL_CERT_FILE", (world.tree / "trusted.pem").c_str(), 1);
  EXPECT_FALSE(ask(request, true)) << "this client trusts nobody yet";

  const auto renewed = self_signed_certificate();
  world.tree.file("server.pem", renewed).file("trusted.pem", renewed);
  EXPECT_EQ(server->look_at_certificate(TlsCertificate::When::now).problem, "");
  const auto answer = ask(request, true);
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->headers.at("strict-transport-security"), "max-age=31536000");
  world.tree.remove("server.pem");
  EXPECT_NE(server->look_at_certificate(TlsCertificate::When::now).problem, "");
  EXPECT_TRUE(ask(request, true)) << "the one in memory goes on";
}

TEST_F(TlsServer, KeyMayBeAFileOfItsOwnAndMustFit) {
  const auto pem = self_signed_certificate();
  const auto split = pem.find("-----BEGIN CERTIFICATE");
  world.tree.file("chain.pem", pem.substr(split)).file("key.pem", pem.substr(0, split));
  ::chmod((world.tree / "key.pem").c_str(), 0600);
  ::setenv("SSL_CERT_FILE", (world.tree / "chain.pem").c_str(), 1);
  auto made = settings();
  made.certificate = world.tree / "chain.pem";
  made.key = world.tree / "key.pem";
  start(made);
  HttpRequest request;
  request.path = "/livez";
  EXPECT_TRUE(ask(request, true));
  EXPECT_EQ(server->look_at_certificate(TlsCertificate::When::now).advice, "");
  ::chmod((world.tree / "key.pem").c_str(), 0644);
  EXPECT_NE(server->look_at_certificate(TlsCertificate::When::now).advice.find("key.pem"), std::string::npos);

  // An ACME tool writes one after the other: nothing happens before both have kept still, and a pair that does not fit
  // is not used.
  const auto next = self_signed_certificate();
  const auto at = next.find("-----BEGIN CERTIFICATE");
  world.tree.file("chain.pem", next.substr(at));
  EXPECT_EQ(server->look_at_certificate(TlsCertificate::When::changed).problem, "");
  EXPECT_NE(server->look_at_certificate(TlsCertificate::When::changed).problem.find("key.pem"), std::string::npos);
  world.tree.file("key.pem", next.substr(0, at));
  server->look_at_certificate(TlsCertificate::When::changed);
  EXPECT_EQ(server->look_at_certificate(TlsCertificate::When::changed).problem, "");
  EXPECT_TRUE(ask(request, true));
}

TEST_F(TlsServer, FileWithoutAKeyIsRefused) {
  auto broken = settings();
  broken.port = 0;
  world.tree.file("server.pem", "no certificate");
  const auto started = HttpServer::start(broken, world.read, world.actions, world.tree.root());
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse::testing
