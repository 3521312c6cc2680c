// What pages list and count without reading rows whole: versions in order, summaries of verdicts, the queues of regions
// and jobs, waivers with what became of them; and how a database of an earlier version is given all that.
#include <algorithm>
#include <cmath>
#include <random>

#include "core/registry/source.h"
#include "core/store/migrate.h"
#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class StoreLists : public StoreTest {
 protected:
  std::vector<std::string> names(const VersionList& list) {
    std::vector<std::string> names;
    for (const auto& row : got(store_->versions.page("digits", list)).rows) names.push_back(row.version.version);
    return names;
  }
  static Finding measured(const std::string& id, double value, double incumbent = kNone) {
    Finding finding;
    finding.id = id;
    finding.check = id.substr(0, id.find('/'));
    finding.subject = "overall";
    finding.value = value;
    finding.incumbent_value = incumbent;
    finding.sentence = "So it is.";
    return finding;
  }
  VerdictRow measured_verdict(const std::string& version, const std::string& digest) {
    auto row = verdict(version, digest);
    row.verdict.findings = {measured("accuracy/overall", 0.97, 0.95), measured("negative_flips/overall", 0.0125)};
    return row;
  }
  static NewRegion failing(const std::string& id, RegionStatus status, double error) {
    auto found = region(id, status);
    found.region.confirm.candidate_error = error;
    found.region.confirm.candidate_interval = {error / 2, 1};
    return found;
  }
  void judge(const std::string& version, const std::string& digest, const std::vector<NewRegion>& regions) {
    const auto done =
        store_->verdicts.finish_job(run(version, digest), JobState::done, measured_verdict(version, digest), regions);
    ASSERT_TRUE(done) << done.error().describe();
  }
  std::string head(const RegionQueue& queue) {
    const auto found = got(store_->regions.queue(queue));
    return found.region + " of " + std::to_string(found.left);
  }
};

TEST_F(StoreLists, VersionsComeInTheOrderOfTheRegistry) {
  std::vector<std::string> all = {"0",
                                  "00",
                                  "007",
                                  "7",
                                  "70",
                                  "10",
                                  "9",
                                  "a",
                                  "10a",
                                  "2024.01",
                                  "v10",
                                  "v2",
                                  "99999999999999999999999",
                                  "100000000000000000000000"};
  std::mt19937 random(7);
  for (int i = 0; i < 200; ++i) {
    std::string name;
    for (std::size_t length = 1 + random() % 6; name.size() < length;) name += "0019aB._-"[random() % 9];
    if (is_valid_name(name) && std::find(all.begin(), all.end(), name) == all.end()) all.push_back(name);
  }
  for (const auto& name : all) put(name, "digest of " + name);
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return version_less(b, a); });
  EXPECT_EQ(names({.limit = 1000}), all);
  for (std::size_t i = 0; i < all.size(); i += 7) {
    EXPECT_EQ(names({.before = Version(all[i]), .limit = 3}),
              std::vector<std::string>(all.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                       all.begin() + static_cast<std::ptrdiff_t>(std::min(i + 4, all.size()))));
    EXPECT_EQ(names({.offset = i, .limit = 1}), std::vector<std::string>{all[i]});
  }
  EXPECT_TRUE(names({.offset = 5000}).empty());
  EXPECT_TRUE(names({.before = "no such version"}).empty());
  EXPECT_EQ(got(store_->versions.page("digits", {.offset = 5000})).total, all.size());
}

TEST_F(StoreLists, APageOfVersionsNeverSortsThemAll) {
  SQLite::Statement plan(database().connection(),
                         "EXPLAIN QUERY PLAN SELECT version FROM versions WHERE model = 'm' AND current = 1 ORDER BY "
                         "version GLOB '*[^0-9]*' DESC, iif(version GLOB '*[^0-9]*', 0, length(ltrim(version, '0'))) "
                         "DESC, iif(version GLOB '*[^0-9]*', '', ltrim(version, '0')) DESC, version DESC LIMIT 3");
  std::string steps;
  while (plan.executeStep()) steps += plan.getColumn(3).getString() + "\n";
  EXPECT_THAT(steps, ::testing::HasSubstr("versions_in_order"));
  EXPECT_THAT(steps, ::testing::Not(::testing::HasSubstr("TEMP B-TREE")));
}

