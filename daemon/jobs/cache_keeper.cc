#include "daemon/jobs/cache_keeper.h"

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <string>
#include <utility>

namespace defuse {
namespace {

namespace asio = boost::asio;

// The kernel's time and not the daemon's clock: it is compared with times of files.
TimePoint file_time_now() { return SystemClock().now(); }

std::string size_for_people(std::uint64_t bytes) {
  const double mib = static_cast<double>(bytes) / static_cast<double>(1ULL << 20);
  return mib >= 1024 ? fmt::format("{:.1f} GiB", mib / 1024) : fmt::format("{:.1f} MiB", mib);
}

}  // namespace

CacheKeeper::CacheKeeper(asio::io_context& io, LiveState& live, std::filesystem::path root)
    : io_(io), live_(live), root_(std::move(root)) {}

CacheKeeper::~CacheKeeper() {
  shut_down();
  pool_.join();
}

void CacheKeeper::shut_down() { in_use_since_ = TimePoint::min(); }

void CacheKeeper::job_begins() {
  if (in_use_since_.load() != TimePoint::min()) in_use_since_ = file_time_now();
}

void CacheKeeper::job_ended() {
  const auto began = in_use_since_.load();
  if (began == TimePoint::min() || began == TimePoint::max()) return;
  in_use_since_ = TimePoint::max();
  collect(began);
}

void CacheKeeper::collect() { collect(TimePoint::max()); }

void CacheKeeper::collect(TimePoint last_job) {
  CacheCollection asked;
  asked.root = root_;
  asked.budget = live_.config()->cache.size;
  asked.now = file_time_now();
  asked.in_use_since = [this] { return in_use_since_.load(); };
  asked.last_job = last_job;
  asio::post(pool_, [this, guard = asio::make_work_guard(io_), asked = std::move(asked)] {
    asio::post(io_, [this, budget = asked.budget, sweep = collect_cache(asked)] { collected(sweep, budget); });
  });
}

void CacheKeeper::collected(const CacheSweep& sweep, std::uint64_t budget) {
  live_.counters().cache(sweep.before - sweep.freed, sweep.freed);
  if (sweep.freed > 0)
    spdlog::info("cache: freed {} of {}: {} entries that went unused longest, {} left-overs of workers that are gone",
                 size_for_people(sweep.freed), size_for_people(sweep.before), sweep.dropped, sweep.scratch);
  for (const auto& problem : sweep.problems) spdlog::warn("cache: cannot be kept in order: {}", problem);
  if (sweep.needed > budget)
    spdlog::warn(
        "cache: the last gate used {} of it, but cache.size is {}: what is dropped is computed again by the next one; "
        "a size above {} would avoid that",
        size_for_people(sweep.needed), size_for_people(budget), size_for_people(sweep.needed));
  else if (sweep.over_budget)
    spdlog::warn("cache: {} are in use or cannot be removed, and cache.size is {}",
                 size_for_people(sweep.before - sweep.freed), size_for_people(budget));
}

}  // namespace defuse
