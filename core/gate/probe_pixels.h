// The pixels of any image that a probe set speaks of: a seed's own, or one of its perturbations, generated again.
// Called by the stations that draw or use single images. Thread-safe.
#pragma once
#include <cstdint>
#include <span>

#include "core/gate/stations.h"

namespace defuse {

class ProbePixels {
 public:
  // All of them must outlive this.
  ProbePixels(const Splits& splits, const ProbeSet& probes, const Generator& generator, const ModelSettings& settings)
      : splits_(splits), probes_(probes), generator_(generator), settings_(settings) {}

  std::size_t pixels() const { return static_cast<std::size_t>(splits_.test.shape().pixels()); }

  // `seed` into the probe set's; draw -1 is the real image. out: [C*H*W] in [0,1]
  Result<void> read(std::uint32_t seed, int draw, std::span<float> out) const;

 private:
  const Splits& splits_;
  const ProbeSet& probes_;
  const Generator& generator_;
  const ModelSettings& settings_;
};

}  // namespace defuse
