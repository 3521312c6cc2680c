#include "daemon/live/metrics.h"

#include <gtest/gtest.h>

namespace defuse {
namespace {

bool has_line(const std::string& text, const std::string& line) {
  return ("\n" + text).find("\n" + line + "\n") != std::string::npos;
}

TEST(Metrics, EverySeriesOfAConfiguredModelStartsAtZero) {
  Metrics metrics;
  metrics.watch_models({"digits"});
  const auto text = metrics.text();
  for (const char* verdict : {"pass", "fail", "inconclusive", "error"})
    EXPECT_TRUE(has_line(text, std::string("defused_verdicts_total{model=\"digits\",verdict=\"") + verdict + "\"} 0"))
        << text;
  for (const char* state : {"queued", "running", "done", "failed", "cancelled"})
    EXPECT_TRUE(has_line(text, std::string("defused_jobs{state=\"") + state + "\"} 0"));
  EXPECT_TRUE(has_line(text, "defused_last_verdict_timestamp_seconds{model=\"digits\"} 0"));
  EXPECT_TRUE(has_line(text, "defused_last_successful_poll_timestamp_seconds 0"));
  EXPECT_TRUE(has_line(text, "defused_registry_scan_seconds 0"));
  EXPECT_TRUE(has_line(text, "defused_cache_bytes 0"));
  EXPECT_TRUE(has_line(text, "defused_cache_freed_bytes_total 0"));
  EXPECT_TRUE(has_line(text, "defused_waivers_expiring 0"));
  EXPECT_TRUE(has_line(text, "defused_job_duration_seconds_count 0"));
  EXPECT_TRUE(has_line(text, "defused_build_info{version=\"" DEFUSED_VERSION "\"} 1"));
}

TEST(Metrics, CountVerdictsAndKeepTheNewestTime) {
  Metrics metrics;
  metrics.watch_models({"digits"});
  metrics.verdict("digits", VerdictState::fail, TimePoint(std::chrono::seconds(2000)));
  metrics.verdict("digits", VerdictState::fail, TimePoint(std::chrono::seconds(1000)));
  const auto text = metrics.text();
  EXPECT_TRUE(has_line(text, "defused_verdicts_total{model=\"digits\",verdict=\"fail\"} 2"));
  EXPECT_TRUE(has_line(text, "defused_last_verdict_timestamp_seconds{model=\"digits\"} 2000"));
}

TEST(Metrics, StagesOfAHostileWorkerCannotMakeSeriesWithoutEnd) {
  Metrics metrics;
  std::vector<StationTime> stations;
  for (int i = 0; i < 30; ++i) stations.push_back({"s" + std::string(static_cast<std::size_t>(i), 'x'), 1, 0, false});
  metrics.job_finished(5, stations);
  for (auto& station : stations) station.station = "t" + station.station;
  stations.push_back({"evaluate \"}\n", 1, 0, false});
  metrics.job_finished(5, stations);
  const auto text = metrics.text();
  std::size_t series = 0;
  for (auto at = text.find("defused_stage_duration_seconds_count"); at != std::string::npos;
       at = text.find("defused_stage_duration_seconds_count", at + 1))
    ++series;
  EXPECT_LE(series, 41U);
  EXPECT_NE(text.find("stage=\"other\""), std::string::npos);
}

TEST(Metrics, StagesFromTheCacheAreNotTimed) {
  Metrics metrics;
  metrics.job_finished(1, {{"evaluate", 0.01, 0, true}});
  EXPECT_EQ(metrics.text().find("stage=\"evaluate\""), std::string::npos);
}

}  // namespace
}  // namespace defuse
