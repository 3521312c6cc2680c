#include "core/data/image_folder.h"

#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/base/files.h"
#include "core/base/image_io.h"
#include "core/base/mapped_file.h"
#include "core/base/sha256.h"
#include "core/cache/cache_collector.h"
#include "core/cache/cache_file.h"
#include "core/data/dataset_builder.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxFileBytes = 256ULL << 20;

struct Listing {
  std::vector<std::string> classes;
  std::vector<fs::path> files;  // sorted: by class, then name
  std::vector<std::int32_t> labels;
};

bool is_picture(const fs::path& path) {
  auto extension = path.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return extension == ".png" || extension == ".jpg" || extension == ".jpeg";
}

// Sorted by bytes, so that the order is the same everywhere; without dot files.
Result<std::vector<fs::path>> sorted_entries(const fs::path& folder) {
  std::error_code code;
  std::vector<fs::path> entries;
  for (fs::directory_iterator it(folder, code), end; !code && it != end; it.increment(code))
    if (!it->path().filename().string().starts_with('.')) entries.push_back(it->path());
  if (code)
    return fail(code == std::errc::no_such_file_or_directory ? ErrorCode::not_found : ErrorCode::io,
                "cannot list " + folder.string() + ": " + code.message());
  std::sort(entries.begin(), entries.end(),
            [](const fs::path& a, const fs::path& b) { return a.native() < b.native(); });
  return entries;
}

Result<std::vector<fs::path>> class_folders(const fs::path& root) {
  TRY(entries, sorted_entries(root));
  std::vector<fs::path> folders;
  for (const auto& entry : entries) {
    std::error_code code;
    if (fs::is_directory(entry, code))
      folders.push_back(entry);
    else if (is_picture(entry))
      return fail(ErrorCode::invalid_input, entry.string() + " lies outside any class folder");
  }
  if (folders.empty()) return fail(ErrorCode::invalid_input, root.string() + " holds no class folder");
  return folders;
}

Result<void> list_class(const fs::path& folder, std::int32_t label, Listing& listing) {
  TRY(entries, sorted_entries(folder));
  for (auto& entry : entries) {
    std::error_code code;
    if (!fs::is_regular_file(entry, code))
      return fail(ErrorCode::invalid_input, entry.string() + " is not a regular file");
    if (!is_picture(entry))
      return fail(ErrorCode::invalid_input, entry.string() + " is not a .png, .jpg or .jpeg file");
    listing.files.push_back(std::move(entry));
    listing.labels.push_back(label);
  }
  return {};
}

Result<Listing> list_folder(const fs::path& root, const std::vector<std::string>& classes) {
  TRY(folders, class_folders(root));
  Listing listing;
  listing.classes = classes;
  if (classes.empty())
    for (const auto& folder : folders) listing.classes.push_back(folder.filename().string());
  for (const auto& folder : folders) {
    const auto name = folder.filename().string();
    const auto at = std::find(listing.classes.begin(), listing.classes.end(), name);
    if (at == listing.classes.end())
      return fail(ErrorCode::invalid_input, folder.string() + ": '" + name + "' is not one of the configured classes");
    TRY_OK(list_class(folder, static_cast<std::int32_t>(at - listing.classes.begin()), listing));
  }
  if (listing.files.empty()) return fail(ErrorCode::invalid_input, root.string() + " holds no image");
  return listing;
}

// Cheap: no file is opened. A copy of the folder elsewhere is decoded anew, but its data set has the same digest.
Result<std::string> fingerprint(const Listing& listing, const fs::path& root, const ImageShape& shape) {
  Sha256 hash;
  hash.field("image folder 1").field(to_string(shape));
  for (std::size_t i = 0; i < listing.files.size(); ++i) {
    struct stat info {};
    if (::stat(listing.files[i].c_str(), &info) != 0)
      return fail(ErrorCode::io, "cannot stat " + listing.files[i].string() + ": " + std::strerror(errno));
    hash.field(listing.files[i].lexically_relative(root).string());
    std::string facts;
    for (const auto number : {static_cast<long long>(info.st_dev), static_cast<long long>(info.st_ino),
                              static_cast<long long>(info.st_size), static_cast<long long>(info.st_mtim.tv_sec),
                              static_cast<long long>(info.st_mtim.tv_nsec), static_cast<long long>(info.st_ctim.tv_sec),
                              static_cast<long long>(info.st_ctim.tv_nsec)})
      facts += std::to_string(number) + " ";
    hash.field(facts);
  }
  return hash.hex();
}

Result<std::vector<std::uint8_t>> decode_file(const fs::path& path, const ImageShape& shape) {
  TRY(bytes, read_file(path, kMaxFileBytes));
  auto decoded = decode_image(bytes);
  if (!decoded) return fail(decoded.error().code, path.string() + ": " + decoded.error().message);
  const auto& found = decoded->shape;
  if (found.height != shape.height || found.width != shape.width)
    return fail(ErrorCode::invalid_input, path.string() + " is " + std::to_string(found.width) + " x " +
                                              std::to_string(found.height) + " pixels, the configuration says " +
                                              std::to_string(shape.width) + " x " + std::to_string(shape.height) +
                                              " (pictures are never resized)");
  return with_channels(std::move(*decoded), shape.channels).bytes;
}

Result<void> decode_all(const Listing& listing, const ImageShape& shape, const fs::path& target,
                        const fs::path& scratch) {
  TRY(out, CacheFile::create(target, scratch));
  std::string buffer;
  for (const auto& file : listing.files) {
    TRY(pixels, decode_file(file, shape));
    buffer.append(reinterpret_cast<const char*>(pixels.data()), pixels.size());
    if (buffer.size() < (1U << 20)) continue;
    TRY_OK(out.write(buffer));
    buffer.clear();
  }
  TRY_OK(out.write(buffer));
  return out.publish();
}

}  // namespace

Result<Dataset> open_image_folder(const FolderSource& source, const InputSettings& input,
                                  const std::vector<std::string>& classes, const fs::path& cache) {
  const auto& shape = input.shape;
  if (shape.channels != 1 && shape.channels != 3)
    return fail(ErrorCode::invalid_input,
                source.path.string() + ": image folders have 1 or 3 channels, not " + std::to_string(shape.channels));
  TRY(listing, list_folder(source.path, classes));
  TRY(key, fingerprint(listing, source.path, shape));
  const auto target = cache / "data" / (key + ".raw");
  const auto size = listing.files.size() * static_cast<std::size_t>(shape.pixels());
  const auto found = newest_place(target);
  auto file = MappedFile::open(found);
  if (file) mark_used(found);
  if (!file || (*file)->bytes().size() != size) {
    std::error_code ignored;
    fs::remove(found, ignored);  // a damaged one, where that is allowed
    const auto place = free_place(target);
    TRY_OK(decode_all(listing, shape, place, incoming_folder(cache)));
    file = MappedFile::open(place);
    if (!file) return tl::unexpected(std::move(file.error()));
  }
  StoredPixels pixels;
  pixels.type = PixelType::u8;
  pixels.bytes = (*file)->bytes();
  pixels.owner = *file;
  pixels.file = *file;
  pixels.name = source.path.string();
  return DatasetBuilder::build(std::move(pixels), std::move(listing.labels), input, listing.classes.size(),
                               listing.classes, source.path.string());
}

}  // namespace defuse
