#include "tests/support/memory_dataset.h"

#include <memory>
#include <span>
#include <utility>

#include "core/data/dataset_builder.h"

namespace defuse::testing {
namespace {

template <class T>
Result<Dataset> in_memory(PixelType type, const ImageShape& shape, std::vector<T> pixels,
                          std::vector<std::int32_t> labels, double scale, std::vector<std::string> class_names) {
  const auto owner = std::make_shared<const std::vector<T>>(std::move(pixels));
  StoredPixels stored;
  stored.type = type;
  stored.bytes = std::as_bytes(std::span(*owner));
  stored.owner = owner;
  stored.name = "memory";
  InputSettings input;
  input.shape = shape;
  input.scale = scale;
  const auto classes = class_names.size();
  return DatasetBuilder::build(std::move(stored), std::move(labels), input, classes, std::move(class_names), "memory");
}

}  // namespace

Result<Dataset> dataset_from_memory(const ImageShape& shape, std::vector<std::uint8_t> pixels,
                                    std::vector<std::int32_t> labels, double scale,
                                    std::vector<std::string> class_names) {
  return in_memory(PixelType::u8, shape, std::move(pixels), std::move(labels), scale, std::move(class_names));
}

Result<Dataset> dataset_from_memory(const ImageShape& shape, std::vector<float> pixels,
                                    std::vector<std::int32_t> labels, double scale,
                                    std::vector<std::string> class_names) {
  return in_memory(PixelType::f32, shape, std::move(pixels), std::move(labels), scale, std::move(class_names));
}

}  // namespace defuse::testing
