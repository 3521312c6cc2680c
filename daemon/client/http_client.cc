#include "daemon/client/http_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>

namespace defuse {
namespace {

constexpr std::size_t kMaxAnswer = 64 << 20;

struct Socket {
  int fd = -1;
  Socket() = default;
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};
struct TlsFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

std::string where(const Url& url) { return url.host + ":" + std::to_string(url.port); }

std::string tls_error(const SSL* ssl) {
  if (ssl != nullptr && SSL_get_verify_result(ssl) != X509_V_OK)
    return std::string("its certificate is not accepted: ") + X509_verify_cert_error_string(SSL_get_verify_result(ssl));
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  return text.data();
}

// Connecting has a time limit of its own: a host that drops packets would hold us for minutes.
bool connect_within(int fd, const addrinfo& address, std::chrono::milliseconds timeout) {
  const int flags = ::fcntl(fd, F_GETFL);
  ::fcntl(fd, F_SETFL, flags | O_NONBLOCK);
  int result = ::connect(fd, address.ai_addr, address.ai_addrlen);
  if (result != 0 && errno == EINPROGRESS) {
    pollfd entry{fd, POLLOUT, 0};
    int error = ETIMEDOUT;
    socklen_t size = sizeof error;
    if (::poll(&entry, 1, static_cast<int>(timeout.count())) > 0) ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    errno = error;
    result = error == 0 ? 0 : -1;
  }
  ::fcntl(fd, F_SETFL, flags);
  return result == 0;
}

class Connection {
 public:
  explicit Connection(const Url& url) : url_(url) {}

  Result<void> open(std::chrono::milliseconds timeout) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(url_.host.c_str(), std::to_string(url_.port).c_str(), &hints, &found); code != 0)
      return fail(ErrorCode::unavailable, "cannot find " + url_.host + ": " + ::gai_strerror(code));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
    int why = ECONNREFUSED;
    for (const auto* address = found; address != nullptr; address = address->ai_next) {
      const int fd = ::socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (fd >= 0 && connect_within(fd, *address, timeout)) {
        socket_.fd = fd;
        break;
      }
      why = errno;
      if (fd >= 0) ::close(fd);
    }
    if (socket_.fd < 0)
      return fail(ErrorCode::unavailable, "cannot reach defused at " + where(url_) + ": " + std::strerror(why));
    timeval limit{};
    limit.tv_sec = timeout.count() / 1000;
    limit.tv_usec = (timeout.count() % 1000) * 1000;
    ::setsockopt(socket_.fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(socket_.fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return url_.tls ? shake_hands() : Result<void>{};
  }

  Result<void> write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto sent = ssl_ ? static_cast<ssize_t>(SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())))
                             : ::send(socket_.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && !ssl_ && errno == EINTR) continue;
      if (sent <= 0) return broken("sending to");
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
  }

  // 0 at the end.
  Result<std::size_t> read(char* into, std::size_t size) {
    for (;;) {
      const auto got = ssl_ ? static_cast<ssize_t>(SSL_read(ssl_.get(), into, static_cast<int>(size)))
                            : ::recv(socket_.fd, into, size, 0);
      if (got > 0) return static_cast<std::size_t>(got);
      if (ssl_ && SSL_get_error(ssl_.get(), static_cast<int>(got)) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      if (!ssl_ && got == 0) return std::size_t{0};
      if (!ssl_ && errno == EINTR) continue;
      return broken("hearing from");
    }
  }

 private:
  tl::unexpected<Error> broken(const char* doing) {
    const bool late = errno == EAGAIN || errno == EWOULDBLOCK;
    return fail(ErrorCode::unavailable, std::string("while ") + doing + " defused at " + where(url_) + ": " +
                                            (late ? "no answer in time" : "the connection broke"));
  }

  Result<void> shake_hands() {
    context_.reset(SSL_CTX_new(TLS_client_method()));
    if (!context_) return fail(ErrorCode::internal, "cannot set up TLS");
    SSL_CTX_set_min_proto_version(context_.get(), TLS1_2_VERSION);
    SSL_CTX_set_default_verify_paths(context_.get());
    SSL_CTX_set_verify(context_.get(), SSL_VERIFY_PEER, nullptr);
    ssl_.reset(SSL_new(context_.get()));
    in6_addr address{};
    const bool numeric = ::inet_pton(AF_INET, url_.host.c_str(), &address) == 1 ||
                         ::inet_pton(AF_INET6, url_.host.c_str(), &address) == 1;
    const bool named =
        ssl_ && (numeric ? X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl_.get()), url_.host.c_str()) == 1
                         : SSL_set1_host(ssl_.get(), url_.host.c_str()) == 1);
    if (!named || SSL_set_fd(ssl_.get(), socket_.fd) != 1) return fail(ErrorCode::internal, "cannot set up TLS");
    if (!numeric)  // SSL_set_tlsext_host_name, less its old-style cast
      SSL_ctrl(ssl_.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
               const_cast<char*>(url_.host.c_str()));
    if (SSL_connect(ssl_.get()) != 1)
      return fail(ErrorCode::unavailable, "no TLS with defused at " + where(url_) + ": " + tls_error(ssl_.get()));
    return {};
  }

  const Url& url_;
  Socket socket_;
  std::unique_ptr<SSL_CTX, TlsFree> context_;
  std::unique_ptr<SSL, TlsFree> ssl_;
};

// The bytes of an answer as they come, with what is needed of them at a time.
class Reader {
 public:
  explicit Reader(Connection& connection) : connection_(connection) {}

