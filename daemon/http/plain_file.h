// Reads one file that the daemon itself put beneath a folder of its state. What is in that folder may have been copied
// from a worker, so links, devices and anything but a regular file are refused, and sizes are limited. Thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

#include "core/result.h"

namespace defuse {

// A single path component that cannot climb or hide: no slash, no backslash, no control character, not "." or "..", no
// leading dot, at most 200 bytes.
bool is_plain_file_name(const std::string& name);

// `folder` is taken relative to `root` and may not leave it. `not_found` if the file is absent or not a regular file.
Result<std::string> read_plain_file(const std::filesystem::path& root, const std::filesystem::path& folder,
                                    const std::string& name, std::uint64_t max_bytes);

}  // namespace defuse
