#include "reports/json_report.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "tests/reports/golden.h"
#include "tests/reports/hostile_report.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

// As much of JSON Schema as reports/schema/report-v1.json uses; returns the first place that does not fit, or nothing.
class SchemaCheck {
 public:
  explicit SchemaCheck(const Json& schema) : root_(schema) {}

  std::string fault(const Json& value, const Json& schema, const std::string& place) const {
    if (schema.contains("$ref")) {
      const std::string name = schema["$ref"].get<std::string>();
      return fault(value, root_.at("$defs").at(name.substr(name.rfind('/') + 1)), place);
    }
    if (schema.contains("const") && value != schema["const"]) return place + ": not the constant";
    if (schema.contains("enum") &&
        std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
      return place + ": not among the choices";
    if (schema.contains("type") && !has_type(value, schema["type"])) return place + ": wrong type";
    if (schema.contains("minimum") && value.is_number() && value.get<double>() < schema["minimum"].get<double>())
      return place + ": too small";
    if (value.is_object()) return object_fault(value, schema, place);
    if (value.is_array())
      for (std::size_t i = 0; i < value.size(); ++i)
        if (auto inner = fault(value[i], schema.at("items"), place + "[" + std::to_string(i) + "]"); !inner.empty())
          return inner;
    return "";
  }

 private:
  std::string object_fault(const Json& value, const Json& schema, const std::string& place) const {
    for (const Json& key : schema.at("required"))
      if (!value.contains(key.get<std::string>())) return place + ": lacks " + key.get<std::string>();
    for (const auto& [key, inner] : value.items()) {
      if (!schema.at("properties").contains(key)) return place + ": has an undocumented " + key;
      if (auto found = fault(inner, schema["properties"][key], place + "." + key); !found.empty()) return found;
    }
    return "";
  }
  static bool has_type(const Json& value, const Json& type) {
    if (type.is_array())
      return std::any_of(type.begin(), type.end(), [&](const Json& t) { return has_type(value, t); });
    if (type == "object") return value.is_object();
    if (type == "array") return value.is_array();
    if (type == "string") return value.is_string();
    if (type == "boolean") return value.is_boolean();
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    return type == "null" && value.is_null();
  }
  const Json& root_;
};

const std::filesystem::path kSchema = std::filesystem::path(DEFUSED_SOURCE_DIR) / "reports/schema/report-v1.json";

std::vector<Report> every_report() {
  return {samples::report(), samples::passing_report(), samples::inconclusive_report(), samples::error_report(),
          samples::hostile_report()};
}

TEST(JsonReport, FitsItsPublishedSchema) {
  const auto text = read_file(kSchema);
  ASSERT_TRUE(text);
  const auto schema = parse_json(*text, "the schema");
  ASSERT_TRUE(schema);
  for (const Report& report : every_report()) {
    const auto written = parse_json(dump_json(report_json(report, {samples::waiver()})), "a report");
    ASSERT_TRUE(written);
    EXPECT_EQ(SchemaCheck(*schema).fault(*written, *schema, "report"), "");
  }
}

TEST(JsonReport, TheSchemaNoticesWhatDoesNotFit) {
  const auto schema = parse_json(*read_file(kSchema), "the schema");
  Json report = report_json(samples::report());
  report["verdict"]["verdict"] = "green";
  EXPECT_NE(SchemaCheck(*schema).fault(report, *schema, "report").find("report.verdict.verdict"), std::string::npos);
  report = report_json(samples::report());
  report["regions"][1].erase("status");
  EXPECT_NE(SchemaCheck(*schema).fault(report, *schema, "report").find("lacks status"), std::string::npos);
}

TEST(JsonReport, FitsItsSchemaInTheEyesOfAnIndependentValidator) {
  if (std::system("python3 -c 'import jsonschema' >/dev/null 2>&1") != 0)
    GTEST_SKIP() << "python3-jsonschema is not installed";
  const auto folder = std::filesystem::path(testing::TempDir()) / "defused_json_report";
  std::filesystem::create_directories(folder);
  int number = 0;
  for (const Report& report : every_report())
    ASSERT_TRUE(write_atomically(folder / (std::to_string(number++) + ".json"),
                                 dump_json(report_json(report, {samples::waiver()}))));
  const std::string command =
      "python3 -c \"import json,sys,jsonschema;s=json.load(open(sys.argv[1]));"
      "v=jsonschema.Draft202012Validator;v.check_schema(s);"
      "[v(s).validate(json.load(open(f))) for f in sys.argv[2:]]\" " +
      kSchema.string() + " " + folder.string() + "/*.json";
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::filesystem::remove_all(folder);
}

TEST(JsonReport, OnlyTheRunDiffersBetweenTwoRunsOfTheSameInputs) {
  Report again = samples::report();
  again.created += std::chrono::hours{5};
  again.seconds = 99;
  again.pictures = "/elsewhere";
  again.result.job = 43;
  again.result.machine = "another";
  again.result.contract.latency_ms = 7;
  again.result.candidate.path = "/other/place/model.pt";
  again.result.stations = {{"load", 9.9, 1, true}};
  Json one = report_json(samples::report()), two = report_json(again);
  EXPECT_NE(one["run"], two["run"]);
  one.erase("run");
  two.erase("run");
  EXPECT_EQ(dump_json(one), dump_json(two));
}

TEST(JsonReport, NeverTellsWhereFilesLie) {
  Report report = samples::report();
  report.pictures = "/var/lib/defused/somewhere";
  const std::string text = dump_json(report_json(report));
  EXPECT_EQ(text.find("/srv/models"), std::string::npos);
  EXPECT_EQ(text.find("/var/lib"), std::string::npos);
}

TEST(JsonReport, HoldsWhatPeopleSaidOfARegion) {
  const Json json = report_json(samples::report());
  EXPECT_TRUE(json["regions"][0]["label_by_person"].is_null());
  EXPECT_EQ(json["regions"][2]["label_by_person"], "confirmed");
}

TEST(JsonReport, LooksAsPublished) {
  EXPECT_GOLDEN(dump_json(report_json(samples::report(), {samples::waiver()}), 1) + "\n", "report_fail.json");
}

}  // namespace
}  // namespace defuse
