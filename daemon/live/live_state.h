// What HTTP threads see of the running daemon: the configuration in force, its status, its metrics, recent events, and
// a read-only store per thread. The main strand writes it. Thread-safe.
#pragma once
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "daemon/api/read_model.h"
#include "daemon/live/metrics.h"

namespace defuse {

class LiveState final : public ReadModel {
 public:
  LiveState(std::shared_ptr<const Config> config, std::filesystem::path database, const Clock& clock);

  std::shared_ptr<const Config> config() const override;
  DaemonStatus status() const override;
  Result<Store*> store() const override;
  std::string metrics() const override;
  const Clock& clock() const override { return clock_; }
  std::vector<Event> events_after(std::uint64_t id, std::chrono::milliseconds wait) const override;

  void set_config(std::shared_ptr<const Config> config);
  void change_status(const std::function<void(DaemonStatus&)>& change);
  void publish(const std::string& type, const Json& data);
  void close();  // ends every wait for events; later ones return at once
  Metrics& counters() { return metrics_; }

 private:
  const std::filesystem::path database_;
  const Clock& clock_;
  const std::uint64_t identity_;  // keys the per-thread stores: an address may be used again
  Metrics metrics_;
  mutable std::mutex mutex_;
  mutable std::condition_variable news_;
  std::shared_ptr<const Config> config_;
  DaemonStatus status_;
  std::deque<Event> events_;
  std::uint64_t last_event_ = 0;
  bool closed_ = false;
};

}  // namespace defuse
