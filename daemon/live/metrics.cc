#include "daemon/live/metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace defuse {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;

constexpr std::array kVerdicts = {VerdictState::pass, VerdictState::fail, VerdictState::inconclusive,
                                  VerdictState::error};
constexpr std::array kJobStates = {JobState::queued, JobState::running, JobState::done, JobState::failed,
                                   JobState::cancelled};

prometheus::Histogram::BucketBoundaries buckets() { return {0.1, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}; }

double seconds(TimePoint at) { return static_cast<double>(at.time_since_epoch().count()) / 1000.0; }

// Station names come from a worker that ran somebody's model: only what looks like one of ours may become a label, or a
// model could fill the server with series.
std::string stage_label(const std::string& station) {
  const auto plain = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
  const auto word = station.substr(0, station.find_first_of(" :/"));
  return !word.empty() && word.size() <= 40 && std::all_of(word.begin(), word.end(), plain) ? word : "other";
}

constexpr std::size_t kMostStages = 40;  // distinct labels; more are counted as "other"

}  // namespace

Metrics::Metrics()
    : verdicts_(BuildCounter()
                    .Name("defused_verdicts_total")
                    .Help("Verdicts given, by model and verdict.")
                    .Register(registry_)),
      jobs_(BuildGauge().Name("defused_jobs").Help("Jobs in each state.").Register(registry_)),
      job_duration_(BuildHistogram()
                        .Name("defused_job_duration_seconds")
                        .Help("Wall clock of jobs that ended with a result.")
                        .Register(registry_)
                        .Add({}, buckets())),
      stage_duration_(BuildHistogram()
                          .Name("defused_stage_duration_seconds")
                          .Help("Wall clock of a job's stages that were not answered from the cache.")
                          .Register(registry_)),
      last_verdict_(BuildGauge()
                        .Name("defused_last_verdict_timestamp_seconds")
                        .Help("When the newest verdict of a model was given; 0 if there is none.")
                        .Register(registry_)),
      last_poll_(BuildGauge()
                     .Name("defused_last_successful_poll_timestamp_seconds")
                     .Help("When the registry was last read in full; 0 if it never was.")
                     .Register(registry_)
                     .Add({})),
      scan_duration_(BuildGauge()
                         .Name("defused_registry_scan_seconds")
                         .Help("How long the last full look at the registry took.")
                         .Register(registry_)
                         .Add({})),
      waivers_expiring_(BuildGauge()
                            .Name("defused_waivers_expiring")
                            .Help("Live waivers that expire within seven days.")
                            .Register(registry_)
                            .Add({})),
      sandbox_missing_(BuildGauge()
                           .Name("defused_sandbox_missing_layers")
                           .Help("Layers of the worker's sandbox that this machine cannot give; absent until known.")
                           .Register(registry_)),
      certificate_expires_(BuildGauge()
                               .Name("defused_certificate_expiry_timestamp_seconds")
                               .Help("When the certificate that TLS is spoken with expires.")
                               .Register(registry_)),
      cache_size_(BuildGauge()
                      .Name("defused_cache_bytes")
                      .Help("Disk that results of stations take, when it was last looked at.")
                      .Register(registry_)
                      .Add({})),
      cache_freed_(BuildCounter()
                       .Name("defused_cache_freed_bytes_total")
                       .Help("Disk freed by dropping results of stations, to keep within cache.size.")
                       .Register(registry_)
                       .Add({})) {
  for (const auto state : kJobStates) jobs(state, 0);
  BuildGauge()
      .Name("defused_build_info")
      .Help("Always 1; the version is in the label.")
      .Register(registry_)
      .Add({{"version", DEFUSED_VERSION}})
      .Set(1);
}

void Metrics::watch_models(const std::vector<std::string>& models) {
  for (const auto& model : models) {
    for (const auto state : kVerdicts) verdicts_.Add({{"model", model}, {"verdict", std::string(to_string(state))}});
    last_verdict_.Add({{"model", model}});
  }
}

void Metrics::verdict(const std::string& model, VerdictState state, TimePoint at) {
  verdicts_.Add({{"model", model}, {"verdict", std::string(to_string(state))}}).Increment();
  auto& newest = last_verdict_.Add({{"model", model}});
  newest.Set(std::max(newest.Value(), seconds(at)));
}

void Metrics::jobs(JobState state, double count) { jobs_.Add({{"state", std::string(to_string(state))}}).Set(count); }

void Metrics::job_finished(double duration, const std::vector<StationTime>& stations) {
  job_duration_.Observe(duration);
  for (std::size_t i = 0; i < std::min(stations.size(), kMostStages); ++i) {
    const auto& station = stations[i];
    if (station.cached || !(station.seconds >= 0)) continue;
    auto label = stage_label(station.station);
    if (stages_.size() >= kMostStages && !stages_.contains(label)) label = "other";
    stages_.insert(label);
    stage_duration_.Add({{"stage", label}}, buckets()).Observe(station.seconds);
  }
}

void Metrics::polled(TimePoint at, double seconds_taken) {
  scan_duration_.Set(seconds_taken);
  last_poll_.Set(seconds(at));
}

void Metrics::cache(std::uint64_t bytes, std::uint64_t freed) {
  cache_size_.Set(static_cast<double>(bytes));
  cache_freed_.Increment(static_cast<double>(freed));
}

void Metrics::sandbox_missing(std::size_t layers) { sandbox_missing_.Add({}).Set(static_cast<double>(layers)); }

void Metrics::waivers_expiring(std::int64_t count) { waivers_expiring_.Set(static_cast<double>(count)); }

void Metrics::certificate_expires(TimePoint at) { certificate_expires_.Add({}).Set(seconds(at)); }

std::string Metrics::text() const { return prometheus::TextSerializer().Serialize(registry_.Collect()); }

}  // namespace defuse
