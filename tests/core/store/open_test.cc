// Opening, migrating, refusing, surviving: the file around the rows.
#include <fstream>

#include "core/base/sha256.h"
#include "core/store/migrate.h"
#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

namespace fs = std::filesystem;

class StoreFile : public StoreTest {
 protected:
  std::string opening(const fs::path& path, Store::Mode mode = Store::Mode::read_write) {
    const auto opened = Store::open(path, mode, clock_);
    return opened ? "ok" : std::string(to_string(opened.error().code)) + ": " + opened.error().message;
  }
  void exec_closed(const std::string& sql) {
    store_.reset();
    SQLite::Database(file().string(), SQLite::OPEN_READWRITE).exec(sql);
  }
};

TEST_F(StoreFile, UsesTheSettingsItsPromisesRestOn) {
  EXPECT_EQ(number("PRAGMA foreign_keys"), 1);
  EXPECT_EQ(number("PRAGMA synchronous"), 2);
  SQLite::Statement mode(database().connection(), "PRAGMA journal_mode");
  ASSERT_TRUE(mode.executeStep());
  EXPECT_EQ(mode.getColumn(0).getString(), "wal");
  EXPECT_EQ(number("PRAGMA busy_timeout"), 5000);
}

TEST_F(StoreFile, EveryTableIsStrict) {
  EXPECT_EQ(number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0 "
                   "AND name NOT LIKE 'sqlite_%'"),
            0);
  EXPECT_GT(number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 1"), 10);
}

TEST_F(StoreFile, OpensAgainWithWhatItHeld) {
  put("1", "d1");
  store_.reset();
  store_ = open(Store::Mode::read_write);
  EXPECT_EQ(store_->versions.current("digits", "1").value()->digest, "d1");
  EXPECT_EQ(number("SELECT count(*) FROM schema_migration"), all_migrations().size());
}

TEST_F(StoreFile, ACommittedRowSurvivesACrash) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(
      store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), {region("r-1", RegionStatus::new_bug)}));
  // What a power cut leaves: the files as they are, with the log not yet merged and its owner never closing it.
  fs::copy(file(), tree_ / "crashed.db");
  fs::copy(tree_ / "defused.db-wal", tree_ / "crashed.db-wal");
  auto survivor = Store::open(tree_ / "crashed.db", Store::Mode::read_write, clock_).value();
  EXPECT_EQ(survivor->jobs.find(id).value()->state, JobState::done);
  EXPECT_TRUE(survivor->verdicts.latest("digits", "d1").value());
  EXPECT_TRUE(survivor->regions.find("r-1").value());
  EXPECT_TRUE(survivor->audit.verify());
}

TEST_F(StoreFile, ATornLogLosesWholeTransactionsNeverParts) {
  const auto id = run("1", "d1");
  ASSERT_TRUE(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), {}));
  const auto size = fs::file_size(tree_ / "defused.db-wal");
  for (std::uintmax_t cut = 0; cut < size; cut += 4096) {
    const auto name = "torn-" + std::to_string(cut) + ".db";
    fs::copy(file(), tree_ / name);
    fs::copy(tree_ / "defused.db-wal", tree_ / (name + "-wal"));
    fs::resize_file(tree_ / (name + "-wal"), size - cut);
    auto torn = Store::open(tree_ / name, Store::Mode::read_write, clock_);
    ASSERT_TRUE(torn) << torn.error().describe();
    const auto job = (*torn)->jobs.find(id).value();
    const bool judged = (*torn)->verdicts.latest("digits", "d1").value().has_value();
    EXPECT_EQ(judged, job && job->state == JobState::done) << "cut by " << cut;
    EXPECT_TRUE((*torn)->audit.verify()) << "cut by " << cut;
  }
}

TEST_F(StoreFile, ANewerDatabaseIsRefused) {
  exec_closed("INSERT INTO schema_migration VALUES (9999, '9999_future', 'abc', 0)");
  EXPECT_THAT(opening(file()), ::testing::AllOf(::testing::StartsWith("conflict"), ::testing::HasSubstr("9999_future"),
                                                ::testing::HasSubstr("newer")));
  EXPECT_THAT(opening(file(), Store::Mode::read_only), ::testing::StartsWith("conflict"));
}

TEST_F(StoreFile, AnAlteredMigrationIsRefused) {
  exec_closed("UPDATE schema_migration SET sha256 = 'abc'");
  EXPECT_THAT(opening(file()), ::testing::AllOf(::testing::StartsWith("corrupt"), ::testing::HasSubstr("0001_initial"),
                                                ::testing::HasSubstr(file().string())));
}

