#include "core/base/names.h"

#include <gtest/gtest.h>

#include <type_traits>
#include <unordered_set>

#include "core/base/json.h"

namespace defuse {
namespace {

template <class A, class B>
concept Comparable = requires(const A& a, const B& b) {
  a == b;
};

// What the types are for: none of this compiles.
static_assert(!std::is_convertible_v<std::string, Version> && !std::is_convertible_v<const char*, Digest>);
static_assert(!std::is_constructible_v<Version, Digest> && !std::is_assignable_v<Version&, Digest>);
static_assert(!std::is_assignable_v<Version&, std::string>);
static_assert(!Comparable<Version, Digest> && !Comparable<ModelName, Version>);
static_assert(Comparable<Version, Version> && Comparable<Version, std::string> && Comparable<Version, const char*>);

std::string shown(const std::string& text) { return text; }

TEST(Names, ReadAsTheTextTheyAre) {
  const Version version("7");
  EXPECT_EQ(version, "7");
  EXPECT_EQ(shown(version), "7");
  EXPECT_EQ("digits/" + version + " is new", "digits/7 is new");
  EXPECT_EQ(version + "-incumbent", "7-incumbent");
  EXPECT_EQ(dump_json(Json{{"version", version}}), R"({"version":"7"})");
  EXPECT_TRUE(Version().empty());
}

TEST(Names, AreOrderedAndHashedByTheirText) {
  EXPECT_LT(Digest("aa"), Digest("ab"));
  const std::unordered_set<Digest> seen{Digest("aa"), Digest("ab"), Digest("aa")};
  EXPECT_EQ(seen.size(), 2U);
}

}  // namespace
}  // namespace defuse
