// The daemon: everything wired together, started, reloaded and stopped. main.cc makes one and runs it; tests make one
// with fakes. HTTP threads reach it through LiveState (reading) and Actions (which go to the main strand and wait).
// `run` and everything private belong to the main strand.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "config/config.h"
#include "core/store/store.h"
#include "daemon/actions/actions.h"
#include "daemon/api/read_model.h"
#include "daemon/http/tls_certificate.h"
#include "daemon/jobs/job_runner.h"
#include "daemon/jobs/job_states.h"
#include "daemon/jobs/rejudging.h"
#include "daemon/live/live_state.h"
#include "daemon/live/main_strand.h"
#include "daemon/live/verdict_files.h"
#include "daemon/live/work_thread.h"
#include "daemon/notify.h"
#include "daemon/process/spawn.h"
#include "daemon/process/supervisor.h"
#include "daemon/state/judge.h"
#include "daemon/watch/discovery.h"

namespace defuse {

struct HttpEndpoint {
  std::shared_ptr<void> server;  // closes when the last owner lets go
  int port = 0;
  // What TLS is spoken with, after a look whether it was renewed. Main strand; empty where nothing knows of TLS.
  std::function<CertificateState(TlsCertificate::When)> certificate;
};

struct AppOptions {
  std::shared_ptr<const Config> config;
  std::function<Result<Config>()> load;  // reads the configuration again, for SIGHUP
  const Clock* clock = nullptr;
  SupervisorOptions supervision;
  WatcherParts registry;
  // Empty: no HTTP.
  std::function<Result<HttpEndpoint>(const HttpSettings&, ReadModel&, Actions&, const std::filesystem::path& state)>
      start_http;
  // Says what sandbox workers have here, on a thread of its own; ends early when its argument says so. Empty: not
  // asked.
  std::function<Result<SandboxState>(const std::function<bool()>& give_up)> probe_sandbox;
  std::string memory_limit;  // see DaemonStatus
  bool handle_signals = true;
  std::chrono::milliseconds house_keeping{2000};  // expiry of waivers, STATUS= for systemd
};

// What of a new configuration only a restart can bring, for people; empty if a reload will do.
std::string needs_restart(const Config& now, const Config& next);

class App {
 public:
  // Locks the state folder and opens the store. `conflict` if another daemon uses that folder.
  static Result<std::unique_ptr<App>> create(AppOptions options);
  ~App();

  // Recovers, serves, and returns when told to stop.
  Result<void> run();
  void request_stop();  // from any thread
  void reload();        // main strand; what SIGHUP does

  LiveState& live() { return live_; }
  Actions& actions() { return actions_; }
  boost::asio::io_context& io() { return io_; }

 private:
  App(AppOptions options, UniqueFd lock, std::unique_ptr<Store> store);

  Result<void> recover();
  Result<void> start_http();
  void ask_for_sandbox();
  void learnt_sandbox(const Result<SandboxState>& sandbox);
  void await_signal();
  void keep_house();
  void look_at_certificate(TlsCertificate::When when);
  void take_configuration(const Config& before, Config next);
  void stop();
  void become_ready();
  void tick_watchdog(std::chrono::microseconds interval);

  AppOptions options_;
  StateFolder state_;
  UniqueFd lock_;
  std::unique_ptr<Store> store_;
  boost::asio::io_context io_;
  MainStrand strand_;
  LiveState live_;
  WorkThread work_;
  VerdictFiles files_;
  Rejudging rejudging_;
  JobStates states_;
  JobRunner jobs_;
  Discovery discovery_;
  ActionsOnStrand actions_;
  Notifier notifier_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer house_;
  boost::asio::steady_timer watchdog_;
  bool ready_ = false;
  std::thread sandbox_probe_;
  HttpEndpoint http_;  // last: closed first
};

}  // namespace defuse