TEST_F(StoreLists, AVerdictIsSummedUpWhenItIsWrittenAndWhenItIsDecidedAgain) {
  judge("1", "d1",
        {region("r-1", RegionStatus::new_bug), region("r-2", RegionStatus::new_bug), region("r-3", RegionStatus::worse),
         region("r-4", RegionStatus::inherited), region("r-5", RegionStatus::fixed),
         region("r-6", RegionStatus::suspected)});
  put("2", "d2");
  auto again = measured_verdict("1", "d1");
  again.job = 1;
  again.verdict.state = VerdictState::pass;
  ASSERT_TRUE(store_->verdicts.put(again, by("ann", "waive")));
  const auto page = got(store_->versions.page("digits", {}));
  ASSERT_EQ(page.rows.size(), 2U);
  EXPECT_FALSE(page.rows[0].verdict) << "2 was not judged";
  ASSERT_TRUE(page.rows[1].verdict);
  const auto& summary = *page.rows[1].verdict;
  EXPECT_EQ(summary.state, VerdictState::pass);
  EXPECT_EQ(summary.incumbent_version, "0");
  EXPECT_EQ(summary.accuracy, 0.97);
  EXPECT_EQ(summary.incumbent_accuracy, 0.95);
  EXPECT_EQ(summary.flip_rate, 0.0125);
  EXPECT_EQ(summary.regions.new_bug, 2);
  EXPECT_EQ(summary.regions.worse, 1);
  EXPECT_EQ(summary.regions.inherited, 1);
  EXPECT_EQ(summary.regions.fixed, 1);
  EXPECT_EQ(summary.regions.suspected, 1);
}

TEST_F(StoreLists, WhatWasNotMeasuredHasNoFigure) {
  const auto id = run("1", "d1");
  auto row = verdict("1", "d1");
  row.verdict.findings = {measured("accuracy/overall", kNone)};
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::failed, row, {}));
  const auto page = got(store_->versions.page("digits", {}));
  ASSERT_TRUE(page.rows.at(0).verdict);
  EXPECT_FALSE(page.rows[0].verdict->accuracy);
  EXPECT_FALSE(page.rows[0].verdict->flip_rate);
}

TEST_F(StoreLists, AnOlderDatabaseIsGivenItsSummaries) {
  judge("1", "d1", {region("r-1", RegionStatus::new_bug), region("r-2", RegionStatus::fixed)});
  auto covered = measured_verdict("1", "d1");
  covered.job = 1;
  covered.verdict.findings[0].waiver = "w-12345678";
  ASSERT_TRUE(store_->verdicts.put(covered, by("ann", "waive")));
  ASSERT_TRUE(store_->regions.label("r-1", "confirmed", "ann", ""));
  ASSERT_TRUE(store_->regions.label("r-1", "ambiguous", "bob", ""));
  ASSERT_TRUE(store_->regions.label("r-2", "confirmed", "ann", ""));
  ASSERT_TRUE(store_->regions.label("r-2", "", "ann", "no"));
  // What the summaries are made from stays; they themselves are forgotten, as if they had never been written.
  auto& connection = database().connection();
  std::string migration;
  for (const auto& one : all_migrations())
    if (one.name == "0006_owner_pages") migration = one.sql;
  for (const char* column : {"accuracy", "incumbent_accuracy", "flip_rate", "regions_new", "regions_worse",
                             "regions_inherited", "regions_fixed", "regions_suspected"})
    connection.exec(std::string("ALTER TABLE verdicts DROP COLUMN ") + column);
  connection.exec("DROP INDEX findings_by_waiver; DROP INDEX findings_by_region; DROP INDEX findings_by_id");
  connection.exec("ALTER TABLE findings DROP COLUMN waiver");
  connection.exec("DROP INDEX region_scores_by_digest; DROP INDEX versions_in_order");
  connection.exec("DROP INDEX regions_by_impact; DROP INDEX regions_by_model; ALTER TABLE regions DROP COLUMN voters");
  connection.exec("CREATE INDEX regions_by_impact ON regions (model, impact DESC, first_seen DESC)");
  connection.exec("CREATE INDEX regions_by_model ON regions (model, first_seen)");
  connection.exec(migration);

  store_.reset();
  store_ = open(Store::Mode::read_write);
  const auto page = got(store_->versions.page("digits", {}));
  ASSERT_TRUE(page.rows.at(0).verdict);
  EXPECT_EQ(page.rows[0].verdict->accuracy, 0.97);
  EXPECT_EQ(page.rows[0].verdict->incumbent_accuracy, 0.95);
  EXPECT_EQ(page.rows[0].verdict->flip_rate, 0.0125);
  EXPECT_EQ(page.rows[0].verdict->regions.new_bug, 1);
  EXPECT_EQ(page.rows[0].verdict->regions.fixed, 1);
  EXPECT_EQ(page.rows[0].verdict->regions.suspected, 0);
  EXPECT_EQ(number("SELECT voters FROM regions WHERE id = 'r-1'"), 2);
  EXPECT_EQ(number("SELECT voters FROM regions WHERE id = 'r-2'"), 0);
  EXPECT_EQ(number("SELECT count(*) FROM findings WHERE waiver = 'w-12345678'"), 1);
}

