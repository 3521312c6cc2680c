// Selection: the distances' bits are counted into at most 2048 equal intervals, which is a logarithmic scale of the
// distances; only the few intervals that hold an asked size are then put in order. All of it is exact: intervals rise
// with the distances, so ranks are what a full sort would give.
#include "core/regions/neighbourhood.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace defuse {
namespace {

constexpr std::size_t kLanes = 8;
constexpr unsigned kBucketBits = 11;
constexpr std::uint16_t kNoSlot = 0xffff;

using Floats = float __attribute__((vector_size(kLanes * sizeof(float))));
using FourFloats = float __attribute__((vector_size(4 * sizeof(float))));
using FourDoubles = double __attribute__((vector_size(4 * sizeof(double))));

// Up, so that a ball of this radius holds the seed it was measured to.
inline std::uint32_t rounded_up_bits(double value) {
  const auto near = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(near);
  return bits + static_cast<std::uint32_t>(static_cast<double>(near) < value);
}

// For every seed the sum that `squared_distance` (scan.h) makes, in its order and so to its last bit: dimension j goes
// to partial sum j mod 8, and the eight are added up in double precision.
[[gnu::always_inline]] inline void measure(const float* blocks, std::size_t count, std::size_t width,
                                           const float* center, std::uint32_t* bits) {
  for (std::size_t b = 0; b < count; ++b) {
    const float* block = blocks + b * width * kLanes;
    Floats sums[kLanes] = {};
    std::size_t j = 0;
    for (; j + kLanes <= width; j += kLanes) {
#pragma GCC unroll 8
      for (std::size_t l = 0; l < kLanes; ++l) {
        Floats x;
        __builtin_memcpy(&x, block + (j + l) * kLanes, sizeof x);
        const Floats step = x - center[j + l];
        sums[l] += step * step;
      }
    }
    for (std::size_t l = 0; j < width; ++j, ++l) {
      Floats x;
      __builtin_memcpy(&x, block + j * kLanes, sizeof x);
      const Floats step = x - center[j];
      sums[l] += step * step;
    }
    FourDoubles low = {}, high = {};
    for (const Floats& sum : sums) {
      low += __builtin_convertvector(__builtin_shufflevector(sum, sum, 0, 1, 2, 3), FourDoubles);
      high += __builtin_convertvector(__builtin_shufflevector(sum, sum, 4, 5, 6, 7), FourDoubles);
    }
    for (std::size_t r = 0; r < 4; ++r) {
      bits[b * kLanes + r] = rounded_up_bits(low[r]);
      bits[b * kLanes + 4 + r] = rounded_up_bits(high[r]);
    }
  }
}

void measure_anywhere(const float* blocks, std::size_t count, std::size_t width, const float* center,
                      std::uint32_t* bits) {
  measure(blocks, count, width, center, bits);
}

#if defined(__x86_64__)
// The same operations in the same order, on registers twice as wide. (No fused multiply-add: it would round otherwise.)
[[gnu::target("avx2")]] void measure_avx2(const float* blocks, std::size_t count, std::size_t width,
                                          const float* center, std::uint32_t* bits) {
  measure(blocks, count, width, center, bits);
}
#endif

using Measure = void (*)(const float*, std::size_t, std::size_t, const float*, std::uint32_t*);

Measure fastest_measure() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2")) return measure_avx2;
#endif
  return measure_anywhere;
}

}  // namespace

Neighbourhood::Neighbourhood(const Matrix& points, std::vector<std::uint32_t> seeds)
    : seeds_(std::move(seeds)), width_(points.cols) {
  const std::size_t blocks = (seeds_.size() + kLanes - 1) / kLanes;
  blocks_.assign(blocks * width_ * kLanes, 0.0F);
  bits_.assign(blocks * kLanes, 0);
  for (std::size_t i = 0; i < seeds_.size(); ++i) {
    const auto from = points.row(seeds_[i]);
    float* to = blocks_.data() + i / kLanes * width_ * kLanes + i % kLanes;
    for (std::size_t j = 0; j < width_; ++j) to[j * kLanes] = from[j];
  }
}

void Neighbourhood::look_from(std::span<const float> center) {
  static const Measure measure_all = fastest_measure();
  measure_all(blocks_.data(), bits_.size() / kLanes, width_, center.data(), bits_.data());
}

void Neighbourhood::reach(std::span<const std::uint32_t> places, std::span<const int> sizes,
                          std::vector<NearKey>& out) {
  out.clear();
  const auto last = std::upper_bound(sizes.begin(), sizes.end(), places.size(),
                                     [](std::size_t n, int size) { return n < static_cast<std::size_t>(size); });
  sizes = sizes.first(static_cast<std::size_t>(last - sizes.begin()));
  if (sizes.empty()) return;

  asked_bits_.resize(places.size());
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max(), most = 0;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint32_t v = bits_[places[i]];
    asked_bits_[i] = v;
    least = std::min(least, v);
    most = std::max(most, v);
  }
  const auto range = static_cast<unsigned>(std::bit_width(most - least));
  const unsigned shift = range > kBucketBits ? range - kBucketBits : 0;
  counts_.assign(std::size_t{1} << kBucketBits, 0);
  for (const std::uint32_t v : asked_bits_) ++counts_[(v - least) >> shift];

  // Which interval holds each size, and how many lie before that interval.
  slot_of_bucket_.assign(counts_.size(), kNoSlot);
  std::vector<std::pair<std::size_t, std::size_t>> where;  // slot, rank in it
  std::size_t slots = 0, before = 0, bucket = 0;
  for (const int size : sizes) {
    while (before + counts_[bucket] < static_cast<std::size_t>(size)) before += counts_[bucket++];
    if (slot_of_bucket_[bucket] == kNoSlot) {
      slot_of_bucket_[bucket] = static_cast<std::uint16_t>(slots++);
      if (slots_.size() < slots) slots_.emplace_back();
      slots_[slots - 1].clear();
    }
    where.emplace_back(slot_of_bucket_[bucket], static_cast<std::size_t>(size) - before - 1);
  }
  const std::uint32_t beyond = static_cast<std::uint32_t>(bucket);
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint32_t own = (asked_bits_[i] - least) >> shift;
    if (own > beyond || slot_of_bucket_[own] == kNoSlot) continue;
    slots_[slot_of_bucket_[own]].emplace_back(asked_bits_[i], places[i]);
  }
  for (std::size_t s = 0; s < slots; ++s) std::sort(slots_[s].begin(), slots_[s].end());
  for (const auto& [slot, rank] : where) out.push_back(slots_[slot][rank]);
}

}  // namespace defuse