TEST_F(StoreFile, GarbageIsCorruptAndNamed) {
  tree_.file("garbage.db", std::string(8192, 'x'));
  EXPECT_THAT(opening(tree_ / "garbage.db"),
              ::testing::AllOf(::testing::StartsWith("corrupt"), ::testing::HasSubstr("garbage.db")));
  EXPECT_EQ(tree_.read("garbage.db"), std::string(8192, 'x')) << "it is evidence; nothing is written over it";
}

TEST_F(StoreFile, AnotherProgramsDatabaseIsNotTouched) {
  {
    SQLite::Database other((tree_ / "other.db").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE);
    other.exec("CREATE TABLE precious (x)");
  }
  const auto before = tree_.read("other.db");
  EXPECT_THAT(opening(tree_ / "other.db"), ::testing::StartsWith("corrupt"));
  EXPECT_EQ(tree_.read("other.db"), before);
}

TEST_F(StoreFile, ADamagedPageIsCorruptWhenItIsRead) {
  for (int i = 0; i < 200; ++i) put(std::to_string(i), "d" + std::to_string(i));
  store_.reset();
  const auto size = fs::file_size(file());
  {
    std::fstream out(file(), std::ios::in | std::ios::out | std::ios::binary);
    out.seekp(4096);  // every page but the first, which holds schema and header
    out << std::string(static_cast<std::size_t>(size) - 4096, '\x5a');
  }
  auto damaged = Store::open(file(), Store::Mode::read_write, clock_);
  EXPECT_EQ(damaged ? code_of((*damaged)->versions.all()) : code_of(damaged), "corrupt");
}

TEST_F(StoreFile, AMissingFileIsNotFoundForReadersAndAFolderAnError) {
  EXPECT_THAT(opening(tree_ / "none.db", Store::Mode::read_only), ::testing::StartsWith("not_found"));
  EXPECT_FALSE(fs::exists(tree_ / "none.db"));
  EXPECT_THAT(opening(tree_.root()), ::testing::StartsWith("io"));
  EXPECT_THAT(opening(tree_ / "no-such-folder" / "x.db"), ::testing::StartsWith("io"));
}

TEST_F(StoreFile, AReaderOfAnUnmigratedFileWaitsForItsWriter) {
  tree_.file("empty.db", "");
  EXPECT_THAT(opening(tree_ / "empty.db", Store::Mode::read_only), ::testing::StartsWith("unavailable"));
}

TEST_F(StoreFile, AReaderCannotWrite) {
  put("1", "d1");
  auto reader = open(Store::Mode::read_only);
  EXPECT_EQ(code_of(reader->versions.mark_deleted("digits", "1")), "internal");
  EXPECT_EQ(code_of(reader->audit.add(by("ann", "act"))), "internal");
  EXPECT_EQ(reader->versions.current("digits", "1").value()->presence, VersionPresence::present);
}

TEST_F(StoreFile, AReaderSeesOnlyWhatIsCommittedWhileAWriterIsBusy) {
  auto reader = open(Store::Mode::read_only);
  put("1", "d1");
  const auto written = database().write("testing", [&](Transaction&) -> Result<void> {
    database().connection().exec("UPDATE versions SET digest = 'half done'");
    EXPECT_EQ(reader->versions.current("digits", "1").value()->digest, "d1");
    return {};
  });
  ASSERT_TRUE(written);
  EXPECT_EQ(reader->versions.current("digits", "1").value()->digest, "half done");
}

TEST_F(StoreFile, AFailedWriteLeavesNothingBehind) {
  const auto written = database().write("testing", [&](Transaction&) -> Result<void> {
    database().connection().exec("INSERT INTO labels (region, label, who, note, at) VALUES ('none', '', '', '', 0)");
    return {};
  });
  EXPECT_EQ(code_of(written), "conflict") << "a label without its region breaks a foreign key";
  EXPECT_EQ(number("SELECT count(*) FROM labels"), 0);
  put("1", "d1");
  EXPECT_TRUE(store_->versions.current("digits", "1").value()) << "and the store goes on working";
}

TEST_F(StoreFile, AnotherWriterHoldingTheLockIsUnavailable) {
  SQLite::Database other(file().string(), SQLite::OPEN_READWRITE);
  other.exec("BEGIN IMMEDIATE");
  database().connection().exec("PRAGMA busy_timeout = 1");
  EXPECT_EQ(code_of(store_->versions.put(candidate("1", "d1"), "f")), "unavailable");
  other.exec("ROLLBACK");
  EXPECT_EQ(code_of(store_->versions.put(candidate("1", "d1"), "f")), "ok");
}

