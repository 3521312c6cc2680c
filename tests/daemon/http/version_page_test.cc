// The page of a version and what it shows of the documents beside its report; the pictures near a region.
#include <gtest/gtest.h>

#include <string>

#include "reports/page_json.h"
#include "tests/daemon/http/world.h"
#include "tests/reports/sample_report.h"

namespace defuse::testing {
namespace {

const std::string kPage = "/models/digits/versions/1";

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

class VersionPage : public ::testing::Test {
 protected:
  void SetUp() override {
    world.release("1", "one");
    world.judge("1", "one", VerdictState::fail, "zero", samples::verdict().findings,
                {NewRegion{samples::region(0), {}, {}}});
    const auto job = world.store->jobs.last_gate("digits", digest_of("one"));
    folder = "reports/digits/1/" + std::to_string(job.value()->id) + "/";
  }
  void write(const Report& report) {
    world.tree.file(folder + kPageFile, dump_json(page_json(report)));
    world.tree.file(folder + kMapFile, dump_json(map_json(report)));
  }
  std::string page(const std::string& query = "") {
    const auto answer = world.get(kPage + query);
    EXPECT_EQ(answer.status, 200);
    EXPECT_EQ(answer.body.find("{{"), std::string::npos);
    return answer.body;
  }

  World world;
  std::string folder;
};

TEST_F(VersionPage, StandsWithoutTheDocumentsBesideTheReport) {
  const auto body = page();
  EXPECT_NE(body.find("Findings"), std::string::npos);
  EXPECT_EQ(body.find("id=\"map\""), std::string::npos);
  EXPECT_EQ(count_of(body, "<script"), 1U) << "that of the form which orders a correction";
  EXPECT_EQ(body.find("/assets/map.js"), std::string::npos);
  world.tree.file(folder + kPageFile, "[1, 2").file(folder + kMapFile, "rubbish");
  EXPECT_EQ(page(), body) << "documents that cannot be read are left out";
  world.tree.file(folder + kPageFile,
                  R"({"map": true, "confusion": 7, "flips": [3], "regions": {"a": 1}, "checks": [null]})");
  world.tree.file(folder + kMapFile, R"({"tsne": 1, "pca_x": ["a"], "pca_y": [null], "label": [{}]})");
  page();
}

TEST_F(VersionPage, ShowsChecksAgainstTheirLimits) {
  const auto body = page();
  EXPECT_NE(body.find("class=\"limit\""), std::string::npos);
  EXPECT_EQ(body.find("style="), std::string::npos) << "the policy forbids it";
  EXPECT_NE(body.find("aria-label=\"interval"), std::string::npos);
}

TEST_F(VersionPage, PutsViolationsFirstAndFoldsWhatNeedsNobody) {
  const auto body = page();
  const auto violation = body.find("42 of 1,018 images"), fold = body.find("<details>"),
             fine = body.find("It loads, and gives");
  ASSERT_NE(violation, std::string::npos);
  ASSERT_NE(fold, std::string::npos);
  EXPECT_LT(violation, fold);
  EXPECT_LT(fold, fine);
}

TEST_F(VersionPage, ShowsWhereAnswersMovedWithTheirSigns) {
  write(samples::report());
  const auto body = page();
  EXPECT_NE(body.find("worse3\">+41"), std::string::npos) << "7 read as 1: 42 now, 1 before";
  EXPECT_NE(body.find("better1\">−2"), std::string::npos);
  EXPECT_NE(body.find("no answer"), std::string::npos);
}

TEST_F(VersionPage, ListsTheCellsOfManyClassesInsteadOfATable) {
  Report report = samples::report();
  report.result.confusion->cells.clear();
  for (std::int32_t c = 0; c < 60; ++c) report.result.confusion->cells.push_back({c, (c + 1) % 60, c, 2});
  write(report);
  const auto body = page();
  EXPECT_EQ(body.find("class=\"confusion\""), std::string::npos);
  EXPECT_NE(body.find("+57"), std::string::npos);
  EXPECT_LT(body.find("+57"), body.find("+30")) << "the greatest first";
}

TEST_F(VersionPage, ShowsFlipsRegionsAndTheNearestImages) {
  write(samples::report());
  const auto body = page();
  EXPECT_NE(body.find("/v1/models/digits/versions/1/flip-0.png"), std::string::npos);
  EXPECT_NE(body.find("is 7<br>new: 1"), std::string::npos);
  EXPECT_NE(body.find("5 of 61"), std::string::npos);
  EXPECT_NE(body.find("href=\"/regions/" + samples::region(0).id), std::string::npos);
  EXPECT_NE(body.find("-near-0.png"), std::string::npos);
}

TEST_F(VersionPage, DrawsTheMapInEitherProjection) {
  write(samples::report());
  const auto answer = world.get(kPage);
  EXPECT_NE(header_of(answer, "Content-Security-Policy").find("script-src 'self'"), std::string::npos);
  const auto& tsne = answer.body;
  EXPECT_NE(tsne.find("/assets/map.js"), std::string::npos);
  EXPECT_EQ(count_of(tsne, "class=\"p flip\" x="), 1U);
  EXPECT_EQ(count_of(tsne, "class=\"p right\" x="), 1U);
  EXPECT_EQ(count_of(tsne, "class=\"p error\" x="), 1U) << "both models read a 1 as 7";
  EXPECT_EQ(count_of(tsne, "class=\"p gain\" x="), 1U);
  EXPECT_EQ(count_of(tsne, "class=\"ring\" x="), 2U);
  EXPECT_NE(tsne.find("7, read as 1 (before: 7); test image 12; in region " + samples::region(0).id),
            std::string::npos);
  EXPECT_NE(tsne.find("data-sprite=\"/v1/models/digits/versions/1/map.png\""), std::string::npos);
  const auto pca = page("?map=pca");
  EXPECT_NE(pca, tsne);
  EXPECT_NE(pca.find("38 % of the codes"), std::string::npos);
  EXPECT_EQ(page("?map=anything"), tsne);
}

TEST_F(VersionPage, WithoutTsneThereAreThePrincipalComponentsAndTheReason) {
  Report report = samples::report();
  report.result.map->tsne = false;
  report.result.map->tsne_problem = "it took <too> long";
  write(report);
  const auto body = page();
  EXPECT_NE(body.find("There is no t-SNE: it took &lt;too&gt; long"), std::string::npos);
  EXPECT_EQ(body.find("?map=pca"), std::string::npos);
}

TEST_F(VersionPage, EscapesWhatAWorkerOrARegistryNamed) {
  Report report = samples::report();
  report.result.classes[7] = "<script>alert(1)</script>\"'";
  report.result.regions[0].sentence = "<img src=x>";
  report.result.flips[0].picture = "../../../defused.db";
  write(report);
  const auto body = page();
  EXPECT_EQ(body.find("<script>alert"), std::string::npos);
  EXPECT_EQ(body.find("<img src=x"), std::string::npos);
  EXPECT_EQ(body.find(".."), std::string::npos);
}

TEST_F(VersionPage, RegionPagesSayWhetherTheBugIsKnown) {
  const auto id = samples::region(0).id;
  const auto body = world.get("/regions/" + id).body;
  EXPECT_NE(body.find("Is it new?"), std::string::npos);
  EXPECT_NE(body.find("closer than 99.0 % of random pairs"), std::string::npos);
  EXPECT_NE(body.find("/v1/regions/" + id + "/nearest/2.png"), std::string::npos) << "the wrong ones after the nearest";
  world.tree.file(folder + id + "-near-1.png", kPng).file(folder + id + "-wrong-0.png", "not a picture");
  const auto near = world.get("/v1/regions/" + id + "/nearest/1.png");
  EXPECT_EQ(near.status, 200);
  EXPECT_EQ(near.content_type, "image/png");
  EXPECT_EQ(world.get("/v1/regions/" + id + "/nearest/0.png").status, 404) << "not drawn";
  EXPECT_EQ(world.get("/v1/regions/" + id + "/nearest/2.png").status, 404) << "no picture";
  EXPECT_EQ(world.get("/v1/regions/" + id + "/nearest/3.png").status, 404) << "there are three";
  EXPECT_EQ(world.get("/v1/regions/" + id + "/nearest/x.png").status, 404);
  const auto novelty = world.get_json("/v1/regions/" + id)["novelty"];
  EXPECT_EQ(novelty["nearest"].size(), 2U);
  EXPECT_EQ(novelty["nearest_wrong"][0]["picture"], "/v1/regions/" + id + "/nearest/2.png");
  EXPECT_EQ(novelty["nearest_wrong"][0]["split"], "train");
  EXPECT_EQ(novelty["farther_pairs"], 0.99);
}

}  // namespace
}  // namespace defuse::testing
