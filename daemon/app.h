// The daemon: everything wired together, and the thread (the "main strand") on which every decision and every write
// happens. main.cc makes one and runs it; tests make one with fakes. HTTP threads reach it through LiveState (reading)
// and Actions (which post to the main strand and wait). `run` and everything private belong to the main strand.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/store/store.h"
#include "daemon/api/read_model.h"
#include "daemon/api/standing_lookup.h"
#include "daemon/http/tls_certificate.h"
#include "daemon/job_runner.h"
#include "daemon/live_state.h"
#include "daemon/notify.h"
#include "daemon/process/spawn.h"
#include "daemon/process/supervisor.h"
#include "daemon/state/judge.h"
#include "daemon/watcher.h"

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

class App final : public Actions {
 public:
  // Locks the state folder and opens the store. `conflict` if another daemon uses that folder.
  static Result<std::unique_ptr<App>> create(AppOptions options);
  ~App() override;

  // Recovers, serves, and returns when told to stop.
  Result<void> run();
  void request_stop();  // from any thread
  void reload();        // main strand; what SIGHUP does

  LiveState& live() { return live_; }
  boost::asio::io_context& io() { return io_; }

  // Actions: any thread.
  Result<std::int64_t> evaluate(const std::string& model, const std::string& version, const std::string& who) override;
  Result<std::int64_t> correct(const std::string& model, const std::string& version, const RepairRequest& wanted,
                               const std::string& who) override;
  Result<void> promote(const std::string& model, const std::string& version, const std::string& reason,
                       bool override_verdict, const std::string& who) override;
  Result<std::string> rollback(const std::string& model, const std::string& reason, const std::string& who) override;
  Result<void> cancel(std::int64_t job, const std::string& who) override;
  Result<void> label_region(const std::string& id, const std::string& label, const std::string& note,
                            const std::string& who) override;
  Result<std::string> add_waiver(Waiver waiver, const std::string& who) override;
  Result<void> remove_waiver(const std::string& id, const std::string& who) override;

 private:
  App(AppOptions options, UniqueFd lock, std::unique_ptr<Store> store);

  // Start and end.
  Result<void> recover();
  Result<void> start_http();
  void ask_for_sandbox();
  void learnt_sandbox(const Result<SandboxState>& sandbox);
  void await_signal();
  void keep_house();
  void look_at_certificate(TlsCertificate::When when);
  void stop();
  void become_ready();

  // What the watcher says.
  WatcherHooks watcher_hooks();
  void found(const Candidate& candidate, const std::string& fingerprint, std::size_t position);
  void deleted(const KnownVersion& version);
  void scanned(const ScanReport& report);
  void withdraw_changing(const std::vector<RegistryEntry>& not_ready);
  void tell_of_refused(const std::vector<RegistryEntry>& before, const std::vector<RegistryEntry>& now);

  // Queue, verdict files, people's words.
  Result<bool> never_judged(const VersionRow& version);
  Result<void> enqueue_new(const VersionRow& version, std::size_t position);
  Result<void> enqueue_unjudged();
  void refresh_verdict_file(const std::string& model, const std::string& version);
  void refresh_verdict_files(const std::string& model);
  void refresh_present(const std::vector<KnownVersion>& known);
  void write_verdict_file_of(const std::string& model, const std::string& version, const Result<Standing>& found);
  bool is_changing(const VersionRow& version) const;
  // Versions whose verdict speaks of this finding, region or waiver are judged again.
  Result<void> judge_again(const std::string& model, const std::string& subject, const std::string& who,
                           const std::string& why);
  void check_waivers();

  // Action bodies, on the main strand.
  Result<VersionRow> present_version(const std::string& model, const std::string& version);
  enum class Promotion { promote, override_verdict, rollback };
  Result<VersionRow> to_promote(const std::string& model, const std::string& version, const std::string& reason,
                                Promotion kind);
  Result<VersionRow> to_roll_back_to(const std::string& model);
  Result<void> carry_out(const VersionRow& row, const std::string& reason, Promotion kind, const std::string& who);
  Result<void> same_file(const VersionRow& row, const std::string& what, const std::string& who);
  Result<void> made_incumbent(const std::string& model, const std::string& version, const std::string& kind,
                              const std::string& who);
  template <class T>
  Result<T> on_strand(std::function<Result<T>()> body);

  AppOptions options_;
  const Clock& clock_;
  StateFolder state_;
  UniqueFd lock_;
  std::unique_ptr<Store> store_;
  boost::asio::io_context io_;
  LiveState live_;
  JobRunner jobs_;
  std::optional<Watcher> watcher_;
  Notifier notifier_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer house_;
  boost::asio::steady_timer watchdog_;
  TimePoint waivers_checked_{};
  std::set<std::pair<std::string, std::string>>
      changing_;  // versions whose verdict file was withdrawn while they change
  bool ready_ = false;
  std::atomic<bool> stopping_{false};
  std::thread sandbox_probe_;
  HttpEndpoint http_;  // last: closed first
};

}  // namespace defuse