TEST_F(StoreFile, AFullDiskIsExhaustedAndUndoesTheWholeEnd) {
  const auto id = run("1", "d1");
  database().connection().exec("PRAGMA max_page_count = " + std::to_string(number("PRAGMA page_count")));
  std::vector<NewRegion> regions;
  for (int i = 0; i < 200; ++i) regions.push_back(region("r-" + std::to_string(i), RegionStatus::new_bug));
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), regions)), "exhausted");
  EXPECT_EQ(store_->jobs.find(id).value()->state, JobState::running);
  EXPECT_FALSE(store_->verdicts.latest("digits", "d1").value());
  EXPECT_TRUE(store_->regions.of("digits").value().empty());
  database().connection().exec("PRAGMA max_page_count = 100000");
  EXPECT_EQ(code_of(store_->verdicts.finish_job(id, JobState::done, verdict("1", "d1"), regions)), "ok");
}

// Migrations themselves, on scripts of the test's own.
class Migrations : public StoreTest {
 protected:
  static constexpr Migration kOne{1, "one",
                                  "CREATE TABLE schema_migration (id INTEGER PRIMARY KEY, name TEXT, sha256 TEXT, "
                                  "applied_at INTEGER) STRICT; CREATE TABLE a (x INTEGER) STRICT;"};
  static constexpr Migration kTwo{2, "two", "ALTER TABLE a ADD COLUMN y INTEGER;"};
  static constexpr Migration kBroken{2, "broken", "ALTER TABLE a ADD COLUMN y INTEGER; CREATE TABLE a (z INTEGER);"};

  SQLite::Database connection_{(tree_ / "m.db").string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  std::string sql_of(const char* name) {
    SQLite::Statement row(connection_, "SELECT sql FROM sqlite_master WHERE name = ?");
    row.bind(1, std::string(name));
    return row.executeStep() ? row.getColumn(0).getString() : "";
  }
};

TEST_F(Migrations, ApplyOnlyWhatIsMissing) {
  const std::array one{kOne};
  const std::array both{kOne, kTwo};
  ASSERT_TRUE(migrate(connection_, "m.db", clock_.now(), one));
  EXPECT_THAT(sql_of("a"), ::testing::Not(::testing::HasSubstr("y INTEGER")));
  ASSERT_TRUE(migrate(connection_, "m.db", clock_.now(), both));
  EXPECT_THAT(sql_of("a"), ::testing::HasSubstr("y INTEGER"));
  ASSERT_TRUE(migrate(connection_, "m.db", clock_.now(), both)) << "a third time is nothing to do";
  EXPECT_EQ(code_of(migrate(connection_, "m.db", clock_.now(), one)), "conflict") << "the older program refuses";
}

TEST_F(Migrations, ABrokenOneLeavesTheFileAsItWas) {
  const std::array one{kOne};
  const std::array broken{kOne, kBroken};
  ASSERT_TRUE(migrate(connection_, "m.db", clock_.now(), one));
  EXPECT_THROW(static_cast<void>(migrate(connection_, "m.db", clock_.now(), broken)), SQLite::Exception);
  EXPECT_THAT(sql_of("a"), ::testing::Not(::testing::HasSubstr("y INTEGER")));
  EXPECT_TRUE(migrate(connection_, "m.db", clock_.now(), one));
}

TEST_F(Migrations, TheShippedOnesAreNumberedWithoutGaps) {
  int expected = 0;
  for (const auto& migration : all_migrations()) {
    EXPECT_EQ(migration.id, ++expected);
    EXPECT_FALSE(migration.sql.empty());
  }
  EXPECT_GE(expected, 1);
}

// Every database in use holds these digests, and one with another is refused: not even a comment may change. A new
// migration adds its line here.
TEST_F(Migrations, TheShippedOnesNeverChange) {
  const std::vector<std::pair<std::string, std::string>> shipped = {
      {"0001_initial", "8e181e9b0bd67ce552d738bdc90c271b83204a7262545834cae273bfe26a3c4b"},
      {"0002_judgements", "f30706399054f15b345e9f4b50a52de434e374e75c62e927ed0d768f38b77763"},
      {"0003_pace", "5143d4d2aa9db8007b6dc3d6910d6ba12b57429264ff89c343ccddf446df2e25"},
      {"0004_region_lists", "488e2d8577bf0a71016780dc82139c004d69ca2264aaa3466f565263b5b60fc8"},
      {"0005_corrections", "db813c3f1ed51c192c4bee7dc425ab5d026501cc12d86eaf5312a61baeee34eb"},
      {"0006_owner_pages", "f5d6f16a5c9103a2318a8c1308aa6e23cfa8fb2d8f29888517eebbb8addda596"},
      {"0007_signatures", "d7eb51a221592eb8c41ecb2c429b487ba8e0781943a1e5f024043729095e4fea"}};
  std::vector<std::pair<std::string, std::string>> present;
  for (const auto& migration : all_migrations()) present.emplace_back(migration.name, sha256_hex(migration.sql));
  EXPECT_EQ(present, shipped);
}

}  // namespace
}  // namespace defuse::testing
