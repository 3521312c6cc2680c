#include "core/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

namespace defuse {
namespace {

TEST(Json, RefusesWhatIsNotJsonAndNamesIt) {
  for (const char* text : {"", "{", "{'a':1}", "[1,]", "nul", "{\"a\":1} x"}) {
    const auto got = parse_json(text, "manifest.json");
    ASSERT_FALSE(got.has_value()) << text;
    EXPECT_EQ(got.error().code, ErrorCode::invalid_input);
    EXPECT_NE(got.error().message.find("manifest.json"), std::string::npos);
  }
}

TEST(Json, KeepsKeysInTheirOrder) {
  const auto got = parse_json(R"({"z":1,"a":{"y":2,"b":3}})", "x");
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(dump_json(*got), R"({"z":1,"a":{"y":2,"b":3}})");
}

TEST(Json, WritesBytesThatAreNotUtf8WithoutThrowing) {
  const Json value = Json::object({{"name", std::string("a\xff"
                                                        "b")}});
  const std::string text = dump_json(value);
  EXPECT_NE(text.find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_TRUE(parse_json(text, "x").has_value());
}

TEST(Json, NumbersThatJsonCannotHoldBecomeNull) {
  EXPECT_EQ(dump_json(json_number(std::numeric_limits<double>::quiet_NaN())), "null");
  EXPECT_EQ(dump_json(json_number(-std::numeric_limits<double>::infinity())), "null");
  EXPECT_EQ(dump_json(json_number(0.5)), "0.5");
}

TEST(JsonReader, ReadsEveryKindOfField) {
  const auto value = parse_json(
      R"({"t":"x","i":-5,"n":2.5,"none":null,"b":true,"o":{"k":1},"a":[1,2],"big":9223372036854775807})", "x");
  ASSERT_TRUE(value.has_value());
  JsonReader r(*value, "thing");
  EXPECT_EQ(r.text("t"), "x");
  EXPECT_EQ(r.integer("i"), -5);
  EXPECT_EQ(r.integer("big"), INT64_MAX);
  EXPECT_EQ(r.number("n"), 2.5);
  EXPECT_EQ(r.number("i"), -5);
  EXPECT_TRUE(std::isnan(r.number("none")));
  EXPECT_TRUE(r.boolean("b"));
  EXPECT_EQ(r.object("o").size(), 1U);
  EXPECT_EQ(r.array("a").size(), 2U);
  EXPECT_EQ(r.optional_text("t"), "x");
  EXPECT_EQ(r.optional_text("absent"), std::nullopt);
  EXPECT_TRUE(r.status().has_value());
}

struct Misread {
  const char* json;
  void (*read)(JsonReader&);
  const char* expected;
};

TEST(JsonReader, NamesTheFieldThatIsWrong) {
  const Misread cases[] = {
      {R"({})", [](JsonReader& r) { r.text("k"); }, "thing.k: missing"},
      {R"({"k":1})", [](JsonReader& r) { r.text("k"); }, "thing.k: expected a text"},
      {R"({"k":1.5})", [](JsonReader& r) { r.integer("k"); }, "thing.k: expected a whole number"},
      {R"({"k":"1"})", [](JsonReader& r) { r.integer("k"); }, "thing.k: expected a whole number"},
      {R"({"k":9223372036854775808})", [](JsonReader& r) { r.integer("k"); }, "thing.k: expected a whole number"},
      {R"({"k":"x"})", [](JsonReader& r) { r.number("k"); }, "thing.k: expected a number"},
      {R"({"k":1})", [](JsonReader& r) { r.boolean("k"); }, "thing.k: expected true or false"},
      {R"({"k":[]})", [](JsonReader& r) { r.object("k"); }, "thing.k: expected an object"},
      {R"({"k":{}})", [](JsonReader& r) { r.array("k"); }, "thing.k: expected a list"},
      {R"({"k":5})", [](JsonReader& r) { r.optional_text("k"); }, "thing.k: expected a text"},
      {R"([])", [](JsonReader&) {}, "thing: expected an object"},
  };
  for (const auto& c : cases) {
    const auto value = parse_json(c.json, "x");
    ASSERT_TRUE(value.has_value());
    JsonReader r(*value, "thing");
    c.read(r);
    ASSERT_FALSE(r.status().has_value()) << c.json;
    EXPECT_EQ(r.status().error().message.rfind(c.expected, 0), 0U) << r.status().error().message;
  }
}

TEST(JsonReader, RemembersTheFirstProblem) {
  const auto value = parse_json(R"({"a":1})", "x");
  JsonReader r(*value, "thing");
  r.text("a");
  r.text("b");
  EXPECT_EQ(r.status().error().message, "thing.a: expected a text");
}

}  // namespace
}  // namespace defuse
