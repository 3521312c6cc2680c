// Reading: what there is, reports, regions, health; and what hostile requests get.
#include <gtest/gtest.h>

#include <set>

#include "core/base/files.h"
#include "daemon/api/status_map.h"
#include "daemon/http/routes.h"
#include "tests/daemon/http/world.h"

namespace defuse::testing {
namespace {

const std::string kVersion = "/v1/models/digits/versions/1";

class Api : public ::testing::Test {
 protected:
  World world;
};

NewRegion some_region(const std::string& id, const std::string& picture) {
  NewRegion made;
  made.region.id = RegionId(id);
  made.region.status = RegionStatus::new_bug;
  made.region.space = Space::codes;
  made.region.evidence = RegionEvidence::both;
  made.region.label = 7;
  made.region.predicted_as = 1;
  made.region.sentence = "7s that lean <to the right>.";
  RegionSample sample;
  sample.kind = ImageKind::real;
  sample.picture = picture;
  made.region.samples = {sample};
  return made;
}

TEST_F(Api, EveryErrorCodeHasAStatusThatIsNoSuccess) {
  for (const auto code :
       {ErrorCode::not_found, ErrorCode::invalid_input, ErrorCode::unavailable, ErrorCode::io, ErrorCode::corrupt,
        ErrorCode::cancelled, ErrorCode::exhausted, ErrorCode::conflict, ErrorCode::internal})
    EXPECT_GE(http_status(code), 400) << to_string(code);
}

TEST_F(Api, HealthAnswersWithoutStoreAndReadinessDoesNot) {
  EXPECT_EQ(world.get("/livez").status, 200);
  EXPECT_EQ(world.get("/healthz").status, 200);
  EXPECT_EQ(world.get("/readyz").status, 200);
  world.read.store_problem = Error{ErrorCode::unavailable, "locked", {}};
  EXPECT_EQ(world.get("/livez").status, 200);
  EXPECT_EQ(world.get("/readyz").status, 503);
  EXPECT_NE(world.get("/readyz?verbose").body.find("store: locked"), std::string::npos);
  world.read.store_problem.reset();
  world.read.daemon.ready = false;
  EXPECT_EQ(world.get("/readyz").status, 503);
}

TEST_F(Api, MetricsHaveTheTypeThatPrometheusInsistsOn) {
  const auto answer = world.get("/metrics");
  EXPECT_EQ(answer.content_type, "text/plain; version=0.0.4");
  EXPECT_NE(answer.body.find("defused_jobs"), std::string::npos);
}

TEST_F(Api, ListsModelsWithIncumbentAndNewestVersion) {
  world.release("9", "nine");
  world.release("10", "ten");
  world.promote("9", "nine");
  const auto body = world.get_json("/v1/models");
  ASSERT_EQ(body["models"].size(), 1U);
  EXPECT_EQ(body["models"][0]["incumbent"]["version"], "9");
  EXPECT_EQ(body["models"][0]["latest"]["version"], "10");
  EXPECT_EQ(world.get_json("/v1/models/digits")["promotions"].size(), 1U);
  EXPECT_EQ(world.get("/v1/models/letters").status, 404);
}

TEST_F(Api, PagesThroughVersionsNewestFirst) {
  for (int i = 1; i <= 5; ++i) world.release(std::to_string(i), "digest " + std::to_string(i));
  std::vector<std::string> seen;
  std::string before;
  for (int page = 0; page < 5; ++page) {
    const auto body =
        world.get_json("/v1/models/digits/versions?limit=2" + (before.empty() ? "" : "&before=" + before));
    for (const auto& version : body["versions"]) seen.push_back(version["version"]);
    if (body["next"].is_null()) break;
    before = body["next"];
  }
  EXPECT_EQ(seen, (std::vector<std::string>{"5", "4", "3", "2", "1"}));
  EXPECT_EQ(world.get("/v1/models/digits/versions?limit=0").status, 400);
  EXPECT_EQ(world.get("/v1/models/digits/versions?limit=2x").status, 400);
  EXPECT_EQ(world.get("/v1/models/digits/versions?before=77").status, 400);
}

TEST_F(Api, ServesEveryFormatOfAReport) {
  world.release("1", "one");
  EXPECT_EQ(world.get(kVersion + "/report").status, 404);
  world.judge("1", "one", VerdictState::fail);
  const std::map<std::string, std::string> types = {{"json", "application/json"},
                                                    {"html", "text/html; charset=utf-8"},
                                                    {"markdown", "text/markdown; charset=utf-8"},
                                                    {"junit", "application/xml"},
                                                    {"sarif", "application/sarif+json"}};
  for (const auto& [format, type] : types) {
    const auto answer = world.get(kVersion + "/report?format=" + format);
    EXPECT_EQ(answer.status, 200) << format;
    EXPECT_EQ(answer.content_type, type);
    EXPECT_EQ(header_of(answer, "Content-Security-Policy").find("script-src"), std::string::npos);
  }
  EXPECT_EQ(world.get(kVersion + "/report").body, "{\"verdict\": {}}\n");
  EXPECT_EQ(world.get(kVersion + "/report?format=exe").status, 400);
}

TEST_F(Api, ReportFolderThatLeavesTheStateIsNotFollowed) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::pass);
  auto row = *world.store->verdicts.latest("digits", digest_of("one"));
  ASSERT_TRUE(row);
  for (const char* folder : {"/etc", "../..", "reports/../../.."}) {
    row->report = folder;
    ASSERT_TRUE(world.store->verdicts.put(*row, {"daemon", "test", "digits/1"}));
    EXPECT_EQ(world.get(kVersion + "/report").status, 404) << folder;
  }
}

