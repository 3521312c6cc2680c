// Signatures of manifests: the arithmetic against RFC 8032, the forms they come in, what a signed manifest must bind,
// and what a record is worth once the keys changed.
#include "core/registry/signature.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "core/base/sha256.h"
#include "core/registry/candidate.h"
#include "core/registry/ed25519.h"
#include "core/registry/filesystem_source.h"
#include "core/registry/identify.h"
#include "core/registry/version_files.h"
#include "tests/support/signing_keys.h"
#include "tests/support/temp_tree.h"

namespace defuse::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string bytes(const std::string& hex) {
  std::string out;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

struct Vector {
  const char* key;
  const char* message;
  const char* signature;
};
// RFC 8032, 7.1, tests 1 to 3.
constexpr Vector kRfc8032[] = {
    {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "55141"
     "438e7a100b"},
    {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d29"
     "1612bb0c00"},
    {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027be"
     "ceea1ec40a"},
};

TEST(Ed25519, AgreesWithRfc8032) {
  for (const auto& vector : kRfc8032) {
    const auto key = bytes(vector.key), message = bytes(vector.message), signature = bytes(vector.signature);
    EXPECT_TRUE(verify_ed25519(key, message, signature)) << vector.key;
    EXPECT_FALSE(verify_ed25519(key, message + "x", signature));
    for (const std::size_t at : {std::size_t{0}, std::size_t{31}, std::size_t{32}, std::size_t{63}}) {
      auto other = signature;
      other[at] = static_cast<char>(other[at] ^ 1);
      EXPECT_FALSE(verify_ed25519(key, message, other)) << "byte " << at;
    }
  }
  EXPECT_FALSE(verify_ed25519(bytes(kRfc8032[0].key), bytes("72"), bytes(kRfc8032[1].signature))) << "another key";
  EXPECT_FALSE(verify_ed25519("", "", ""));
  EXPECT_FALSE(verify_ed25519(bytes(kRfc8032[0].key), "", bytes(kRfc8032[0].signature).substr(0, 63)));
}

TEST(Ed25519, TakesOnlyPublicKeysOfItsKind) {
  TempTree tree{TempTree::In::memory};
  tree.file("1.pub", kPublicKey1).file("1.pem", kPrivateKey1).file("curve.pub", kCurveKey).file("text", "no key");
  EXPECT_EQ(read_public_key(tree / "1.pub").value(), bytes(kRfc8032[0].key));
  EXPECT_THAT(read_public_key(tree / "1.pem").error().message, HasSubstr("-pubout"));
  EXPECT_THAT(read_public_key(tree / "curve.pub").error().message, HasSubstr("not Ed25519"));
  EXPECT_THAT(read_public_key(tree / "text").error().message, HasSubstr("no public key"));
  EXPECT_EQ(read_public_key(tree / "absent").error().code, ErrorCode::not_found);
  EXPECT_EQ(sign_ed25519(tree / "1.pem", "").value(), bytes(kRfc8032[0].signature));
  EXPECT_FALSE(sign_ed25519(tree / "1.pub", ""));
}

TEST(Ed25519, SignaturesAreRawOrBase64AndNothingElse) {
  const auto raw = bytes(kRfc8032[1].signature);
  const std::string text = "kqAJqfDUyrhyDoILX2QlQKKye1QWUD+Ps3YiI+vbadoIWsHkPhWZbkWPNhPQ8R2MOHsurrQwKu6wDSkWErsMAA==";
  EXPECT_EQ(parse_signature(raw).value(), raw);
  EXPECT_EQ(parse_signature(text).value(), raw);
  EXPECT_EQ(parse_signature(text.substr(0, 76) + "\n" + text.substr(76) + "\r\n").value(), raw)
      << "as base64(1) writes it";
  for (const auto& bad : {std::string(), raw.substr(0, 63), raw + "\n", text.substr(1), text + "AAAA",
                          "=" + text.substr(1), text.substr(0, 87) + "A", std::string(88, '!'), std::string(4000, 'A')})
    EXPECT_FALSE(parse_signature(bad)) << bad.size() << " bytes";
}

class Signature : public ::testing::Test {
 protected:
  Signature() {
    tree_.file("1.pub", kPublicKey1).file("1.pem", kPrivateKey1).file("2.pub", kPublicKey2).file("2.pem", kPrivateKey2);
    settings_.mode = SignatureMode::enforce;
    settings_.keys = {key("release-ci", "1.pub")};
    candidate_.model = "digits";
    candidate_.version = "3";
    candidate_.digest = Digest(sha256_hex("model"));
    candidate_.labels_sha256 = sha256_hex("labels");
    manifest_ = {{"model", "digits"},
                 {"version", "3"},
                 {"sha256", candidate_.digest},
                 {"files", {{"labels.txt", candidate_.labels_sha256}}}};
  }
  SigningKey key(const std::string& name, const std::string& file) {
    return {name, tree_ / file, read_public_key(tree_ / file).value()};
  }
  SignatureRecord checked(const char* with = "1.pem") {
    candidate_.manifest = dump_json(manifest_, 2);
    candidate_.manifest_signature = sign_ed25519(tree_ / with, candidate_.manifest).value();
    return check_signature(candidate_, settings_);
  }
  std::string problem_of_manifest() {
    const auto record = checked();
    EXPECT_EQ(record.state, SignatureState::invalid);
    EXPECT_TRUE(weigh_signature(record, settings_).refused());
    return record.problem;
  }

