#include "core/base/error.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "core/base/result.h"

namespace defuse {
namespace {

TEST(Error, DescribesItselfWithItsContextInnermostFirst) {
  const Error bare{ErrorCode::io, "cannot read labels", {}};
  EXPECT_EQ(bare.describe(), "cannot read labels");
  const Error full = bare.with("while reading the test split").with("while evaluating version 7");
  EXPECT_EQ(full.describe(), "cannot read labels (while reading the test split; while evaluating version 7)");
  EXPECT_EQ(full.code, ErrorCode::io);
  EXPECT_TRUE(bare.context.empty()) << "the original is untouched";
}

TEST(Error, EveryCodeHasAWordOfItsOwn) {
  std::set<std::string_view> words;
  for (const auto code :
       {ErrorCode::not_found, ErrorCode::invalid_input, ErrorCode::unavailable, ErrorCode::io, ErrorCode::corrupt,
        ErrorCode::cancelled, ErrorCode::exhausted, ErrorCode::conflict, ErrorCode::internal})
    words.insert(to_string(code));
  EXPECT_EQ(words.size(), 9U);
}

Result<int> positive(int value) {
  if (value <= 0) return fail(ErrorCode::invalid_input, "not positive");
  return value;
}

Result<int> doubled(int value) {
  TRY(checked, positive(value));
  return 2 * checked;
}

Result<void> checked_only(int value) {
  TRY_OK(positive(value));
  return {};
}

TEST(Try, BindsTheValueOrReturnsTheError) {
  EXPECT_EQ(doubled(4).value(), 8);
  ASSERT_FALSE(doubled(0).has_value());
  EXPECT_EQ(doubled(0).error().message, "not positive");
  EXPECT_TRUE(checked_only(1).has_value());
  EXPECT_EQ(checked_only(-1).error().code, ErrorCode::invalid_input);
}

TEST(WhileDoing, AddsALineToFailuresOnly) {
  EXPECT_EQ(while_doing("while counting", positive(3)).value(), 3);
  EXPECT_EQ(while_doing("while counting", positive(-3)).error().describe(), "not positive (while counting)");
}

}  // namespace
}  // namespace defuse
