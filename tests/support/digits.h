// The 5,000 handwritten digits that Debian's opencv-doc ships as one sheet (50 rows x 100 columns of 20 x 20 pixels,
// 500 of each class), as training material for demo and tests; attributes of the writing; and IDX files of any set.
#pragma once
#include <filesystem>
#include <functional>

#include "core/base/result.h"
#include "tests/support/small_cnn.h"

namespace defuse::testing {

inline constexpr const char* kDigitSheet = "/usr/share/doc/opencv-doc/examples/data/digits.png";

struct DigitSplits {
  TrainingSet train;  // every second digit of each class
  TrainingSet test;
};

Result<DigitSplits> load_digits(const std::filesystem::path& sheet);

// Slant of the stroke: covariance of column and row over variance of row, weighted by ink. Positive leans to the left
// at the top.
double slant(std::span<const float> image, const ImageShape& shape);
// Mean intensity.
double ink(std::span<const float> image);

// The images of `data` for which `keep` holds.
TrainingSet subset(const TrainingSet& data, const std::function<bool(std::size_t)>& keep);
std::span<const float> image_at(const TrainingSet& data, std::size_t index);

// <folder>/<name>-images-idx3-ubyte and <name>-labels-idx1-ubyte.
Result<void> write_idx(const TrainingSet& data, const std::filesystem::path& folder, const std::string& name);

}  // namespace defuse::testing
