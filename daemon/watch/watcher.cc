#include "daemon/watch/watcher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <set>

namespace defuse {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds kDebounce{20};  // a copy makes many events
constexpr std::chrono::milliseconds kSettlingScan{1000};
constexpr std::chrono::milliseconds kSettleSlack{5};    // file times are stamped by ticks of the kernel
constexpr std::chrono::milliseconds kShortestWait{10};  // between scans, whatever clocks say

}  // namespace

Watcher::Watcher(asio::io_context& io, RegistrySettings settings, std::vector<std::string> models, WatcherParts parts,
                 WatcherHooks hooks)
    : io_(io),
      settings_(std::move(settings)),
      models_(std::move(models)),
      parts_(std::move(parts)),
      hooks_(std::move(hooks)),
      source_(parts_.make_source(settings_)),
      changes_(io),
      timer_(io),
      debounce_(io) {}

Watcher::~Watcher() {
  stop();
  pool_.join();
}

void Watcher::start() {
  listen();
  poll_once();
}

void Watcher::stop() {
  stopped_ = true;
  timer_.cancel();
  debounce_.cancel();
  stop_listening();
}

void Watcher::stop_listening() {
  if (changes_.is_open()) changes_.release();  // the signal owns the descriptor
  signal_.reset();
}

void Watcher::reconfigure(RegistrySettings settings, std::vector<std::string> models) {
  settings_ = std::move(settings);
  models_ = std::move(models);
  source_ = parts_.make_source(settings_);
  unreadable_.clear();
  poll_once();
}

void Watcher::listen() {
  if (!parts_.make_signal || signal_ || stopped_) return;
  auto made = parts_.make_signal(settings_);
  if (!made) {
    spdlog::debug("no change notification, rescans only: {}", made.error().describe());
    return;
  }
  signal_ = std::move(*made);
  changes_.assign(signal_->descriptor());
  await_change();
}

void Watcher::await_change() {
  changes_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error || stopped_ || !signal_) return;
    const auto changed = signal_->take();
    if (!changed) {  // the root itself is gone; the next scan that finds it listens again
      spdlog::debug("no change notification any more: {}", changed.error().describe());
      stop_listening();
      return poll_once();
    }
    if (*changed && !debouncing_) {
      debouncing_ = true;
      debounce_.expires_after(kDebounce);
      debounce_.async_wait([this](const boost::system::error_code& cancelled) {
        debouncing_ = false;
        if (!cancelled && !stopped_) poll_once();
      });
    }
    await_change();
  });
}

void Watcher::poll_once() {
  if (stopped_) return;
  if (scanning_) {
    again_ = true;
    return;
  }
  scanning_ = true;
  scan_began_ = std::chrono::steady_clock::now();
  timer_.cancel();
  asio::post(pool_, [this, source = source_, guard = asio::make_work_guard(io_)] {
    asio::post(io_, [this, snapshot = source->poll()] { take_snapshot(snapshot); });
  });
}

void Watcher::take_snapshot(const Result<RegistrySnapshot>& snapshot) {
  scanning_ = false;
  if (stopped_) return;
  auto known = snapshot ? hooks_.known() : Result<std::vector<KnownVersion>>();
  if (!snapshot || !known) {
    // Whatever was known stays known: a lost mount must not look like "every model removed".
    last_.problem = (snapshot ? known.error() : snapshot.error()).describe();
    report();
    return plan_next();
  }
  listen();  // the root may have come into being since the last attempt
  auto changes = difference(*snapshot, *known, models_);
  last_.problem.clear();
  last_.warnings = snapshot->warnings;
  last_.not_ready = std::move(changes.not_ready);
  to_retry_.clear();
  std::set<Key> listed;
  for (const auto& entry : snapshot->entries) listed.insert({entry.model, entry.version});
  std::erase_if(unreadable_, [&](const auto& item) { return !listed.contains(item.first); });

  std::string settling;
  settled_at_.reset();
  for (const auto& entry : last_.not_ready) {
    if (entry.state != EntryState::settling) continue;
    settling += entry.model + "/" + entry.version + " " + entry.fingerprint + "\n";
    if (!entry.settles_in) continue;
    const auto at = scan_began_ + *entry.settles_in + kSettleSlack;
    settled_at_ = std::min(settled_at_.value_or(at), at);
  }
  if (settling != settling_) moved_at_ = std::chrono::steady_clock::now();
  settling_ = std::move(settling);

  for (const auto& version : changes.deleted) hooks_.deleted(version);
  for (std::size_t i = 0; i < changes.to_hash.size(); ++i) hash(changes.to_hash[i], i);
  last_.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - scan_began_).count();
  report();
  if (std::exchange(again_, false)) return poll_once();
  plan_next();
}

