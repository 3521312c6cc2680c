// A server on a free port of 127.0.0.1, before the HTTP tests' world.
#pragma once
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <memory>
#include <string>

#include "daemon/client/http_client.h"
#include "daemon/http/server.h"
#include "tests/daemon/http/world.h"

namespace defuse::testing {

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
    connect(fd);
    return fd;
  }
  void connect(int fd) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(server->port()));
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
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

}  // namespace defuse::testing
