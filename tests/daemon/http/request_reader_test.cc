// Requests as bytes: which are taken, which are refused and how, however the bytes come in pieces.
#include "daemon/http/request_reader.h"

#include <gtest/gtest.h>

namespace defuse::testing {
namespace {

using State = RequestReader::State;
const std::string kHost = "Host: localhost\r\n";

// The same answer is owed whether bytes come at once or one by one.
RequestReader read(const std::string& bytes, bool one_by_one) {
  RequestReader reader;
  std::string in;
  if (!one_by_one) {
    in = bytes;
    reader.feed(in);
    return reader;
  }
  for (const char c : bytes) {
    in += c;
    const auto state = reader.feed(in);
    if (state == State::whole || state == State::refused) break;
  }
  return reader;
}

TEST(RequestReader, TakesARequestWholeOrInPieces) {
  for (const bool pieces : {false, true}) {
    auto reader = read("PUT /v1/regions/r-1/label?x=%41&y HTTP/1.1\r\n" + kHost +
                           "X-One: a\r\nx-one:b \t\r\nContent-Length: 4\r\n\r\nbody",
                       pieces);
    ASSERT_EQ(reader.state(), State::whole) << reader.why();
    EXPECT_EQ(reader.request().method, "PUT");
    EXPECT_EQ(reader.request().path, "/v1/regions/r-1/label");
    EXPECT_EQ(reader.request().query, "x=%41&y");
    EXPECT_EQ(reader.request().headers.at("x-one"), "a, b");
    EXPECT_EQ(reader.request().body, "body");
    EXPECT_TRUE(reader.keep_alive());
  }
}

TEST(RequestReader, LeavesTheNextRequestAlone) {
  const std::string first = "GET /a HTTP/1.1\r\n" + kHost + "\r\n";
  const std::string second = "POST /b HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
  std::string in = first + second + "GET";
  RequestReader one;
  EXPECT_EQ(one.feed(in), State::whole);
  EXPECT_EQ(in, second + "GET");
  RequestReader two;
  EXPECT_EQ(two.feed(in), State::whole);
  EXPECT_EQ(two.request().body, "abc");
  EXPECT_EQ(in, "GET");
  RequestReader three;
  EXPECT_EQ(three.feed(in), State::head);
}

TEST(RequestReader, OldClientsAndThoseWhoSaySoAreClosed) {
  EXPECT_FALSE(read("GET / HTTP/1.0\r\n\r\n", false).keep_alive());
  EXPECT_EQ(read("GET / HTTP/1.0\r\n\r\n", false).state(), State::whole);
  EXPECT_FALSE(read("GET / HTTP/1.1\r\n" + kHost + "Connection: Close\r\n\r\n", false).keep_alive());
}

TEST(RequestReader, AsksForABodyThatWaitsForIt) {
  auto reader = read("POST / HTTP/1.1\r\n" + kHost + "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\n", false);
  EXPECT_EQ(reader.state(), State::body);
  EXPECT_TRUE(reader.wants_continue());
  std::string rest = "abc";
  EXPECT_EQ(reader.feed(rest), State::whole);
}

struct Bad {
  const char* what;
  std::string bytes;
  int status;
};

std::vector<Bad> bad_requests() {
  const std::string get = "GET / HTTP/1.1\r\n" + kHost;
  const std::string post = "POST / HTTP/1.1\r\n" + kHost;
  return {
      {"two lengths", post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400},
      {"the same length twice", post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400},
      {"a list of lengths", post + "Content-Length: 3, 3\r\n\r\nabc", 400},
      {"a length with a sign", post + "Content-Length: +3\r\n\r\nabc", 400},
      {"a negative length", post + "Content-Length: -1\r\n\r\n", 400},
      {"no length", post + "Content-Length:\r\n\r\n", 400},
      {"a hexadecimal length", post + "Content-Length: 0x3\r\n\r\nabc", 400},
      {"a length beyond all numbers", post + "Content-Length: 99999999999999999999\r\n\r\n", 413},
      {"a length over the limit", post + "Content-Length: 65537\r\n\r\n", 413},
      {"length and chunks", post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"chunks and length", post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400},
      {"chunks twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"another coding", post + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
      {"a coding in disguise", post + "Transfer-Encoding: xchunked\r\n\r\n", 501},
      {"chunks in 1.0", "POST / HTTP/1.0\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"a space before the colon", post + "Content-Length : 3\r\n\r\nabc", 400},
      {"a folded header", get + "X: a\r\n b\r\n\r\n", 400},
      {"a folded first header", "GET / HTTP/1.1\r\n Host: localhost\r\n\r\n", 400},
      {"a header without a colon", get + "nonsense\r\n\r\n", 400},
      {"a header without a name", get + ": x\r\n\r\n", 400},
      {"a name in quotes", get + "\"X\": x\r\n\r\n", 400},
      {"a bare newline", "GET / HTTP/1.1\nHost: localhost\n\n", 400},
      {"a bare newline in a header", get + "X: a\nY: b\r\n\r\n", 400},
      {"a bare return", get + "X: a\rY: b\r\n\r\n", 400},
      {"a NUL in a header", get + std::string("X: a\0b\r\n\r\n", 10), 400},
      {"a NUL in the address", std::string("GET /\0 HTTP/1.1\r\n\r\n", 18), 400},
      {"an escape sequence", get + "X: \x1b[31m\r\n\r\n", 400},
      {"an absolute address", "GET http://localhost/ HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"an authority", "CONNECT localhost:80 HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"a star", "OPTIONS * HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"raw bytes in the address", "GET /\xc3\xbc HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"a fragment", "GET /#a HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"two spaces", "GET  / HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"a tab", "GET\t/ HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"no version", "GET /\r\n\r\n", 400},
      {"version 2", "GET / HTTP/2.0\r\n" + kHost + "\r\n", 505},
      {"another protocol", "GET / ICAP/1.0\r\n" + kHost + "\r\n", 400},
      {"no method", " / HTTP/1.1\r\n" + kHost + "\r\n", 400},
      {"a method of 5,000 letters", std::string(5000, 'A') + " / HTTP/1.1\r\n" + kHost + "\r\n", 501},
      {"an address of 9,000 letters", "GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n", 414},
      {"an address that never ends", "GET /" + std::string(100000, 'a'), 414},
      {"a query of 9,000 letters", "GET /?" + std::string(9000, 'a') + " HTTP/1.1\r\n" + kHost + "\r\n", 414},
      {"a header of 20,000 letters", get + "X: " + std::string(20000, 'x') + "\r\n\r\n", 431},
      {"no Host", "GET / HTTP/1.1\r\n\r\n", 400},
      {"an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
      {"two Hosts", get + "Host: other\r\n\r\n", 400},
      {"a Host with a user", "GET / HTTP/1.1\r\nHost: a@localhost\r\n\r\n", 400},
      {"a Host with a path", "GET / HTTP/1.1\r\nHost: localhost/x\r\n\r\n", 400},
      {"two Authorizations", get + "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
      {"an unknown expectation", post + "Expect: tea\r\nContent-Length: 1\r\n\r\na", 417},
      {"a chunk with an extension", post + "Transfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\n\r\n", 400},
      {"a chunk that is longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400},
      {"a chunk size that is no number", post + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n", 400},
      {"a chunk size of a hundred digits", post + "Transfer-Encoding: chunked\r\n\r\n" + std::string(100, '0'), 400},
      {"a chunk that overflows", post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n", 400},
      {"a chunk over the limit", post + "Transfer-Encoding: chunked\r\n\r\n10001\r\n", 413},
      {"a trailer", post + "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 400},
      {"a TLS greeting", std::string("\x16\x03\x01\x02\x00\x01\x00", 7), 400},
  };
}

TEST(RequestReader, RefusesWhateverCouldMeanTwoThings) {
  for (const auto& bad : bad_requests())
    for (const bool pieces : {false, true}) {
      const auto reader = read(bad.bytes, pieces);
      EXPECT_EQ(reader.state(), State::refused) << bad.what;
      EXPECT_EQ(reader.status(), bad.status) << bad.what << ": " << reader.why();
      EXPECT_FALSE(reader.why().empty()) << bad.what;
      EXPECT_FALSE(reader.keep_alive()) << bad.what << ": what follows is nobody's request";
    }
}

TEST(RequestReader, CountsHeadersAndChunks) {
  std::string many = "GET / HTTP/1.1\r\n" + kHost;
  for (std::size_t i = 1; i < kMaxHeaders; ++i) many += "X" + std::to_string(i) + ": y\r\n";
  EXPECT_EQ(read(many + "\r\n", false).state(), State::whole);
  EXPECT_EQ(read(many + "One: more\r\n\r\n", false).status(), 431);
  std::string chunks = "POST / HTTP/1.1\r\n" + kHost + "Transfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 16; ++i) chunks += "1000\r\n" + std::string(4096, 'x') + "\r\n";
  EXPECT_EQ(read(chunks + "0\r\n\r\n", false).state(), State::whole);
  EXPECT_EQ(read(chunks + "1\r\nx\r\n0\r\n\r\n", false).status(), 413);
}

}  // namespace
}  // namespace defuse::testing
