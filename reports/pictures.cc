#include "reports/pictures.h"

#include <algorithm>
#include <string_view>

#include "core/base/files.h"

namespace defuse {
namespace {
constexpr std::string_view kPngSignature = "\x89PNG\r\n\x1a\n";
}  // namespace

bool plain_picture_name(const std::string& name) {
  return name.ends_with(".png") && name.size() <= 200 && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
                  c == '-';
         });
}

std::string read_picture(const std::filesystem::path& folder, const std::string& name, std::uint64_t most) {
  if (folder.empty() || !plain_picture_name(name)) return {};
  std::error_code ignored;
  // symlink_status: a link planted by a worker must not make the daemon read what only the daemon may.
  const auto path = folder / name;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, ignored))) return {};
  auto bytes = read_file(path, most);
  if (!bytes || !bytes->starts_with(kPngSignature)) return {};
  return std::move(*bytes);
}

std::uint32_t png_width(const std::string& bytes) {
  if (bytes.size() < 20) return 0;
  std::uint32_t width = 0;
  for (std::size_t i = 16; i < 20; ++i) width = (width << 8U) | static_cast<unsigned char>(bytes[i]);
  return width;
}

}  // namespace defuse
