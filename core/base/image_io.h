// PNG and JPEG, the only file formats whose decoders see bytes from outside. Called by the image-folder reader (decode)
// and by whoever shows pictures to people (encode). Limits hold before anything is allocated; damaged input is an
// Error, never a half-grey image. No state; thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/image_shape.h"
#include "core/base/result.h"

namespace defuse {

struct ImageLimits {
  std::uint32_t side = 16384;          // pixels
  std::uint64_t pixels = 64ULL << 20;  // width * height
};

struct Image {
  ImageShape shape;                 // 1 or 3 channels
  std::vector<std::uint8_t> bytes;  // CHW
};

// By content, whatever the file is called. PNG of any depth, palette or alpha and JPEG in grey or colour become 8-bit
// grey or RGB: alpha is dropped and 16-bit values are rounded, as PIL's convert("RGB") does. `invalid_input` if it is
// neither format, CMYK or too large; `corrupt` if it is damaged or truncated.
Result<Image> decode_image(std::string_view bytes, const ImageLimits& limits = {});

// The same picture with `channels` 1 or 3: grey is repeated; colour becomes Rec. 601 luma, as PIL's convert("L") does.
Image with_channels(Image image, std::int64_t channels);

// requires: chw01.size() == shape.pixels(). 8-bit PNG of values in [0,1] (clamped; NaN is 0); 3 channels are RGB, of
// any other number the first is shown in grey. Each pixel becomes zoom x zoom.
std::string encode_png(const ImageShape& shape, std::span<const float> chw01, int zoom = 1);

}  // namespace defuse
