#include "daemon/http/tls_front.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <system_error>

namespace defuse {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kMaxConnections = 64;
constexpr auto kIdle = std::chrono::seconds(60);  // longer than the heartbeat of an event stream
constexpr auto kHandshake = std::chrono::seconds(10);
constexpr int kTick = 250;  // ms; how soon a stop is noticed

struct Socket {
  int fd = -1;
  explicit Socket(int opened) : fd(opened) {}
  ~Socket() {
    if (fd >= 0) ::close(fd);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
};

struct SslFree {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

std::string tls_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

void make_quick(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
}

int connect_inner(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (fd >= 0 && ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  if (fd >= 0) ::close(fd);
  return -1;
}

// Carries bytes between one TLS connection and one plain one until either ends. Both descriptors are non-blocking.
class Pump {
 public:
  Pump(SSL* ssl, int tls, int plain, const std::atomic<bool>& stopping)
      : ssl_(ssl), tls_(tls), plain_(plain), stopping_(stopping) {}

  bool handshake() {
    const auto deadline = Clock::now() + kHandshake;
    while (!stopping_ && Clock::now() < deadline) {
      const int done = SSL_accept(ssl_);
      if (done == 1) return true;
      short wants = 0;
      if (!wait_reason(done, wants)) return false;
      pollfd entry{tls_, wants, 0};
      ::poll(&entry, 1, kTick);
    }
    return false;
  }

  void run() {
    auto last_byte = Clock::now();
    while (!stopping_ && Clock::now() - last_byte < kIdle) {
      pollfd entries[2] = {{tls_, 0, 0}, {plain_, 0, 0}};
      bool moved = false;
      if (!from_client(entries, moved) || !to_server(entries, moved) || !from_server(entries, moved) ||
          !to_client(entries, moved))
        break;
      if (server_done_ && downward_.empty()) break;
      if (moved) {
        last_byte = Clock::now();
      } else if (SSL_pending(ssl_) == 0 || !upward_.empty()) {
        ::poll(entries, 2, kTick);
      }
    }
    SSL_shutdown(ssl_);
  }

 private:
  // False if the connection is over or broken.
  bool wait_reason(int result, short& wants) {
    const int why = SSL_get_error(ssl_, result);
    ERR_clear_error();
    if (why == SSL_ERROR_WANT_READ) wants = static_cast<short>(wants | POLLIN);
    if (why == SSL_ERROR_WANT_WRITE) wants = static_cast<short>(wants | POLLOUT);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
  }

  bool from_client(pollfd* entries, bool& moved) {
    if (!upward_.empty()) return true;
    const int got = SSL_read(ssl_, buffer_.data(), static_cast<int>(buffer_.size()));
    if (got <= 0) return wait_reason(got, entries[0].events);
    upward_.assign(buffer_.data(), static_cast<std::size_t>(got));
    return moved = true;
  }

  bool to_server(pollfd* entries, bool& moved) {
    if (upward_.empty()) return true;
    const auto sent = ::send(plain_, upward_.data(), upward_.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      entries[1].events = static_cast<short>(entries[1].events | POLLOUT);
      // A server that closed has said its last word already: deliver that.
      if (errno == EPIPE || errno == ECONNRESET) upward_.clear();
      return errno == EAGAIN || errno == EINTR || errno == EPIPE || errno == ECONNRESET;
    }
    upward_.erase(0, static_cast<std::size_t>(sent));
    return moved = true;
  }

  bool from_server(pollfd* entries, bool& moved) {
    if (!downward_.empty() || server_done_) return true;
    const auto got = ::recv(plain_, buffer_.data(), buffer_.size(), 0);
    if (got < 0) {
      entries[1].events = static_cast<short>(entries[1].events | POLLIN);
      return errno == EAGAIN || errno == EINTR;
    }
    server_done_ = got == 0;
    downward_.assign(buffer_.data(), static_cast<std::size_t>(got));
    return moved = true;
  }

  bool to_client(pollfd* entries, bool& moved) {
    if (downward_.empty()) return true;
    const int sent = SSL_write(ssl_, downward_.data(), static_cast<int>(downward_.size()));
    if (sent <= 0) return wait_reason(sent, entries[0].events);
    downward_.erase(0, static_cast<std::size_t>(sent));
    return moved = true;
  }

  SSL* ssl_;
  int tls_;
  int plain_;
  const std::atomic<bool>& stopping_;
  std::array<char, 16384> buffer_{};
  std::string upward_;  // from the client, not yet with the server
  std::string downward_;
  bool server_done_ = false;
};

}  // namespace

Result<std::unique_ptr<TlsFront>> TlsFront::start(const HttpSettings& settings, int inner_port) {
  std::unique_ptr<TlsFront> front(new TlsFront());
  front->inner_port_ = inner_port;
  TRY_OK(front->load(settings));
  TRY_OK(front->bind(settings));
  front->acceptor_ = std::thread([raw = front.get()] { raw->accept_all(); });
  return front;
}

Result<void> TlsFront::load(const HttpSettings& settings) {
  context_ = SSL_CTX_new(TLS_server_method());
  if (context_ == nullptr) return fail(ErrorCode::internal, "cannot set up TLS: " + tls_error());
  SSL_CTX_set_min_proto_version(context_, TLS1_2_VERSION);
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  const auto* file = settings.certificate.c_str();
  if (SSL_CTX_use_certificate_chain_file(context_, file) != 1)
    return fail(ErrorCode::invalid_input,
                "http.certificate: no certificate in " + settings.certificate.string() + ": " + tls_error());
  if (SSL_CTX_use_PrivateKey_file(context_, file, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(context_) != 1)
    return fail(ErrorCode::invalid_input, "http.certificate: no key that fits the certificate in " +
                                              settings.certificate.string() + ": " + tls_error());
  return {};
}

Result<void> TlsFront::bind(const HttpSettings& settings) {
  const std::string where = settings.host + ":" + std::to_string(settings.port);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  std::string host = settings.host;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(settings.port).c_str(), &hints, &found); code != 0)
    return fail(ErrorCode::invalid_input, "http.listen: " + where + ": " + ::gai_strerror(code));
  listener_ = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int one = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const bool bound =
      listener_ >= 0 && ::bind(listener_, found->ai_addr, found->ai_addrlen) == 0 && ::listen(listener_, 64) == 0;
  const int why = errno;
  ::freeaddrinfo(found);
  if (!bound) return fail(ErrorCode::unavailable, "cannot listen on " + where + ": " + std::strerror(why));
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length);
  port_ = ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port
                                              : reinterpret_cast<const sockaddr_in*>(&address)->sin_port);
  return {};
}

