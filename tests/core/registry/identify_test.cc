// From a ready entry to a candidate with its digest.
#include "core/registry/identify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "core/base/sha256.h"
#include "core/registry/filesystem_source.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// identify() asks for the time after it has read everything: a way to let something happen meanwhile.
class BusyClock final : public Clock {
 public:
  explicit BusyClock(std::function<void()> meanwhile) : meanwhile_(std::move(meanwhile)) {}
  TimePoint now() const override {
    meanwhile_();
    return SystemClock().now();
  }

 private:
  std::function<void()> meanwhile_;
};

class Identify : public ::testing::Test {
 protected:
  Identify() {
    tree_.file("models/digits/1/model.pt", "bytes of a model");
    clock_.set(SystemClock().now() + std::chrono::minutes(1));
  }
  RegistryEntry entry() {
    auto snapshot = FilesystemSource(tree_ / "models", Readiness::automatic, std::chrono::seconds(5), clock_).poll();
    return snapshot.value().entries.at(0);
  }
  void promise(const std::string& digest) {
    tree_.file("models/digits/1/manifest.json", "{\"sha256\": \"" + digest + "\"}");
  }

  TempTree tree_{TempTree::In::memory};
  FakeClock clock_;
  const std::string digest_ = sha256_hex("bytes of a model");
};

TEST_F(Identify, GivesDigestPathAndTime) {
  const auto candidate = identify(entry(), clock_).value();
  EXPECT_EQ(candidate.model, "digits");
  EXPECT_EQ(candidate.version, "1");
  EXPECT_EQ(candidate.digest, digest_);
  EXPECT_EQ(candidate.artifact, tree_ / "models/digits/1/model.pt");
  EXPECT_TRUE(candidate.labels.empty());
  EXPECT_EQ(candidate.manifest, "");
  EXPECT_EQ(candidate.seen_at, clock_.now());
}

TEST_F(Identify, ReadsLabelsOneALine) {
  tree_.file("models/digits/1/labels.txt", "zero\none two\r\n\nthree\n\n");
  EXPECT_THAT(identify(entry(), clock_).value().labels, ElementsAre("zero", "one two", "", "three"));
  tree_.file("models/digits/1/labels.txt", "\xef\xbb\xbfzero\none");
  EXPECT_THAT(identify(entry(), clock_).value().labels, ElementsAre("zero", "one"));
}

TEST_F(Identify, HugeOrUnreadableLabelsAreAnErrorNotNoLabels) {
  tree_.file("models/digits/1/labels.txt", std::string((1 << 20) + 1, 'x'));
  EXPECT_EQ(identify(entry(), clock_).error().code, ErrorCode::exhausted);
}

TEST_F(Identify, KeepsTheManifestAsFound) {
  promise(digest_);
  const auto candidate = identify(entry(), clock_);
  ASSERT_TRUE(candidate) << candidate.error().describe();
  EXPECT_EQ(candidate->manifest, "{\"sha256\": \"" + digest_ + "\"}");
}

TEST_F(Identify, AnArtifactThatIsNotTheOnePromisedIsCorruptAndBothAreNamed) {
  const std::string other(64, 'b');
  promise(other);
  const auto candidate = identify(entry(), clock_);
  ASSERT_FALSE(candidate);
  EXPECT_EQ(candidate.error().code, ErrorCode::corrupt);
  EXPECT_THAT(candidate.error().message, HasSubstr(digest_));
  EXPECT_THAT(candidate.error().message, HasSubstr(other));
}

TEST_F(Identify, AChangeSinceTheListingIsUnavailable) {
  const auto listed = entry();
  tree_.file("models/digits/1/model.pt", "other bytes now");
  const auto candidate = identify(listed, clock_);
  ASSERT_FALSE(candidate);
  EXPECT_EQ(candidate.error().code, ErrorCode::unavailable);
}

TEST_F(Identify, AChangeWhileReadingIsUnavailable) {
  const auto listed = entry();
  for (const std::string file : {"model.pt", "labels.txt"}) {
    const BusyClock clock([&] { tree_.file("models/digits/1/" + file, "changed meanwhile"); });
    const auto candidate = identify(listed, clock);
    ASSERT_FALSE(candidate) << file;
    EXPECT_EQ(candidate.error().code, ErrorCode::unavailable) << file;
  }
}

TEST_F(Identify, AVersionThatVanishesWhileReadingIsUnavailable) {
  const auto listed = entry();
  const BusyClock clock([&] { tree_.remove("models/digits/1"); });
  const auto candidate = identify(listed, clock);
  ASSERT_FALSE(candidate);
  EXPECT_EQ(candidate.error().code, ErrorCode::unavailable);
  EXPECT_EQ(identify(listed, clock_).error().code, ErrorCode::unavailable) << "and when it is gone before";
}

TEST_F(Identify, OnlyReadyEntriesAreRead) {
  auto listed = entry();
  for (const auto state : {EntryState::settling, EntryState::refused}) {
    listed.state = state;
    EXPECT_EQ(identify(listed, clock_).error().code, ErrorCode::conflict);
  }
}

TEST_F(Identify, ResolvesALinkInsideTheRegistry) {
  tree_.file("models/blobs/5/weights", "linked bytes").remove("models/digits/1/model.pt");
  tree_.link("models/digits/1/model.pt", "../../blobs/5/weights");
  auto snapshot = FilesystemSource(tree_ / "models", Readiness::automatic, std::chrono::seconds(5), clock_).poll();
  const auto candidate = identify(snapshot.value().entries.at(1), clock_).value();
  EXPECT_EQ(candidate.artifact, tree_ / "models/blobs/5/weights");
  EXPECT_EQ(candidate.digest, sha256_hex("linked bytes"));
}

}  // namespace
}  // namespace defuse::testing
