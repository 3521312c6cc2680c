#include "tests/support/digits.h"

#include <algorithm>
#include <cmath>

#include "core/base/files.h"
#include "core/base/image_io.h"

namespace defuse::testing {
namespace {

constexpr std::int64_t kSide = 20;
constexpr std::size_t kRows = 50;
constexpr std::size_t kColumns = 100;

void append_be32(std::string& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>((value >> shift) & 0xff);
}

}  // namespace

std::span<const float> image_at(const TrainingSet& data, std::size_t index) {
  const auto pixels = static_cast<std::size_t>(data.shape.pixels());
  return {data.images.data() + index * pixels, pixels};
}

Result<DigitSplits> load_digits(const std::filesystem::path& sheet) {
  TRY(bytes, read_file(sheet, 64 << 20));
  TRY(image, decode_image(bytes, {}));
  if (image.shape.width != kSide * static_cast<std::int64_t>(kColumns) ||
      image.shape.height != kSide * static_cast<std::int64_t>(kRows))
    return fail(ErrorCode::invalid_input, sheet.string() + " is not the sheet of 50 x 100 digits");
  DigitSplits splits;
  splits.train.shape = splits.test.shape = {1, kSide, kSide};
  const auto grey = with_channels(std::move(image), 1);
  for (std::size_t row = 0; row < kRows; ++row) {
    for (std::size_t column = 0; column < kColumns; ++column) {
      auto& part = column % 2 == 0 ? splits.train : splits.test;
      part.labels.push_back(static_cast<std::int32_t>(row / 5));
      for (std::size_t y = 0; y < kSide; ++y)
        for (std::size_t x = 0; x < kSide; ++x) {
          const auto at = (row * kSide + y) * kColumns * kSide + column * kSide + x;
          part.images.push_back(static_cast<float>(grey.bytes[at]) / 255.0f);
        }
    }
  }
  return splits;
}

double slant(std::span<const float> image, const ImageShape& shape) {
  double mass = 0, mean_x = 0, mean_y = 0;
  const auto width = static_cast<std::size_t>(shape.width);
  for (std::size_t i = 0; i < image.size(); ++i) {
    const double v = static_cast<double>(image[i]);
    mass += v;
    mean_x += v * static_cast<double>(i % width);
    mean_y += v * static_cast<double>(i / width);
  }
  if (mass <= 0) return 0;
  mean_x /= mass;
  mean_y /= mass;
  double xy = 0, yy = 0;
  for (std::size_t i = 0; i < image.size(); ++i) {
    const double dx = static_cast<double>(i % width) - mean_x;
    const double dy = static_cast<double>(i / width) - mean_y;
    xy += static_cast<double>(image[i]) * dx * dy;
    yy += static_cast<double>(image[i]) * dy * dy;
  }
  return yy > 0 ? xy / yy : 0;
}

double ink(std::span<const float> image) {
  double sum = 0;
  for (const float v : image) sum += static_cast<double>(v);
  return image.empty() ? 0 : sum / static_cast<double>(image.size());
}

TrainingSet subset(const TrainingSet& data, const std::function<bool(std::size_t)>& keep) {
  TrainingSet out;
  out.shape = data.shape;
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (!keep(i)) continue;
    const auto image = image_at(data, i);
    out.images.insert(out.images.end(), image.begin(), image.end());
    out.labels.push_back(data.labels[i]);
  }
  return out;
}

Result<void> write_idx(const TrainingSet& data, const std::filesystem::path& folder, const std::string& name) {
  std::string images("\0\0\x08\x03", 4);
  append_be32(images, data.size());
  append_be32(images, static_cast<std::size_t>(data.shape.height));
  append_be32(images, static_cast<std::size_t>(data.shape.width));
  for (const float v : data.images) images += static_cast<char>(static_cast<unsigned char>(std::lround(v * 255.0f)));
  std::string labels("\0\0\x08\x01", 4);
  append_be32(labels, data.size());
  for (const auto label : data.labels) labels += static_cast<char>(label);
  TRY_OK(write_atomically(folder / (name + "-images-idx3-ubyte"), images));
  return write_atomically(folder / (name + "-labels-idx1-ubyte"), labels);
}

}  // namespace defuse::testing
