// Counter-based random numbers: draw i of stream (seed, a, b) is a pure function of (seed, a, b, i), so results do not
// depend on batch size, thread count or order of work (methods: Salmon et al., "Parallel random numbers: as easy as 1,
// 2, 3", SC 2011; the mixing function here is SplitMix64 of Steele, Lea and Flood, OOPSLA 2014, applied to the hashed
// key plus counter). A stream is a small value; one per thread.
#pragma once
#include <cstdint>

namespace defuse {

class RandomStream {
 public:
  explicit RandomStream(std::uint64_t seed, std::uint64_t a = 0, std::uint64_t b = 0);

  std::uint64_t bits();                      // 64 uniform bits
  double uniform();                          // [0, 1), 53 bits
  double normal();                           // N(0,1), by Box–Muller; consumes two draws for every two values
  double gamma(double shape);                // shape >= 1, scale 1; Marsaglia and Tsang, TOMS 2000
  double beta(double a, double b);           // a, b >= 1
  std::uint64_t below(std::uint64_t bound);  // [0, bound), bound > 0, without modulo bias

 private:
  std::uint64_t key_;
  std::uint64_t counter_ = 0;
  bool has_spare_ = false;
  double spare_ = 0;
};

// One well-mixed 64-bit value of its input; for splitting by content, not for security.
std::uint64_t mix64(std::uint64_t value);

}  // namespace defuse
