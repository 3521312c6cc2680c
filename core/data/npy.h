// Reads NumPy's .npy files as data sets: images u1 or little-endian f4 in C order, labels of any integer type. The
// array is mapped where it lies. Called by open_dataset().
#pragma once
#include <cstddef>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse {

Result<Dataset> open_npy(const NpySource& source, const InputSettings& input, std::size_t classes);

}  // namespace defuse
