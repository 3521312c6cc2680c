#include "daemon/ctl/csv.h"

#include <gtest/gtest.h>

namespace defuse::ctl {
namespace {

TEST(Csv, ComesBackAsItWas) {
  const std::vector<CsvRow> rows{
      {"region", "label", "what"}, {"r-1", "", "7s, that \"lean\"\nto the right"}, {"r-2", "class:3", ""}};
  std::string text;
  for (const auto& row : rows) text += csv_line(row);
  const auto read = parse_csv(text);
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(*read, rows);
}

TEST(Csv, ReadsWhatOthersWrite) {
  const auto read = parse_csv("\xEF\xBB\xBFregion,label\n\nr-1,confirmed\r\n\"r-2\",\"a\"\"b\"");
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(*read, (std::vector<CsvRow>{{"region", "label"}, {"r-1", "confirmed"}, {"r-2", "a\"b"}}));
  EXPECT_TRUE(parse_csv("").value().empty());
}

TEST(Csv, SaysWhereItIsBroken) {
  const auto open = parse_csv("a,b\n\"c,d\n");
  ASSERT_FALSE(open);
  EXPECT_NE(open.error().message.find("line 2"), std::string::npos) << open.error().message;
  EXPECT_FALSE(parse_csv("\"a\"b,c\n"));
}

TEST(Csv, NothingIsAFormulaForASpreadsheet) {
  EXPECT_EQ(csv_line({"=1+1", "-2", "@x", "a=b"}), "'=1+1,'-2,'@x,a=b\r\n");
}

}  // namespace
}  // namespace defuse::ctl
