// defusectl's HTTP client, on libcurl: one request, one connection, one answer. Plain and TLS; a certificate is always
// checked against the name asked for and the system's (or $SSL_CERT_FILE's) authorities, because a token travels in the
// request. Follows no redirects, asks no proxy. Limits time and size. Throws nothing; thread-safe.
#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

struct Url {
  bool tls = false;
  std::string host;
  int port = 80;
  std::string prefix;  // path before ours, without a slash at the end
};
Result<Url> parse_url(const std::string& text);

struct HttpRequest {
  std::string method = "GET";
  std::string path = {};   // encoded, with query
  std::string token = {};  // empty: none is sent
  std::string body = {};
  std::chrono::milliseconds timeout{30000};  // of connecting and of each wait, to a second; not of the whole
  // Takes the body of a 200 piece by piece, however long it is; the answer's body stays empty.
  std::function<Result<void>(std::string_view)> sink = nullptr;
};

struct HttpAnswer {
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;
};

// `unavailable` if nobody answers or the connection breaks, `exhausted` for an answer over 64 MiB, `corrupt` for one
// that is not HTTP or ends early, `invalid_input` for a token that cannot be sent.
Result<HttpAnswer> http_ask(const Url& url, const HttpRequest& request);

}  // namespace defuse