  TempTree tree_{TempTree::In::memory};
  SignatureSettings settings_;
  Candidate candidate_;
  Json manifest_;
};

TEST_F(Signature, OfAWholeManifestIsValidAndNamesItsKey) {
  const auto record = checked();
  EXPECT_EQ(record.state, SignatureState::valid) << record.problem;
  EXPECT_EQ(record.key_name, "release-ci");
  EXPECT_THAT(record.problem, IsEmpty());
  EXPECT_FALSE(weigh_signature(record, settings_).refused());
}

TEST_F(Signature, NobodyLooksWhereItIsOff) {
  settings_.mode = SignatureMode::off;
  const auto record = checked();
  EXPECT_EQ(record.state, SignatureState::unchecked);
  EXPECT_FALSE(weigh_signature(record, settings_).refused());
  EXPECT_FALSE(needs_check(record, settings_));
}

TEST_F(Signature, IsMissingWithoutAFileOrAManifest) {
  checked();
  candidate_.manifest_signature.clear();
  EXPECT_EQ(check_signature(candidate_, settings_).state, SignatureState::missing);
  candidate_.manifest.clear();
  EXPECT_EQ(check_signature(candidate_, settings_).state, SignatureState::missing);
}

TEST_F(Signature, OneChangedByteOfTheManifestIsOneTooMany) {
  checked();
  const auto whole = candidate_.manifest;
  for (std::size_t at = 0; at < whole.size(); ++at) {
    candidate_.manifest = whole;
    candidate_.manifest[at] = static_cast<char>(candidate_.manifest[at] ^ 1);
    ASSERT_EQ(check_signature(candidate_, settings_).state, SignatureState::untrusted) << "byte " << at;
  }
  candidate_.manifest = whole + "\n";
  EXPECT_EQ(check_signature(candidate_, settings_).state, SignatureState::untrusted);
}

TEST_F(Signature, GarbageIsInvalidAndAnotherKeyUntrusted) {
  checked();
  candidate_.manifest_signature.pop_back();
  EXPECT_EQ(check_signature(candidate_, settings_).state, SignatureState::invalid);
  candidate_.manifest_signature = std::string(64, '\0');
  EXPECT_EQ(check_signature(candidate_, settings_).state, SignatureState::untrusted);
  EXPECT_EQ(checked("2.pem").state, SignatureState::untrusted);
  candidate_.signature_problem = "manifest.json.sig is larger than 4096 bytes";
  EXPECT_EQ(check_signature(candidate_, settings_).state, SignatureState::invalid);
}

TEST_F(Signature, BindsModelVersionArtifactAndLabels) {
  const auto whole = manifest_;
  manifest_["version"] = "2";
  EXPECT_THAT(problem_of_manifest(), HasSubstr("is of version 2, not 3"));
  manifest_ = whole;
  manifest_["model"] = "letters";
  EXPECT_THAT(problem_of_manifest(), HasSubstr("is of model letters, not digits"));
  manifest_ = whole;
  manifest_["sha256"] = std::string(64, '0');
  EXPECT_THAT(problem_of_manifest(), HasSubstr("another model.pt"));
  manifest_ = whole;
  manifest_["files"]["labels.txt"] = std::string(64, '0');
  EXPECT_THAT(problem_of_manifest(), HasSubstr("labels.txt is another one"));
  for (const char* key : {"model", "version", "sha256", "files"}) {
    manifest_ = whole;
    manifest_.erase(key);
    EXPECT_THAT(problem_of_manifest(), HasSubstr("names no ")) << key;
  }
  manifest_ = whole;
  candidate_.labels_sha256.clear();
  EXPECT_THAT(problem_of_manifest(), HasSubstr("is missing"));
  manifest_ = Json::array({1});
  EXPECT_THAT(problem_of_manifest(), HasSubstr("no JSON object"));
}

TEST_F(Signature, AKeyThatIsTakenAwayCountsNoMoreAtOnceAndAgainWhenItIsBack) {
  const auto record = checked();
  auto later = settings_;
  later.keys = {key("other", "2.pub")};
  const auto view = weigh_signature(record, later);
  EXPECT_TRUE(view.refused());
  EXPECT_EQ(view.state, SignatureState::untrusted);
  EXPECT_THAT(view.problem, HasSubstr("release-ci, which is no longer configured"));
  EXPECT_FALSE(needs_check(record, later)) << "one signature, one key";
  later.keys.push_back(key("renamed", "1.pub"));
  EXPECT_FALSE(weigh_signature(record, later).refused());
  EXPECT_EQ(weigh_signature(record, later).key, "renamed");
}

TEST_F(Signature, AKeyThatComesMakesTheUntrustedWorthAnotherLook) {
  const auto record = checked("2.pem");
  EXPECT_FALSE(needs_check(record, settings_));
  settings_.keys.push_back(key("other", "2.pub"));
  EXPECT_TRUE(needs_check(record, settings_));
  EXPECT_TRUE(weigh_signature(record, settings_).refused()) << "until somebody looked";
  EXPECT_TRUE(needs_check({}, settings_));
  EXPECT_TRUE(weigh_signature({}, settings_).refused());
  EXPECT_TRUE(weigh_signature({}, settings_).pending);
}

TEST_F(Signature, WarnRefusesNothingAndSaysWhatIsWrong) {
  settings_.mode = SignatureMode::warn;
  const auto view = weigh_signature(checked("2.pem"), settings_);
  EXPECT_FALSE(view.refused());
  EXPECT_THAT(view.problem, HasSubstr("none of the configured keys (release-ci)"));
}

// What identify() brings along for all that.
TEST_F(Signature, IsReadWithTheVersionAndNeverBeyondItsLimit) {
  tree_.file("models/digits/3/model.pt", "model").file("models/digits/3/labels.txt", "labels");
  tree_.file("models/digits/3/manifest.json", dump_json(manifest_)).file("models/digits/3/manifest.json.sig", "sig");
  const auto found = [&] {
    const SystemClock clock;
    auto entries = FilesystemSource(tree_ / "models", Readiness::automatic, std::chrono::seconds(0), clock).poll();
    return identify(entries.value().entries.at(0), clock).value();
  };
  EXPECT_EQ(found().manifest_signature, "sig");
  EXPECT_EQ(found().labels_sha256, sha256_hex("labels"));
  tree_.file("models/digits/3/manifest.json.sig", std::string(kMaxSignatureBytes + 1, 's'));
  EXPECT_THAT(found().signature_problem, HasSubstr("larger than 4096 bytes"));
  EXPECT_THAT(found().manifest_signature, IsEmpty());
  tree_.remove("models/digits/3/manifest.json.sig").link("models/digits/3/manifest.json.sig", "/etc/hostname");
  const SystemClock clock;
  auto entries = FilesystemSource(tree_ / "models", Readiness::automatic, std::chrono::seconds(0), clock).poll();
  EXPECT_EQ(entries.value().entries.at(0).state, EntryState::refused) << "a link out of the registry";
}

}  // namespace
}  // namespace defuse::testing