TEST_F(Api, ReportThatIsALinkIsNotServed) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::pass);
  const auto folder = (*world.store->verdicts.latest("digits", digest_of("one")))->report;
  world.tree.file("secret", "secret")
      .remove(folder / "report.html")
      .link(folder / "report.html", world.tree / "secret");
  EXPECT_EQ(world.get(kVersion + "/report?format=html").status, 404);
  world.tree.remove(folder / "report.md").fifo(folder / "report.md");
  EXPECT_EQ(world.get(kVersion + "/report?format=markdown").status, 404);
}

TEST_F(Api, ServesPicturesOfARegionAndNothingElse) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail, "", {},
              {some_region("r-0123456789ab", "region-1-0.png"), some_region("r-bbbbbbbbbbbb", ""),
               some_region("r-cccccccccccc", "report.json")});
  const auto good = world.get("/v1/regions/r-0123456789ab/samples/0.png");
  EXPECT_EQ(good.status, 200);
  EXPECT_EQ(good.content_type, "image/png");
  EXPECT_EQ(good.body, kPng);
  EXPECT_EQ(world.get(kVersion + "/region-1-0.png").status, 200);
  EXPECT_EQ(world.get("/v1/regions/r-0123456789ab/samples/1.png").status, 404);
  EXPECT_EQ(world.get("/v1/regions/r-0123456789ab/samples/99999999999999999999.png").status, 404);
  EXPECT_EQ(world.get("/v1/regions/r-0123456789ab/samples/-1.png").status, 404);
  EXPECT_EQ(world.get("/v1/regions/r-bbbbbbbbbbbb/samples/0.png").status, 404);
  EXPECT_EQ(world.get("/v1/regions/r-cccccccccccc/samples/0.png").status, 404) << "not a picture";
  EXPECT_EQ(world.get(kVersion + "/..%2Freport.png").status, 404);
  const auto region = world.get_json("/v1/regions/r-0123456789ab");
  EXPECT_EQ(region["samples"][0]["picture"], "/v1/regions/r-0123456789ab/samples/0.png");
  EXPECT_EQ(region["history"].size(), 1U);
  EXPECT_EQ(world.get_json("/v1/models/digits/regions")["regions"].size(), 3U);
}

// The store does not even read such a row back; if it did, the file's name would be refused.
TEST_F(Api, PictureThatIsAPathIsServedByNobody) {
  world.release("1", "one");
  world.tree.file("secret.png", kPng);
  world.judge("1", "one", VerdictState::fail, "", {}, {some_region("r-aaaaaaaaaaaa", "../../../../secret.png")});
  const auto answer = world.get("/v1/regions/r-aaaaaaaaaaaa/samples/0.png");
  EXPECT_GE(answer.status, 400);
  EXPECT_NE(answer.body, kPng);
}

TEST_F(Api, UnknownPathIs404AndWrongMethodIs405WithAllow) {
  EXPECT_EQ(world.get("/v1/nothing").status, 404);
  EXPECT_EQ(world.get("/v1/models/").status, 404);
  const auto wrong = world.ask("DELETE", "/v1/models");
  EXPECT_EQ(wrong.status, 405);
  EXPECT_EQ(header_of(wrong, "Allow"), "GET, HEAD");
  EXPECT_EQ(wrong.content_type, "application/problem+json");
  EXPECT_EQ(world.ask("BREW", "/v1/waivers").status, 405);
  EXPECT_EQ(header_of(world.ask("PUT", kVersion + "/gate"), "Allow"), "GET, HEAD, POST");
  EXPECT_EQ(world.ask("HEAD", "/v1/models").status, 200);
}

