// The pages of a release owner: releases, queue, waivers, jobs; paging at its edges, hostile words, and what each says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "daemon/dashboard/trend.h"
#include "tests/daemon/http/world.h"

namespace defuse::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kHostile = "<script>alert(1)</script>\"'&";

class OwnerPages : public ::testing::Test {
 protected:
  std::string page(const std::string& target) {
    const auto answer = world.get(target);
    EXPECT_EQ(answer.status, 200) << target << ": " << answer.body;
    EXPECT_EQ(answer.content_type, "text/html; charset=utf-8") << target;
    EXPECT_THAT(answer.body, Not(HasSubstr("{{"))) << target;
    EXPECT_THAT(answer.body, Not(HasSubstr("://"))) << target << " names another host";
    EXPECT_THAT(answer.body, Not(HasSubstr("<script>alert"))) << target;
    EXPECT_THAT(answer.body, Not(HasSubstr("style="))) << target;
    std::size_t headings = 0;
    for (auto at = answer.body.find("<h1"); at != std::string::npos; at = answer.body.find("<h1", at + 1)) ++headings;
    EXPECT_EQ(headings, 1U) << target;
    return answer.body;
  }
  static NewRegion region(const std::string& id, RegionStatus status, double error) {
    NewRegion made;
    made.region.id = RegionId(id);
    made.region.status = status;
    made.region.space = Space::codes;
    made.region.evidence = RegionEvidence::both;
    made.region.label = 7;
    made.region.predicted_as = 1;
    made.region.sentence = "7s that lean " + kHostile;
    made.region.confirm.seeds = 10;
    made.region.confirm.candidate_error = error;
    RegionSample sample;
    sample.kind = ImageKind::real;
    sample.picture = "region-1-0.png";
    made.region.samples = {sample};
    return made;
  }
  static std::vector<Finding> measured(double accuracy, double flips) {
    Finding overall;
    overall.id = "accuracy/overall";
    overall.check = "accuracy";
    overall.subject = "overall";
    overall.decision = Decision::ok;
    overall.value = accuracy;
    overall.incumbent_value = 0.9;
    auto rate = overall;
    rate.id = "negative_flips/overall";
    rate.check = "negative_flips";
    rate.value = flips;
    return {overall, rate};
  }
  std::string waive(const std::string& finding, std::chrono::hours hours, const std::string& reason = "known") {
    Waiver waiver;
    waiver.model = "digits";
    waiver.finding = finding;
    waiver.reason = reason;
    waiver.ticket = kHostile;
    waiver.approved_by = kHostile;
    waiver.created = world.clock.now();
    waiver.expires = world.clock.now() + hours;
    const auto id = world.store->waivers.add(waiver, "ann");
    EXPECT_TRUE(id) << id.error().describe();
    return id.value_or("");
  }

  World world;
};

TEST_F(OwnerPages, ReleasesComeNewestFirstWithWhatEachBrought) {
  for (const char* version : {"2", "10", "9"}) world.release(version, version);
  world.judge("9", "9", VerdictState::pass, "2", measured(0.95, 0.01));
  world.judge("10", "10", VerdictState::fail, "2", measured(0.96, 0.0325),
              {region("r-000000000001", RegionStatus::new_bug, 0.5), region("r-000000000002", RegionStatus::worse, 0.5),
               region("r-000000000003", RegionStatus::inherited, 0.5)});
  world.promote("9", "9");
  const auto body = page("/models/digits");
  const auto at = [&](const Version& version) {
    return body.find("/models/digits/versions/" + version + "\">" + version);
  };
  const auto table = body.find("Versions 1 to 3 of 3");
  ASSERT_NE(table, std::string::npos);
  EXPECT_LT(body.find(">10</a>", table), body.find(">9</a>", table));
  EXPECT_LT(body.find(">9</a>", table), body.find(">2</a>", table));
  EXPECT_NE(at("10"), std::string::npos);
  EXPECT_THAT(body, HasSubstr("<td>96.00 %</td><td>3.25 %</td><td>2</td><td>1</td><td>0</td>"));
  EXPECT_THAT(body, HasSubstr("role=\"img\""));
  EXPECT_THAT(body, HasSubstr("9: 95.00 %, was in production"));
  EXPECT_THAT(body, HasSubstr("10: 2 new"));
  EXPECT_THAT(body, Not(HasSubstr("<script")));
}

