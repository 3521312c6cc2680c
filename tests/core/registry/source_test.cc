// Names and order of versions.
#include "core/registry/source.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/registry/names.h"

namespace defuse::testing {
namespace {

TEST(VersionLess, PutsIntegersInOrderOfTheirValueBeforeNames) {
  std::vector<std::string> versions{"v2", "10", "a", "2", "B", "1.5", "0", "99999999999999999999999", "9"};
  std::sort(versions.begin(), versions.end(), version_less);
  EXPECT_EQ(versions,
            (std::vector<std::string>{"0", "2", "9", "10", "99999999999999999999999", "1.5", "B", "a", "v2"}));
}

TEST(VersionLess, IsAStrictWeakOrderOnEveryPair) {
  const std::vector<std::string> all{"", "0", "00", "1", "01", "001", "2", "10", "1a", "a", "a1", "-", "1.0"};
  for (const auto& a : all) {
    EXPECT_FALSE(version_less(a, a)) << a;
    for (const auto& b : all) {
      EXPECT_EQ(a != b, version_less(a, b) || version_less(b, a)) << a << " " << b;
      EXPECT_FALSE(version_less(a, b) && version_less(b, a)) << a << " " << b;
      for (const auto& c : all)
        EXPECT_FALSE(version_less(a, b) && version_less(b, c) && !version_less(a, c)) << a << " " << b << " " << c;
    }
  }
}

TEST(IsValidName, TakesLettersDigitsDotsUnderscoresAndDashes) {
  for (const auto* name : {"1", "digits", "v1.2.3", "A_b-C", "0", "2024-01-01"})
    EXPECT_TRUE(is_valid_name(name)) << name;
  EXPECT_TRUE(is_valid_name(std::string(200, 'a')));
}

TEST(IsValidName, RefusesWhatCouldHurtOrHide) {
  for (const auto* name :
       {"", ".", "..", ".hidden", "-rf", "_x", "a/b", "a b", "a\nb", "ä", "<b>", "a'b", "tmp-1", "a\\b", "a:b"})
    EXPECT_FALSE(is_valid_name(name)) << name;
  EXPECT_FALSE(is_valid_name(std::string(201, 'a')));
  EXPECT_FALSE(is_valid_name(std::string("a\0b", 3)));
}

TEST(IsValidName, TmpWithoutDashIsANameLikeAnyOther) { EXPECT_TRUE(is_valid_name("tmp1")); }

TEST(PassingName, CoversTemporaryHiddenAndEditorFiles) {
  for (const auto* name : {".x", "tmp-x", "x~", "#x#", ".model.pt.swp", "model.pt.swp", "x.swx"})
    EXPECT_TRUE(is_passing_name(name)) << name;
  for (const auto* name : {"model.pt", "READY", "tmp", "a#", "swp"}) EXPECT_FALSE(is_passing_name(name)) << name;
}

TEST(PrintableName, ShowsEveryByteThatCouldFoolATerminal) {
  EXPECT_EQ(printable_name("a\x1b[2J\n\xff\\b"), "a\\x1b[2J\\x0a\\xff\\x5cb");
  EXPECT_EQ(printable_name(std::string(500, 'x')).substr(0, 201), std::string(200, 'x') + "\xe2");
}

}  // namespace
}  // namespace defuse::testing