void Watcher::hash(const RegistryEntry& entry, std::size_t position) {
  const Key key{entry.model, entry.version};
  if (hashing_.contains(key)) return;  // should it change meanwhile, the next scan sees another fingerprint
  if (const auto bad = unreadable_.find(key); bad != unreadable_.end()) {
    if (bad->second.fingerprint == entry.fingerprint) return;
    unreadable_.erase(bad);
  }
  hashing_[key] = entry;
  hashing_[key].state = EntryState::settling;
  hashing_[key].problem = "its digest is being taken";
  asio::post(pool_, [this, entry, position, guard = asio::make_work_guard(io_)] {
    if (stopped_) return;  // a large artifact must not hold up the end
    asio::post(io_, [this, entry, position, candidate = parts_.identify(entry)] {
      take_candidate(entry, position, candidate);
    });
  });
}

void Watcher::take_candidate(const RegistryEntry& entry, std::size_t position, const Result<Candidate>& candidate) {
  const Key key{entry.model, entry.version};
  hashing_.erase(key);
  if (stopped_) return;
  if (candidate) {
    hooks_.found(*candidate, entry.fingerprint, position);
    if (hashing_.empty()) report();  // not after each: thousands may come in one scan
    return;
  }
  const auto code = candidate.error().code;
  auto problem = entry;
  problem.problem = candidate.error().describe();
  if (code == ErrorCode::corrupt || code == ErrorCode::invalid_input) {
    problem.state = EntryState::refused;
    unreadable_[key] = std::move(problem);
  } else {
    problem.state = EntryState::settling;  // most likely it changed while it was read
    to_retry_[key] = std::move(problem);
    moved_at_ = std::chrono::steady_clock::now();
    plan_next();
  }
  report();
}

void Watcher::report() {
  auto full = last_;
  for (const auto* more : {&hashing_, &unreadable_, &to_retry_})
    for (const auto& [key, entry] : *more) full.not_ready.push_back(entry);
  std::sort(full.not_ready.begin(), full.not_ready.end(), [](const RegistryEntry& a, const RegistryEntry& b) {
    return a.model != b.model ? a.model < b.model : version_less(a.version, b.version);
  });
  hooks_.scanned(full);
}

void Watcher::plan_next() {
  if (stopped_ || scanning_ || settings_.rescan.count() <= 0) return;
  // Something that settles is looked at soon, so that it is seen when its time has come; something that only waits for
  // its marker does not move, and need not be looked at more often than the rest.
  const bool waiting = !settling_.empty() || !to_retry_.empty();
  const bool moving = std::chrono::steady_clock::now() - moved_at_ < settings_.settle + 2 * kSettlingScan;
  const auto soon = std::max(std::chrono::milliseconds(50), std::min(settings_.settle, kSettlingScan));
  std::chrono::steady_clock::duration wait = waiting && moving ? std::min(soon, settings_.rescan) : settings_.rescan;
  if (settled_at_) {
    const auto now = std::chrono::steady_clock::now();
    wait = std::min(wait, std::max<std::chrono::steady_clock::duration>(*settled_at_ - now, kShortestWait));
  }
  timer_.expires_after(wait);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) poll_once();
  });
}

}  // namespace defuse