TEST_F(OwnerPages, ReleasesArePagedToTheirEdges) {
  for (int i = 1; i <= 51; ++i) world.release(std::to_string(i), "digest " + std::to_string(i));
  const auto first = page("/models/digits");
  EXPECT_THAT(first, HasSubstr("Versions 1 to 25 of 51"));
  EXPECT_THAT(first, HasSubstr("href=\"?page=1\" rel=\"next\""));
  EXPECT_THAT(first, HasSubstr("href=\"?page=2\">Oldest"));
  EXPECT_THAT(first, Not(HasSubstr("rel=\"prev\"")));
  const auto last = page("/models/digits?page=2");
  EXPECT_THAT(last, HasSubstr("Versions 51 to 51 of 51"));
  EXPECT_THAT(last, HasSubstr("/versions/1\">1</a>"));
  EXPECT_THAT(last, Not(HasSubstr("rel=\"next\"")));
  EXPECT_THAT(page("/models/digits?page=3"), HasSubstr("No more versions"));
  EXPECT_THAT(page("/models/digits?page=999999"), HasSubstr("No more versions"));
  for (const char* nonsense : {"-1", "1x", "99999999999999999999", "%3Cscript%3E"})
    EXPECT_THAT(page(std::string("/models/digits?page=") + nonsense), HasSubstr("Versions 1 to 25")) << nonsense;
}

TEST_F(OwnerPages, DeletedAndReplacedVersionsAreTold) {
  world.release("1", "one");
  world.release("1", "another");
  world.release("2", "two");
  ASSERT_TRUE(world.store->versions.mark_deleted("digits", "2"));
  const auto body = page("/models/digits");
  EXPECT_THAT(body, HasSubstr("file replaced 1×"));
  EXPECT_THAT(body, HasSubstr("<small>deleted</small>"));
}

TEST_F(OwnerPages, AnOverrideIsLoudWhereverItCounts) {
  world.release("1", "one");
  world.release("2", "two");
  world.promote("1", "one");
  ASSERT_TRUE(world.store->promotions.promote("digits", "2", digest_of("two"), PromotionKind::override_verdict,
                                              kHostile, kHostile));
  const auto body = page("/models/digits");
  EXPECT_THAT(body, HasSubstr("2 is in production by an override of &lt;script&gt;"));
  EXPECT_THAT(body, HasSubstr("<tr class=\"loud\">"));
  EXPECT_THAT(page("/"), HasSubstr("override</span>"));
  EXPECT_THAT(page("/audit"), HasSubstr("<tr class=\"loud\">"));
  ASSERT_TRUE(world.store->promotions.promote("digits", "1", digest_of("one"), PromotionKind::rollback, "ann",
                                              "worse in the field"));
  EXPECT_THAT(page("/models/digits"), Not(HasSubstr("by an override of"))) << "it is no longer in production";
}

TEST_F(OwnerPages, HomeSaysWhatIsToBeDone) {
  world.release("1", "one");
  EXPECT_THAT(page("/"), HasSubstr("<td>nothing"));
  world.judge(
      "1", "one", VerdictState::fail, "", {violation("accuracy/overall")},
      {region("r-000000000001", RegionStatus::new_bug, 0.5), region("r-000000000002", RegionStatus::worse, 0.4)});
  ASSERT_TRUE(world.store->regions.label("r-000000000002", "confirmed", "ann", ""));
  waive("accuracy/overall", std::chrono::hours(1));
  world.clock.advance(std::chrono::hours(2));
  const auto body = page("/");
  EXPECT_THAT(body, HasSubstr("newest version: fail"));
  EXPECT_THAT(body, HasSubstr("1 unlabelled regions"));
  EXPECT_THAT(body, HasSubstr("1 regions for a second opinion"));
  EXPECT_THAT(body, HasSubstr("1 expired waivers"));
  EXPECT_THAT(body, Not(HasSubstr("<td>nothing")));
}

