// What all formats share. The pixels stay where they are (mapped or in memory); only labels are copied.
#include "core/data/dataset.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/data/dataset_builder.h"
#include "core/data/idx.h"
#include "core/data/image_folder.h"
#include "core/data/npy.h"

namespace defuse {
namespace {

// Above this, pages are given back once read, so that memory is bounded by the batch and not by the data: window by
// window, since a single image rarely fills a page. A window that somebody else still reads is only read again.
constexpr std::size_t kReleaseAbove = std::size_t{256} << 20;
constexpr std::size_t kWindow = std::size_t{8} << 20;

std::size_t element_size(PixelType type) { return type == PixelType::u8 ? 1 : sizeof(float); }

}  // namespace

std::string to_string(const ImageShape& shape) {
  return "[" + std::to_string(shape.channels) + "," + std::to_string(shape.height) + "," + std::to_string(shape.width) +
         "]";
}

struct Dataset::Pixels {
  StoredPixels stored;
  std::size_t image_bytes = 0;

  std::span<const std::byte> images(std::size_t first, std::size_t count) const {
    return stored.bytes.subspan(first * image_bytes, count * image_bytes);
  }
  void done_with(std::size_t offset, std::size_t count) const {
    if (!stored.file || stored.bytes.size() <= kReleaseAbove) return;
    const std::size_t begun = offset / kWindow, reached = (offset + count) / kWindow;
    if (reached > begun) stored.file->release(stored.offset + begun * kWindow, (reached - begun) * kWindow);
  }
};

Dataset::Dataset() = default;
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

void Dataset::read(std::size_t first, std::size_t count, std::span<float> out) const {
  const auto bytes = pixels_->images(first, count);
  float* const to = out.data();
  const auto scale = static_cast<float>(scale_);
  const auto values = count * static_cast<std::size_t>(shape_.pixels());
  if (pixels_->stored.type == PixelType::u8) {
    const auto* from = reinterpret_cast<const std::uint8_t*>(bytes.data());
    for (std::size_t i = 0; i < values; ++i) to[i] = std::min(static_cast<float>(from[i]) / scale, 1.0F);
  } else {
    // Copied first: a .npy header of odd length leaves the numbers unaligned.
    if (!bytes.empty()) std::memcpy(to, bytes.data(), bytes.size());
    for (std::size_t i = 0; i < values; ++i) to[i] = std::clamp(to[i] / scale, 0.0F, 1.0F);
  }
  pixels_->done_with(first * pixels_->image_bytes, bytes.size());
}

// One multiplication per eight bytes, each step invertible so that nothing is lost; the SplitMix64 mixer spreads the
// result. The same on every machine: halves of a data set must not change with it.
std::uint64_t Dataset::content_hash(std::size_t index) const {
  static_assert(std::endian::native == std::endian::little);
  const auto bytes = pixels_->images(index, 1);
  std::uint64_t hash = mix64(bytes.size());
  std::size_t at = 0;
  for (; at + 8 <= bytes.size(); at += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + at, 8);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29;
  }
  std::uint64_t tail = 0;
  if (at < bytes.size()) std::memcpy(&tail, bytes.data() + at, bytes.size() - at);
  return mix64(hash ^ tail);
}

namespace {

Result<void> check_labels(const std::vector<std::int32_t>& labels, std::size_t classes, const std::string& name) {
  const auto limit = classes > 0 ? static_cast<std::int64_t>(classes) : std::int64_t{kMaxClasses};
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] >= 0 && labels[i] < limit) continue;
    return fail(ErrorCode::invalid_input, name + ": label " + std::to_string(labels[i]) + " of item " +
                                              std::to_string(i) + " is outside 0.." + std::to_string(limit - 1) +
                                              (classes > 0 ? " (the configured classes)" : ""));
  }
  return {};
}

