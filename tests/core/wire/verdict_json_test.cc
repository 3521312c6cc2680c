#include <gtest/gtest.h>

#include <string>

#include "core/verdict/job.h"
#include "core/wire/documents.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

TEST(VerdictJson, ReadsBackEverythingItWrote) {
  const Json written = to_json(samples::verdict());
  const auto read = verdict_from_json(written, "verdict");
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(dump_json(to_json(*read)), dump_json(written));
  EXPECT_EQ(read->state, VerdictState::fail);
  EXPECT_EQ(read->checks.size(), 6U);
}

TEST(VerdictJson, EveryRemovedFieldIsAnErrorThatNamesIt) {
  const Json whole = to_json(samples::verdict());
  for (const auto& [key, value] : whole.items()) {
    Json without = whole;
    without.erase(key);
    const auto read = verdict_from_json(without, "verdict");
    ASSERT_FALSE(read) << key;
    EXPECT_NE(read.error().message.find("verdict." + key + ":"), std::string::npos) << read.error().message;
  }
}

TEST(VerdictJson, RefusesAnOkThatContradictsTheVerdict) {
  Json lying = to_json(samples::verdict());
  lying["ok"] = true;
  const auto read = verdict_from_json(lying, "verdict");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("verdict.ok"), std::string::npos);
}

TEST(WaiverJson, ReadsBackEverythingItWrote) {
  const Json written = to_json(samples::waiver());
  const auto read = waiver_from_json(written, "waiver");
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(dump_json(to_json(*read)), dump_json(written));
  EXPECT_EQ(read->expires, samples::waiver().expires);
  EXPECT_EQ(read->versions, samples::waiver().versions);
}

TEST(WaiverJson, EveryRemovedFieldIsAnErrorThatNamesIt) {
  const Json whole = to_json(samples::waiver());
  for (const auto& [key, value] : whole.items()) {
    Json without = whole;
    without.erase(key);
    const auto read = waiver_from_json(without, "waiver");
    ASSERT_FALSE(read) << key;
    EXPECT_NE(read.error().message.find("waiver." + key + ":"), std::string::npos) << read.error().message;
  }
}

TEST(WaiverJson, RefusesAnExpiryThatIsNoTime) {
  Json bad = to_json(samples::waiver());
  bad["expires"] = "never";
  const auto read = waiver_from_json(bad, "waiver");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("waiver.expires"), std::string::npos);
}

TEST(RegionJson, ReadsBackEveryStatus) {
  for (std::size_t i = 0; i < 5; ++i) {
    const Json written = to_json(samples::region(i));
    const auto read = region_from_json(written, "region");
    ASSERT_TRUE(read) << read.error().describe();
    EXPECT_EQ(dump_json(to_json(*read)), dump_json(written));
    EXPECT_EQ(read->status, samples::region(i).status);
  }
}

TEST(RegionJson, ReadsRowsThatWereStoredBeforeNeighboursWereLookedAt) {
  Json written = to_json(samples::region(0));
  written.erase("novelty");
  const auto read = region_from_json(written, "region");
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_FALSE(read->novelty);
  written["novelty"] = "none";
  EXPECT_FALSE(region_from_json(written, "region"));
}

}  // namespace
}  // namespace defuse
