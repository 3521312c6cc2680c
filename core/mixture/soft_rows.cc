// e^x for x <= 0 as 2^n e^r with n = round(x / ln 2), |r| <= ln 2 / 2, and 14 terms of the series: the first one left
// out is below 5e-18. ln 2 in two parts, the first with so many zeros that n times it is exact (as fdlibm splits it).
// The entropy of a row needs no logarithm of each r: with x = u - max u and s = sum e^x it is ln s - sum e^x x / s.
#include "core/mixture/soft_rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "core/mixture/wide.h"

namespace defuse {
namespace {

constexpr std::size_t kLanes = 4;
using Lanes = double __attribute__((vector_size(kLanes * sizeof(double))));
using Bits = std::int64_t __attribute__((vector_size(kLanes * sizeof(std::int64_t))));
using Words = std::uint64_t __attribute__((vector_size(kLanes * sizeof(std::uint64_t))));

constexpr double kLeast = -46;  // e^-46 = 1e-20
constexpr double kLog2E = 1.4426950408889634;
constexpr double kLn2High = 6.93147180369123816490e-01;
constexpr double kLn2Low = 1.90821492927058770002e-10;
constexpr double kRounder = 6755399441055744.0;  // 1.5 * 2^52: adding it rounds, and leaves the integer in the low bits
constexpr std::array<double, 14> kInverseFactorials{
    1.0,        1.0,         1.0 / 2,      1.0 / 6,       1.0 / 24,       1.0 / 120,       1.0 / 720,
    1.0 / 5040, 1.0 / 40320, 1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800};

// x becomes e^x, or 0 below kLeast. By reference: passing such values depends on the instruction set.
[[gnu::always_inline]] inline void raise(Lanes& x) {
  const Bits negligible = x < kLeast;
  const Lanes shifted = x * kLog2E + kRounder;
  const Lanes n = shifted - kRounder;
  const Lanes r = x - n * kLn2High - n * kLn2Low;
  Lanes sum = r * kInverseFactorials[13] + kInverseFactorials[12];
#pragma GCC unroll 12
  for (int term = 11; term >= 0; --term) sum = sum * r + kInverseFactorials[static_cast<std::size_t>(term)];
  Words integer, bits, kept;  // unsigned: a negative exponent wraps around
  std::memcpy(&integer, &shifted, sizeof(integer));
  std::memcpy(&bits, &sum, sizeof(bits));
  std::memcpy(&kept, &negligible, sizeof(kept));
  bits += integer << 52;
  bits &= ~kept;
  std::memcpy(&x, &bits, sizeof(x));
}

// Lanes beyond `count` get `other`.
[[gnu::always_inline]] inline void load(Lanes& to, const double* from, std::size_t count, double other) {
  if (count >= kLanes) {
    std::memcpy(&to, from, sizeof(to));
    return;
  }
  for (std::size_t l = 0; l < kLanes; ++l) to[l] = l < count ? from[l] : other;
}

[[gnu::always_inline]] inline double total(const Lanes& lanes) { return (lanes[0] + lanes[1]) + (lanes[2] + lanes[3]); }

[[gnu::always_inline]] inline double largest(const double* row, std::size_t k) {
  Lanes most{};
  load(most, row, k, row[0]);
  for (std::size_t j = kLanes; j < k; j += kLanes) {
    Lanes next;
    load(next, row + j, k - j, row[0]);
    most = next > most ? next : most;
  }
  return std::max(std::max(most[0], most[1]), std::max(most[2], most[3]));
}

// One row.
[[gnu::always_inline]] inline void soften(double* row, std::size_t k, SoftRows& out) {
  const double most = largest(row, k);
  Lanes sum{}, weighted{};
  Bits zeros{};
  for (std::size_t j = 0; j < k; j += kLanes) {
    Lanes x;
    load(x, row + j, k - j, most + 2 * kLeast);
    x -= most;
    const Lanes below = x;
    const Bits negligible = x < kLeast;  // -1 where it is
    zeros -= negligible;
    if ((negligible[0] & negligible[1] & negligible[2] & negligible[3]) != 0) {
      x = Lanes{};
    } else {
      raise(x);
      sum += x;
      weighted += x * below;
    }
    std::memcpy(row + j, &x, std::min(kLanes, k - j) * sizeof(double));
  }
  const double s = total(sum);
  const double by = 1 / s;
  for (std::size_t j = 0; j < k; j += kLanes) {
    Lanes x;
    load(x, row + j, k - j, 0);
    x *= by;
    std::memcpy(row + j, &x, std::min(kLanes, k - j) * sizeof(double));
  }
  out.entropy += std::log(s) - total(weighted) * by;
  const std::size_t lanes = (k + kLanes - 1) / kLanes * kLanes;
  out.filled += lanes - static_cast<std::size_t>((zeros[0] + zeros[1]) + (zeros[2] + zeros[3]));
}

}  // namespace

DEFUSE_WIDE SoftRows soften_rows(std::span<double> values, std::size_t k) {
  SoftRows out;
  for (std::size_t first = 0; first < values.size(); first += k) soften(values.data() + first, k, out);
  return out;
}

DEFUSE_WIDE void add_weighted_rows(std::span<const double> weights, std::size_t k, const double* rows,
                                   std::size_t width, double* sums) {
  for (std::size_t first = 0; first < weights.size(); first += k, rows += width) {
    for (std::size_t c = 0; c < k; ++c) {
      const double weight = weights[first + c];
      if (weight == 0) continue;
      double* sum = sums + c * width;
      std::size_t j = 0;
      for (; j + kLanes <= width; j += kLanes) {
        Lanes x, y;
        std::memcpy(&x, rows + j, sizeof(x));
        std::memcpy(&y, sum + j, sizeof(y));
        y += x * weight;
        std::memcpy(sum + j, &y, sizeof(y));
      }
      for (; j < width; ++j) sum[j] += rows[j] * weight;
    }
  }
}

}  // namespace defuse