TEST_F(StoreLists, TheQueueGivesWhatHasMostImpactAndNobodyLookedAt) {
  judge("1", "d1",
        {failing("r-small", RegionStatus::new_bug, 0.1), failing("r-large", RegionStatus::inherited, 0.9),
         failing("r-middle", RegionStatus::worse, 0.5), failing("r-maybe", RegionStatus::suspected, 1),
         failing("r-gone", RegionStatus::fixed, 1)});
  EXPECT_EQ(head({}), "r-large of 3");
  EXPECT_EQ(head({.model = "digits", .after = "r-large"}), "r-middle of 3");
  EXPECT_EQ(head({.after = "r-small"}), " of 3");
  EXPECT_EQ(head({.model = "faces"}), " of 0");
  EXPECT_EQ(head({.after = "r-unheard-of"}), " of 3") << "after nothing known comes nothing";
  EXPECT_EQ(head({.second = true}), " of 0");
  ASSERT_TRUE(store_->regions.label("r-large", "confirmed", "ann", ""));
  EXPECT_EQ(head({}), "r-middle of 2");
  EXPECT_EQ(head({.second = true}), "r-large of 1") << "one voter is no majority of several";
  ASSERT_TRUE(store_->regions.label("r-large", "ambiguous", "bob", ""));
  EXPECT_EQ(head({.second = true}), "r-large of 1") << "two who disagree";
  ASSERT_TRUE(store_->regions.label("r-large", "confirmed", "eve", ""));
  EXPECT_EQ(head({.second = true}), " of 0");
  EXPECT_EQ(got(store_->regions.open()).at("digits").unlabelled, 2U);
  for (const char* who : {"ann", "bob", "eve"}) ASSERT_TRUE(store_->regions.label("r-large", "", who, ""));
  EXPECT_EQ(head({}), "r-large of 3") << "all words were taken back";
  EXPECT_EQ(got(store_->regions.open()).at("digits").unlabelled, 3U);
  EXPECT_EQ(got(store_->regions.open()).at("digits").second, 0U);
}

TEST_F(StoreLists, RegionsGoOnAfterOneAndByOffset) {
  for (int i = 0; i < 5; ++i) {
    judge(std::to_string(i), "d" + std::to_string(i), {region("r-" + std::to_string(i), RegionStatus::new_bug)});
    clock_.advance(std::chrono::seconds(i % 2));  // some were seen at the same moment
  }
  const auto ids = [&](const RegionList& list) {
    std::string text;
    for (const auto& row : got(store_->regions.page("digits", list)).rows) text += row.id + " ";
    return text;
  };
  EXPECT_EQ(ids({.newest = true}), "r-4 r-3 r-2 r-1 r-0 ");
  EXPECT_EQ(ids({.newest = true, .before = "r-3"}), "r-2 r-1 r-0 ");
  EXPECT_EQ(ids({.newest = true, .before = "r-3", .limit = 1}), "r-2 ");
  EXPECT_EQ(ids({.newest = true, .offset = 3}), "r-1 r-0 ");
  EXPECT_EQ(ids({.newest = true, .before = "r-none"}), "");
}

