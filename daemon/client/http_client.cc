#include "daemon/client/http_client.h"

#include <curl/curl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>
#include <vector>

#include "core/base/ascii.h"

namespace defuse {
namespace {

constexpr std::size_t kMaxAnswer = 64 << 20;
constexpr std::size_t kMaxHeaderLine = 64 << 10;
constexpr std::size_t kMaxHeaders = 200;

using Clock = std::chrono::steady_clock;

struct CurlFree {
  void operator()(CURL* handle) const { curl_easy_cleanup(handle); }
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

std::string where(const Url& url) { return url.host + ":" + std::to_string(url.port); }

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc{} || parsed.ptr == text.data()) return std::nullopt;
  return value;
}

// What curl's callbacks fill, and why they stopped it.
struct Exchange {
  CURL* handle = nullptr;
  const HttpRequest* request = nullptr;
  HttpAnswer answer{};
  std::optional<Error> stopped{};
  curl_off_t moved = 0;  // bytes, when something last moved
  Clock::time_point last = Clock::now();
  bool late = false;

  bool stop(const tl::unexpected<Error>& why) {
    stopped = why.value();
    return false;
  }
  long status() const {
    long code = 0;
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &code);
    return code;
  }
  bool header(std::string_view line) {
    if (line.size() > kMaxHeaderLine) return stop(fail(ErrorCode::corrupt, "the answer has an endless header line"));
    if (line.starts_with("HTTP/")) answer.headers.clear();  // also after an interim answer (1xx)
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with("HTTP/")) return true;
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || answer.headers.size() > kMaxHeaders)
      return stop(fail(ErrorCode::corrupt, "the answer has a broken header"));
    const auto begin = line.find_first_not_of(' ', colon + 1);
    answer.headers[lower_ascii(line.substr(0, colon))] =
        begin == std::string_view::npos ? "" : std::string(line.substr(begin));
    return true;
  }
  bool body(std::string_view bytes) {
    if (request->sink && status() == 200) {
      auto taken = request->sink(bytes);
      return taken ? true : stop(tl::unexpected(std::move(taken.error())));
    }
    if (answer.body.size() + bytes.size() > kMaxAnswer)
      return stop(fail(ErrorCode::exhausted, "the answer is larger than 64 MiB"));
    answer.body.append(bytes);
    return true;
  }
  // The limit is of each wait: an answer may take long as long as something comes.
  bool goes_on(curl_off_t now) {
    if (now != moved) {
      moved = now;
      last = Clock::now();
    }
    late = Clock::now() - last > request->timeout;
    return !late;
  }
};

std::size_t take_header(char* bytes, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->header({bytes, size * count}) ? size * count : 0;
}

std::size_t take_body(char* bytes, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->body({bytes, size * count}) ? size * count : CURL_WRITEFUNC_ERROR;
}

int watch_progress(void* exchange, curl_off_t, curl_off_t received, curl_off_t, curl_off_t sent) {
  return static_cast<Exchange*>(exchange)->goes_on(received + sent) ? 0 : 1;
}

template <class T>
void set(CURL* handle, CURLoption option, T value) {
  curl_easy_setopt(handle, option, value);  // NOLINT: curl's own way of typing
}

using HeaderList = std::unique_ptr<curl_slist, CurlFree>;

// All of them or an error: a request that lost its Authorization on the way would be another request.
Result<HeaderList> headers_of(const HttpRequest& request) {
  std::vector<std::string> lines = {"Connection: close",
                                    "Expect:",  // curl would wait for a go-ahead before it sends a body
                                    request.body.empty() ? "Content-Type:" : "Content-Type: application/json"};
  if (!request.token.empty()) lines.push_back("Authorization: Bearer " + request.token);
  HeaderList list;
  for (const auto& line : lines) {
    auto* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) return fail(ErrorCode::exhausted, "there is no memory for a request");
    static_cast<void>(list.release());  // `longer` is the same list
    list.reset(longer);
  }
  return list;
}

std::string address_of(const Url& url, const HttpRequest& request) {
  const bool numeric6 = url.host.find(':') != std::string::npos;
  return std::string(url.tls ? "https://" : "http://") + (numeric6 ? "[" + url.host + "]" : url.host) + ":" +
         std::to_string(url.port) + url.prefix + request.path;
}

// Nothing of the surroundings plays a part: no proxy, no .netrc, no cookies, no other protocol; but the authorities
// that OpenSSL's own variables name are taken, as other programs do.
void set_surroundings(CURL* handle) {
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_PROXY, "");
  set(handle, CURLOPT_PATH_AS_IS, 1L);
  set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  set(handle, CURLOPT_USERAGENT, "defusectl/" DEFUSED_VERSION);
  if (const char* file = std::getenv("SSL_CERT_FILE"); file != nullptr && *file != 0) set(handle, CURLOPT_CAINFO, file);
  if (const char* folder = std::getenv("SSL_CERT_DIR"); folder != nullptr && *folder != 0)
    set(handle, CURLOPT_CAPATH, folder);
}

void set_request(CURL* handle, const HttpRequest& request) {
  if (request.method == "HEAD") return set(handle, CURLOPT_NOBODY, 1L);
  if (request.method == "GET") return;
  set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  set(handle, CURLOPT_POSTFIELDS, request.body.data());
  set(handle, CURLOPT_CUSTOMREQUEST, request.method.c_str());
}

