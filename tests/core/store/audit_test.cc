// The audit log cannot be changed quietly.
#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class StoreAudit : public StoreTest {
 protected:
  StoreAudit() {
    for (const auto* action : {"one", "two", "three", "four"}) {
      AuditEntry entry{"ann", action, "digits/1", Json{{"n", action}}};
      EXPECT_TRUE(store_->audit.add(entry));
      clock_.advance(std::chrono::seconds(1));
    }
  }
  void tamper(const std::string& sql) {  // what somebody with the file and sqlite3 could do
    database().connection().exec("DROP TRIGGER audit_no_update; DROP TRIGGER audit_no_delete;");
    database().connection().exec(sql);
  }
  std::string complaint() {
    const auto verified = store_->audit.verify();
    return verified ? "fine" : std::string(to_string(verified.error().code)) + ": " + verified.error().message;
  }
};

TEST_F(StoreAudit, PagesFromTheNewest) {
  const auto newest = store_->audit.rows(0, 3).value();
  ASSERT_EQ(newest.size(), 3U);
  EXPECT_EQ(newest[0].action, "four");
  EXPECT_EQ(newest[0].detail, R"({"n":"four"})");
  EXPECT_EQ(newest[2].action, "two");
  const auto older = store_->audit.rows(newest[2].id, 3).value();
  ASSERT_EQ(older.size(), 1U);
  EXPECT_EQ(older[0].action, "one");
}

TEST_F(StoreAudit, AnUntouchedLogVerifies) { EXPECT_EQ(complaint(), "fine"); }

TEST_F(StoreAudit, AnEmptyLogVerifies) {
  TempTree tree(TempTree::In::memory);
  auto store = Store::open(tree / "empty.db", Store::Mode::read_write, clock_).value();
  EXPECT_TRUE(store->audit.verify());
}

TEST_F(StoreAudit, TheDatabaseItselfRefusesChanges) {
  EXPECT_THROW(database().connection().exec("UPDATE audit SET who = 'bob'"), SQLite::Exception);
  EXPECT_THROW(database().connection().exec("DELETE FROM audit WHERE id = 2"), SQLite::Exception);
  EXPECT_EQ(complaint(), "fine");
}

TEST_F(StoreAudit, EveryChangedFieldIsDetected) {
  for (const auto* change :
       {"at = at + 1", "who = 'bob'", "action = 'x'", "subject = 'digits/2'", "detail_json = '{\"x\":1}'"}) {
    TempTree tree(TempTree::In::memory);
    auto store = Store::open(tree / "a.db", Store::Mode::read_write, clock_).value();
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(store->audit.add(by("ann", "act")));
    auto& connection = store->database().connection();
    connection.exec("DROP TRIGGER audit_no_update");
    ASSERT_TRUE(store->audit.verify());
    connection.exec(std::string("UPDATE audit SET ") + change + " WHERE id = 2");
    const auto verified = store->audit.verify();
    ASSERT_FALSE(verified) << change;
    EXPECT_EQ(verified.error().code, ErrorCode::corrupt);
    EXPECT_THAT(verified.error().message, ::testing::HasSubstr("row 2 was changed"));
  }
}

TEST_F(StoreAudit, MovingTextBetweenFieldsIsDetected) {
  tamper("UPDATE audit SET who = 'an', action = 'nthree' WHERE id = 3");
  EXPECT_THAT(complaint(), ::testing::HasSubstr("row 3 was changed"));
}

TEST_F(StoreAudit, AMissingRowInTheMiddleIsDetected) {
  tamper("DELETE FROM audit WHERE id = 2");
  EXPECT_THAT(complaint(), ::testing::HasSubstr("row 2 is missing"));
}

TEST_F(StoreAudit, MissingNewestRowsAreDetected) {
  tamper("DELETE FROM audit WHERE id >= 3");
  EXPECT_THAT(complaint(), ::testing::HasSubstr("row 3 is missing"));
}

TEST_F(StoreAudit, AWholeRowRewrittenWithItsOwnHashBreaksTheNext) {
  // The forger recomputes row 2's hash as the store would; row 3 still covers the old one.
  const auto before = store_->audit.rows(3, 2).value();
  tamper("UPDATE audit SET who = 'bob', hash = (SELECT hash FROM audit WHERE id = 1) WHERE id = 2");
  EXPECT_THAT(complaint(), ::testing::StartsWith("corrupt"));
  EXPECT_EQ(before.at(0).id, 2);
}

TEST_F(StoreAudit, EntriesNeedAnActorAndAnAction) {
  EXPECT_EQ(code_of(store_->audit.add(by("", "x"))), "invalid_input");
  EXPECT_EQ(code_of(store_->audit.add(by("ann", ""))), "invalid_input");
  EXPECT_EQ(store_->audit.rows(0, 10).value().size(), 4U);
}

TEST_F(StoreAudit, BytesThatAreNoUtf8DoNotBreakTheChain) {
  ASSERT_TRUE(store_->audit.add({"ann", "act", "bad \xff\xfe name", Json{{"text", "also \xff"}}}));
  EXPECT_EQ(complaint(), "fine");
}

}  // namespace
}  // namespace defuse::testing