TEST_F(OwnerPages, TheQueueShowsOneRegionAndTheWayToTheNext) {
  EXPECT_THAT(page("/queue"), HasSubstr("Nothing is left here"));
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail, "", {},
              {region("r-000000000001", RegionStatus::new_bug, 0.2), region("r-000000000002", RegionStatus::worse, 0.9),
               region("r-000000000003", RegionStatus::suspected, 1)});
  const auto body = page("/models/digits/queue");
  EXPECT_THAT(body, HasSubstr("<b class=\"left\">2</b> left"));
  EXPECT_THAT(body, HasSubstr("data-region=\"r-000000000002\""));
  EXPECT_THAT(body, HasSubstr("data-next=\"/models/digits/queue?after=r-000000000002\""));
  EXPECT_THAT(body, HasSubstr("<kbd>4</kbd>"));
  EXPECT_THAT(page("/queue"), HasSubstr("of <a href=\"/models/digits\">digits</a>"));
  EXPECT_THAT(page("/queue?after=r-000000000002"), HasSubstr("data-region=\"r-000000000001\""));
  EXPECT_THAT(page("/queue?after=r-000000000001"), HasSubstr("you passed over the rest"));
  ASSERT_TRUE(world.store->regions.label("r-000000000002", "confirmed", kHostile, kHostile));
  EXPECT_THAT(page("/queue"), HasSubstr("data-region=\"r-000000000001\""));
  const auto second = page("/queue?show=second");
  EXPECT_THAT(second, HasSubstr("data-region=\"r-000000000002\""));
  EXPECT_THAT(second, HasSubstr("data-next=\"/queue?show=second&amp;after=r-000000000002\""));
  EXPECT_THAT(second, HasSubstr("1 voted; 100 %"));
  EXPECT_EQ(world.get("/queue?show=everything").status, 400);
  EXPECT_EQ(world.get("/queue?after=%3Cscript%3E").status, 400);
  EXPECT_EQ(world.get("/models/letters/queue").status, 404);
  EXPECT_THAT(header_of(world.get("/queue"), "Content-Security-Policy"), HasSubstr("script-src 'self'"));
}

TEST_F(OwnerPages, WaiversAreShownWithWhatBecameOfThem) {
  world.release("1", "one");
  const auto used = waive("accuracy/overall", std::chrono::hours(24 * 30));
  world.judge("1", "one", VerdictState::pass, "", {violation("accuracy/overall", used)});
  waive("r-00000000beef", std::chrono::hours(24 * 3), kHostile);
  const auto gone = waive("contract/labels", std::chrono::hours(48));
  ASSERT_TRUE(world.store->waivers.remove(gone, "ann"));
  waive("spotlight/1", std::chrono::hours(1));
  world.clock.advance(std::chrono::hours(2));
  const auto all = page("/waivers");
  EXPECT_THAT(all, HasSubstr("all (4)"));
  EXPECT_THAT(all, HasSubstr("live (2)"));
  EXPECT_THAT(all, HasSubstr("expiring (1)"));
  EXPECT_THAT(all, HasSubstr("unused (1)"));
  EXPECT_THAT(all, HasSubstr("expired (1)"));
  EXPECT_THAT(all, HasSubstr("removed (1)"));
  EXPECT_THAT(all, HasSubstr("href=\"/regions/r-00000000beef\""));
  EXPECT_THAT(page("/waivers?state=unused"), HasSubstr("covers nothing at present"));
  const auto live = page("/waivers?state=live&model=digits");
  EXPECT_THAT(live, HasSubstr("data-waiver=\"" + used + "\""));
  EXPECT_THAT(page("/waivers?state=removed"), Not(HasSubstr("data-waiver=")));
  EXPECT_THAT(page("/waivers?model=letters"), HasSubstr("None."));
  EXPECT_THAT(page("/waivers?page=7"), HasSubstr("None."));
  EXPECT_EQ(world.get("/waivers?state=x").status, 400);
  EXPECT_EQ(world.get("/waivers?model=%3Cb%3E").status, 400);
}

