// Puts api::handle on a socket: CivetWeb below, for TLS a front of our own (tls_front.h says why). Started by the App
// once the store and the read model exist, and ended before them. Turns requests into values and values into bytes,
// sets the limits, keeps exceptions in (one that left a CivetWeb handler would end the process), and streams events. No
// file is served by path, there is no CGI. Handlers run on CivetWeb's threads.
#pragma once
#include <atomic>
#include <filesystem>
#include <memory>

#include "config/config.h"
#include "core/result.h"
#include "daemon/http/read_model.h"
#include "daemon/tokens.h"

struct mg_connection;
struct mg_context;

namespace defuse {

struct ApiResponse;
class TlsFront;

class HttpServer {
 public:
  // `invalid_input` for an address other than loopback without a certificate, `unavailable` if the port is taken.
  static Result<std::unique_ptr<HttpServer>> start(const HttpSettings& settings, ReadModel& read, Actions& actions,
                                                   const std::filesystem::path& state_dir);
  ~HttpServer();  // answers what is being asked, ends streams within about a second
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  int port() const;  // the one that was really taken, also for port 0

 private:
  HttpServer(ReadModel& read, Actions& actions, const std::filesystem::path& state_dir, bool loopback);
  Result<void> listen(const HttpSettings& settings);
  void stop_listening();
  int serve(mg_connection* connection);
  void stream(mg_connection* connection, const ApiResponse& response);

  static int on_request(mg_connection* connection) noexcept;
  static int on_error(mg_connection* connection, int status, const char* message) noexcept;
  static int on_log(const mg_connection* connection, const char* message) noexcept;

  ReadModel& read_;
  Actions& actions_;
  TokenBook tokens_;
  bool loopback_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> streams_ = 0;
  mg_context* context_ = nullptr;
  std::unique_ptr<TlsFront> tls_;
};

}  // namespace defuse
