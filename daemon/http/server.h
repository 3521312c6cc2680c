// Puts api::handle on a socket, plain or with TLS. Started by the App once the store and the read model exist, and
// ended before them. CivetWeb (civet_server.h) gives each connection a thread, so a few clients that are slow or silent
// could keep everybody out, and Debian's build of it cannot speak TLS with OpenSSL 3. So it stands behind a front: one
// thread (http_loop.h) owns every connection, shakes hands, collects whole requests within limits, refuses what could
// be understood in two ways, hands the rest on, and sends answers and events. A client that is slow, silent or hostile
// holds a few kilobytes and a place in a list. Where all places are taken the one that has waited longest makes room,
// and where all who have one are being answered, the next client waits in the kernel for its turn.
#pragma once
#include <chrono>
#include <filesystem>
#include <memory>

#include "config/config.h"
#include "core/base/result.h"
#include "daemon/api/read_model.h"
#include "daemon/http/tls_certificate.h"

namespace defuse {

// How long and how much; tests take less.
struct HttpLimits {
  std::size_t connections = 512;         // all together; the oldest that is asking for nothing makes room
  std::size_t connections_of_one = 256;  // from one address, unless it is this machine
  std::size_t streams = 32;              // of events
  std::chrono::milliseconds handshake{10000};
  std::chrono::milliseconds request{10000};  // from its first byte (of a new connection: from the start) to its last
  std::chrono::milliseconds idle{15000};     // between two requests
  std::chrono::milliseconds stall{20000};    // a reader that takes nothing for so long has gone
  std::uint64_t least_speed = 8 << 10;       // bytes a second that a reader must take, beyond `stall`
};

class CivetServer;
class HttpLoop;

class HttpServer {
 public:
  // `invalid_input` for an address other than loopback without a certificate, `unavailable` if the port is taken.
  static Result<std::unique_ptr<HttpServer>> start(const HttpSettings& settings, ReadModel& read, Actions& actions,
                                                   const std::filesystem::path& state_dir, HttpLimits limits = {});
  ~HttpServer();  // answers what is being asked, ends streams and waiting connections
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;  // the one that was really taken, also for port 0
  // Looks whether the certificate was renewed. Not from two threads at once.
  CertificateState look_at_certificate(TlsCertificate::When when);

 private:
  HttpServer();
  std::unique_ptr<TlsCertificate> certificate_;
  std::unique_ptr<CivetServer> inner_;
  std::unique_ptr<HttpLoop> loop_;
};

}  // namespace defuse
