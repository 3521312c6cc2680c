#include "core/gate/probe_pixels.h"

namespace defuse {

Result<void> ProbePixels::read(std::uint32_t seed, int draw, std::span<float> out) const {
  if (draw < 0) {
    const Seed& of = probes_.seeds[seed];
    (of.split == Split::test ? splits_.test : splits_.train).read(of.index, 1, out);
    return {};
  }
  Matrix code(1, probes_.codes.cols);
  perturbed_codes(probes_, settings_.checks.misclassification_regions, settings_.seed, seed, draw, 1, code);
  return generator_.decode_here(code, 0, 1, out);
}

}  // namespace defuse
