// Pictures that a result names, read with suspicion: a worker wrote both the names and the files. Thread-safe.
#pragma once
#include <cstdint>
#include <filesystem>
#include <string>

namespace defuse {

// A file name ending in .png, of plain characters, that stays in its folder and is not hidden.
bool plain_picture_name(const std::string& name);

inline constexpr std::uint64_t kMaxPicture = 256 << 10;
inline constexpr std::uint64_t kMaxSheet = 4 << 20;  // many small images in one: of a map

// The bytes of a PNG file of at most `most` in that very folder; empty if the name is not a plain file name, or if
// there is no such file, or if it is a link, too large or no PNG. A missing picture is never a reason not to report.
std::string read_picture(const std::filesystem::path& folder, const std::string& name,
                         std::uint64_t most = kMaxPicture);

// Width in pixels as the file says; 0 if it is too short to say.
std::uint32_t png_width(const std::string& bytes);

}  // namespace defuse
