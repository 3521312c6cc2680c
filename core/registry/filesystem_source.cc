#include "core/registry/filesystem_source.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/registry/manifest.h"
#include "core/registry/names.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxWarnings = 100;

void refuse(RegistryEntry& entry, std::string why) {
  entry.state = EntryState::refused;
  entry.problem = std::move(why);
}

void wait_for(RegistryEntry& entry, std::string what) {
  entry.state = EntryState::settling;
  entry.problem = std::move(what);
}

// Why a link may not be followed; empty if it may.
std::string problem_with_link(const fs::path& link, const fs::path& real_root, std::string_view name) {
  std::error_code code;
  const fs::path target = fs::canonical(link, code);
  if (code) return std::string(name) + " is a link that cannot be followed: " + code.message();
  const auto mismatch = std::mismatch(real_root.begin(), real_root.end(), target.begin(), target.end());
  if (mismatch.first != real_root.end()) return std::string(name) + " is a link that leaves the registry";
  return {};
}

bool has_leading_zero(const std::string& version) {
  return version.size() > 1 && version.front() == '0' &&
         std::all_of(version.begin(), version.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// A marker older than what it vouches for was left by an earlier copy.
std::string problem_with_marker(const std::vector<VersionFile>& files) {
  const VersionFile* marker = find_file(files, kMarkerName);
  if (!marker) return "no READY yet";
  if (marker->kind != FileKind::regular || marker->link) return "READY is no regular file";
  for (const auto& file : files)
    if (file.modified > marker->modified) return "READY is older than " + printable_name(file.name);
  return {};
}

}  // namespace

struct FilesystemSource::Look {
  fs::path real_root;
  TimePoint now;
  AheadByFolder* ahead = nullptr;  // of this poll
  RegistrySnapshot snapshot;
  std::size_t unsaid_warnings = 0;

  void warn(std::string warning) {
    if (snapshot.warnings.size() < kMaxWarnings) {
      snapshot.warnings.push_back(std::move(warning));
    } else {
      ++unsaid_warnings;
    }
  }
};

FilesystemSource::FilesystemSource(fs::path root, Readiness readiness, std::chrono::milliseconds settle,
                                   const Clock& clock)
    : root_(std::move(root)), readiness_(readiness), settle_(settle), clock_(clock) {}

Result<RegistrySnapshot> FilesystemSource::poll() {
  Look look;
  look.now = clock_.now();
  std::error_code code;
  look.real_root = fs::canonical(root_, code);
  if (code) return fail(ErrorCode::unavailable, "registry " + root_.string() + " cannot be reached: " + code.message());
  auto models = list_folders(root_);
  if (!models)
    return fail(ErrorCode::unavailable, "registry " + root_.string() + " cannot be read: " + models.error().message);
  struct stat facts {};
  if (::stat(root_.c_str(), &facts) != 0)
    return fail(ErrorCode::unavailable, "registry " + root_.string() + " cannot be reached: " + std::strerror(errno));
  const std::pair<std::uint64_t, std::uint64_t> root_is{facts.st_dev, facts.st_ino};
  if (models->empty() && root_was_ && root_was_ != root_is)
    return fail(ErrorCode::unavailable, "registry " + root_.string() +
                                            " is empty, and another folder than the one that held models: was it "
                                            "unmounted?");
  if (!models->empty()) root_was_ = root_is;
  AheadByFolder ahead;
  look.ahead = &ahead;
  for (const auto& model : *models) look_at_model(look, model);
  ahead_ = std::move(ahead);
  // Another folder of that name, or none, may be there by now (a mount that came or went): then what was seen is no
  // answer.
  if (fs::canonical(root_, code) != look.real_root || code)
    return fail(ErrorCode::unavailable, "registry " + root_.string() + " went away while it was read");
  std::sort(look.snapshot.entries.begin(), look.snapshot.entries.end(),
            [](const RegistryEntry& a, const RegistryEntry& b) {
              return a.model != b.model ? a.model < b.model : version_less(a.version, b.version);
            });
  std::sort(look.snapshot.warnings.begin(), look.snapshot.warnings.end());
  if (look.unsaid_warnings > 0)
    look.snapshot.warnings.push_back("and " + std::to_string(look.unsaid_warnings) + " more");
  return std::move(look.snapshot);
}

void FilesystemSource::look_at_model(Look& look, const FolderEntry& model) const {
  const fs::path folder = root_ / model.name;
  std::error_code ignored;
  if (model.link && fs::is_regular_file(folder, ignored)) return;
  if (!is_valid_name(model.name))
    return look.warn(printable_name(model.name) + ": not a usable model name (letters, digits, '.', '_', '-')");
  RegistryEntry whole;
  whole.model = ModelName(model.name);
  if (model.link) {
    if (auto problem = problem_with_link(folder, look.real_root, "the model folder"); !problem.empty()) {
      refuse(whole, std::move(problem));
      look.snapshot.entries.push_back(std::move(whole));
      return;
    }
  }
  auto versions = list_folders(folder);
  if (!versions) {
    refuse(whole, versions.error().message);
    look.snapshot.entries.push_back(std::move(whole));
    return;
  }
  for (const auto& version : *versions) look_at_version(look, model.name, version);
}

void FilesystemSource::look_at_version(Look& look, const std::string& model, const FolderEntry& version) const {
  const fs::path folder = root_ / model / version.name;
  std::error_code ignored;
  if (version.link && fs::is_regular_file(folder, ignored)) return;
  if (!is_valid_name(version.name))
    return look.warn(model + "/" + printable_name(version.name) +
                     ": not a usable version name (letters, digits, '.', '_', '-')");
  if (has_leading_zero(version.name))
    look.warn(model + "/" + version.name +
              ": versions with leading zeros are confusing; other tools read them as the same number");
  RegistryEntry entry;
  entry.model = ModelName(model);
  entry.version = Version(version.name);
  entry.artifact = folder / kArtifactName;
  const std::string problem = version.link ? problem_with_link(folder, look.real_root, "the version folder") : "";
  if (problem.empty()) {
    inspect(look, folder, entry);
  } else {
    refuse(entry, problem);
  }
  look.snapshot.entries.push_back(std::move(entry));
}

void FilesystemSource::inspect(const Look& look, const fs::path& folder, RegistryEntry& entry) const {
  const auto files = list_version_files(folder);
  if (!files) return refuse(entry, files.error().message);
  entry.fingerprint = fingerprint_of(*files);
  // Only what defused reads matters; anything else may link where it likes.
  for (const auto name : {kArtifactName, kManifestName, kSignatureName, kLabelsName}) {
    const VersionFile* file = find_file(*files, name);
    if (!file) continue;
    if (file->kind == FileKind::dangling_link)
      return wait_for(entry, std::string(name) + " is a link to nothing (yet)");
    if (file->link) {
      if (auto problem = problem_with_link(folder / name, look.real_root, name); !problem.empty())
        return refuse(entry, std::move(problem));
    }
    if (file->kind != FileKind::regular) return refuse(entry, std::string(name) + " is no regular file");
  }
  if (!find_file(*files, kArtifactName)) return wait_for(entry, "no model.pt yet");
  judge_readiness(look, folder, *files, entry);
}

void FilesystemSource::judge_readiness(const Look& look, const fs::path& folder, const std::vector<VersionFile>& files,
                                       RegistryEntry& entry) const {
  const bool has_manifest = find_file(files, kManifestName) != nullptr;
  if (has_manifest) {
    auto manifest = read_manifest(folder / kManifestName);
    if (!manifest) {
      const bool too_large = manifest.error().code == ErrorCode::exhausted;
      return too_large ? refuse(entry, manifest.error().message) : wait_for(entry, manifest.error().message);
    }
    entry.manifest_sha256 = manifest->sha256;
  }
  const bool has_marker = find_file(files, kMarkerName) != nullptr;
  Readiness rule = readiness_;
  if (rule == Readiness::automatic)
    rule = entry.manifest_sha256 ? Readiness::manifest : has_marker ? Readiness::marker : Readiness::settle;

  std::string missing;
  if (rule == Readiness::manifest && !entry.manifest_sha256)
    missing = has_manifest ? "manifest.json names no sha256" : "no manifest.json yet";
  if (rule == Readiness::marker) missing = problem_with_marker(files);
  const bool must_settle = rule == Readiness::settle || find_file(files, kArtifactName)->size == 0;
  if (missing.empty() && must_settle) {
    entry.settles_in = time_to_settle(look.now, files);
    if (!entry.settles_in && stood_still(look, folder, entry.fingerprint))
      entry.settles_in = std::chrono::milliseconds(0);
    if (entry.settles_in != std::chrono::milliseconds(0))
      missing = "still changing; ready once nothing has changed for " + std::to_string(settle_.count()) + " ms";
  }
  if (!missing.empty()) return wait_for(entry, std::move(missing));
  entry.state = EntryState::ready;
}

std::optional<std::chrono::milliseconds> FilesystemSource::time_to_settle(TimePoint now,
                                                                          const std::vector<VersionFile>& files) const {
  const auto to_time = [](std::int64_t nanoseconds) {
    return TimePoint(std::chrono::floor<std::chrono::milliseconds>(std::chrono::nanoseconds(nanoseconds)));
  };
  std::chrono::milliseconds longest{0};
  for (const VersionFile& file : files) {
    const TimePoint changed = to_time(file.changed);
    const TimePoint modified = to_time(file.modified);
    if (changed > now) return std::nullopt;
    longest = std::max(longest, settle_ - (now - (modified > now ? changed : std::max(modified, changed))));
  }
  return longest;
}

bool FilesystemSource::stood_still(const Look& look, const fs::path& folder, const std::string& fingerprint) const {
  const auto now = std::chrono::steady_clock::now();
  const auto before = ahead_.find(folder);
  const bool same = before != ahead_.end() && before->second.fingerprint == fingerprint;
  const auto seen = same ? before->second.seen : now;
  (*look.ahead)[folder] = {fingerprint, seen};
  return same && now - seen >= settle_;  // one look says nothing about change
}

}  // namespace defuse
