// Makes a Dataset out of pixels that a reader (idx, npy, image_folder) or a test already has, and is the one place that
// checks what every format has in common: sizes, labels, finite numbers; and that computes the digest. No state.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse {

enum class PixelType { u8, f32 };

// Where the stored pixels of n images lie, CHW and without gaps, and what keeps them alive.
struct StoredPixels {
  PixelType type = PixelType::u8;
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;
  std::shared_ptr<const MappedFile> file;  // set if `bytes` lie in it; then `offset` says where
  std::size_t offset = 0;
  std::string name;  // for errors: the file they came from
};

class DatasetBuilder {
 public:
  // requires: input.shape positive. `classes` = number of classes the configuration names, 0 if it names none.
  // `labels_name` is the file a wrong label is blamed on.
  static Result<Dataset> build(StoredPixels pixels, std::vector<std::int32_t> labels, const InputSettings& input,
                               std::size_t classes, std::vector<std::string> class_names,
                               const std::string& labels_name);
};

inline constexpr std::int32_t kMaxClasses = 65536;

// "[1,28,28]", for errors.
std::string to_string(const ImageShape& shape);

}  // namespace defuse
