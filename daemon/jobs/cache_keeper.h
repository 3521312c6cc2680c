// Keeps the station cache within cache.size: after each job and at the start, on a thread of its own, so that neither
// an answer nor a verdict ever waits for it. Owned by the JobRunner, which says when jobs begin and end. Main strand
// only.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstdint>
#include <filesystem>

#include "core/cache/cache_collector.h"
#include "daemon/live/live_state.h"

namespace defuse {

class CacheKeeper {
 public:
  CacheKeeper(boost::asio::io_context& io, LiveState& live, std::filesystem::path root);
  ~CacheKeeper();
  CacheKeeper(const CacheKeeper&) = delete;
  CacheKeeper& operator=(const CacheKeeper&) = delete;

  void collect();
  void job_begins();  // what is used from now on stays until the job ended
  void job_ended();   // and collects; without a job that began, nothing
  void shut_down();   // a collection under way stops at its next entry

 private:
  void collect(TimePoint last_job);
  void collected(const CacheSweep& sweep, std::uint64_t budget);

  boost::asio::io_context& io_;
  LiveState& live_;
  const std::filesystem::path root_;
  std::atomic<TimePoint> in_use_since_{TimePoint::max()};  // min() while stopping: everything stays
  boost::asio::thread_pool pool_{1};
};

}  // namespace defuse
