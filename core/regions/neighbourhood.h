// The seeds of one class in one space, asked again and again: from this point, how far must a ball reach to hold the k
// nearest of those that count? Called by the scan only, which asks it some hundred times a class, so it never sorts the
// class: distances are measured eight seeds at a time, and only the few seeds at the asked sizes are ranked. Knows
// nothing of scores. Deterministic; not thread-safe (it remembers the last point).
#pragma once
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/matrix.h"

namespace defuse {

// Squared distance and place of a seed in one integer that sorts like the pair: the bits of floats that are not
// negative rise with them.
class NearKey {
 public:
  NearKey() = default;
  NearKey(std::uint32_t distance_bits, std::uint32_t place) : key_((std::uint64_t{distance_bits} << 32) | place) {}
  double squared() const { return static_cast<double>(std::bit_cast<float>(static_cast<std::uint32_t>(key_ >> 32))); }
  std::uint32_t distance_bits() const { return static_cast<std::uint32_t>(key_ >> 32); }
  auto operator<=>(const NearKey&) const = default;

 private:
  std::uint64_t key_ = 0;
};

class Neighbourhood {
 public:
  // The rows `seeds` of `points`, all finite, ascending. The places of everything below count along `seeds`.
  Neighbourhood(const Matrix& points, std::vector<std::uint32_t> seeds);

  std::size_t size() const { return seeds_.size(); }
  const std::vector<std::uint32_t>& seeds() const { return seeds_; }

  void look_from(std::span<const float> center);
  NearKey key(std::uint32_t place) const { return {bits_[place], place}; }

  // From where `look_from` stands, for each of `sizes` (rising) the key of that neighbour among `places` (ascending),
  // as far as there are that many. Ties: the lower place is nearer.
  void reach(std::span<const std::uint32_t> places, std::span<const int> sizes, std::vector<NearKey>& out);

 private:
  std::vector<std::uint32_t> seeds_;
  std::size_t width_ = 0;
  std::vector<float> blocks_;        // [blocks][d][8]: eight seeds side by side
  std::vector<std::uint32_t> bits_;  // [8 blocks] squared distances, rounded up, as the bits of floats
  std::vector<std::uint32_t> asked_bits_, counts_;
  std::vector<std::uint16_t> slot_of_bucket_;
  std::vector<std::vector<NearKey>> slots_;
};

}  // namespace defuse
