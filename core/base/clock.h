// Time, injected. Everything that needs "now" takes a Clock, so tests can move it and expiry never depends on a sleep.
// Thread-safe.
#pragma once
#include <chrono>
#include <string>

#include "core/base/result.h"

namespace defuse {

using TimePoint = std::chrono::sys_time<std::chrono::milliseconds>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual TimePoint now() const = 0;
};

class SystemClock final : public Clock {
 public:
  TimePoint now() const override;
};

// RFC 3339 in UTC with milliseconds: "2026-03-01T12:00:00.000Z".
std::string to_rfc3339(TimePoint time);
// Accepts what to_rfc3339 writes, without milliseconds too, and a bare date (its midnight).
Result<TimePoint> parse_rfc3339(const std::string& text);

}  // namespace defuse
