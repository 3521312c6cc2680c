// Reads the .npy files that the peers' scripts write into DEFUSED_SPEED_DATA. Called by *_bench.cc. Pure but for the
// files; thread-safe.
#pragma once
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "core/base/files.h"
#include "core/base/matrix.h"
#include "core/base/npy.h"
#include "core/base/result.h"

namespace defuse {

template <class T>
struct NpyValues {
  std::vector<std::size_t> shape;
  std::vector<T> values;
};

template <class T>
Result<NpyValues<T>> read_array(const std::string& name, char kind) {
  const char* folder = std::getenv("DEFUSED_SPEED_DATA");
  TRY(bytes, read_file(std::filesystem::path(folder == nullptr ? "." : folder) / name, std::size_t{1} << 30));
  TRY(header, parse_npy_header(std::as_bytes(std::span(bytes)), name));
  if (header.kind != kind || header.item_bytes != sizeof(T) || header.big_endian)
    return fail(ErrorCode::corrupt, name + ": another type than the benchmark wants");
  if (bytes.size() != header.header_bytes + header.data_bytes) return fail(ErrorCode::corrupt, name + ": cut short");
  NpyValues<T> array;
  array.shape.assign(header.shape.begin(), header.shape.end());
  array.values.resize(header.data_bytes / sizeof(T));
  std::memcpy(array.values.data(), bytes.data() + header.header_bytes, header.data_bytes);
  return array;
}

inline Result<Matrix> read_matrix(const std::string& name) {
  TRY(array, read_array<float>(name, 'f'));
  if (array.shape.size() != 2) return fail(ErrorCode::corrupt, name + ": not a table");
  Matrix matrix;
  matrix.rows = array.shape[0];
  matrix.cols = array.shape[1];
  matrix.data = std::move(array.values);
  return matrix;
}

inline Result<std::vector<std::int32_t>> read_labels(const std::string& name) {
  TRY(array, read_array<std::int32_t>(name, 'i'));
  return std::move(array.values);
}

}  // namespace defuse
