// A store in a temporary folder, and short words for the rows that its tests are about.
#pragma once
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "core/store/store.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {

inline AuditEntry by(const std::string& who, const std::string& action, const std::string& subject = "digits/1") {
  return AuditEntry{who, action, subject, Json::object()};
}

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() : store_(open(Store::Mode::read_write)) {}

  std::filesystem::path file() const { return tree_ / "defused.db"; }

  std::unique_ptr<Store> open(Store::Mode mode) {
    auto store = Store::open(file(), mode, clock_);
    if (!store) ADD_FAILURE() << store.error().describe();
    return store ? std::move(*store) : nullptr;
  }

  Database& database() { return store_->database(); }
  std::int64_t number(const std::string& sql) {
    SQLite::Statement statement(database().connection(), sql);
    return statement.executeStep() ? statement.getColumn(0).getInt64() : -1;
  }

  Candidate candidate(const std::string& version, const std::string& digest, const std::string& model = "digits") {
    return {ModelName(model), Version(version),
            Digest(digest),   "/models/" + model + "/" + version + "/model.pt",
            {"zero", "one"},  "",
            clock_.now()};
  }
  void put(const std::string& version, const std::string& digest, const std::string& model = "digits") {
    const auto stored = store_->versions.put(candidate(version, digest, model), "f-" + digest);
    ASSERT_TRUE(stored) << stored.error().describe();
  }
  std::int64_t queue(const std::string& version, const std::string& digest, std::int64_t priority = 0) {
    put(version, digest);
    const auto id = store_->jobs.enqueue("digits", Version(version), Digest(digest), priority,
                                         by("daemon", "enqueue", "digits/" + version));
    if (!id) ADD_FAILURE() << id.error().describe();
    return id.value_or(0);
  }
  std::int64_t run(const std::string& version, const std::string& digest) {
    const auto id = queue(version, digest);
    const auto moved = store_->jobs.move(id, JobState::running, {});
    if (!moved) ADD_FAILURE() << moved.error().describe();
    return id;
  }
  VerdictRow verdict(const std::string& version, const std::string& digest, VerdictState state = VerdictState::fail) {
    VerdictRow row;
    row.model = "digits";
    row.version = Version(version);
    row.digest = Digest(digest);
    row.created = clock_.now();
    row.incumbent_version = "0";
    row.incumbent_digest = "d0";
    row.verdict.state = state;
    row.verdict.reason = "class 7 breaks";
    row.verdict.reasons = {"class 7 breaks", "and class 1"};
    row.verdict.checks = {{"negative_flips", CheckMode::block, VerdictState::fail, "12 flips"}};
    Finding finding;
    finding.id = "negative_flips/class/7";
    finding.check = "negative_flips";
    finding.subject = "class 7";
    finding.decision = Decision::violation;
    finding.value = 0.25;
    finding.n = 40;
    finding.sentence = "12 images of class 7 break.";
    row.verdict.findings = {finding};
    row.report = "reports/digits/" + version;
    return row;
  }
  static NewRegion region(const std::string& id, RegionStatus status, const std::string& frozen = "") {
    NewRegion found;
    found.region.id = RegionId(id);
    found.region.status = status;
    found.region.space = Space::codes;
    found.region.evidence = RegionEvidence::both;
    found.region.center = {0.5F, -1.25F};
    found.region.radius = 2;
    found.region.label = 7;
    found.region.predicted_as = 1;
    found.region.confirm.seeds = 31;
    found.region.confirm.generated = {1, 2, 3, 4};
    found.region.confirm.net_flip_rate = 0.4;
    found.region.members = {{4, 0.5}, {9, 1.5}};
    found.frozen = frozen;
    if (!frozen.empty()) found.frozen_cluster = {4, 4, 9};
    return found;
  }

  TempTree tree_{TempTree::In::memory};
  FakeClock clock_;
  std::unique_ptr<Store> store_;
};

// An error with its code, so that a failing test shows the whole message.
template <class T>
std::string code_of(const Result<T>& result) {
  return result ? "ok" : std::string(to_string(result.error().code));
}

// The value itself, for range-for: `.value()` of a temporary would dangle there.
template <class T>
T got(Result<T> result) {
  if (!result) throw std::runtime_error(result.error().describe());
  return std::move(*result);
}

}  // namespace defuse::testing
