#include "core/data/never_break.h"

#include <gtest/gtest.h>

#include "core/base/files.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

Result<void> read_text(const std::string& text, NegativeFlipSettings& settings) {
  testing::TempTree tree;
  settings.never_break_file = tree / "list.txt";
  EXPECT_TRUE(write_atomically(settings.never_break_file, text));
  return read_never_break(settings);
}

TEST(NeverBreakFile, JoinsTheListOfTheConfigurationOnceAndInOrder) {
  NegativeFlipSettings settings;
  settings.never_break = {5, 2};
  ASSERT_TRUE(read_text("# must hold\n17\n\n 5 \t# twice\r\n0", settings));
  EXPECT_EQ(settings.never_break, (std::vector<std::int64_t>{0, 2, 5, 17}));
}

TEST(NeverBreakFile, NoFileIsNoError) {
  NegativeFlipSettings settings;
  EXPECT_TRUE(read_never_break(settings));
}

TEST(NeverGreenNeverBreakFile, MissingFileOrOtherWordsAreErrorsThatNameTheLine) {
  NegativeFlipSettings settings;
  settings.never_break_file = "/nowhere/list.txt";
  EXPECT_FALSE(read_never_break(settings));
  for (const auto* text : {"1\n-3\n", "1\nseven\n", "1\n7 8\n", "1\n99999999999999999999\n"}) {
    NegativeFlipSettings bad;
    const auto read = read_text(text, bad);
    ASSERT_FALSE(read) << text;
    EXPECT_NE(read.error().describe().find("list.txt:2"), std::string::npos) << read.error().describe();
    EXPECT_TRUE(bad.never_break.empty());
  }
}

}  // namespace
}  // namespace defuse
