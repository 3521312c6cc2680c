// Small file operations with the promises the rest relies on: size-limited reads, and writes that appear whole or not
// at all. No state; thread-safe as long as two callers do not write the same path.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

inline constexpr std::uint64_t kNoLimit = UINT64_MAX;

// The whole file; `exhausted` if it is larger than max_bytes, `not_found` or `io` otherwise.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t max_bytes = kNoLimit);

// Writes beside the target under a temporary name, syncs file and folder, renames. Readers see the old or the new
// content.
Result<void> write_atomically(const std::filesystem::path& path, std::string_view bytes);

// The same for the content of another file, in blocks: it may be larger than memory. Links are not followed.
Result<void> copy_atomically(const std::filesystem::path& from, const std::filesystem::path& to,
                             std::uint64_t max_bytes);

// Writes in place without syncing: for the many small files of a folder that publish_folder will make appear whole.
Result<void> write_file(const std::filesystem::path& path, std::string_view bytes);

// Syncs everything in a finished folder, renames it into place and syncs the parent: it appears whole, also to whoever
// looks after a loss of power. An existing target is kept and the new folder removed: entries named by content are the
// same whoever wrote them first.
Result<void> publish_folder(const std::filesystem::path& finished, const std::filesystem::path& target);

// Syncs a finished file and gives it its name, in the same folder.
Result<void> rename_synced(const std::filesystem::path& finished, const std::filesystem::path& target);

// With parents, each synced into its own; existing is fine.
Result<void> make_folder(const std::filesystem::path& path);

// Removes a file for good: it does not come back after a loss of power. One that is not there is fine.
Result<void> remove_synced(const std::filesystem::path& file);

// A file, or a folder with all that is in it. For what would be taken for something newer if it stayed.
Result<void> remove_whole(const std::filesystem::path& path);

}  // namespace defuse
