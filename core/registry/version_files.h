// What lies in a version's folder, by one look at the disk: names, sizes and times, nothing opened. Used by the source
// and by identify(), so that both mean the same by "nothing changed". Follows links one step for their target's facts;
// whether a link may be followed is the source's decision. Stateless; thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/clock.h"
#include "core/base/result.h"

namespace defuse {

inline constexpr std::string_view kArtifactName = "model.pt";
inline constexpr std::string_view kManifestName = "manifest.json";
inline constexpr std::string_view kSignatureName = "manifest.json.sig";
inline constexpr std::string_view kLabelsName = "labels.txt";
inline constexpr std::string_view kMarkerName = "READY";
inline constexpr std::uint64_t kMaxManifestBytes = 1 << 20;
inline constexpr std::uint64_t kMaxLabelsBytes = 1 << 20;
inline constexpr std::uint64_t kMaxSignatureBytes = 4096;  // a signature is 64 bytes, or 90 as text

enum class FileKind { regular, folder, dangling_link, other };

struct VersionFile {
  std::string name;
  FileKind kind = FileKind::other;  // of a link's target
  bool link = false;
  std::uint64_t size = 0;
  std::uint64_t inode = 0;
  std::uint64_t link_inode = 0;  // of the link itself; 0 if it is none
  std::int64_t modified = 0;     // ns since 1970; the later one of link and target
  std::int64_t changed = 0;      // ctime, which no copy tool can set back
};

// Sorted by name, without passing names (names.h). `not_found`, `io`, or `exhausted` for a folder with absurdly many
// files. Subfolders count as one file: what is below them is not read by defused and not followed.
Result<std::vector<VersionFile>> list_version_files(const std::filesystem::path& folder);

// Changes when a file appears, disappears, or changes size, mtime, ctime or inode.
std::string fingerprint_of(const std::vector<VersionFile>& files);

// The folders and links below `folder` that are not passing names, unsorted. A link is listed whatever it points to.
struct FolderEntry {
  std::string name;
  bool link = false;
};
Result<std::vector<FolderEntry>> list_folders(const std::filesystem::path& folder);

const VersionFile* find_file(const std::vector<VersionFile>& files, std::string_view name);

// A regular file, whole; never waits on a fifo. `exhausted` beyond max_bytes.
Result<std::string> read_regular_file(const std::filesystem::path& path, std::uint64_t max_bytes);

}  // namespace defuse
