// A version's folder in the registry: a byte of wishes (which files there are, and how readiness is told), a version's
// name, labels.txt, and manifest.json.
#include <algorithm>
#include <string>

#include "core/registry/filesystem_source.h"
#include "core/registry/identify.h"
#include "core/registry/manifest.h"
#include "core/registry/version_files.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_tree.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

constexpr Readiness kRules[] = {Readiness::automatic, Readiness::marker, Readiness::manifest, Readiness::settle};

// Everything has settled by then.
const testing::FakeClock kClock{std::chrono::sys_days{std::chrono::year{2100} / 1 / 1}};

bool is_digest(const std::string& text) {
  return text.size() == 64 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// But for the dots that stand for what was cut off.
bool is_printable(std::string_view text) {
  constexpr std::string_view kDots = "…";
  if (const auto at = text.find(kDots); at != std::string_view::npos)
    return is_printable(text.substr(0, at)) && is_printable(text.substr(at + kDots.size()));
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

// A name that can be a folder at all; the rest of the names are not the registry's to refuse.
bool can_be_folder(std::string_view name) {
  return !name.empty() && name.size() < 250 && name.find('/') == std::string_view::npos &&
         name.find('\0') == std::string_view::npos && name != "." && name != "..";
}

void check_manifest(const fs::path& file) {
  const auto manifest = read_manifest(file);
  if (!manifest) return fuzz::require_names(manifest.error(), "manifest.json");
  fuzz::require(!manifest->sha256 || is_digest(*manifest->sha256), "a promise is a digest");
}

void check_entry(const RegistryEntry& entry, const fs::path& root) {
  fuzz::require(is_valid_name(entry.model) && is_valid_name(entry.version), "names are plain", entry.version);
  fuzz::require(entry.artifact == root / entry.model / entry.version / "model.pt", "the artifact lies in its place");
  fuzz::require((entry.state == EntryState::ready) == entry.problem.empty(), "what is not ready says why");
  if (entry.state != EntryState::ready) return;
  const auto candidate = identify(entry, kClock);
  if (!candidate) {
    fuzz::require(entry.manifest_sha256 && candidate.error().code == ErrorCode::corrupt, "only a promise is broken",
                  candidate.error().describe());
    return;
  }
  fuzz::require(is_digest(candidate->digest), "a candidate has a digest");
  fuzz::require(!entry.manifest_sha256 || *entry.manifest_sha256 == candidate->digest, "promises are kept");
  for (const auto& label : candidate->labels)
    fuzz::require(label.find('\n') == std::string::npos, "a label is one line");
  fuzz::require(candidate->labels.empty() || !candidate->labels.back().empty(), "the last label is one");
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  const auto wishes = input.byte();
  const auto name = input.piece();
  const auto labels = input.piece();
  static testing::TempTree tree{testing::TempTree::In::memory};
  tree.file("elsewhere", "a secret").folder("registry");
  const fs::path version = fs::path("registry/digits") / (can_be_folder(name) ? name : "1");
  tree.file(version / "model.pt", "model");
  if ((wishes & 4) != 0) tree.file(version / "labels.txt", labels);
  if ((wishes & 8) != 0) tree.file(version / "manifest.json", input.rest());
  if ((wishes & 16) != 0) tree.link(version / "manifest.json.link", tree / "elsewhere");
  if ((wishes & 32) != 0 && (wishes & 4) == 0) tree.link(version / "labels.txt", tree / "elsewhere");
  if ((wishes & 64) != 0) tree.file(version / "READY", "");
  if ((wishes & 8) != 0) check_manifest(tree / version / "manifest.json");

  FilesystemSource source(tree / "registry", kRules[wishes & 3], std::chrono::seconds(5), kClock);
  const auto snapshot = source.poll();
  fuzz::require(snapshot.has_value(), "the registry can be read");
  for (const auto& entry : snapshot->entries) {
    check_entry(entry, tree / "registry");
    const bool linked = (wishes & 32) != 0 && (wishes & 4) == 0;
    fuzz::require(!linked || entry.state == EntryState::refused, "a link out of the registry is refused");
  }
  for (const auto& warning : snapshot->warnings)
    fuzz::require(is_printable(warning), "warnings are printable", warning);
  tree.remove("registry");
  return 0;
}
