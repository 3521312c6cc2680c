// Where versions come from. A source is stateless: every poll looks afresh and returns the complete set, or an error,
// never a partial answer. An unreachable registry is an error, so that "no models" always means that there are none.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/names.h"
#include "core/base/result.h"

namespace defuse {

enum class Readiness { automatic, marker, manifest, settle };

enum class EntryState {
  ready,     // may be hashed and judged
  settling,  // still changing, or its marker or manifest is not there yet
  refused,   // will never be read as it is: a link that leaves the root, no regular file, a bad name; `problem` says
             // which
};

struct RegistryEntry {
  ModelName model;
  Version version;                 // empty for a model folder that cannot be read; such an entry is refused
  std::filesystem::path artifact;  // path of model.pt
  EntryState state = EntryState::settling;
  std::string problem;      // for refused and settling: why, for people
  std::string fingerprint;  // changes when size, mtime, ctime or inode of any file of the version changes; cheap
  std::optional<std::string> manifest_sha256;  // what manifest.json promises, if it does
  // Of settling: when it will be ready, counted from the poll, if nothing more changes.
  std::optional<std::chrono::milliseconds> settles_in = std::nullopt;
};

struct RegistrySnapshot {
  std::vector<RegistryEntry> entries;  // by model, then version (integers as integers)
  std::vector<std::string> warnings;   // e.g. "digits/007: versions with leading zeros are confusing"
};

class RegistrySource {
 public:
  virtual ~RegistrySource() = default;
  virtual Result<RegistrySnapshot> poll() = 0;
};

// "2" < "10", integers before names, names by byte order.
bool version_less(const std::string& a, const std::string& b);
// [A-Za-z0-9][A-Za-z0-9._-]*, at most 200 bytes; "tmp-…" never.
bool is_valid_name(const std::string& name);

}  // namespace defuse
