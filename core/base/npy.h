// The header of NumPy's .npy files, read and written: what comes after it are the array's raw values. Format:
// numpy.lib.format. It is a Python literal; only the form that NumPy writes is understood. No pickled objects.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/result.h"

namespace defuse {

struct NpyHeader {
  char kind = 0;  // 'u', 'i', 'f', 'b'
  std::size_t item_bytes = 0;
  bool big_endian = false;
  std::vector<std::uint64_t> shape;
  std::size_t header_bytes = 0;  // where the data begin
  std::uint64_t data_bytes = 0;
};

// Versions 1, 2 and 3, in C order. Needs only the first bytes of a file; its true size is the caller's to compare.
Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes, const std::string& name);

// Version 1.0, padded to 64 bytes. `descr` as NumPy names types: "<f4", "|u1".
std::string npy_header(std::string_view descr, std::span<const std::size_t> shape);

// Of a value of up to 8 bytes.
std::uint64_t little_endian(std::span<const std::byte> bytes);

}  // namespace defuse
