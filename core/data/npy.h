// Reads NumPy's .npy files as data sets: images u1 or little-endian f4 in C order, labels of any integer type. The
// array is mapped where it lies. Called by open_dataset(). The header is a Python literal; only the form NumPy writes
// is understood.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse {

struct NpyHeader {
  char kind = 0;  // 'u', 'i', 'f', 'b'
  std::size_t item_bytes = 0;
  bool big_endian = false;
  std::vector<std::uint64_t> shape;
  std::size_t header_bytes = 0;  // where the data begin
  std::uint64_t data_bytes = 0;
};

// Versions 1, 2 and 3. Needs only the first bytes of a file; its true size is the caller's to compare.
Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, const std::string& name);

Result<Dataset> open_npy(const NpySource& source, const InputSettings& input, std::size_t classes);

}  // namespace defuse
