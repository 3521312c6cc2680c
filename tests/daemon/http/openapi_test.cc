// What the API says of findings, waivers and outcomes in its OpenAPI document is what is written. It gives types, and
// neither bounds nor, everywhere, the choices.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "core/base/files.h"
#include "core/base/schema_writer.h"
#include "core/wire/finding_fields.h"
#include "tests/support/schema_shape.h"

namespace defuse {
namespace {

using schema::difference;
using schema::Shape;
using schema::shape_of;

Json document() {
  const auto text = read_file(std::filesystem::path(DEFUSED_SOURCE_DIR) / "daemon/api/openapi.json");
  return text ? Json::parse(*text) : Json();
}

// The names and types of the properties.
Shape types_of(const Shape& schema) {
  Shape types = Shape::object();
  for (const auto& [name, property] : schema.at("properties").items()) {
    if (property.contains("enum"))
      types[name] = "string";
    else if (property.contains("items") && property["items"].contains("type"))
      types[name] = {property["type"], property["items"]["type"]};
    else
      types[name] = property["type"];
  }
  return types;
}

Shape published(const char* pointer) {
  const Json whole = document();
  return shape_of(whole.at(Json::json_pointer(pointer)), whole);
}

template <class S>
Shape described() {
  const Json schema = schema_of<S>();
  return shape_of(schema, schema);
}

TEST(OpenApi, FindingsAreDescribedAsTheyAreWritten) {
  const auto told = published("/components/schemas/Finding"), written = described<Finding>();
  EXPECT_EQ(difference(types_of(told), types_of(written)), "");
  EXPECT_EQ(told["required"], written["required"]);
  EXPECT_EQ(told["properties"]["decision"]["enum"], written["properties"]["decision"]["enum"]);
}

TEST(OpenApi, WaiversAreDescribedAsTheyAreWritten) {
  EXPECT_EQ(difference(types_of(published("/components/schemas/Waiver")), types_of(described<Waiver>())), "");
}

TEST(OpenApi, VerdictsNameTheOutcomesOfChecksAsTheyAreWritten) {
  const auto verdict = published("/components/schemas/Verdict");
  const auto& outcome = verdict["properties"]["checks"]["items"];
  EXPECT_EQ(difference(types_of(outcome), types_of(described<CheckOutcome>())), "");
  EXPECT_EQ(outcome["required"], described<CheckOutcome>()["required"]);
  const auto told = types_of(verdict), written = types_of(described<Verdict>());
  for (const char* key : {"ok", "reason", "reasons", "checks", "findings", "warnings"})
    EXPECT_EQ(told[key], written[key]) << key;
  auto states = verdict["properties"]["verdict"]["enum"];
  states.erase(std::find(states.begin(), states.end(), Shape()));  // null: none yet
  EXPECT_EQ(states, described<Verdict>()["properties"]["verdict"]["enum"]);
}

}  // namespace
}  // namespace defuse