TEST_F(Api, HostileNamesReachNothing) {
  world.release("1", "one");
  for (const std::string name :
       {"..", "%2e%2e", "%2e%2e%2fetc%2fpasswd", "..%5c..", ".hidden", "tmp-1", "a%20b", "%3Cscript%3E", "*"}) {
    for (const std::string& path : {"/v1/models/" + name, "/v1/models/digits/versions/" + name + "/gate",
                                    "/v1/models/" + name + "/versions/1/report", "/models/" + name,
                                    "/v1/regions/" + name, "/v1/regions/" + name + "/samples/0.png"}) {
      const auto answer = world.get(path);
      EXPECT_EQ(answer.status, 404) << path;
      EXPECT_EQ(answer.body.find("<script>"), std::string::npos) << path;
    }
  }
  EXPECT_EQ(world.get("/v1/models/a%00b").status, 400);
  EXPECT_EQ(world.get("/v1/models/%zz").status, 400);
  EXPECT_EQ(world.get("/v1/models/%ff").status, 400);
  EXPECT_EQ(world.get("/v1/models/a%0d%0aSet-Cookie:x").status, 400);
  EXPECT_EQ(world.get("/v1/models/" + std::string(1500, 'a')).status, 404);
  EXPECT_EQ(world.get("/v1/models/" + std::string(4096, 'a')).status, 414);
  EXPECT_EQ(world.get("../etc/passwd").status, 400);
  EXPECT_EQ(world.get("/v1/models/digits/versions?limit=1&limit=2").status, 400);
}

TEST_F(Api, EveryAnswerCarriesTheSecurityHeaders) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::pass);
  for (const std::string path : {"/", "/v1/models", "/v1/nothing", "/v1/models/%zz", "/livez", "/models/digits",
                                 "/v1/models/digits/versions/1/report?format=html"}) {
    const auto answer = world.get(path);
    EXPECT_NE(header_of(answer, "Content-Security-Policy").find("default-src 'none'"), std::string::npos) << path;
    EXPECT_EQ(header_of(answer, "X-Content-Type-Options"), "nosniff") << path;
    EXPECT_EQ(header_of(answer, "X-Frame-Options"), "DENY") << path;
    EXPECT_EQ(header_of(answer, "Referrer-Policy"), "no-referrer") << path;
    EXPECT_EQ(header_of(answer, "Cache-Control"), "no-store") << path;
  }
}

TEST_F(Api, AnotherSitesNameForThisMachineIsRefused) {
  for (const char* host : {"evil.example", "evil.example:8470", "127.0.0.1.evil.example", "127.0.0.1, evil.example"}) {
    world.headers["host"] = host;
    EXPECT_EQ(world.get("/v1/models").status, 421) << host;
  }
  for (const char* host : {"localhost:8470", "127.0.0.1", "[::1]:8470", "LOCALHOST"}) {
    world.headers["host"] = host;
    EXPECT_EQ(world.get("/v1/models").status, 200) << host;
  }
}

TEST_F(Api, DashboardShowsWhatThereIsAndEscapesIt) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail, "", {violation("accuracy/overall")},
              {some_region("r-0123456789ab", "region-1-0.png")});
  world.read.daemon.not_ready = {
      {"digits", "<img src=x onerror=alert(1)>", "", EntryState::refused, "\"bad\" & <b>worse</b>", "", {}}};
  const auto home = world.get("/");
  EXPECT_EQ(home.status, 200);
  EXPECT_EQ(home.content_type, "text/html; charset=utf-8");
  EXPECT_NE(home.body.find("href=\"/models/digits\""), std::string::npos);
  EXPECT_EQ(home.body.find("<img src=x"), std::string::npos);
  EXPECT_EQ(home.body.find("<b>worse"), std::string::npos);
  EXPECT_NE(home.body.find("&lt;img src=x"), std::string::npos);
  const auto model = world.get("/models/digits").body;
  EXPECT_NE(model.find("91.00 %"), std::string::npos) << "accuracy";
  EXPECT_NE(model.find("7s that lean &lt;to the right&gt;"), std::string::npos);
  auto version = world.get("/models/digits/versions/1").body;
  // The page of a failed version has one script, ours: it orders a correction.
  const std::string own = "<script type=\"module\" src=\"/assets/correction.js\"></script>\n";
  ASSERT_NE(version.find(own), std::string::npos);
  version.erase(version.find(own), own.size());
  EXPECT_NE(version.find("It is worse."), std::string::npos);
  EXPECT_NE(version.find("/v1/models/digits/versions/1/report?format=html"), std::string::npos);
  EXPECT_EQ(world.get("/models/letters").status, 404);
  EXPECT_EQ(world.get("/models/digits/versions/9").status, 404);
  for (const auto& page : {home.body, model, version}) {
    EXPECT_EQ(page.find("<script"), std::string::npos);
    EXPECT_EQ(page.find("://"), std::string::npos) << "something from another host";
    EXPECT_EQ(page.find("{{"), std::string::npos);
  }
  EXPECT_EQ(world.get("/assets/dashboard.css").content_type, "text/css; charset=utf-8");
}

