// A clock that stands still until a test moves it. Starts at a fixed date, so that nothing depends on the day of the
// run. Thread-safe, because stores and watchers on other threads may read it.
#pragma once
#include <atomic>
#include <chrono>

#include "core/base/clock.h"

namespace defuse::testing {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(TimePoint start = std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}) : now_(start) {}

  TimePoint now() const override { return now_.load(); }
  void set(TimePoint time) { now_ = time; }
  void advance(std::chrono::milliseconds by) { now_ = now_.load() + by; }

 private:
  std::atomic<TimePoint> now_;
};

}  // namespace defuse::testing
