#include "checks/all_checks.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "tests/checks/check_input.h"

namespace defuse {
namespace {

std::vector<std::string> ids_of(const std::vector<std::unique_ptr<Check>>& checks) {
  std::vector<std::string> ids;
  for (const auto& check : checks) ids.push_back(check->info().id);
  return ids;
}

TEST(AllChecks, StandInTheConventionalOrder) {
  EXPECT_EQ(ids_of(make_checks({})),
            (std::vector<std::string>{"contract", "accuracy", "negative_flips", "known_regions",
                                      "misclassification_regions", "spotlight"}));
}

TEST(AllChecks, OffLeavesACheckOut) {
  CheckSettings settings;
  settings.accuracy.mode = CheckMode::off;
  settings.known_regions.mode = CheckMode::off;
  EXPECT_EQ(ids_of(make_checks(settings)),
            (std::vector<std::string>{"contract", "negative_flips", "misclassification_regions", "spotlight"}));
}

TEST(AllChecks, KeepTheModeTheyWereGiven) {
  CheckSettings settings;
  settings.contract.mode = CheckMode::warn;
  settings.accuracy.mode = CheckMode::shadow;
  const auto checks = make_checks(settings);
  EXPECT_EQ(checks[0]->mode(), CheckMode::warn);
  EXPECT_EQ(checks[1]->mode(), CheckMode::shadow);
  EXPECT_EQ(checks[2]->mode(), CheckMode::block);
}

TEST(AllChecks, IntroduceThemselves) {
  for (const auto& check : make_checks({})) {
    EXPECT_FALSE(check->info().question.empty()) << check->info().id;
    EXPECT_GE(check->info().version, 1);
    EXPECT_EQ(check->info().statistical, check->info().id != "contract");
  }
}

// A check that is given nothing at all must say so, never pass (known_regions apart: no bug is known, so none is back).
TEST(AllChecks, NothingMeasuredIsNeverAPass) {
  for (const auto& check : make_checks({})) {
    const auto result = check->run(CheckInput{});
    EXPECT_EQ(result.check, check->info().id);
    if (result.check != "known_regions") {
      EXPECT_EQ(result.state, VerdictState::error) << result.check << ": " << result.reason;
    }
  }
}

TEST(AllChecks, GiveTheSameResultTwice) {
  World world;
  world.add_all({300, 12, 9, 20});
  for (const auto& check : make_checks({})) {
    const auto one = check->run(world.input());
    const auto two = check->run(world.input());
    EXPECT_EQ(one.reason, two.reason);
    EXPECT_EQ(one.findings.size(), two.findings.size());
  }
}

// A check is a file pair, a test, a section of the README and a block of the configuration: one that lacks a part is
// not done.
TEST(AllChecks, EveryCheckHasItsFilesItsTestAndItsSection) {
  const std::filesystem::path root = DEFUSED_SOURCE_DIR;
  std::ifstream in(root / "checks" / "README.md");
  std::stringstream readme;
  readme << in.rdbuf();
  for (const auto& check : make_checks({})) {
    const std::string id = check->info().id;
    for (const auto& file :
         {root / "checks" / (id + ".h"), root / "checks" / (id + ".cc"), root / "tests" / "checks" / (id + "_test.cc")})
      EXPECT_TRUE(std::filesystem::exists(file)) << file;
    EXPECT_NE(readme.str().find("## `" + id + "`"), std::string::npos) << "no section for " << id;
  }
}

}  // namespace
}  // namespace defuse