TlsFront::~TlsFront() {
  stopping_ = true;
  if (acceptor_.joinable()) acceptor_.join();
  for (auto& connection : connections_) connection.thread.join();
  if (listener_ >= 0) ::close(listener_);
  SSL_CTX_free(context_);
}

void TlsFront::accept_all() {
  while (!stopping_) {
    reap();
    pollfd entry{listener_, POLLIN, 0};
    if (connections_.size() >= kMaxConnections) {
      ::poll(nullptr, 0, kTick);  // further clients wait in the backlog
      continue;
    }
    if (::poll(&entry, 1, kTick) <= 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    auto& connection = connections_.emplace_back();
    try {
      connection.thread = std::thread([this, client, &connection] {
        serve(client);
        connection.done = true;
      });
    } catch (const std::system_error&) {  // no thread to be had: this client has to come again
      ::close(client);
      connections_.pop_back();
    }
  }
}

void TlsFront::reap() {
  connections_.remove_if([](Connection& connection) {
    if (!connection.done) return false;
    connection.thread.join();
    return true;
  });
}

void TlsFront::serve(int client) {
  const Socket tls(client);
  make_quick(client);
  const std::unique_ptr<SSL, SslFree> ssl(SSL_new(context_));
  if (!ssl || SSL_set_fd(ssl.get(), client) != 1) return;
  // Shaking hands comes first: a stranger who never finishes must not hold one of the server's threads.
  if (!Pump(ssl.get(), client, -1, stopping_).handshake()) return;
  const Socket plain(connect_inner(inner_port_));
  if (plain.fd < 0) return;
  make_quick(plain.fd);
  Pump(ssl.get(), client, plain.fd, stopping_).run();
}

}  // namespace defuse
