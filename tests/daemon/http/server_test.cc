// The adapter on a real socket: what CivetWeb and the TLS front add to api::handle, and what they must not let through.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/ctl/http_client.h"
#include "daemon/http/civet_server.h"
#include "tests/daemon/http/certificate.h"
#include "tests/daemon/http/world.h"
#include "tests/support/corrections.h"

namespace defuse::testing {
namespace {

class Server : public ::testing::Test {
 protected:
  World world;
  std::unique_ptr<HttpServer> server;

  void start(HttpSettings settings = {}) {
    settings.port = 0;
    auto started = HttpServer::start(settings, world.read, world.actions, world.tree.root());
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

  // Bytes as they are; reads until `until` was seen or the other side closed.
  std::string raw(const std::string& bytes, const std::string& until = "") {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server->port()));
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
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
