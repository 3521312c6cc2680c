#include "core/base/sha256.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "tests/core/base/temporary_folder.h"

namespace defuse {
namespace {

// FIPS 180-4 examples and the million-a vector.
TEST(Sha256, MatchesPublishedVectors) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256_hex(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnHowTheBytesArrive) {
  const std::string text = "the quick brown fox jumps over the lazy dog, several times over and over again";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    const std::string_view view = text;
    EXPECT_EQ(Sha256().update(view.substr(0, cut)).update(view.substr(cut)).hex(), sha256_hex(text));
  }
}

TEST(Sha256, FieldsCannotRunIntoEachOther) {
  EXPECT_NE(Sha256().field("ab").field("c").hex(), Sha256().field("a").field("bc").hex());
  EXPECT_NE(Sha256().field("").field("a").hex(), Sha256().field("a").field("").hex());
  EXPECT_EQ(Sha256().field("ab").field("c").hex(), Sha256().field("ab").field("c").hex());
}

TEST(Sha256, OfAFileIsThatOfItsBytes) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "model.pt";
  const std::string bytes(3'000'000, 'x');  // more than one read
  std::ofstream(path, std::ios::binary) << bytes;
  const auto got = sha256_file(path);
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(*got, sha256_hex(bytes));
}

TEST(Sha256, MissingFileIsAnErrorThatNamesIt) {
  const TemporaryFolder folder;
  const auto got = sha256_file(folder.path() / "absent.pt");
  ASSERT_FALSE(got.has_value());
  EXPECT_NE(got.error().message.find("absent.pt"), std::string::npos);
}

}  // namespace
}  // namespace defuse
