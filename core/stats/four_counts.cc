#include "core/stats/four_counts.h"

namespace defuse {

void FourCounts::add(bool incumbent_right, bool candidate_right) {
  if (incumbent_right) {
    ++(candidate_right ? both_right : negative_flips);
  } else {
    ++(candidate_right ? positive_flips : both_wrong);
  }
}

FourCounts& FourCounts::operator+=(const FourCounts& other) {
  both_right += other.both_right;
  negative_flips += other.negative_flips;
  positive_flips += other.positive_flips;
  both_wrong += other.both_wrong;
  return *this;
}

}  // namespace defuse
