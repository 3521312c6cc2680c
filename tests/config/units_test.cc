#include "core/settings/units.h"

#include <gtest/gtest.h>

#include <cmath>

namespace defuse {
namespace {

using namespace std::chrono_literals;

TEST(Units, ReadsDurationsWithTheirUnit) {
  EXPECT_EQ(parse_duration("200ms"), 200ms);
  EXPECT_EQ(parse_duration("5s"), 5000ms);
  EXPECT_EQ(parse_duration("30min"), 1800000ms);
  EXPECT_EQ(parse_duration("1.5h"), 5400000ms);
  EXPECT_EQ(parse_duration("90d"), 7776000000ms);
  EXPECT_EQ(parse_duration("5 s"), 5000ms);
  EXPECT_EQ(parse_duration("0s"), 0ms);
  EXPECT_EQ(parse_duration("0.1s"), 100ms);
}

TEST(Units, RefusesDurationsThatAreNone) {
  for (const auto* text : {"",
                           "5",
                           "s",
                           "soon",
                           "-5s",
                           "5m",
                           "5S",
                           "5 sec",
                           "5  s",
                           " 5s",
                           "5s ",
                           "0.1ms",
                           "1e300d",
                           "nans",
                           "infs",
                           "0x5s",
                           "5s5s",
                           "1..5s",
                           "9007199254740994ms",
                           "."})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Units, ReadsSizesOfBothKinds) {
  EXPECT_EQ(parse_size("12B"), 12U);
  EXPECT_EQ(parse_size("1kB"), 1000U);
  EXPECT_EQ(parse_size("1KiB"), 1024U);
  EXPECT_EQ(parse_size("2MB"), 2000000U);
  EXPECT_EQ(parse_size("2MiB"), 2097152U);
  EXPECT_EQ(parse_size("1.5GB"), 1500000000U);
  EXPECT_EQ(parse_size("4GiB"), 4294967296U);
  for (const auto* text : {"", "4", "4G", "4gib", "4KB", "-1B", "0.5B", "1e20GiB", "4 Gi B"})
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
}

TEST(Units, ReadsSharesInPercentOrPlain) {
  EXPECT_EQ(parse_fraction("2%"), 0.02);
  EXPECT_EQ(parse_fraction("0.02"), 0.02);
  EXPECT_EQ(parse_fraction("12.5 %"), 0.125);
  EXPECT_EQ(parse_fraction("1"), 1);
  for (const auto* text : {"", "%", "two%", "2%%", "nan", "inf", "0x1", "1,5%", "2 percent"})
    EXPECT_EQ(parse_fraction(text), std::nullopt) << text;
}

TEST(Units, ReadsPlainNumbersWhole) {
  EXPECT_EQ(parse_number("-1.5e-3"), -0.0015);
  EXPECT_EQ(parse_number("1e999"), std::nullopt);
  EXPECT_EQ(parse_number("+1"), std::nullopt);
  EXPECT_EQ(parse_integer("-12"), -12);
  EXPECT_EQ(parse_integer("1.0"), std::nullopt);
  EXPECT_EQ(parse_integer("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_unsigned("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(parse_unsigned("-1"), std::nullopt);
}

TEST(Units, WritesWhatReadsBackToTheSame) {
  for (const auto value :
       {0LL, 1LL, 999LL, 1000LL, 1500LL, 60000LL, 61000LL, 3600000LL, 5400000LL, 86400000LL, 7776000000LL}) {
    const std::chrono::milliseconds duration(value);
    EXPECT_EQ(parse_duration(format_duration(duration)), duration) << value;
  }
  EXPECT_EQ(format_duration(90s), "90s");
  EXPECT_EQ(format_duration(30min), "30min");
  EXPECT_EQ(format_duration(2160h), "90d");
  for (const std::uint64_t value : {0ULL, 1ULL, 1000ULL, 1024ULL, 1536ULL, 4ULL << 30, 1'000'000'007ULL, 1ULL << 50})
    EXPECT_EQ(parse_size(format_size(value)), value) << value;
  EXPECT_EQ(format_size(4ULL << 30), "4GiB");
  EXPECT_EQ(format_size(2'000'000), "2MB");
}

}  // namespace
}  // namespace defuse
