#include "daemon/http/connection.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "core/base/url.h"

namespace defuse {
namespace {

constexpr std::size_t kPiece = 16 << 10;
constexpr std::uint64_t kFileBlock = 64 << 10;

std::string address_of(int socket) {
  sockaddr_storage peer{};
  socklen_t length = sizeof peer;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) != 0) return "";
  if (peer.ss_family == AF_INET)
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr, text.data(), text.size());
  else if (peer.ss_family == AF_INET6)
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr, text.data(), text.size());
  const std::string address = text.data();
  return address.starts_with("::ffff:") ? address.substr(7) : address;
}

}  // namespace

int begin_connecting(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  if (fd >= 0) {
    [[maybe_unused]] const int begun = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  return fd;
}

Connection::Connection(int socket, const std::shared_ptr<ssl_ctx_st>& tls)
    : socket_(socket), address_(address_of(socket)), from_this_machine_(is_loopback_host(address_)) {
  const int one = 1;
  ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (!tls) return;
  ssl_ = SSL_new(tls.get());
  if (ssl_ != nullptr && SSL_set_fd(ssl_, socket_) == 1) return;
  // Without TLS on a socket that promised it nothing may be said: the first shake() ends this connection.
  ERR_clear_error();
  ::shutdown(socket_, SHUT_RDWR);
}

Connection::~Connection() {
  SSL_free(ssl_);
  ::close(socket_);
}

Connection::Io Connection::verdict(int result) {
  const int why = SSL_get_error(ssl_, result);
  ERR_clear_error();
  if (why == SSL_ERROR_WANT_READ) wants_ = POLLIN;
  if (why == SSL_ERROR_WANT_WRITE) wants_ = POLLOUT;
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? Io::wait : Io::closed;
}

Connection::Io Connection::shake() {
  if (ssl_ == nullptr) return Io::closed;
  const int done = SSL_accept(ssl_);
  return done == 1 ? Io::moved : verdict(done);
}

Connection::Io Connection::receive(std::string& in) {
  std::array<char, kPiece> piece;
  if (ssl_ != nullptr) {
    const int got = SSL_read(ssl_, piece.data(), static_cast<int>(piece.size()));
    if (got <= 0) return verdict(got);
    in.append(piece.data(), static_cast<std::size_t>(got));
    return Io::moved;
  }
  const auto got = ::recv(socket_, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got > 0) {
    in.append(piece.data(), static_cast<std::size_t>(got));
    return Io::moved;
  }
  wants_ = POLLIN;
  return got < 0 && (errno == EAGAIN || errno == EINTR) ? Io::wait : Io::closed;
}

void Connection::send(std::string bytes) {
  if (out_done_ == out_.size()) {
    out_ = std::move(bytes);
  } else {
    out_.erase(0, out_done_);
    out_ += bytes;
  }
  out_done_ = 0;
}

void Connection::send(std::shared_ptr<PlainFile> file) {
  file_left_ = file->size();
  file_ = std::move(file);
}

Connection::Io Connection::flush_bytes() {
  while (out_done_ < out_.size()) {
    const auto left = std::min(out_.size() - out_done_, std::size_t{1} << 20);
    long sent = 0;
    if (ssl_ != nullptr) {
      const int done = SSL_write(ssl_, out_.data() + out_done_, static_cast<int>(left));
      if (done <= 0) return verdict(done);
      sent = done;
    } else {
      sent = ::send(socket_, out_.data() + out_done_, left, MSG_NOSIGNAL | MSG_DONTWAIT);
      wants_ = POLLOUT;
      if (sent < 0) return errno == EAGAIN || errno == EINTR ? Io::wait : Io::closed;
    }
    out_done_ += static_cast<std::size_t>(sent);
    sent_ += static_cast<std::uint64_t>(sent);
  }
  out_.clear();
  out_done_ = 0;
  return Io::moved;
}

// A connection that ends before the promised length tells its client that something went wrong.
Connection::Io Connection::flush() {
  for (;;) {
    if (const auto io = flush_bytes(); io != Io::moved) return io;
    if (!file_) return Io::moved;
    if (file_left_ == 0) {
      file_.reset();
      return Io::moved;
    }
    std::string block(std::min(file_left_, kFileBlock), '\0');
    const auto got = file_->read(std::span(block));
    if (!got || *got == 0) return Io::closed;
    block.resize(*got);
    file_left_ -= *got;
    out_ = std::move(block);
  }
}

// Without this the kernel would keep what was written for a reader who never takes it, long after the socket is closed.
void Connection::abort() {
  const linger at_once{1, 0};
  ::setsockopt(socket_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void Connection::finish() {
  if (ssl_ != nullptr && SSL_is_init_finished(ssl_)) SSL_shutdown(ssl_);
  ERR_clear_error();
  ::shutdown(socket_, SHUT_WR);
}

}  // namespace defuse
