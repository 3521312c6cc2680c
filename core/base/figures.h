// Numbers as people read them.
#pragma once
#include <string>

namespace defuse {

// Of a finite share, with this many decimals; halves are rounded away from zero: "4.2 %".
std::string percent(double share, int decimals);

}  // namespace defuse