Result<void> check_finite(const StoredPixels& pixels, std::size_t first_byte, std::span<const std::byte> window,
                          std::size_t image_bytes) {
  std::size_t bad = 0;
  float value = 0;
  const auto at = [&](std::size_t i) {
    std::memcpy(&value, window.data() + i, sizeof value);
    return value;
  };
  for (std::size_t i = 0; i < window.size(); i += sizeof(float)) bad += std::isfinite(at(i)) ? 0 : 1;
  if (bad == 0) return {};
  for (std::size_t i = 0; i < window.size(); i += sizeof(float)) {
    if (std::isfinite(at(i))) continue;
    const auto offset = first_byte + i;
    return fail(ErrorCode::invalid_input, pixels.name + ": image " + std::to_string(offset / image_bytes) + " holds " +
                                              (std::isnan(value) ? "NaN" : "an infinite value") + " at pixel " +
                                              std::to_string(offset % image_bytes / sizeof(float)));
  }
  return fail(ErrorCode::internal, pixels.name + " changed while it was read");
}

}  // namespace

Result<Dataset> DatasetBuilder::build(StoredPixels pixels, std::vector<std::int32_t> labels, const InputSettings& input,
                                      std::size_t classes, std::vector<std::string> class_names,
                                      const std::string& labels_name) {
  const auto& shape = input.shape;
  if (shape.channels < 1 || shape.height < 1 || shape.width < 1)
    return fail(ErrorCode::invalid_input, "input shape " + to_string(shape) + " has a side below 1");
  if (!(input.scale > 0) || !std::isfinite(input.scale))
    return fail(ErrorCode::invalid_input, "input scale must be above 0");
  if (labels.empty()) return fail(ErrorCode::invalid_input, pixels.name + " holds no image");
  const auto image_bytes = static_cast<std::size_t>(shape.pixels()) * element_size(pixels.type);
  if (pixels.bytes.size() % image_bytes != 0 || pixels.bytes.size() / image_bytes != labels.size())
    return fail(ErrorCode::invalid_input, pixels.name + " holds " + std::to_string(pixels.bytes.size() / image_bytes) +
                                              " images of shape " + to_string(shape) + ", but " + labels_name +
                                              " holds " + std::to_string(labels.size()) + " labels");
  TRY_OK(check_labels(labels, classes, labels_name));

  Dataset data;
  data.pixels_ = std::make_unique<Dataset::Pixels>();
  data.pixels_->stored = std::move(pixels);
  data.pixels_->image_bytes = image_bytes;
  data.shape_ = shape;
  data.scale_ = input.scale;
  data.class_names_ = std::move(class_names);

  const auto& stored = data.pixels_->stored;
  if (stored.type == PixelType::f32)
    for (std::size_t at = 0; at < stored.bytes.size(); at += kWindow) {
      const auto window = stored.bytes.subspan(at, std::min(kWindow, stored.bytes.size() - at));
      TRY_OK(check_finite(stored, at, window, image_bytes));
      data.pixels_->done_with(at, window.size());
    }
  data.labels_ = std::move(labels);
  data.digest_ = data.digest_now();
  return data;
}

std::string Dataset::digest_now() const {
  const auto& stored = pixels_->stored;
  Sha256 hash;
  hash.field("defused data 1").field(stored.type == PixelType::u8 ? "u1" : "f4").field(to_string(shape_));
  hash.field(std::to_string(std::bit_cast<std::uint64_t>(scale_))).field(std::to_string(labels_.size()));
  for (std::size_t at = 0; at < stored.bytes.size(); at += kWindow) {
    const auto window = stored.bytes.subspan(at, std::min(kWindow, stored.bytes.size() - at));
    hash.update(window);
    pixels_->done_with(at, window.size());
  }
  hash.update(std::as_bytes(std::span(labels_)));
  return hash.hex();
}

Result<void> Dataset::unchanged() const {
  if (digest_now() == digest_) return {};
  return fail(ErrorCode::unavailable, pixels_->stored.name + " changed while it was used");
}

Result<Dataset> open_dataset(const DataSource& source, const InputSettings& input,
                             const std::vector<std::string>& classes, const std::filesystem::path& cache) {
  struct Open {
    const InputSettings& input;
    const std::vector<std::string>& classes;
    const std::filesystem::path& cache;
    Result<Dataset> operator()(const IdxSource& idx) const { return open_idx(idx, input, classes.size(), cache); }
    Result<Dataset> operator()(const NpySource& npy) const { return open_npy(npy, input, classes.size()); }
    Result<Dataset> operator()(const FolderSource& folder) const {
      return open_image_folder(folder, input, classes, cache);
    }
  };
  return std::visit(Open{input, classes, cache}, source);
}

}  // namespace defuse
