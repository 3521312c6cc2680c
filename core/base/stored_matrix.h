// A matrix that is only read: held in memory, or mapped from a file where it is too large to be held (what is said of
// every generated image). Copies share what they hold. Thread-safe.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "core/base/mapped_file.h"
#include "core/base/matrix.h"

namespace defuse {

class StoredMatrix {
 public:
  StoredMatrix() = default;
  StoredMatrix(Matrix matrix)  // NOLINT: a matrix is one that is stored in memory
      : rows_(matrix.rows), cols_(matrix.cols), held_(std::make_shared<const Matrix>(std::move(matrix))) {
    values_ = held_->data.data();
  }
  // rows * cols floats of the file, from `offset` on, which is aligned for them.
  StoredMatrix(std::shared_ptr<const MappedFile> file, std::size_t offset, std::size_t rows, std::size_t cols)
      : rows_(rows), cols_(cols), file_(std::move(file)), offset_(offset) {
    values_ = reinterpret_cast<const float*>(file_->bytes().data() + offset);
  }

  std::size_t rows() const { return rows_; }
  std::size_t cols() const { return cols_; }
  bool empty() const { return rows_ == 0 || cols_ == 0; }
  std::span<const float> row(std::size_t i) const { return {values_ + i * cols_, cols_}; }
  std::span<const float> all() const { return {values_, rows_ * cols_}; }

  // Gives the pages of a mapped matrix back to the page cache; they are read again when touched.
  void release() const {
    if (file_) file_->release(offset_, rows_ * cols_ * sizeof(float));
  }

 private:
  std::size_t rows_ = 0;
  std::size_t cols_ = 0;
  const float* values_ = nullptr;
  std::shared_ptr<const Matrix> held_;
  std::shared_ptr<const MappedFile> file_;
  std::size_t offset_ = 0;
};

}  // namespace defuse
