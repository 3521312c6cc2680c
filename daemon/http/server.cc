#include "daemon/http/server.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "core/base/url.h"
#include "daemon/http/civet_server.h"
#include "daemon/http/http_loop.h"

namespace defuse {
namespace {

Result<int> listen_on(const HttpSettings& settings) {
  const std::string where = settings.host + ":" + std::to_string(settings.port);
  std::string host = settings.host == "localhost" ? "127.0.0.1" : settings.host;
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), std::to_string(settings.port).c_str(), &hints, &found); code != 0)
    return fail(ErrorCode::invalid_input, "http.listen: " + where + ": " + ::gai_strerror(code));
  const int listener = ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int one = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  const bool bound =
      listener >= 0 && ::bind(listener, found->ai_addr, found->ai_addrlen) == 0 && ::listen(listener, SOMAXCONN) == 0;
  const int why = errno;
  ::freeaddrinfo(found);
  if (bound) return listener;
  if (listener >= 0) ::close(listener);
  return fail(ErrorCode::unavailable, "cannot listen on " + where + ": " + std::strerror(why));
}

}  // namespace

HttpServer::HttpServer() = default;
HttpServer::~HttpServer() = default;

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpSettings& settings, ReadModel& read, Actions& actions,
                                                      const std::filesystem::path& state_dir, HttpLimits limits) {
  const bool loopback = is_loopback_host(settings.host);
  if (!loopback && settings.certificate.empty())
    return fail(ErrorCode::invalid_input,
                "http.listen: " + settings.host + " can be reached from other machines, which needs http.certificate");
  std::unique_ptr<HttpServer> server(new HttpServer());
  if (!settings.certificate.empty()) {
    TRY(certificate, TlsCertificate::load(settings.certificate, settings.key));
    server->certificate_ = std::move(certificate);
  }
  TRY(listener, listen_on(settings));
  auto inner = CivetServer::start(read, actions, state_dir, loopback);
  if (!inner) {
    ::close(listener);
    return tl::unexpected<Error>(std::move(inner.error()));
  }
  server->inner_ = std::move(*inner);
  server->loop_ = std::make_unique<HttpLoop>(listener, server->certificate_.get(), read, *server->inner_, limits);
  return server;
}

int HttpServer::port() const { return loop_->port(); }

CertificateState HttpServer::look_at_certificate(TlsCertificate::When when) {
  if (!certificate_) return {};
  certificate_->refresh(when);
  return certificate_->state();
}

}  // namespace defuse
