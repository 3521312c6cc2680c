#include "daemon/live/live_state.h"

#include <atomic>
#include <unordered_map>
#include <utility>

namespace defuse {
namespace {

constexpr std::size_t kEventsKept = 1000;

std::uint64_t next_identity() {
  static std::atomic<std::uint64_t> last{0};
  return ++last;
}

}  // namespace

LiveState::LiveState(std::shared_ptr<const Config> config, std::filesystem::path database, const Clock& clock)
    : database_(std::move(database)), clock_(clock), identity_(next_identity()), config_(std::move(config)) {
  status_.started = clock_.now();
}

std::shared_ptr<const Config> LiveState::config() const {
  const std::lock_guard lock(mutex_);
  return config_;
}

DaemonStatus LiveState::status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

Result<Store*> LiveState::store() const {
  // A connection per thread and daemon; closed when the thread ends.
  thread_local std::unordered_map<std::uint64_t, std::unique_ptr<Store>> stores;
  auto& mine = stores[identity_];
  if (!mine) {
    TRY(opened, Store::open(database_, Store::Mode::read_only, clock_));
    mine = std::move(opened);
  }
  return mine.get();
}

std::string LiveState::metrics() const { return metrics_.text(); }

std::vector<ReadModel::Event> LiveState::events_after(std::uint64_t id, std::chrono::milliseconds wait) const {
  std::unique_lock lock(mutex_);
  news_.wait_for(lock, wait, [&] { return closed_ || last_event_ > id; });
  std::vector<Event> found;
  // An id from before a restart may be larger than any of ours: such a reader gets everything that is left.
  const bool foreign = id > last_event_;
  for (const auto& event : events_)
    if (event.id > id || foreign) found.push_back(event);
  return found;
}

void LiveState::set_config(std::shared_ptr<const Config> config) {
  const std::lock_guard lock(mutex_);
  config_ = std::move(config);
}

void LiveState::change_status(const std::function<void(DaemonStatus&)>& change) {
  const std::lock_guard lock(mutex_);
  change(status_);
}

void LiveState::publish(const std::string& type, const Json& data) {
  auto text = dump_json(data);
  {
    const std::lock_guard lock(mutex_);
    events_.push_back({++last_event_, type, std::move(text)});
    if (events_.size() > kEventsKept) events_.pop_front();
  }
  news_.notify_all();
}

void LiveState::close() {
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  news_.notify_all();
}

}  // namespace defuse
