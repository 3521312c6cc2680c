// TLS for the HTTP server. CivetWeb as Debian builds it loads "libssl.so" by name at run time and, with OpenSSL 3,
// misses a symbol there (SSL_get_peer_certificate became a macro): the first TLS connection ends the process. So TLS
// ends here, with OpenSSL linked as usual, and plain bytes go on to CivetWeb on an inner loopback port. One thread per
// connection, a fixed number at most; idle connections are closed. Knows nothing of HTTP.
#pragma once
#include <atomic>
#include <list>
#include <memory>
#include <thread>

#include "config/config.h"
#include "core/result.h"

struct ssl_ctx_st;

namespace defuse {

class TlsFront {
 public:
  // settings.certificate: PEM file with the chain and the key. TLS 1.2 and newer.
  static Result<std::unique_ptr<TlsFront>> start(const HttpSettings& settings, int inner_port);
  ~TlsFront();
  TlsFront(const TlsFront&) = delete;
  TlsFront& operator=(const TlsFront&) = delete;

  int port() const { return port_; }

 private:
  TlsFront() = default;
  Result<void> load(const HttpSettings& settings);
  Result<void> bind(const HttpSettings& settings);
  void accept_all();
  void serve(int client);
  void reap();

  struct Connection {
    std::thread thread;
    std::atomic<bool> done = false;
  };
  ssl_ctx_st* context_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  int inner_port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::list<Connection> connections_;  // touched by the accepting thread only, and by the destructor after it ended
  std::thread acceptor_;
};

}  // namespace defuse
