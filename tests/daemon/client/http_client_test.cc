// What the client makes of answers that no decent server gives, over real sockets.
#include "daemon/client/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <thread>

namespace defuse {
namespace {

// Answers one connection with these bytes, whatever it is asked, and keeps what it was asked.
class OneAnswer {
 public:
  enum class Then { close, wait };
  explicit OneAnswer(std::string bytes, Then then = Then::close) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_, 1), 0);
    EXPECT_EQ(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, bytes = std::move(bytes), then] {
      const int client = ::accept(listener_, nullptr, nullptr);
      if (client < 0) return;
      char buffer[4096];
      while (asked_.find("\r\n\r\n") == std::string::npos) {
        const auto got = ::recv(client, buffer, sizeof buffer, 0);
        if (got <= 0) break;
        asked_.append(buffer, static_cast<std::size_t>(got));
      }
      for (std::string_view rest = bytes; !rest.empty();) {
        const auto sent = ::send(client, rest.data(), rest.size(), MSG_NOSIGNAL);
        if (sent <= 0) break;
        rest.remove_prefix(static_cast<std::size_t>(sent));
      }
      if (then == Then::close) ::shutdown(client, SHUT_WR);
      while (::recv(client, buffer, sizeof buffer, 0) > 0) {
      }
      ::close(client);
    });
  }
  ~OneAnswer() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  Result<HttpAnswer> ask(HttpRequest request = {}) {
    if (request.path.empty()) request.path = "/v1/models?limit=2";
    const auto url = parse_url("http://127.0.0.1:" + std::to_string(port_) + "/under/");
    EXPECT_TRUE(url);
    return http_ask(*url, request);
  }
  const std::string& asked() const { return asked_; }

 private:
  int listener_ = -1;
  int port_ = 0;
  std::string asked_;
  std::thread thread_;
};

ErrorCode code_of(const std::string& bytes) {
  OneAnswer server(bytes);
  const auto answer = server.ask();
  EXPECT_FALSE(answer) << bytes.substr(0, 60);
  return answer ? ErrorCode::internal : answer.error().code;
}

TEST(HttpClient, AsksForWhatItWasToldAndNothingElse) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Two: a  b\r\n\r\nhi");
  const auto answer = server.ask({.method = "POST", .path = "/a%2Fb/../c", .token = "dfs_x", .body = "{}"});
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "hi");
  EXPECT_EQ(answer->headers.at("x-two"), "a  b");
  const auto& asked = server.asked();
  EXPECT_TRUE(asked.starts_with("POST /under/a%2Fb/../c HTTP/1.1\r\n")) << asked;
  for (const char* line : {"Authorization: Bearer dfs_x\r\n", "Content-Type: application/json\r\n",
                           "Content-Length: 2\r\n", "Connection: close\r\n", "User-Agent: defusectl/"})
    EXPECT_NE(asked.find(line), std::string::npos) << line << asked;
  EXPECT_EQ(asked.find("Expect"), std::string::npos);
}

TEST(HttpClient, ABodilessPostSaysSo) {
  OneAnswer server("HTTP/1.1 204 No Content\r\n\r\n");
  ASSERT_TRUE(server.ask({.method = "POST", .path = "/x"}));
  EXPECT_NE(server.asked().find("Content-Length: 0\r\n"), std::string::npos) << server.asked();
  EXPECT_EQ(server.asked().find("Content-Type"), std::string::npos);
}

TEST(HttpClient, FollowsNoRedirectAndNoProxy) {
  ::setenv("http_proxy", "http://127.0.0.1:9", 1);
  OneAnswer server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n");
  const auto answer = server.ask();
  ::unsetenv("http_proxy");
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 302);
  EXPECT_EQ(answer->headers.at("location"), "http://127.0.0.1:9/");
}

TEST(HttpClient, InterimAnswersAreNotTheAnswer) {
  OneAnswer server("HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\nHTTP/1.1 412 Failed\r\nContent-Length: 1\r\n\r\n!");
  const auto answer = server.ask();
  ASSERT_TRUE(answer) << answer.error().describe();
  EXPECT_EQ(answer->status, 412);
  EXPECT_FALSE(answer->headers.contains("x-early"));
}

TEST(HttpClient, ReadsChunksAndBodiesWithoutALength) {
  OneAnswer chunks("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
  EXPECT_EQ(chunks.ask().value().body, "abcde");
  OneAnswer rest("HTTP/1.1 200 OK\r\n\r\nall there is");
  EXPECT_EQ(rest.ask().value().body, "all there is");
}

TEST(HttpClient, WhatIsNotHttpOrEndsEarlyIsCorrupt) {
  for (const char* bytes :
       {"SSH-2.0-OpenSSH_9.2\r\n", "220 mail ready\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", "",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab"})
    EXPECT_EQ(code_of(bytes), ErrorCode::corrupt) << bytes;
}

TEST(HttpClient, HeadersHaveLimits) {
  std::string many = "HTTP/1.1 200 OK\r\n";
  for (int i = 0; i < 300; ++i) many += "X-" + std::to_string(i) + ": 1\r\n";
  EXPECT_EQ(code_of(many + "\r\n"), ErrorCode::corrupt);
  const auto code = code_of("HTTP/1.1 200 OK\r\nX: " + std::string(1 << 20, 'x') + "\r\n\r\n");
  EXPECT_NE(code, ErrorCode::internal) << "refused, in whatever words";
}

TEST(HttpClient, ASinkTakesA200AndCanStopIt) {
  std::string taken;
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
  const auto answer = server.ask({.path = "/x", .sink = [&](std::string_view bytes) -> Result<void> {
                                    taken += bytes;
                                    return {};
                                  }});
  ASSERT_TRUE(answer);
  EXPECT_EQ(taken, "abcdef");
  EXPECT_EQ(answer->body, "");
  const auto full = [](std::string_view) -> Result<void> { return fail(ErrorCode::exhausted, "the disk is full"); };
  OneAnswer again("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabcdef");
  const auto stopped = again.ask({.path = "/x", .sink = full});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().message, "the disk is full");
  OneAnswer refused("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\nnone");
  EXPECT_EQ(refused.ask({.path = "/x", .sink = full}).value().body, "none") << "only a 200 is for the sink";
}

TEST(HttpClient, ASilentServerIsGivenUp) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc", OneAnswer::Then::wait);
  const auto answer = server.ask({.path = "/x", .timeout = std::chrono::milliseconds(300)});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
  EXPECT_NE(answer.error().message.find("no answer in time"), std::string::npos) << answer.error().message;
}

TEST(HttpClient, NobodyThereIsUnavailable) {
  const auto answer = http_ask(*parse_url("http://127.0.0.1:1"), {.path = "/"});
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
  EXPECT_NE(answer.error().message.find("cannot reach defused at 127.0.0.1:1: Connection refused"), std::string::npos)
      << answer.error().message;
}

TEST(HttpClient, ATokenThatWouldBreakTheHeadIsNotSent) {
  for (const char* token : {"dfs x", "dfs\r\nX: 1", "dfs\x7f", "d\xC3\xA9"}) {
    const auto answer = http_ask(*parse_url("http://127.0.0.1:1"), {.path = "/", .token = token});
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, ErrorCode::invalid_input);
  }
}

}  // namespace
}  // namespace defuse
