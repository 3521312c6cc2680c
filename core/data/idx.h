// Reads the IDX format of MNIST (big-endian header, then the raw array), plain or gzip. A plain file is mapped as it
// is; a compressed one is unpacked once to <cache>/data/<digest of the .gz>.raw and mapped from there. Called by
// open_dataset().
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/data/dataset.h"
#include "core/settings/settings.h"

namespace defuse {

struct IdxHeader {
  std::uint8_t type = 0;  // 0x08 u1, 0x09 i1, 0x0B i2, 0x0C i4, 0x0D f4, 0x0E f8
  std::vector<std::uint64_t> dims;
  std::size_t header_bytes = 0;
  std::uint64_t data_bytes = 0;  // what must follow the header
  std::uint64_t file_bytes() const { return header_bytes + data_bytes; }
};

// Needs only the first bytes of a file; its true size is the caller's to compare.
Result<IdxHeader> parse_idx_header(std::span<const std::byte> bytes, const std::string& name);

Result<Dataset> open_idx(const IdxSource& source, const InputSettings& input, std::size_t classes,
                         const std::filesystem::path& cache);

}  // namespace defuse
