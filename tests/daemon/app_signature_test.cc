// Who vouches for a version, and what that decides: off, warn and enforce, keys that come and go, manifests that are
// used twice, and the file that is read again when it is promoted.
#include <boost/asio/post.hpp>

#include "core/registry/ed25519.h"
#include "daemon/api/standing_lookup.h"
#include "daemon/api/status_map.h"
#include "daemon/jobs/specify.h"
#include "tests/daemon/whole_daemon.h"
#include "tests/support/repairs.h"
#include "tests/support/signing_keys.h"

namespace defuse {
namespace {

struct SignedDaemon : Daemon {
  void SetUp() override {
    Daemon::SetUp();
    folder.file("1.pem", testing::kPrivateKey1);
    folder.file("2.pem", testing::kPrivateKey2);
    folder.file("1.pub", testing::kPublicKey1);
    folder.file("2.pub", testing::kPublicKey2);
  }
  void ask(SignatureMode mode, const std::vector<std::string>& names) {
    auto& signature = config.models["digits"].signature;
    signature = {mode, {}};
    for (const auto& name : names) {
      const auto file = folder.path() / (name + ".pub");
      signature.keys.push_back({"key-" + name, file, *read_public_key(file)});
    }
  }
  void reload() {
    boost::asio::post(app->io(), [this] { app->reload(); });
  }
  // A manifest for that place, signed; it may be put elsewhere.
  Shelf::Papers papers(const Version& version, const std::string& bytes, const std::string& key = "1") {
    const Json manifest{{"model", "digits"}, {"version", version}, {"sha256", digest(bytes)}};
    const auto text = dump_json(manifest);
    return {text, *sign_ed25519(folder.path() / (key + ".pem"), text)};
  }
  void put(const Version& version, const std::string& bytes, const Shelf::Papers& with) {
    const std::lock_guard lock(shelf.mutex);
    shelf.content[{"digits", version}] = bytes;
    shelf.papers[{"digits", version}] = with;
  }
  Standing standing(const Version& version) {
    const auto facts = model_facts("digits", app->live(), store());
    return *standing_of(*facts, version, store());
  }
  int status_of(const Version& version) { return gate_status(standing(version).answer); }
  // Once the daemon says so. 422 and error, never a pass, not even in the verdict file.
  std::string refusal(const Version& version) {
    EXPECT_TRUE(comes_true([&] { return status_of(version) == 422; })) << standing(version).reason;
    const auto now = standing(version);
    EXPECT_EQ(now.verdict, VerdictState::error);
    EXPECT_TRUE(comes_true([&] { return !verdict_file(version).value("ok", true); }));
    return now.reason;
  }
  bool audited(const std::string& action, const std::string& words) {
    const auto rows = store().audit.rows(0, 100);
    for (const auto& row : *rows)
      if (row.action == action && row.detail.find(words) != std::string::npos) return true;
    return false;
  }
  // 1 is the incumbent, 2 passed against it; both signed with key 1.
  void with_signed_pass() {
    ask(SignatureMode::enforce, {"1"});
    put("1", "one", papers("1", "one"));
    with_incumbent();
    give(answer("2", "two", one()));
    put("2", "two", papers("2", "two"));
    ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); })) << standing("2").reason;
  }
};

