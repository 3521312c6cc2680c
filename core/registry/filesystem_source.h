// Lists the versions under a registry root on disk: <root>/<model>/<version>/model.pt.
// Called by the scheduler once per poll. Every call looks at the disk afresh and returns the complete set, so a version
// that is absent from the answer is gone. Never writes, never loads a model. One caller at a time. All that it keeps
// between calls is what a clock or a mount that changed under it can be told by.
//
// Ready means (methods: conventions 3):
//   marker    a READY file whose mtime is not older than that of any other file of the version
//   manifest  manifest.json names a sha256; identify() verifies it
//   settle    for `settle` no file changed, judged by the later of mtime and ctime. ctime is what makes `cp -p`, rsync
//   and
//             renames visible, which bring old mtimes along. A file whose mtime lies in the future (a sender with a
//             wrong clock) is judged by its ctime alone; a ctime in the future puts our own clock in doubt (it
//             was set back, most likely): then the version must be seen unchanged for `settle` of a clock that nobody
//             sets.
//   automatic manifest with sha256 if there is one, else marker if there is one, else settle
// A manifest that is there is read in every mode: one that is no JSON (yet) or too large keeps its version from being
// ready. An empty model.pt must have settled in every mode.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/clock.h"
#include "core/registry/source.h"
#include "core/registry/version_files.h"

namespace defuse {

class FilesystemSource final : public RegistrySource {
 public:
  FilesystemSource(std::filesystem::path root, Readiness readiness, std::chrono::milliseconds settle,
                   const Clock& clock);

  // `unavailable` if the root cannot be read or is no folder, or is another folder than it was and an empty one: a lost
  // mount must not look like "every model removed".
  // A model folder that cannot be read is one refused entry with an empty version; the rest is listed.
  Result<RegistrySnapshot> poll() override;

 private:
  struct Look;  // what one poll carries along

  void look_at_model(Look& look, const FolderEntry& model) const;
  void look_at_version(Look& look, const std::string& model, const FolderEntry& version) const;
  void inspect(const Look& look, const std::filesystem::path& folder, RegistryEntry& entry) const;
  void judge_readiness(const Look& look, const std::filesystem::path& folder, const std::vector<VersionFile>& files,
                       RegistryEntry& entry) const;
  // Zero for files that have settled; nothing for files of a future, of which nobody knows.
  std::optional<std::chrono::milliseconds> time_to_settle(TimePoint now, const std::vector<VersionFile>& files) const;

  struct Ahead {  // a version whose files are of a future
    std::string fingerprint;
    std::chrono::steady_clock::time_point seen;
  };
  using AheadByFolder = std::map<std::filesystem::path, Ahead>;
  // Whether it was seen like this in every poll for as long as `settle`.
  bool stood_still(const Look& look, const std::filesystem::path& folder, const std::string& fingerprint) const;

  AheadByFolder ahead_;                                              // as of the last poll
  std::optional<std::pair<std::uint64_t, std::uint64_t>> root_was_;  // device and inode of a root that held models
  std::filesystem::path root_;
  Readiness readiness_;
  std::chrono::milliseconds settle_;
  const Clock& clock_;
};

}  // namespace defuse