Error error_of(CURLcode code, const Url& url, const Exchange& exchange, const char* words) {
  const auto with = [&](ErrorCode kind, std::string text) { return Error{kind, std::move(text), {}}; };
  const auto waiting = [&](const char* doing) {
    return with(ErrorCode::unavailable, std::string("while ") + doing + " defused at " + where(url) + ": " +
                                            (exchange.late ? "no answer in time" : "the connection broke"));
  };
  long number = 0;
  curl_easy_getinfo(exchange.handle, CURLINFO_OS_ERRNO, &number);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return with(ErrorCode::unavailable, "cannot find " + url.host + ": " + words);
    case CURLE_COULDNT_CONNECT:
      return with(ErrorCode::unavailable, "cannot reach defused at " + where(url) + ": " +
                                              std::strerror(number != 0 ? static_cast<int>(number) : ECONNREFUSED));
    case CURLE_OPERATION_TIMEDOUT:
      return with(ErrorCode::unavailable, "cannot reach defused at " + where(url) + ": " + std::strerror(ETIMEDOUT));
    case CURLE_PEER_FAILED_VERIFICATION:
      return with(ErrorCode::unavailable,
                  "no TLS with defused at " + where(url) + ": its certificate is not accepted: " + words);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CACERT_BADFILE:
      return with(ErrorCode::unavailable, "no TLS with defused at " + where(url) + ": " + words);
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
      return with(ErrorCode::corrupt, "the answer ended early");
    case CURLE_UNSUPPORTED_PROTOCOL:  // HTTP/0.9, which anything is
    case CURLE_WEIRD_SERVER_REPLY:
      return with(ErrorCode::corrupt, "the answer is not HTTP: is this the address of defused?");
    case CURLE_BAD_CONTENT_ENCODING:
      return with(ErrorCode::corrupt, std::string("the answer is broken: ") + words);
    case CURLE_SEND_ERROR:
      return waiting("sending to");
    default:
      break;
  }
  if (std::strstr(words, "chunk") != nullptr) return with(ErrorCode::corrupt, "the answer has a broken chunk");
  return waiting("hearing from");
}

}  // namespace

Result<Url> parse_url(const std::string& text) {
  Url url;
  std::string rest;
  if (text.starts_with("http://")) {
    rest = text.substr(7);
  } else if (text.starts_with("https://")) {
    rest = text.substr(8);
    url.tls = true;
    url.port = 443;
  } else {
    return fail(ErrorCode::invalid_input, "'" + text + "' is not an address: http://host:port or https://host:port");
  }
  const auto slash = rest.find('/');
  if (slash != std::string::npos) url.prefix = rest.substr(slash);
  while (!url.prefix.empty() && url.prefix.back() == '/') url.prefix.pop_back();
  std::string host = rest.substr(0, slash);
  const auto bracket = host.rfind(']');
  const auto colon = host.find(':', bracket == std::string::npos ? 0 : bracket);
  if (colon != std::string::npos) {
    const auto port = number(std::string_view(host).substr(colon + 1), 10);
    if (!port || *port == 0 || *port > 65535 || std::to_string(*port) != host.substr(colon + 1))
      return fail(ErrorCode::invalid_input, "'" + text + "' has a broken port");
    url.port = static_cast<int>(*port);
    host.resize(colon);
  }
  if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  if (host.empty() || (host + url.prefix).find_first_of(" \t\r\n@?#\"") != std::string::npos)
    return fail(ErrorCode::invalid_input, "'" + text + "' is not an address");
  url.host = std::move(host);
  return url;
}

Result<HttpAnswer> http_ask(const Url& url, const HttpRequest& request) {
  if (std::any_of(request.token.begin(), request.token.end(), [](char c) { return c <= ' ' || c > '~'; }))
    return fail(ErrorCode::invalid_input, "the token contains invalid characters: check that it was copied completely");
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);  // once, also with several threads
  if (ready != CURLE_OK)
    return fail(ErrorCode::internal, std::string("cannot set up HTTP: ") + curl_easy_strerror(ready));
  const std::unique_ptr<CURL, CurlFree> curl(curl_easy_init());
  if (!curl) return fail(ErrorCode::internal, "cannot set up HTTP");
  const auto address = address_of(url, request);
  TRY(headers, headers_of(request));
  std::array<char, CURL_ERROR_SIZE> words{};
  Exchange exchange{.handle = curl.get(), .request = &request};
  set_surroundings(curl.get());
  set_request(curl.get(), request);
  set(curl.get(), CURLOPT_URL, address.c_str());
  set(curl.get(), CURLOPT_HTTPHEADER, headers.get());
  set(curl.get(), CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(curl.get(), CURLOPT_ERRORBUFFER, words.data());
  set(curl.get(), CURLOPT_HEADERFUNCTION, &take_header);
  set(curl.get(), CURLOPT_HEADERDATA, &exchange);
  set(curl.get(), CURLOPT_WRITEFUNCTION, &take_body);
  set(curl.get(), CURLOPT_WRITEDATA, &exchange);
  set(curl.get(), CURLOPT_NOPROGRESS, 0L);
  set(curl.get(), CURLOPT_XFERINFOFUNCTION, &watch_progress);
  set(curl.get(), CURLOPT_XFERINFODATA, &exchange);
  const auto code = curl_easy_perform(curl.get());
  if (exchange.stopped) return tl::unexpected(std::move(*exchange.stopped));
  if (code != CURLE_OK)
    return tl::unexpected(error_of(code, url, exchange, words[0] != 0 ? words.data() : curl_easy_strerror(code)));
  exchange.answer.status = static_cast<int>(exchange.status());
  return std::move(exchange.answer);
}

}  // namespace defuse
