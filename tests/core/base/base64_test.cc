#include "core/base/base64.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace defuse {
namespace {

TEST(Base64, MatchesRfc4648BothWays) {
  const std::vector<std::pair<std::string, std::string>> known = {
      {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xFB\xFF\xFE", "+//+"}};
  for (const auto& [bytes, text] : known) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(base64_decoded(text), bytes);
  }
}

TEST(Base64, AnyByteAndLengthComesBack) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(base64_decoded(base64(bytes)), bytes) << i;
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64, DecodingTakesNothingButPaddedBase64) {
  using namespace std::string_literals;
  for (const auto& bad : {"Z"s, "Zg"s, "Zg="s, "Zg==="s, "Z==="s, "===="s, "Zg=v"s, "=Zm9"s, "Zg==Zg=="s, "Zm9v\n"s,
                          " Zm9v"s, "Zm9v   \n"s, "Zm 9"s, "Zm-_"s, "Zm9\0"s, "Zm9-"s, "Zm9\xE9"s})
    EXPECT_EQ(base64_decoded(bad), std::nullopt) << '"' << bad << '"';
}

TEST(Base64Url, HasItsOwnAlphabetAndNoPadding) {
  EXPECT_EQ(base64url(""), "");
  EXPECT_EQ(base64url("f"), "Zg");
  EXPECT_EQ(base64url("fo"), "Zm8");
  EXPECT_EQ(base64url("\xFB\xFF\xFE"), "-__-");
  EXPECT_EQ(base64url(std::string(32, '\xFF')).size(), 43U);
}

}  // namespace
}  // namespace defuse
