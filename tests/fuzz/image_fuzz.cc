// PNG and JPEG files: a byte of wishes, then the file.
#include <algorithm>
#include <vector>

#include "core/base/image_io.h"
#include "core/base/thumbnail.h"
#include "tests/fuzz/fuzz.h"

namespace defuse {
namespace {

constexpr ImageLimits kLimits{.side = 1024, .pixels = 1 << 16};  // small, so that many are tried

std::vector<float> in_unit_range(const Image& image) {
  std::vector<float> pixels(image.bytes.size());
  std::transform(image.bytes.begin(), image.bytes.end(), pixels.begin(),
                 [](std::uint8_t byte) { return static_cast<float>(byte) / 255.0F; });
  return pixels;
}

// What a page shows of it is the same picture.
void check_encoder(const Image& image) {
  const auto written = decode_image(encode_png(image.shape, in_unit_range(image)));
  fuzz::require(written.has_value(), "what we write can be read");
  fuzz::require(written->shape == image.shape && written->bytes == image.bytes, "PNG keeps every pixel");
}

void check_thumbnail(const Image& image, std::int64_t longest) {
  const auto small = shrink(image.shape, in_unit_range(image), longest);
  fuzz::require(small.shape.height <= longest && small.shape.width <= longest, "a thumbnail is small");
  fuzz::require(small.pixels.size() == static_cast<std::size_t>(small.shape.pixels()), "a thumbnail is whole");
  for (const float pixel : small.pixels) fuzz::require(pixel >= 0 && pixel <= 1.0001F, "a thumbnail is a mean");
}

}  // namespace
}  // namespace defuse

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace defuse;
  fuzz::Input input(data, size);
  const auto wishes = input.byte();
  const auto image = decode_image(input.rest(), kLimits);
  if (!image) {
    const bool named = image.error().message.find("PNG") != std::string::npos ||
                       image.error().message.find("JPEG") != std::string::npos;
    fuzz::require(named, "the error names the format", image.error().message);
    return 0;
  }
  const auto& shape = image->shape;
  fuzz::require(shape.channels == 1 || shape.channels == 3, "grey or colour");
  fuzz::require(shape.height >= 1 && shape.width >= 1 && shape.height <= kLimits.side && shape.width <= kLimits.side &&
                    static_cast<std::uint64_t>(shape.height * shape.width) <= kLimits.pixels,
                "limits hold");
  fuzz::require(image->bytes.size() == static_cast<std::size_t>(shape.pixels()), "an image is whole");
  const auto grey = with_channels(*image, 1), colour = with_channels(*image, 3);
  fuzz::require(grey.shape.channels == 1 && grey.bytes.size() * 3 == colour.bytes.size(), "channels as asked for");
  if ((wishes & 1) != 0) check_encoder(*image);
  if ((wishes & 2) != 0) check_thumbnail(*image, 1 + (wishes >> 2));
  return 0;
}
