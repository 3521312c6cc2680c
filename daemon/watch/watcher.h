// Keeps looking at the registry: at once when inotify reports a change, soon while something is settling, and every
// `rescan` besides (network file systems report nothing). Says what is new, gone and not ready; decides nothing about
// it. Scanning and hashing run on its own thread, everything it says is said on the main strand. An unreachable
// registry is told once per change and asked again at every rescan.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/config.h"
#include "core/registry/candidate.h"
#include "core/registry/diff.h"
#include "core/registry/source.h"

namespace defuse {

// A descriptor that becomes readable when something under the root changed. Used on the main strand only.
class ChangeSignal {
 public:
  virtual ~ChangeSignal() = default;
  virtual int descriptor() const = 0;
  virtual Result<bool>
  take() = 0;  // empties it; whether anything changed. An error once it will never say anything again
};

struct WatcherParts {
  std::function<std::unique_ptr<RegistrySource>(const RegistrySettings&)> make_source;
  std::function<Result<Candidate>(const RegistryEntry&)> identify;  // hashes; slow; on the watcher's thread
  std::function<Result<std::unique_ptr<ChangeSignal>>(const RegistrySettings&)>
      make_signal;  // may be empty: rescans only
};

struct ScanReport {
  std::string problem;  // why the registry could not be read; empty if it was
  std::vector<RegistryEntry> not_ready;
  std::vector<std::string> warnings;
  double seconds = 0;  // that the last scan took, with what was made of it
};

struct WatcherHooks {
  std::function<Result<std::vector<KnownVersion>>()> known;
  // `position`: order inside its scan, by model then version.
  std::function<void(const Candidate&, const std::string& fingerprint, std::size_t position)> found;
  std::function<void(const KnownVersion&)> deleted;
  std::function<void(const ScanReport&)> scanned;  // after every scan, and when a version turns out to be unreadable
};

class Watcher {
 public:
  Watcher(boost::asio::io_context& io, RegistrySettings settings, std::vector<std::string> models, WatcherParts parts,
          WatcherHooks hooks);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  void start();      // first scan now, then by itself; rescan 0 means the caller drives
  void poll_once();  // one scan; asked for during one, another follows it
  void reconfigure(RegistrySettings settings, std::vector<std::string> models);
  void stop();
  bool idle() const { return !scanning_ && hashing_.empty(); }

 private:
  using Key = std::pair<std::string, std::string>;  // model, version
  void take_snapshot(const Result<RegistrySnapshot>& snapshot);
  void hash(const RegistryEntry& entry, std::size_t position);
  void take_candidate(const RegistryEntry& entry, std::size_t position, const Result<Candidate>& candidate);
  void report();
  void plan_next();
  void listen();
  void await_change();
  void stop_listening();

  boost::asio::io_context& io_;
  RegistrySettings settings_;
  std::vector<std::string> models_;
  WatcherParts parts_;
  WatcherHooks hooks_;
  std::shared_ptr<RegistrySource> source_;
  std::unique_ptr<ChangeSignal> signal_;
  boost::asio::posix::stream_descriptor changes_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer debounce_;
  bool scanning_ = false;
  bool again_ = false;
  std::atomic<bool> stopped_{false};
  bool debouncing_ = false;
  std::map<Key, RegistryEntry> hashing_;
  std::map<Key, RegistryEntry> unreadable_;  // hashing failed for this fingerprint; not tried again while it stays
  std::map<Key, RegistryEntry> to_retry_;    // hashing failed for a passing reason
  ScanReport last_;
  std::chrono::steady_clock::time_point scan_began_;
  std::string settling_;  // what was settling, to see whether anything still moves
  std::optional<std::chrono::steady_clock::time_point> settled_at_;  // when the first of them should have
  std::chrono::steady_clock::time_point moved_at_;
  boost::asio::thread_pool pool_{1};
};

}  // namespace defuse