TEST_F(StoreLists, CellsAreTheScoresOfThoseRegionsOnThoseVersions) {
  judge("1", "d1", {failing("r-1", RegionStatus::new_bug, 0.5), failing("r-2", RegionStatus::worse, 0.25)});
  judge("2", "d2", {failing("r-1", RegionStatus::inherited, 0.75)});
  EXPECT_TRUE(got(store_->regions.cells({"r-1"}, {})).empty());
  EXPECT_TRUE(got(store_->regions.cells({}, {"d1"})).empty());
  const auto cells = got(store_->regions.cells({"r-1"}, {"d2", "d9"}));
  ASSERT_EQ(cells.size(), 1U);
  EXPECT_EQ(cells[0].region, "r-1");
  EXPECT_EQ(cells[0].digest, "d2");
  EXPECT_EQ(cells[0].status, RegionStatus::inherited);
  EXPECT_EQ(cells[0].seeds, 31);
  EXPECT_EQ(cells[0].candidate_error, 0.75);
  EXPECT_EQ(cells[0].candidate_interval.lower, 0.375);
  EXPECT_EQ(cells[0].candidate_interval.upper, 1);
  EXPECT_EQ(got(store_->regions.cells({"r-1", "r-2"}, {"d1", "d2"})).size(), 3U);
}

TEST_F(StoreLists, JobsThatGoOnComeFirst) {
  judge("1", "d1", {});
  judge("2", "d2", {});
  queue("3", "d3");
  queue("4", "d4", 9);
  run("5", "d5");
  const auto order = [&](std::size_t offset, std::size_t limit) {
    std::string text;
    for (const auto& job : got(store_->jobs.page(offset, limit)).rows) text += job.version + " ";
    return text;
  };
  EXPECT_EQ(order(0, 10), "5 4 3 2 1 ");
  EXPECT_EQ(order(1, 3), "4 3 2 ");
  EXPECT_EQ(order(5, 3), "");
  EXPECT_EQ(got(store_->jobs.page(0, 1)).total, 5U);
}

TEST_F(StoreLists, AWaiverIsInUseWhileAStandingVerdictLeansOnIt) {
  Waiver waiver;
  waiver.model = "digits";
  waiver.finding = "accuracy/overall";
  waiver.reason = "known";
  waiver.approved_by = "ann";
  waiver.created = clock_.now();
  waiver.expires = clock_.now() + std::chrono::hours(24);
  const auto id = got(store_->waivers.add(waiver, "ann"));
  const auto in_use = [&] { return got(store_->waivers.rows("digits")).at(0).in_use; };
  EXPECT_FALSE(in_use());
  judge("1", "d1", {});
  auto covered = measured_verdict("1", "d1");
  covered.job = 1;
  covered.verdict.findings[0].waiver = id;
  ASSERT_TRUE(store_->verdicts.put(covered, by("ann", "waive")));
  EXPECT_TRUE(in_use());
  EXPECT_TRUE(got(store_->waivers.rows("")).at(0).in_use);
  EXPECT_TRUE(got(store_->waivers.rows("faces")).empty());
  covered.verdict.findings[0].waiver = "";
  ASSERT_TRUE(store_->verdicts.put(covered, by("ann", "label")));
  EXPECT_FALSE(in_use()) << "a later verdict on the same bytes does without it";
  covered.verdict.findings[0].waiver = id;
  ASSERT_TRUE(store_->verdicts.put(covered, by("ann", "label")));
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "1"));
  EXPECT_FALSE(in_use()) << "the version is gone";
  put("1", "d1");
  ASSERT_TRUE(store_->waivers.remove(id, "ann"));
  const auto rows = got(store_->waivers.rows("digits"));
  ASSERT_EQ(rows.size(), 1U) << "removed ones stay in the list";
  EXPECT_EQ(rows[0].removed, clock_.now());
  EXPECT_FALSE(rows[0].in_use);
}

}  // namespace
}  // namespace defuse::testing