TEST_F(OwnerPages, WaiversArePaged) {
  for (int i = 0; i < 26; ++i) waive("accuracy/class/" + std::to_string(i), std::chrono::hours(24));
  EXPECT_THAT(page("/waivers"), HasSubstr("1 to 25 of 26"));
  EXPECT_THAT(page("/waivers"), HasSubstr("href=\"?page=1&amp;state=all\" rel=\"next\""));
  EXPECT_THAT(page("/waivers?page=1&state=live&model=digits"), HasSubstr("26 to 26 of 26"));
}

TEST_F(OwnerPages, TheFormForAWaiverIsFilledByItsAddressAndTellsTheBound) {
  const auto body = page("/waivers/new?model=digits&finding=accuracy/overall%22%3E%3Cscript%3Ealert(1)");
  EXPECT_THAT(body, HasSubstr("value=\"digits\" readonly"));
  EXPECT_THAT(body, HasSubstr("accuracy/overall&quot;&gt;&lt;script&gt;"));
  EXPECT_THAT(body, HasSubstr("at most 90"));
  EXPECT_THAT(page("/waivers/new"), Not(HasSubstr("readonly")));
  EXPECT_EQ(world.get("/waivers/new?model=letters").status, 404);
}

TEST_F(OwnerPages, ARegionShowsItsWaiversAndTakesANewOne) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail, "", {}, {region("r-000000000001", RegionStatus::new_bug, 0.5)});
  EXPECT_THAT(page("/regions/r-000000000001"), HasSubstr("No waiver covers this region"));
  const auto by_region = waive("r-000000000001", std::chrono::hours(24));
  const auto by_finding = waive("misclassification_regions/r-000000000001", std::chrono::hours(24));
  const auto other = waive("r-000000000002", std::chrono::hours(24));
  const auto body = page("/regions/r-000000000001");
  EXPECT_THAT(body, HasSubstr(by_region));
  EXPECT_THAT(body, HasSubstr(by_finding));
  EXPECT_THAT(body, Not(HasSubstr(other)));
  EXPECT_THAT(body,
              HasSubstr("name=\"finding\" required size=\"40\" maxlength=\"300\" value=\"r-000000000001\" readonly"));
}

TEST_F(OwnerPages, JobsThatGoOnComeFirstWithHowFarTheyAre) {
  world.release("1", "one");
  world.release("2", "two");
  world.judge("1", "one", VerdictState::pass);
  world.start(world.enqueue("2", "two"));
  ASSERT_TRUE(world.store->jobs.set_progress(2, "regions", 0.25));
  world.read.events = {{17, "job", "{}"}};
  const auto body = page("/jobs");
  EXPECT_LT(body.find("data-job=\"2\""), body.find("data-job=\"1\""));
  EXPECT_THAT(body, HasSubstr("<progress max=\"1\" value=\"0.250\""));
  EXPECT_THAT(body, HasSubstr("data-after=\"17\""));
  EXPECT_THAT(body, HasSubstr("/assets/jobs.js"));
  EXPECT_THAT(page("/jobs?page=1"), Not(HasSubstr("/assets/jobs.js"))) << "only the first page changes by itself";
}

TEST_F(OwnerPages, EverySectionIsOneLinkAwayAndTheOneShownIsMarked) {
  for (const char* section : {"/", "/queue", "/jobs", "/waivers", "/audit"}) {
    const auto body = page(section);
    for (const char* link : {"/", "/queue", "/jobs", "/waivers", "/audit"})
      EXPECT_THAT(body, HasSubstr("<a href=\"" + std::string(link) + "\"")) << section;
    EXPECT_THAT(body, HasSubstr("<a href=\"" + std::string(section) + "\" aria-current=\"page\"")) << section;
    EXPECT_THAT(body, HasSubstr("class=\"skip\" href=\"#main\""));
  }
}

TEST_F(OwnerPages, ScriptsAreServedByNameAndNothingElse) {
  for (const char* name : {"act", "queue", "waivers", "jobs"}) {
    const auto answer = world.get(std::string("/assets/") + name + ".js");
    EXPECT_EQ(answer.status, 200) << name;
    EXPECT_EQ(answer.content_type, "text/javascript; charset=utf-8");
  }
  for (const char* name : {"style", "nothing", "..%2Fx", "home.mustache"})
    EXPECT_EQ(world.get(std::string("/assets/") + name + ".js").status, 404) << name;
}

