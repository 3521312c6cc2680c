// The server with TLS: what it serves, whom it refuses, and certificates that change under way.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "tests/daemon/http/certificate.h"
#include "tests/daemon/http/server_fixture.h"

namespace defuse::testing {
namespace {

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
