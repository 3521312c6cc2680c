// What finds versions: takes in what the registry's watcher sees (versions that appear, change, are being written or go
// away) and queues those that are to be judged. Main strand only.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/store/store.h"
#include "daemon/jobs/job_runner.h"
#include "daemon/jobs/job_states.h"
#include "daemon/live/live_state.h"
#include "daemon/live/verdict_files.h"
#include "daemon/watch/watcher.h"

namespace defuse {

class Discovery {
 public:
  struct Parts {  // all of them outlive it
    boost::asio::io_context& io;
    Store& store;
    LiveState& live;
    JobStates& states;
    JobRunner& jobs;
    VerdictFiles& files;
  };
  Discovery(const Parts& parts, WatcherParts registry);

  std::function<void()> on_scanned;  // after each scan

  void start() { watcher_.start(); }
  void stop() { watcher_.stop(); }
  void reconfigure(const Config& config);
  // Seen, but not queued: before the daemon ended, or for want of a key that counts now.
  Result<void> enqueue_unjudged();

 private:
  WatcherHooks hooks();
  Result<std::vector<KnownVersion>> known();
  void found(const Candidate& identified, const std::string& fingerprint, std::size_t position);
  void deleted(const KnownVersion& version);
  void scanned(const ScanReport& report);
  void withdraw_changing(const std::vector<RegistryEntry>& not_ready);
  void tell_of_refused(const std::vector<RegistryEntry>& before, const std::vector<RegistryEntry>& now);
  Result<bool> never_judged(const VersionRow& version);
  Result<void> enqueue_new(const VersionRow& version, std::size_t position);
  void publish(const ModelName& model, const Version& version, Json digest);

  Store& store_;
  LiveState& live_;
  JobStates& states_;
  JobRunner& jobs_;
  VerdictFiles& files_;
  // Versions whose verdict file was withdrawn while they change.
  std::set<std::pair<ModelName, Version>> changing_;
  Watcher watcher_;
};

}  // namespace defuse
