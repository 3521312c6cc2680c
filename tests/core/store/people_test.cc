// What people decide: promotions and waivers.
#include <set>

#include "tests/core/store/store_fixture.h"

namespace defuse::testing {
namespace {

class StorePromotions : public StoreTest {};

TEST_F(StorePromotions, NoIncumbentUntilOneIsPromoted) {
  EXPECT_FALSE(store_->promotions.incumbent("digits").value());
  EXPECT_TRUE(store_->promotions.of("digits").value().empty());
}

TEST_F(StorePromotions, TheLastPromotionIsTheIncumbentAndAllAreKept) {
  put("1", "d1");
  put("2", "d2");
  ASSERT_TRUE(store_->promotions.promote("digits", "1", "d1", PromotionKind::promote, "ann", "first"));
  clock_.advance(std::chrono::hours(1));
  ASSERT_TRUE(store_->promotions.promote("digits", "2", "d2", PromotionKind::override_verdict, "bob", "accepted risk"));
  ASSERT_TRUE(store_->promotions.promote("digits", "1", "d1", PromotionKind::rollback, "ann", "worse in the field"));
  const auto now = store_->promotions.incumbent("digits").value();
  ASSERT_TRUE(now);
  EXPECT_EQ(now->version, "1");
  EXPECT_EQ(now->digest, "d1");
  EXPECT_EQ(now->kind, PromotionKind::rollback);
  const auto all = store_->promotions.of("digits").value();
  ASSERT_EQ(all.size(), 3U);
  EXPECT_EQ(all[1].who, "bob");
  EXPECT_EQ(all[1].reason, "accepted risk");
  EXPECT_EQ(all[1].at, clock_.now());
  std::vector<std::string> actions;
  for (const auto& row : got(store_->audit.rows(0, 10))) actions.push_back(row.action + " " + row.subject);
  EXPECT_EQ(actions, (std::vector<std::string>{"rollback digits/1", "override digits/2", "promote digits/1"}));
}

TEST_F(StorePromotions, OnlyWhatLiesInTheRegistryNowCanBePromoted) {
  EXPECT_EQ(code_of(store_->promotions.promote("digits", "1", "d1", PromotionKind::promote, "ann", "")), "not_found");
  put("1", "d1");
  EXPECT_EQ(code_of(store_->promotions.promote("digits", "1", "other", PromotionKind::promote, "ann", "")), "conflict");
  put("1", "d2");
  EXPECT_EQ(code_of(store_->promotions.promote("digits", "1", "d1", PromotionKind::promote, "ann", "")), "conflict")
      << "d1 was replaced";
  ASSERT_TRUE(store_->versions.mark_deleted("digits", "1"));
  EXPECT_EQ(code_of(store_->promotions.promote("digits", "1", "d2", PromotionKind::promote, "ann", "")), "conflict")
      << "d2 is gone";
  EXPECT_FALSE(store_->promotions.incumbent("digits").value());
}

TEST_F(StorePromotions, RefusesUnknownKindsAndNobody) {
  put("1", "d1");
  EXPECT_EQ(code_of(store_->promotions.promote("digits", "1", "d1", PromotionKind::promote, "", "")), "invalid_input");
  EXPECT_FALSE(store_->promotions.incumbent("digits").value());
}

class StoreWaivers : public StoreTest {
 protected:
  Waiver waiver() {
    Waiver waiver;
    waiver.model = "digits";
    waiver.finding = "negative_flips/class/7";
    waiver.versions = {"3", "4"};
    waiver.reason = "sevens are redrawn next week";
    waiver.ticket = "ML-12";
    waiver.approved_by = "ann";
    waiver.created = clock_.now();
    waiver.expires = clock_.now() + std::chrono::hours(24);
    return waiver;
  }
};

TEST_F(StoreWaivers, GivesBackWhatWasAddedUnderANewId) {
  const auto id = store_->waivers.add(waiver(), "ann").value();
  EXPECT_THAT(id, ::testing::MatchesRegex("w-[0-9a-f]+"));
  EXPECT_EQ(id.size(), 10U);
  const auto rows = store_->waivers.of("digits").value();
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, id);
  EXPECT_EQ(rows[0].finding, "negative_flips/class/7");
  EXPECT_EQ(rows[0].versions, (std::vector<std::string>{"3", "4"}));
  EXPECT_EQ(rows[0].reason, "sevens are redrawn next week");
  EXPECT_EQ(rows[0].ticket, "ML-12");
  EXPECT_EQ(rows[0].approved_by, "ann");
  EXPECT_EQ(rows[0].created, clock_.now());
  EXPECT_EQ(rows[0].expires, clock_.now() + std::chrono::hours(24));
  const auto audit = store_->audit.rows(0, 1).value().at(0);
  EXPECT_EQ(audit.action, "waive");
  EXPECT_EQ(audit.subject, id);
  EXPECT_THAT(audit.detail, ::testing::HasSubstr("redrawn"));
}

TEST_F(StoreWaivers, EqualWaiversGetDifferentIds) {
  std::set<std::string> ids;
  for (int i = 0; i < 20; ++i) ids.insert(store_->waivers.add(waiver(), "ann").value());
  EXPECT_EQ(ids.size(), 20U);
}

TEST_F(StoreWaivers, TheStoreDatesAWaiverThatHasNoDate) {
  auto undated = waiver();
  undated.created = {};
  ASSERT_TRUE(store_->waivers.add(undated, "ann"));
  EXPECT_EQ(store_->waivers.of("digits").value().at(0).created, clock_.now());
}

TEST_F(StoreWaivers, EveryRequiredFieldIsRequired) {
  const auto refused = [&](auto change, const std::string& name) {
    auto bad = waiver();
    change(bad);
    const auto added = store_->waivers.add(bad, "ann");
    EXPECT_EQ(code_of(added), "invalid_input") << name;
    EXPECT_THAT(added ? "" : added.error().message, ::testing::HasSubstr(name));
  };
  refused([](Waiver& w) { w.model = ModelName(); }, "model");
  refused([](Waiver& w) { w.finding = "  "; }, "finding");
  refused([](Waiver& w) { w.finding = "negative_flips/*"; }, "wildcards");
  refused([](Waiver& w) { w.reason = "\n"; }, "reason");
  refused([](Waiver& w) { w.approved_by.clear(); }, "approved_by");
  refused([](Waiver& w) { w.expires = {}; }, "expires");
  refused([](Waiver& w) { w.expires = w.created; }, "expires");
  refused([](Waiver& w) { w.versions = {""}; }, "versions");
  EXPECT_EQ(code_of(store_->waivers.add(waiver(), "")), "invalid_input");
  EXPECT_TRUE(store_->waivers.of("").value().empty());
  EXPECT_TRUE(store_->audit.rows(0, 10).value().empty());
}

TEST_F(StoreWaivers, ARemovedOneIsGoneButRemembered) {
  const auto id = store_->waivers.add(waiver(), "ann").value();
  ASSERT_TRUE(store_->waivers.remove(id, "bob"));
  EXPECT_TRUE(store_->waivers.of("digits").value().empty());
  EXPECT_EQ(code_of(store_->waivers.remove(id, "bob")), "not_found");
  EXPECT_EQ(code_of(store_->waivers.remove("w-00000000", "bob")), "not_found");
  EXPECT_EQ(store_->audit.rows(0, 1).value().at(0).action, "unwaive");
  EXPECT_EQ(store_->audit.rows(0, 1).value().at(0).who, "bob");
  EXPECT_EQ(number("SELECT count(*) FROM waivers"), 1);
}

TEST_F(StoreWaivers, ListsOfOneModelOrOfAll) {
  ASSERT_TRUE(store_->waivers.add(waiver(), "ann"));
  auto other = waiver();
  other.model = "faces";
  ASSERT_TRUE(store_->waivers.add(other, "ann"));
  EXPECT_EQ(store_->waivers.of("digits").value().size(), 1U);
  EXPECT_EQ(store_->waivers.of("faces").value().size(), 1U);
  EXPECT_EQ(store_->waivers.of("").value().size(), 2U);
  EXPECT_TRUE(store_->waivers.of("none").value().empty());
}

}  // namespace
}  // namespace defuse::testing
