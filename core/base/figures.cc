#include "core/base/figures.h"

#include <cmath>
#include <cstdio>

namespace defuse {

std::string percent(double share, int decimals) {
  const double scale = std::pow(10.0, decimals);
  char text[64];
  std::snprintf(text, sizeof text, "%.*f %%", decimals, std::round(share * 100 * scale) / scale);
  return text;
}

}  // namespace defuse
