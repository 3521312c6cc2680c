// One split of a model line's data: images and labels, checked on opening, mapped rather than loaded, immutable.
// Compressed files and image folders are unpacked once into `cache` (content-addressed) and mapped from there.
// Thread-safe for reading.
#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/settings/settings.h"

namespace defuse {

class Dataset {
 public:
  std::size_t size() const { return labels_.size(); }
  const ImageShape& shape() const { return shape_; }
  std::span<const std::int32_t> labels() const { return labels_; }
  const std::vector<std::string>& class_names() const { return class_names_; }  // of an image folder; empty otherwise
  const std::string& digest() const { return digest_; }  // of stored pixels, labels, shape and scale

  // Reads every pixel once more. An error names the file if it is no longer what `digest` was taken of: it was written
  // to while it was mapped, so that nothing read meanwhile can be trusted.
  Result<void> unchanged() const;

  // Fills out[count * C*H*W] with images first…, CHW order, divided by scale and clamped to [0,1].
  void read(std::size_t first, std::size_t count, std::span<float> out) const;
  // The same for one image's content: a 64-bit hash of its stored bytes, for splitting by content.
  std::uint64_t content_hash(std::size_t index) const;

  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

 private:
  friend class DatasetBuilder;
  Dataset();
  std::string digest_now() const;
  struct Pixels;  // the mapping and its element type
  std::unique_ptr<Pixels> pixels_;
  ImageShape shape_;
  double scale_ = 255;
  std::vector<std::int32_t> labels_;
  std::vector<std::string> class_names_;
  std::string digest_;
};

// `classes`: names from the configuration; for image folders they give the order (default: sorted folder names), for
// the rest only their count matters. Errors name file and reason: wrong magic, truncated, sizes that differ from
// labels, wrong image size, label out of range, no image at all, NaN in float data, a folder that is no class.
Result<Dataset> open_dataset(const DataSource& source, const InputSettings& input,
                             const std::vector<std::string>& classes, const std::filesystem::path& cache);

}  // namespace defuse
