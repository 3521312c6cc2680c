// Selection: the distances' bits are counted into at most 2048 equal intervals, which is a logarithmic scale of the
// distances; only the few intervals that hold an asked size are then put in order. All of it is exact: intervals rise
// with the distances, so ranks are what a full sort would give.
#include "core/regions/neighbourhood.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace defuse {
namespace {

constexpr std::size_t kLanes = 8;        // seeds of a block
constexpr std::size_t kPartialSums = 8;  // of squared_distance (scan.h)
constexpr unsigned kBucketBits = 11;
constexpr std::uint16_t kNoSlot = 0xffff;

using Floats = float __attribute__((vector_size(8 * sizeof(float))));
using FourFloats = float __attribute__((vector_size(4 * sizeof(float))));
using FourDoubles = double __attribute__((vector_size(4 * sizeof(double))));
using EightWords = std::uint32_t __attribute__((vector_size(8 * sizeof(std::uint32_t))));

// Up, so that a ball of this radius holds the seed it was measured to.
inline std::uint32_t rounded_up_bits(double value) {
  const auto near = static_cast<float>(value);
  const auto bits = std::bit_cast<std::uint32_t>(near);
  return bits + static_cast<std::uint32_t>(static_cast<double>(near) < value);
}

// For every seed the sum that `squared_distance` makes, in its order and so to its last bit: dimension j goes to
// partial sum j mod 8, and the eight are added up in double precision. `Floats`: as many seeds at a time as the
// registers are wide. (This file is compiled without fused multiply-add, which would round otherwise.)
[[gnu::always_inline]] inline void measure(const float* blocks, std::size_t count, std::size_t width,
                                           const float* center, std::uint32_t* bits) {
  for (std::size_t b = 0; b < count; ++b) {
    const float* column = blocks + b * width * kLanes;
    Floats sums[kPartialSums] = {};
    std::size_t j = 0;
    for (; j + kPartialSums <= width; j += kPartialSums) {
#pragma GCC unroll 8
      for (std::size_t l = 0; l < kPartialSums; ++l) {
        Floats x;
        __builtin_memcpy(&x, column + (j + l) * kLanes, sizeof x);
        const Floats step = x - center[j + l];
        sums[l] += step * step;
      }
    }
    for (std::size_t l = 0; j < width; ++j, ++l) {
      Floats x;
      __builtin_memcpy(&x, column + j * kLanes, sizeof x);
      const Floats step = x - center[j];
      sums[l] += step * step;
    }
    for (std::size_t four = 0; four < kLanes; four += 4) {
      FourDoubles total = {};
      for (const Floats& sum : sums) {
        FourFloats own;
        __builtin_memcpy(&own, reinterpret_cast<const char*>(&sum) + four * sizeof(float), sizeof own);
        total += __builtin_convertvector(own, FourDoubles);
      }
      for (std::size_t r = 0; r < 4; ++r) bits[b * kLanes + four + r] = rounded_up_bits(total[r]);
    }
  }
}

void measure_anywhere(const float* blocks, std::size_t count, std::size_t width, const float* center,
                      std::uint32_t* bits) {
  measure(blocks, count, width, center, bits);
}

#if defined(__x86_64__)
// The same operations in the same order, on wider registers.
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

struct Range {
  std::uint32_t least = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t most = 0;
};

Range range_of(std::span<const std::uint32_t> values) {
  EightWords least, most = {};
  least = ~most;
  std::size_t i = 0;
  for (; i + 8 <= values.size(); i += 8) {
    EightWords v;
    __builtin_memcpy(&v, values.data() + i, sizeof v);
    least = v < least ? v : least;
    most = v > most ? v : most;
  }
  Range range;
  for (std::size_t l = 0; l < 8; ++l) range = {std::min(range.least, least[l]), std::max(range.most, most[l])};
  for (; i < values.size(); ++i) range = {std::min(range.least, values[i]), std::max(range.most, values[i])};
  return range;
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

  std::span<const std::uint32_t> asked(bits_.data(), places.size());
  if (places.size() != seeds_.size()) {  // else every seed is asked
    asked_bits_.resize(places.size());
    for (std::size_t i = 0; i < places.size(); ++i) asked_bits_[i] = bits_[places[i]];
    asked = asked_bits_;
  }
  const auto [least, most] = range_of(asked);
  const auto range = static_cast<unsigned>(std::bit_width(most - least));
  const unsigned shift = range > kBucketBits ? range - kBucketBits : 0;
  counts_.assign(std::size_t{1} << kBucketBits, 0);
  for (const std::uint32_t v : asked) ++counts_[(v - least) >> shift];

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
    const std::uint32_t own = (asked[i] - least) >> shift;
    if (own > beyond || slot_of_bucket_[own] == kNoSlot) continue;
    slots_[slot_of_bucket_[own]].emplace_back(asked[i], places[i]);
  }
  for (std::size_t s = 0; s < slots; ++s) std::sort(slots_[s].begin(), slots_[s].end());
  for (const auto& [slot, rank] : where) out.push_back(slots_[slot][rank]);
}

}  // namespace defuse
