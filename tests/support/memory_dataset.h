// Data sets without files, for tests and benchmarks. Torch-free.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/data/dataset.h"

namespace defuse::testing {

// Pixels are CHW, image after image. Errors as those of a reader.
Result<Dataset> dataset_from_memory(const ImageShape& shape, std::vector<std::uint8_t> pixels,
                                    std::vector<std::int32_t> labels, double scale = 255,
                                    std::vector<std::string> class_names = {});
Result<Dataset> dataset_from_memory(const ImageShape& shape, std::vector<float> pixels,
                                    std::vector<std::int32_t> labels, double scale = 1,
                                    std::vector<std::string> class_names = {});

}  // namespace defuse::testing
