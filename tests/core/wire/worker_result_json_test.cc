// The JSON forms are the border between a worker, which runs other people's models, and the daemon.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "core/verdict/job.h"
#include "core/wire/documents.h"
#include "tests/reports/sample_report.h"

namespace defuse {
namespace {

struct Field {
  Json::json_pointer place;
  std::string name;  // as an error writes it: "result.checks[3].findings[0].limit"
};

// Every key of every object in the document.
void fields_of(const Json& json, const Json::json_pointer& place, const std::string& name, std::vector<Field>& out) {
  if (json.is_object())
    for (const auto& [key, value] : json.items()) {
      out.push_back({place / key, name + "." + key});
      fields_of(value, place / key, name + "." + key, out);
    }
  if (json.is_array())
    for (std::size_t i = 0; i < json.size(); ++i)
      fields_of(json[i], place / i, name + "[" + std::to_string(i) + "]", out);
}

std::string error_of(const Json& json) {
  const auto result = worker_result_from_json(json);
  return result ? "" : result.error().describe();
}

Json sample() { return to_json(samples::worker_result()); }

Json changed(const char* pointer, Json value) {
  Json json = sample();
  json[Json::json_pointer(pointer)] = std::move(value);
  return json;
}

TEST(WorkerResultJson, ReadsBackEverythingItWrote) {
  const Json written = sample();
  const auto text = parse_json(dump_json(written), "a result");
  ASSERT_TRUE(text);
  const auto read = worker_result_from_json(*text);
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_EQ(dump_json(to_json(*read)), dump_json(written));
}

TEST(WorkerResultJson, KeepsSelectedValuesExactly) {
  const auto read = worker_result_from_json(sample());
  ASSERT_TRUE(read);
  const WorkerResult expected = samples::worker_result();
  EXPECT_EQ(read->job, 42);
  EXPECT_EQ(read->incumbent->digest, expected.incumbent->digest);
  EXPECT_EQ(*read->candidate_accuracy, *expected.candidate_accuracy);
  EXPECT_EQ(read->comparison->overall, expected.comparison->overall);
  EXPECT_EQ(read->comparison->per_class.at(7), expected.comparison->per_class.at(7));
  EXPECT_EQ(read->checks.at(3).findings.at(1).waiver, "w-1");
  EXPECT_EQ(read->checks.at(4).mode, CheckMode::warn);
  EXPECT_TRUE(std::isnan(read->checks.at(4).findings.at(0).value));
  EXPECT_EQ(read->regions.at(3).status, RegionStatus::fixed);
  EXPECT_EQ(read->regions.at(0).members.at(1).seed, 4021U);
  EXPECT_EQ(read->regions.at(0).members.at(2).distance, 1.625);
  EXPECT_EQ(read->regions.at(0).center, expected.regions.at(0).center);
  EXPECT_EQ(read->regions.at(0).samples.at(3).split, Split::train);
  EXPECT_EQ(read->generator->active_dimensions, 14);
  EXPECT_EQ(read->contract.output_shape, expected.contract.output_shape);
  EXPECT_EQ(read->stations.at(1).peak_memory, 410ULL << 20);
}

TEST(WorkerResultJson, AnEmptyResultSurvivesToo) {
  const Json written = to_json(WorkerResult{});
  const auto read = worker_result_from_json(written);
  ASSERT_TRUE(read) << read.error().describe();
  EXPECT_FALSE(read->incumbent || read->comparison || read->generator || read->candidate_accuracy);
  EXPECT_TRUE(std::isnan(read->error_real));
  EXPECT_EQ(dump_json(to_json(*read)), dump_json(written));
}

TEST(WorkerResultJson, EveryRemovedFieldIsAnErrorThatNamesIt) {
  const Json whole = sample();
  std::vector<Field> all;
  fields_of(whole, Json::json_pointer(""), "result", all);
  ASSERT_GT(all.size(), 400U);
  for (const Field& field : all) {
    Json without = whole;
    without[field.place.parent_pointer()].erase(field.place.back());
    const std::string error = error_of(without);
    EXPECT_NE(error.find(field.name + ":"), std::string::npos) << field.name << " gave: " << error;
  }
}

TEST(WorkerResultJson, EveryFieldOfAWrongTypeIsAnErrorThatNamesIt) {
  const Json whole = sample();
  std::vector<Field> all;
  fields_of(whole, Json::json_pointer(""), "result", all);
  for (const Field& field : all) {
    Json wrong = whole;
    Json& value = wrong[field.place];
    // A type that the field cannot have: an object for scalars and lists, a text for objects, a truth for texts.
    value = value.is_object() ? Json("text") : value.is_string() ? Json(true) : Json::object({{"x", 1}});
    const std::string error = error_of(wrong);
    EXPECT_NE(error.find(field.name), std::string::npos) << field.name << " gave: " << error;
  }
}

TEST(WorkerResultJson, NoTruncationIsTakenForAResult) {
  const std::string whole = dump_json(sample());
  for (std::size_t length = 0; length < whole.size(); length += 1 + length / 200) {
    const auto parsed = parse_json(std::string_view(whole).substr(0, length), "a result");
    EXPECT_FALSE(parsed && worker_result_from_json(*parsed)) << "cut at " << length;
  }
}

TEST(WorkerResultJson, MutatedBytesNeverCrashTheReader) {
  const std::string whole = dump_json(sample());
  std::mt19937 random(7);
  int refused = 0;
  for (int round = 0; round < 400; ++round) {
    std::string mutated = whole;
    for (int change = 0; change < 3; ++change) mutated[random() % mutated.size()] = static_cast<char>(random() % 256);
    const auto parsed = parse_json(mutated, "a result");
    if (!parsed || !worker_result_from_json(*parsed)) ++refused;
  }
  EXPECT_GT(refused, 0);
}

TEST(WorkerResultJson, RefusesPicturesThatLeaveTheResultFolder) {
  for (const char* name : {"../x.png", "/etc/passwd", "a/b.png", "..", ".hidden", "a\\b", "a b", "x\n"}) {
    EXPECT_NE(error_of(changed("/regions/0/samples/0/picture", name)).find("samples[0].picture"), std::string::npos)
        << name;
    EXPECT_NE(error_of(changed("/regions/0/frozen", name)).find("regions[0].frozen"), std::string::npos) << name;
    EXPECT_NE(error_of(changed("/flips/1/picture", name)).find("flips[1].picture"), std::string::npos) << name;
  }
}

TEST(WorkerResultJson, RefusesAMapThatDoesNotFitTogether) {
  EXPECT_NE(error_of(changed("/map/sprite", "../map.png")).find("map.sprite"), std::string::npos);
  EXPECT_NE(error_of(changed("/map/pca_x", Json::array({1, 2}))).find("map.pca_x"), std::string::npos);
  EXPECT_NE(error_of(changed("/map/tsne_y/1", nullptr)).find("map.tsne_y"), std::string::npos) << "not finite";
  EXPECT_NE(error_of(changed("/map/label/0", -1)).find("map.label"), std::string::npos);
  EXPECT_NE(error_of(changed("/map/label/0", 1.5)).find("map.label"), std::string::npos);
  EXPECT_NE(error_of(changed("/map/region/0", 5)).find("map"), std::string::npos) << "there are five regions";
  EXPECT_NE(error_of(changed("/map/columns", 100'000)).find("map.columns"), std::string::npos);
  EXPECT_NE(error_of(changed("/map/pca_x", Json(std::vector<int>(100'000, 1)))).find("map.pca_x"), std::string::npos);
  EXPECT_NE(error_of(changed("/confusion/cells/0/candidate", -1)).find("candidate"), std::string::npos);
  EXPECT_EQ(error_of(changed("/map", nullptr)), "");
  EXPECT_EQ(error_of(changed("/confusion", nullptr)), "");
}

TEST(WorkerResultJson, RefusesNeighboursOutOfBounds) {
  const Json neighbour = sample()["regions"][0]["novelty"]["nearest"][0];
  EXPECT_NE(error_of(changed("/regions/0/novelty/nearest", Json(std::vector<Json>(101, neighbour)))).find("nearest"),
            std::string::npos);
  EXPECT_NE(error_of(changed("/regions/0/novelty/nearest/0/image/picture", "../x.png")).find("picture"),
            std::string::npos);
  EXPECT_NE(error_of(changed("/regions/0/novelty/pair_distances", Json(std::vector<int>(6, 1)))).find("pair_distances"),
            std::string::npos);
  EXPECT_EQ(error_of(changed("/regions/0/novelty", nullptr)), "");
}

TEST(WorkerResultJson, RefusesNumbersOutOfRange) {
  EXPECT_NE(error_of(changed("/comparison/overall/both_right", -1)), "");
  EXPECT_NE(error_of(changed("/test_images", -5)), "");
  EXPECT_NE(error_of(changed("/test_images", 1.5)), "");
  EXPECT_NE(error_of(changed("/regions/0/label", 3'000'000'000LL)), "");
  EXPECT_NE(error_of(changed("/regions/0/label", -2)), "");
  EXPECT_NE(error_of(changed("/regions/0/member_seeds/0", 5'000'000'000LL)), "");
  EXPECT_NE(error_of(changed("/comparison/negative_flip_images/0", -1)), "");
  EXPECT_NE(error_of(changed("/checks/0/findings/0/n", UINT64_MAX)), "");
}

TEST(WorkerResultJson, RefusesUnknownEnumeratorsAndNamesTheKnownOnes) {
  EXPECT_NE(error_of(changed("/checks/0/state", "passed")).find("expected one of pass, fail"), std::string::npos);
  EXPECT_NE(error_of(changed("/checks/0/mode", "Block")).find("result.checks[0].mode"), std::string::npos);
  EXPECT_NE(error_of(changed("/regions/0/status", "new_bug")).find("expected one of new"), std::string::npos);
  EXPECT_NE(error_of(changed("/regions/0/samples/0/kind", "fake")), "");
  EXPECT_NE(error_of(changed("/checks/0/findings/0/decision", "")), "");
}

TEST(WorkerResultJson, RefusesListsBeyondTheirBounds) {
  const Json region = to_json(samples::region(0));
  EXPECT_NE(error_of(changed("/regions", Json(std::vector<Json>(1001, region)))).find("more than 1000"),
            std::string::npos);
  const Json finding = to_json(samples::verdict().findings.at(0));
  EXPECT_NE(error_of(changed("/checks/0/findings", Json(std::vector<Json>(10'001, finding)))).find("more than 10000"),
            std::string::npos);
  const std::vector<std::uint32_t> seeds(100'001, 1);
  EXPECT_NE(error_of(changed("/regions/0/member_seeds", seeds)).find("more than 100000"), std::string::npos);
  EXPECT_NE(error_of(changed("/machine", std::string(70'000, 'x'))).find("result.machine"), std::string::npos);
}

TEST(WorkerResultJson, RefusesMembersWithoutDistances) {
  EXPECT_NE(error_of(changed("/regions/0/member_distances", Json::array())).find("member_distances"),
            std::string::npos);
}

TEST(WorkerResultJson, RefusesAnotherSchema) {
  EXPECT_NE(error_of(changed("/schema", "defused/result/v2")).find("result.schema"), std::string::npos);
  EXPECT_NE(error_of(Json::array()).find("expected an object"), std::string::npos);
}

TEST(WorkerResultJson, NotANumberTravelsAsNull) {
  WorkerResult result = samples::worker_result();
  result.error_perturbed = kNone;
  result.regions[0].radius = std::numeric_limits<double>::infinity();
  const Json json = to_json(result);
  EXPECT_TRUE(json["error_perturbed"].is_null());
  const auto read = worker_result_from_json(json);
  ASSERT_TRUE(read);
  EXPECT_TRUE(std::isnan(read->error_perturbed));
  EXPECT_TRUE(std::isnan(read->regions[0].radius));
}

}  // namespace
}  // namespace defuse
