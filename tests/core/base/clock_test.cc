#include "core/base/clock.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace defuse {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(Rfc3339, WritesKnownInstants) {
  EXPECT_EQ(to_rfc3339(TimePoint{}), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(to_rfc3339(TimePoint{seconds{1'700'000'000} + milliseconds{7}}), "2023-11-14T22:13:20.007Z");
  EXPECT_EQ(to_rfc3339(TimePoint{milliseconds{-1}}), "1969-12-31T23:59:59.999Z");
  EXPECT_EQ(to_rfc3339(TimePoint{seconds{951'782'400}}), "2000-02-29T00:00:00.000Z");
}

TEST(Rfc3339, ReadsWhatItWrites) {
  for (std::int64_t ms = -5'000'000'000; ms < 4'102'444'800'000; ms += 98'765'432'101)
    EXPECT_EQ(parse_rfc3339(to_rfc3339(TimePoint{milliseconds{ms}})).value(), TimePoint{milliseconds{ms}});
}

TEST(Rfc3339, ReadsShorterForms) {
  const auto midnight = TimePoint{std::chrono::sys_days{std::chrono::year{2026} / 3 / 1}};
  EXPECT_EQ(parse_rfc3339("2026-03-01").value(), midnight);
  EXPECT_EQ(parse_rfc3339("2026-03-01T00:00:05Z").value(), midnight + seconds{5});
}

TEST(Rfc3339, RefusesWhatIsNoTimeAndQuotesIt) {
  for (const std::string text : {"", "tomorrow", "2026-13-01", "2026-02-30", "2025-02-29", "2026-03-01T24:00:00Z",
                                 "2026-03-01T12:60:00Z", "2026-03-01T12:00:00", "2026-03-01T12:00:00+02:00",
                                 "2026-03-01 12:00:00Z", "2026-03-01T12:00:00Zx", "2026-03-01T12:00:00.000"}) {
    const auto got = parse_rfc3339(text);
    ASSERT_FALSE(got.has_value()) << text;
    EXPECT_EQ(got.error().code, ErrorCode::invalid_input);
    EXPECT_NE(got.error().message.find("'" + text + "'"), std::string::npos);
  }
}

TEST(SystemClock, TellsATimeAfterThisTestWasWritten) {
  EXPECT_GT(SystemClock().now(), parse_rfc3339("2025-01-01").value());
}

}  // namespace
}  // namespace defuse
