// CivetWeb, on a loopback port of its own that only the front speaks to (server.h says why there is one): parses
// requests again, runs api::handle on its threads, and keeps exceptions in (one that left a CivetWeb handler would end
// the process). No file is served by path, there is no CGI. A request must carry the front's secret, made anew for
// every process: whoever finds the port gets nothing.
#pragma once
#include <atomic>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/result.h"
#include "daemon/api/read_model.h"
#include "daemon/state/tokens.h"

struct mg_connection;
struct mg_context;

namespace defuse {

// Headers between the front and CivetWeb; neither a client's nor for a client.
inline constexpr const char* kSecretHeader = "x-defused-secret";
inline constexpr const char* kRemoteHeader = "x-defused-remote";  // the client's address
inline constexpr const char* kEventHeader = "x-defused-event";    // of an answer: events follow, after this one

// How many requests may be under way at once; CivetWeb has more threads than that.
inline constexpr std::size_t kInnerPlaces = 16;

class CivetServer {
 public:
  // `loopback`: whether clients other than this machine's are out of reach. `unavailable` without a free port.
  static Result<std::unique_ptr<CivetServer>> start(ReadModel& read, Actions& actions,
                                                    const std::filesystem::path& state_dir, bool loopback);
  ~CivetServer();  // answers what is being asked
  CivetServer(const CivetServer&) = delete;
  CivetServer& operator=(const CivetServer&) = delete;

  int port() const;
  const std::string& secret() const { return secret_; }

 private:
  CivetServer(ReadModel& read, Actions& actions, const std::filesystem::path& state_dir, bool loopback);
  Result<void> listen();
  void stop_listening();
  int serve(mg_connection* connection);

  static int on_request(mg_connection* connection) noexcept;
  static int on_error(mg_connection* connection, int status, const char* message) noexcept;
  static int on_log(const mg_connection* connection, const char* message) noexcept;

  ReadModel& read_;
  Actions& actions_;
  TokenBook tokens_;
  bool loopback_;
  std::string secret_;
  std::atomic<bool> stopping_ = false;
  mg_context* context_ = nullptr;
};

}  // namespace defuse