TEST_F(OwnerPages, ListsTakeAnOffsetAndTellTheirTotal) {
  std::vector<NewRegion> found;
  for (int i = 1; i <= 5; ++i) {
    world.release(std::to_string(i), "digest " + std::to_string(i));
    found.push_back(region("r-00000000000" + std::to_string(i), RegionStatus::new_bug, 0.1 * i));
  }
  world.judge("5", "digest 5", VerdictState::fail, "", {}, found);
  world.read.daemon.not_ready = {{"digits", "6", "", EntryState::settling, "", "", {}}};
  const auto ids = [](const Json& list, const char* key) {
    std::string text;
    for (const auto& item : list) text += item[key].get<std::string>() + " ";
    return text;
  };
  auto body = world.get_json("/v1/models/digits/versions?limit=2");
  EXPECT_EQ(body["total"], 6);
  EXPECT_EQ(body["next"], "5");
  EXPECT_EQ(ids(body["versions"], "version"), "6 5 ");
  EXPECT_EQ(ids(world.get_json("/v1/models/digits/versions?limit=2&offset=1")["versions"], "version"), "5 4 ");
  body = world.get_json("/v1/models/digits/versions?limit=2&offset=4");
  EXPECT_EQ(ids(body["versions"], "version"), "2 1 ");
  EXPECT_TRUE(body["next"].is_null());
  EXPECT_EQ(ids(world.get_json("/v1/models/digits/versions?before=6&limit=1")["versions"], "version"), "5 ");
  EXPECT_EQ(world.get_json("/v1/models/digits/versions?offset=99")["versions"].size(), 0U);

  body = world.get_json("/v1/models/digits/regions?limit=2&offset=1");
  EXPECT_EQ(body["total"], 5);
  EXPECT_EQ(ids(body["regions"], "id"), "r-000000000004 r-000000000003 ");
  EXPECT_EQ(body["next"], "r-000000000003");
  body = world.get_json("/v1/models/digits/regions?limit=9&before=r-000000000002");
  EXPECT_EQ(ids(body["regions"], "id"), "r-000000000001 ");
  EXPECT_TRUE(body["next"].is_null());
  EXPECT_EQ(world.get("/v1/models/digits/regions?before=r-00000000000f").status, 400);
  for (const char* nonsense : {"offset=-1", "offset=x", "offset=99999999999", "offset=1&before=5"})
    EXPECT_EQ(world.get(std::string("/v1/models/digits/versions?") + nonsense).status, 400) << nonsense;
}

TEST(Trend, NeedsTwoMeasuredVersionsAndBreaksItsLineWhereOneWasNot) {
  using http::TrendPoint;
  EXPECT_TRUE(http::trend_picture({}).is_null());
  EXPECT_TRUE(http::trend_picture({{.version = "1", .accuracy = 0.9}, {.version = "2"}}).is_null());
  const auto picture =
      http::trend_picture({{.version = "1", .promoted = true, .accuracy = 0.9},
                           {.version = "2"},
                           {.version = "3", .accuracy = 0.95, .flip_rate = 0.02, .fresh = 2, .fixed = 1}});
  EXPECT_EQ(picture["accuracy"]["strokes"].size(), 2U);
  EXPECT_EQ(picture["accuracy"]["dots"][0]["promoted"], true);
  EXPECT_EQ(picture["accuracy"]["high"], "95.0 %");
  EXPECT_EQ(picture["accuracy"]["low"], "90.0 %");
  EXPECT_EQ(picture["regions"]["bars"].size(), 2U);
  EXPECT_EQ(picture["regions"]["most"], 3);
  EXPECT_EQ(picture["first"], "1");
  const auto level = http::trend_picture({{.version = "1", .accuracy = 1}, {.version = "2", .accuracy = 1}});
  EXPECT_EQ(level["accuracy"]["dots"][0]["y"], level["accuracy"]["dots"][1]["y"])
      << "no division by a range of nothing";
  EXPECT_EQ(dump_json(level).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace defuse::testing