TEST_F(SignedDaemon, EnforcedASignedVersionIsJudgedAndPromotedUnderItsKeysName) {
  with_signed_pass();
  EXPECT_EQ(status_of("2"), 200);
  EXPECT_EQ(standing("2").signature.key, "key-1");
  const auto report = *parse_json(test::slurp(config.state_dir / verdict("two")->report / "report.json"), "report");
  EXPECT_EQ(report["signature"]["mode"], "enforce");
  EXPECT_EQ(report["signature"]["state"], "valid");
  EXPECT_EQ(report["signature"]["key"], "key-1");
  ASSERT_TRUE(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"));
  EXPECT_TRUE(audited("promote", "\"signed_by\":\"key-1\""));
  EXPECT_TRUE(audited("version.signature", "\"signature\":\"valid\""));
  EXPECT_TRUE(store().audit.verify());
}

TEST_F(SignedDaemon, EnforcedAnUnsignedVersionIsNeverRunJudgedOrPromoted) {
  with_signed_pass();
  const auto before = runs();
  give(answer("3", "three", one()));
  shelf.put("3", "three");
  EXPECT_NE(refusal("3").find("there is no manifest.json"), std::string::npos) << refusal("3");
  EXPECT_EQ(runs(), before);
  EXPECT_FALSE(job("three"));
  EXPECT_TRUE(audited("version.signature", "\"signature\":\"missing\""));
  for (const auto kind : {PromotionKind::promote, PromotionKind::override_verdict}) {
    const auto promoted = app->actions().promote("digits", "3", "urgent", kind, "ann");
    ASSERT_FALSE(promoted);
    EXPECT_EQ(promoted.error().code, ErrorCode::conflict);
    EXPECT_NE(promoted.error().message.find("not signed as it must be"), std::string::npos);
  }
  EXPECT_EQ(app->actions().evaluate("digits", "3", "ann").error().code, ErrorCode::conflict);
  put("3", "three", papers("3", "three"));  // the signature comes late
  ASSERT_TRUE(comes_true([&] { return verdict_file("3").value("ok", false); }));
}

TEST_F(SignedDaemon, AManifestCannotBeReplayedUnderAnotherVersion) {
  with_signed_pass();
  put("3", "two", papers("2", "two"));  // the same file, the same signed manifest, another place
  EXPECT_NE(refusal("3").find("is of version 2, not 3"), std::string::npos) << refusal("3");
  EXPECT_EQ(status_of("2"), 200) << "the one that was signed is as good as before";
}

TEST_F(SignedDaemon, WarnJudgesAndSaysItLoudly) {
  ask(SignatureMode::warn, {"1"});
  with_incumbent();
  give(answer("2", "two", one()));
  put("2", "two", papers("2", "two", "2"));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  const auto warnings = verdict("two")->verdict.warnings;
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_NE(warnings[0].find("Signature untrusted: manifest.json.sig was made by none of the configured keys (key-1)"),
            std::string::npos)
      << warnings[0];
  const auto report = *parse_json(test::slurp(config.state_dir / verdict("two")->report / "report.json"), "report");
  EXPECT_EQ(report["signature"]["state"], "untrusted");
  EXPECT_TRUE(audited("version.signature", "untrusted"));
  ASSERT_TRUE(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"));
  EXPECT_TRUE(audited("promote", "\"signed_by\":null"));
}

TEST_F(SignedDaemon, AKeyThatIsTakenAwayTakesItsPassesAlongAndBringsThemBack) {
  with_signed_pass();
  load = [this] {
    ask(SignatureMode::enforce, {"2"});
    return Result<Config>(config);
  };
  reload();
  EXPECT_NE(refusal("2").find("key-1, which is no longer configured"), std::string::npos) << refusal("2");
  const auto promoted = app->actions().promote("digits", "2", "", PromotionKind::promote, "ann");
  ASSERT_FALSE(promoted);
  EXPECT_NE(promoted.error().message.find("no longer configured"), std::string::npos);
  load = [this] {
    ask(SignatureMode::enforce, {"2", "1"});
    return Result<Config>(config);
  };
  reload();
  ASSERT_TRUE(comes_true([&] { return status_of("2") == 200 && verdict_file("2").value("ok", false); }));
}

TEST_F(SignedDaemon, EnforcingOverAnUnsignedIncumbentTrustsNoComparisonUntilItIsSigned) {
  with_incumbent();
  give(answer("2", "two", one()));
  put("2", "two", papers("2", "two"));
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  load = [this] {
    ask(SignatureMode::enforce, {"1"});
    return Result<Config>(config);
  };
  reload();
  EXPECT_NE(refusal("2").find("compared with version 1, which is not signed"), std::string::npos) << refusal("2");
  const auto promoted = app->actions().promote("digits", "2", "", PromotionKind::promote, "ann");
  ASSERT_FALSE(promoted);
  EXPECT_NE(promoted.error().message.find("version 1"), std::string::npos) << promoted.error().message;
  put("3", "three", papers("3", "three"));  // a new candidate is not compared with it either
  ASSERT_TRUE(judged("three"));
  EXPECT_EQ(verdict("three")->verdict.state, VerdictState::error);
  EXPECT_NE(verdict("three")->verdict.reason.find("to be compared with version 1, which is not signed"),
            std::string::npos)
      << verdict("three")->verdict.reason;
  EXPECT_EQ(runs(), 2U) << "nothing was run for it";
  put("1", "one",
      papers("1", "one"));  // signed where it lies: the same bytes, and what was found with them counts again
  ASSERT_TRUE(comes_true([&] { return status_of("2") == 200; })) << standing("2").reason;
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  put("1", "one", papers("1", "one", "2"));  // and signed by somebody else
  ASSERT_TRUE(comes_true([&] { return status_of("2") == 422; }));
  ASSERT_TRUE(comes_true([&] { return !verdict_file("2").value("ok", true); }));
}

TEST_F(SignedDaemon, ASignedVersionPromotedOverAnUnsignedIncumbentIsAWayOut) {
  with_incumbent();
  load = [this] {
    ask(SignatureMode::enforce, {"1"});
    return Result<Config>(config);
  };
  reload();
  put("2", "two", papers("2", "two"));
  ASSERT_TRUE(judged("two"));
  const auto promoted = app->actions().promote("digits", "2", "signatures are enforced from now on",
                                               PromotionKind::override_verdict, "ann");
  ASSERT_TRUE(promoted) << promoted.error().describe();
  const auto back = app->actions().rollback("digits", "back", "ann");
  ASSERT_FALSE(back) << "to an unsigned version";
  EXPECT_NE(back.error().message.find("not signed as it must be"), std::string::npos) << back.error().message;
}

TEST_F(SignedDaemon, ASiblingThatNobodyVouchesForIsNotLoaded) {
  config.models["digits"].noise_floor.versions = {"9"};
  shelf.put("9", "nine");
  with_signed_pass();
  const auto sibling = [&] {
    const auto spec = specify(store(), *app->live().config(), StateFolder{config.state_dir}, *job("two"));
    EXPECT_EQ(spec->siblings.size(), 1U);
    return spec->siblings.at(0);
  };
  ASSERT_TRUE(comes_true([&] { return sibling().problem.find("it is 9, which is not signed") != std::string::npos; }))
      << sibling().problem;
  EXPECT_TRUE(sibling().path.empty());
  EXPECT_TRUE(sibling().digest.empty());
  put("9", "nine", papers("9", "nine"));
  ASSERT_TRUE(comes_true([&] { return sibling().problem.empty(); })) << sibling().problem;
  EXPECT_EQ(sibling().path, "/registry/digits/9/model.pt");
}

TEST_F(SignedDaemon, WhatIsNoLongerVouchedForIsNotMendedEither) {
  ask(SignatureMode::enforce, {"1"});
  put("1", "one", papers("1", "one"));
  with_incumbent();
  auto bad = answer("2", "two", one());
  spoil(bad);
  give(bad);
  put("2", "two", papers("2", "two"));
  ASSERT_TRUE(judged("two"));
  load = [this] {
    ask(SignatureMode::enforce, {"2"});
    return Result<Config>(config);
  };
  reload();
  EXPECT_NE(refusal("2").find("key-1, which is no longer configured"), std::string::npos) << refusal("2");
  const auto before = runs();
  const auto ordered = app->actions().correct("digits", "2", {{}, few_settings()}, "ann");
  ASSERT_FALSE(ordered);
  EXPECT_EQ(ordered.error().code, ErrorCode::conflict);
  EXPECT_NE(ordered.error().message.find("not signed as it must be"), std::string::npos) << ordered.error().message;
  EXPECT_EQ(runs(), before);
}

// ---- what is promoted is what was judged

// The daemon sleeps: nothing it would see by itself.
struct SleepyDaemon : SignedDaemon {
  void SetUp() override {
    SignedDaemon::SetUp();
    config.registry.rescan = std::chrono::hours(1);
  }
  void wake() {
    boost::asio::post(app->io(), [this] { app->reload(); });
  }
  void with_pass() {
    shelf.put("1", "one");
    with_incumbent();
    give(answer("2", "two", one()));
    shelf.put("2", "two");
    wake();
    ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  }
  void refused(const Result<void>& promoted, const std::string& words, const std::string& action = "promote.refused") {
    ASSERT_FALSE(promoted);
    EXPECT_EQ(promoted.error().code, ErrorCode::conflict);
    EXPECT_NE(promoted.error().message.find(words), std::string::npos) << promoted.error().message;
    EXPECT_TRUE(audited(action, words));
    EXPECT_EQ((*store().promotions.incumbent("digits"))->version, "1");
  }
};

TEST_F(SleepyDaemon, AFileReplacedAfterItWasJudgedIsNotPromoted) {
  with_pass();
  shelf.put("2", "another");
  EXPECT_EQ(status_of("2"), 200) << "nobody has looked yet";
  refused(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"), digest("another"));
  refused(app->actions().promote("digits", "2", "urgent", PromotionKind::override_verdict, "ann"), digest("another"),
          "override.refused");
  shelf.put("2", "corrupt");
  refused(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"), "promises another sha256");
  shelf.put("2", "two");
  const auto promoted = app->actions().promote("digits", "2", "", PromotionKind::promote, "ann");
  EXPECT_TRUE(promoted) << promoted.error().describe();
  shelf.put("1", "another");
  const auto back = app->actions().rollback("digits", "", "ann");
  ASSERT_FALSE(back);
  EXPECT_TRUE(audited("rollback.refused", digest("another")));
  EXPECT_EQ((*store().promotions.incumbent("digits"))->version, "2");
}

TEST_F(SleepyDaemon, ASignatureRemovedAfterItWasJudgedIsSeenAtPromotion) {
  ask(SignatureMode::enforce, {"1"});
  put("1", "one", papers("1", "one"));
  with_incumbent();
  give(answer("2", "two", one()));
  put("2", "two", papers("2", "two"));
  wake();
  ASSERT_TRUE(comes_true([&] { return verdict_file("2").value("ok", false); }));
  put("2", "two", papers("2", "two", "2"));
  refused(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"),
          "made by none of the configured keys");
  put("2", "two", papers("2", "two"));
  EXPECT_TRUE(app->actions().promote("digits", "2", "", PromotionKind::promote, "ann"));
}

}  // namespace
}  // namespace defuse
