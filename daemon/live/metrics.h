// The daemon's numbers for Prometheus. Every series exists from the start with 0, so that rates and alerts work from
// the first scrape. Model is a label, version and job never are. Written on the main strand, read by HTTP threads;
// thread-safe.
#pragma once
#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "core/base/clock.h"
#include "core/verdict/job.h"
#include "core/verdict/job_state.h"
#include "core/verdict/verdict.h"

namespace defuse {

class Metrics {
 public:
  Metrics();

  void watch_models(const std::vector<std::string>& models);  // starts their series
  void verdict(const std::string& model, VerdictState state, TimePoint at);
  void jobs(JobState state, double count);  // how many there are now
  void job_finished(double seconds, const std::vector<StationTime>& stations);
  void polled(TimePoint at, double seconds);
  void cache(std::uint64_t bytes, std::uint64_t freed);  // on disk after a collection, and what it freed
  void sandbox_missing(std::size_t layers);              // its series begins with the first call: before, nobody knows
  void certificate_expires(TimePoint at);     // its series begins with the first call: without TLS there is none
  void waivers_expiring(std::int64_t count);  // live ones that end within a week

  std::string text() const;  // exposition format 0.0.4

 private:
  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& verdicts_;
  prometheus::Family<prometheus::Gauge>& jobs_;
  prometheus::Histogram& job_duration_;
  prometheus::Family<prometheus::Histogram>& stage_duration_;
  std::set<std::string> stages_;  // labels in use; only job_finished, on the main strand, looks at it
  prometheus::Family<prometheus::Gauge>& last_verdict_;
  prometheus::Gauge& last_poll_;
  prometheus::Gauge& scan_duration_;
  prometheus::Gauge& waivers_expiring_;
  prometheus::Family<prometheus::Gauge>& sandbox_missing_;
  prometheus::Family<prometheus::Gauge>& certificate_expires_;
  prometheus::Gauge& cache_size_;
  prometheus::Counter& cache_freed_;
};

}  // namespace defuse