TEST_F(Api, TheHeatMapShowsReleasesTwelveAtATime) {
  for (int i = 1; i <= 14; ++i) world.release(std::to_string(i), "bytes " + std::to_string(i));
  world.judge("1", "bytes 1", VerdictState::fail, "", {violation("accuracy/overall")},
              {some_region("r-0123456789ab", "region-1-0.png")});
  const auto columns = [&](const std::string& query) {
    const auto body = world.get("/models/digits/regions" + query).body;
    std::vector<int> shown;
    for (int i = 1; i <= 14; ++i)
      if (body.find("/versions/" + std::to_string(i) + "\"") != std::string::npos) shown.push_back(i);
    const auto has = [&](const char* words) { return body.find(words) != std::string::npos; };
    return std::tuple(shown, has("Older releases"), has("Newer releases"), has("class=\"cell shade"));
  };
  EXPECT_EQ(columns(""), std::tuple(std::vector<int>{3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, true, false, false));
  EXPECT_EQ(columns("?columns=1"), std::tuple(std::vector<int>{1, 2}, false, true, true));
  EXPECT_NE(world.get("/models/digits/regions?show=new").body.find("show=new&amp;columns=1"), std::string::npos);
}

TEST_F(Api, RegionPagesShowHistoryAndWhatPeopleSay) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail, "", {violation("accuracy/overall")},
              {some_region("r-0123456789ab", "region-1-0.png")});
  ASSERT_TRUE(world.store->regions.label("r-0123456789ab", "confirmed", "ann", "<b>seen it</b>"));
  ASSERT_TRUE(world.store->regions.label("r-0123456789ab", "ambiguous", "bob", ""));
  const auto heat = world.get("/models/digits/regions");
  EXPECT_EQ(heat.status, 200);
  EXPECT_NE(heat.body.find("href=\"/regions/r-0123456789ab\""), std::string::npos);
  EXPECT_NE(heat.body.find("class=\"cell shade"), std::string::npos) << "the version's cell";
  EXPECT_EQ(world.get("/models/digits/regions?show=fixed").body.find("r-0123456789ab"), std::string::npos);
  EXPECT_NE(world.get("/models/digits/regions?show=unlabelled").body.find("r-0123456789ab"), std::string::npos)
      << "two who disagree have not labelled it";
  EXPECT_EQ(world.get("/models/digits/regions?show=all&page=7").status, 200) << "past the end";
  EXPECT_EQ(world.get("/models/digits/regions?show=everything").status, 400);
  EXPECT_EQ(world.get("/models/letters/regions").status, 404);

  const auto region = world.get("/regions/r-0123456789ab");
  EXPECT_EQ(region.status, 200);
  EXPECT_NE(region.body.find("They disagree"), std::string::npos);
  EXPECT_NE(region.body.find("2 voted; 50 %"), std::string::npos);
  EXPECT_EQ(region.body.find("<b>seen it"), std::string::npos);
  EXPECT_NE(region.body.find("/v1/regions/r-0123456789ab/samples/0.png"), std::string::npos);
  EXPECT_NE(header_of(region, "Content-Security-Policy").find("script-src 'self'"), std::string::npos);
  EXPECT_EQ(world.get("/regions/r-ffffffffffff").status, 404);
  EXPECT_EQ(world.get("/assets/dashboard.js").content_type, "text/javascript; charset=utf-8");
  const auto votes = world.get_json("/v1/regions/r-0123456789ab")["votes"];
  EXPECT_EQ(votes["voters"], 2);
  EXPECT_EQ(votes["agreement"], 0.5);
  EXPECT_EQ(votes["words"].size(), 2U);

  const auto audit = world.get("/audit");
  EXPECT_EQ(audit.status, 200);
  EXPECT_NE(audit.body.find("<td>label</td>"), std::string::npos);
  EXPECT_EQ(audit.body.find("<b>seen it"), std::string::npos);
  EXPECT_EQ(world.get("/audit?before=x").status, 400);
  for (const auto& page : {heat.body, region.body, audit.body}) {
    EXPECT_EQ(page.find("://"), std::string::npos) << "something from another host";
    EXPECT_EQ(page.find("{{"), std::string::npos);
  }
  for (const auto& page : {heat, audit})
    EXPECT_EQ(header_of(page, "Content-Security-Policy").find("script-src"), std::string::npos);
}

