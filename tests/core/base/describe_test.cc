// A struct that is described once is read and written by that description.
#include "core/base/describe.h"

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "core/base/document_reader.h"
#include "core/base/document_writer.h"
#include "core/base/schema_writer.h"

namespace defuse {
namespace described {

enum class Colour { red, green };
std::string_view to_string(Colour colour) { return colour == Colour::red ? "red" : "green"; }

struct Point {
  double x = 0;
  std::int32_t y = 0;
};

struct Part {
  std::string name;
  Colour colour = Colour::red;
  std::uint8_t size = 0;
};

struct Whole {
  std::string name;
  bool good = false;
  std::vector<std::int64_t> counts;
  Part first;
  std::optional<Part> second;
  std::optional<Part> later;
  std::vector<Part> parts;
  std::vector<Point> points;
  std::optional<std::int64_t> chosen;
  double share = 0.5;
};

template <class V, Is<Point> T>
void describe(V& v, T& s) {
  v.field("xs", s.x);
  v.field("ys", s.y, form::Whole{-1});
}

template <class V, Is<Part> T>
void describe(V& v, T& s) {
  v.field("name", s.name, form::FileName{});
  v.field("colour", s.colour, form::OneOf{std::array{Colour::red, Colour::green}});
  v.field("size", s.size);
}

template <class V, Is<Whole> T>
void describe(V& v, T& s) {
  v.constant("schema", "whole/v1");
  v.field("name", s.name);
  v.field("good", s.good);
  v.repeats("bad", !s.good, "does not agree with good");
  v.list("counts", s.counts, 3);
  v.object("first", s.first);
  v.object("second", s.second);
  v.newer("later", s.later);
  v.objects("parts", s.parts, 2);
  v.columns(s.points, 3);
  v.field("chosen", s.chosen, form::OrNull<form::Whole>{});
  v.field("share", s.share, form::Within{0, 1});
  v.check(!s.chosen || *s.chosen < 5, "chosen", "there is no such part");
}

}  // namespace described

namespace {

using described::Whole;

Json sample() {
  Whole whole;
  whole.name = "n";
  whole.good = true;
  whole.counts = {1, 2};
  whole.first = {"a.png", described::Colour::green, 7};
  whole.parts = {{"b", described::Colour::red, 1}, {"c", described::Colour::red, 2}};
  whole.points = {{1.5, -1}, {std::nan(""), 2}};
  return write_document(whole);
}

std::string error_of(const Json& json, Age age = Age::present) {
  const auto read = read_document<Whole>(json, "whole", age);
  return read ? "" : read.error().message;
}

Json changed(const char* pointer, Json value) {
  Json json = sample();
  json[Json::json_pointer(pointer)] = std::move(value);
  return json;
}

TEST(Describe, WritesEveryFieldInTheOrderOfTheDescription) {
  EXPECT_EQ(dump_json(sample()),
            R"({"schema":"whole/v1","name":"n","good":true,"bad":false,"counts":[1,2],)"
            R"("first":{"name":"a.png","colour":"green","size":7},"second":null,"later":null,)"
            R"("parts":[{"name":"b","colour":"red","size":1},{"name":"c","colour":"red","size":2}],)"
            R"("xs":[1.5,null],"ys":[-1,2],"chosen":null,"share":0.5})");
}

TEST(Describe, ReadsBackWhatItWrote) {
  const auto read = read_document<Whole>(sample(), "whole");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(dump_json(write_document(*read)), dump_json(sample()));
  EXPECT_TRUE(std::isnan(read->points.at(1).x));
}

TEST(Describe, ListsWithoutRowsAreThereToo) {
  const auto json = write_document(Whole{});
  EXPECT_EQ(json["xs"], Json::array());
  EXPECT_EQ(json["ys"], Json::array());
}

TEST(Describe, TheFirstProblemNamesItsPlace) {
  EXPECT_EQ(error_of(Json::array()), "whole: expected an object");
  EXPECT_EQ(error_of(changed("/first", 1)), "whole.first: expected an object");
  EXPECT_EQ(error_of(changed("/first/name", 1)), "whole.first.name: expected a text");
  EXPECT_EQ(error_of(changed("/parts/1/name", "../x")), "whole.parts[1].name: expected a plain file name");
  EXPECT_EQ(error_of(changed("/parts/1", "x")), "whole.parts[1]: expected an object");
  EXPECT_EQ(error_of(changed("/parts/0/colour", "blue")), "whole.parts[0].colour: expected one of red, green");
  EXPECT_EQ(error_of(changed("/counts/1", 1.5)), "whole.counts[1]: expected a whole number");
  EXPECT_EQ(error_of(changed("/counts", Json::array({1, 2, 3, 4}))), "whole.counts: more than 3 entries");
  EXPECT_EQ(error_of(changed("/first/size", 256)), "whole.first.size: out of range: expected 0 to 255");
  EXPECT_EQ(error_of(changed("/chosen", 5)), "whole.chosen: there is no such part");
  EXPECT_EQ(error_of(changed("/share", 1.01)), "whole.share: expected 0 to 1");
  EXPECT_EQ(error_of(changed("/share", nullptr)), "whole.share: expected 0 to 1");
  EXPECT_EQ(error_of(changed("/bad", true)), "whole.bad: does not agree with good");
  EXPECT_EQ(error_of(changed("/schema", "whole/v2")), "whole.schema: expected whole/v1");
}

TEST(Describe, EveryMissingFieldIsAProblem) {
  const Json whole = sample();
  for (const auto& [key, value] : whole.items()) {
    Json without = whole;
    without.erase(key);
    EXPECT_EQ(error_of(without).find("whole." + key + ": missing; expected "), 0U) << key;
  }
}

TEST(Describe, WhatWasStoredMayLackWhatCameLater) {
  Json without = sample();
  without.erase("later");
  EXPECT_EQ(error_of(without, Age::stored), "");
  without.erase("second");
  EXPECT_EQ(error_of(without, Age::stored), "whole.second: missing; expected an object or null");
}

TEST(Describe, ColumnsFitTogether) {
  EXPECT_EQ(error_of(changed("/ys", Json::array({1}))), "whole.xs: expected as many as in ys");
  EXPECT_EQ(error_of(changed("/ys/1", -2)), "whole.ys[1]: out of range: expected -1 to 2147483647");
  EXPECT_EQ(error_of(changed("/xs", Json::array({1, 2, 3, 4}))), "whole.xs: more than 3 entries");
  EXPECT_EQ(error_of(changed("/xs", 1)), "whole.xs: expected a list");
}

TEST(Describe, TextsHaveAGreatestLength) {
  EXPECT_EQ(error_of(changed("/name", std::string(form::kMaxText, 'x'))), "");
  EXPECT_EQ(error_of(changed("/name", std::string(form::kMaxText + 1, 'x'))), "whole.name: longer than 65536 bytes");
  EXPECT_EQ(error_of(changed("/parts/0/name", std::string(201, 'x'))),
            "whole.parts[0].name: expected a plain file name");
}

TEST(Describe, TheSchemaNamesEveryFieldAndItsForm) {
  const Json schema = schema_of<Whole>();
  const Json written = sample();
  std::vector<std::string> keys;
  for (const auto& [key, value] : written.items()) keys.push_back(key);
  EXPECT_EQ(schema["required"], Json(keys));
  const Json& fields = schema["properties"];
  EXPECT_EQ(fields["schema"], Json({{"const", "whole/v1"}}));
  EXPECT_EQ(fields["bad"]["type"], "boolean");
  EXPECT_EQ(fields["counts"], Json({{"type", "array"}, {"items", {{"type", "integer"}, {"minimum", 0}}}}));
  EXPECT_EQ(fields["first"]["properties"]["colour"], Json({{"enum", {"red", "green"}}}));
  EXPECT_EQ(fields["second"]["type"], Json({"object", "null"}));
  EXPECT_EQ(fields["parts"]["items"], fields["first"]);
  EXPECT_EQ(fields["ys"]["items"], Json({{"type", "integer"}, {"minimum", -1}}));
  EXPECT_EQ(fields["chosen"]["type"], Json({"integer", "null"}));
  EXPECT_EQ(fields["share"], Json({{"type", "number"}, {"minimum", 0.0}, {"maximum", 1.0}}));
}

}  // namespace
}  // namespace defuse