  Result<std::string> line() {
    for (;;) {
      const auto end = buffer_.find('\n');
      if (end != std::string::npos) {
        auto text = buffer_.substr(0, end);
        buffer_.erase(0, end + 1);
        if (!text.empty() && text.back() == '\r') text.pop_back();
        return text;
      }
      if (buffer_.size() > (64U << 10)) return fail(ErrorCode::corrupt, "the answer has an endless header line");
      TRY(got, more());
      if (!got) return fail(ErrorCode::corrupt, "the answer ended early");
    }
  }

  Result<std::string> exactly(std::size_t size) {
    if (size > kMaxAnswer) return too_large();
    while (buffer_.size() < size) {
      TRY(got, more());
      if (!got) return fail(ErrorCode::corrupt, "the answer ended early");
    }
    auto bytes = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return bytes;
  }

  Result<void> pour(std::size_t size, const std::function<Result<void>(std::string_view)>& sink) {
    while (size > 0) {
      if (buffer_.empty()) {
        TRY(got, more());
        if (!got) return fail(ErrorCode::corrupt, "the answer ended early");
      }
      const auto piece = std::min(size, buffer_.size());
      TRY_OK(sink(std::string_view(buffer_).substr(0, piece)));
      buffer_.erase(0, piece);
      size -= piece;
    }
    return {};
  }

  Result<std::string> rest() {
    for (;;) {
      if (buffer_.size() > kMaxAnswer) return too_large();
      TRY(got, more());
      if (!got) return std::move(buffer_);
    }
  }

  static tl::unexpected<Error> too_large() { return fail(ErrorCode::exhausted, "the answer is larger than 64 MiB"); }

 private:
  Result<bool> more() {
    TRY(got, connection_.read(chunk_.data(), chunk_.size()));
    buffer_.append(chunk_.data(), got);
    return got > 0;
  }

  Connection& connection_;
  std::array<char, 16384> chunk_{};
  std::string buffer_;
};

std::optional<std::size_t> number(std::string_view text, int base) {
  std::size_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (parsed.ec != std::errc{} || parsed.ptr == text.data()) return std::nullopt;
  return value;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return text;
}

Result<std::string> chunked(Reader& reader) {
  std::string body;
  for (;;) {
    TRY(head, reader.line());
    const auto size = number(head, 16);
    if (!size) return fail(ErrorCode::corrupt, "the answer has a broken chunk");
    if (body.size() + *size > kMaxAnswer) return Reader::too_large();
    if (*size == 0) return body;
    TRY(bytes, reader.exactly(*size));
    body += bytes;
    TRY_OK(reader.line());
  }
}

Result<HttpAnswer> read_answer(Connection& connection, const HttpRequest& request) {
  Reader reader(connection);
  HttpAnswer answer;
  do {
    TRY(first, reader.line());
    const auto status = first.starts_with("HTTP/1.") && first.size() >= 12
                            ? number(std::string_view(first).substr(9, 3), 10)
                            : std::nullopt;
    if (!status) return fail(ErrorCode::corrupt, "the answer is not HTTP: is this the address of defused?");
    answer.status = static_cast<int>(*status);
    answer.headers.clear();
    for (;;) {
      TRY(line, reader.line());
      if (line.empty()) break;
      const auto colon = line.find(':');
      if (colon == std::string::npos || answer.headers.size() > 200)
        return fail(ErrorCode::corrupt, "the answer has a broken header");
      const auto begin = line.find_first_not_of(' ', colon + 1);
      answer.headers[lower(line.substr(0, colon))] = begin == std::string::npos ? "" : line.substr(begin);
    }
  } while (answer.status < 200);
  if (answer.status == 204 || answer.status == 304) return answer;
  const auto coding = answer.headers.find("transfer-encoding");
  const auto length = answer.headers.find("content-length");
  if (coding != answer.headers.end() && lower(coding->second) == "chunked") {
    TRY(body, chunked(reader));
    answer.body = std::move(body);
  } else if (length != answer.headers.end()) {
    const auto size = number(length->second, 10);
    if (!size) return fail(ErrorCode::corrupt, "the answer has a broken length");
    if (request.sink && answer.status == 200) {
      TRY_OK(reader.pour(*size, request.sink));
      return answer;
    }
    TRY(body, reader.exactly(*size));
    answer.body = std::move(body);
  } else {
    TRY(body, reader.rest());
    answer.body = std::move(body);
  }
  if (request.sink && answer.status == 200) {  // of a proxy that sends no length
    TRY_OK(request.sink(answer.body));
    answer.body.clear();
  }
  return answer;
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
  const bool numeric6 = url.host.find(':') != std::string::npos;
  const bool usual = url.port == (url.tls ? 443 : 80);
  std::string head = request.method + " " + url.prefix + request.path +
                     " HTTP/1.1\r\nHost: " + (numeric6 ? "[" + url.host + "]" : url.host) +
                     (usual ? "" : ":" + std::to_string(url.port)) +
                     "\r\nConnection: close\r\nAccept: */*\r\nUser-Agent: defusectl/" DEFUSED_VERSION "\r\n";
  if (!request.token.empty()) head += "Authorization: Bearer " + request.token + "\r\n";
  if (!request.body.empty()) head += "Content-Type: application/json\r\n";
  if (request.method != "GET") head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
  Connection connection(url);
  TRY_OK(connection.open(request.timeout));
  TRY_OK(connection.write(head + "\r\n" + request.body));
  return read_answer(connection, request);
}

}  // namespace defuse