TEST_F(Api, AuditPagesBackwards) {
  for (int i = 0; i < 5; ++i)
    ASSERT_TRUE(world.store->audit.add({"ann", "test", "thing " + std::to_string(i), {{"i", i}}}));
  std::vector<std::string> seen;
  std::string query = "?limit=2";
  for (int page = 0; page < 5; ++page) {
    const auto body = world.get_json("/v1/audit" + query);
    for (const auto& row : body["rows"]) seen.push_back(row["subject"]);
    if (body["next"].is_null()) break;
    query = "?limit=2&before=" + dump_json(body["next"]);
  }
  ASSERT_EQ(seen.size(), 5U);
  EXPECT_EQ(seen.front(), "thing 4");
  EXPECT_EQ(seen.back(), "thing 0");
  EXPECT_EQ(world.get("/v1/audit?before=x").status, 400);
}

TEST_F(Api, EventsStartWhereTheClientWas) {
  EXPECT_TRUE(world.get("/v1/events").event_stream);
  EXPECT_EQ(world.get("/v1/events?after=7").event_id, 7U);
  world.headers["last-event-id"] = "9";
  EXPECT_EQ(world.get("/v1/events").event_id, 9U);
  EXPECT_EQ(world.get("/v1/events?after=-1").status, 400);
}

TEST_F(Api, VerdictTellsTheEvidenceThatWasWrittenBesideItAndNeverDependsOnIt) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail);
  EXPECT_TRUE(world.get_json(kVersion + "/verdict")["evidence"].is_null());
  world.write_document("1", "one", {{"verdict", "pass"}, {"evidence", {{"position", 3}, {"level", 0.01}}}});
  const auto body = world.get_json(kVersion + "/verdict");
  EXPECT_EQ(body["evidence"]["position"], 3);
  EXPECT_EQ(body["verdict"], "fail") << "the store decides, not a file";
  world.write_document("1", "one", Json("rubbish"));
  EXPECT_TRUE(world.get_json(kVersion + "/verdict")["evidence"].is_null());
  EXPECT_EQ(world.get_json(kVersion + "/verdict")["verdict"], "fail");
}

TEST_F(Api, OpenApiDescribesExactlyTheRoutesThatExist) {
  const auto document = world.get_json("/v1/openapi.json");
  EXPECT_EQ(document["openapi"], "3.1.0");
  std::set<std::string> described, existing;
  for (const auto& path : document["paths"].items())
    for (const auto& operation : path.value().items()) {
      std::string method = operation.key();
      for (char& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      described.insert(method + " " + path.key());
    }
  for (const auto& [method, pattern] : api_routes()) existing.insert(method + " " + pattern);
  EXPECT_EQ(described, existing);
}

TEST_F(Api, OpenApiNamesEveryFieldOfAVersionAndOfTheGate) {
  world.release("1", "one");
  world.judge("1", "one", VerdictState::fail, "", {violation("accuracy/overall")});
  const auto schemas = world.get_json("/v1/openapi.json")["components"]["schemas"];
  const auto same_keys = [&](const Json& value, const char* schema) {
    std::set<std::string> have, described;
    for (const auto& item : value.items()) have.insert(item.key());
    for (const auto& item : schemas[schema]["properties"].items()) described.insert(item.key());
    EXPECT_EQ(have, described) << schema;
  };
  same_keys(world.get_json(kVersion), "Version");
  same_keys(world.get_json(kVersion + "/verdict"), "Verdict");
  same_keys(world.get_json(kVersion + "/gate"), "Gate");
  same_keys(world.get_json(kVersion + "/gate")["findings"][0], "Finding");
  same_keys(world.get_json("/v1/jobs")["jobs"][0], "Job");
  same_keys(world.get_json("/v1/models"), "Models");
}

}  // namespace
}  // namespace defuse::testing
