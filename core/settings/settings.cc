#include "core/settings/settings.h"

namespace defuse {

std::string_view to_string(CheckMode mode) {
  switch (mode) {
    case CheckMode::block:
      return "block";
    case CheckMode::warn:
      return "warn";
    case CheckMode::shadow:
      return "shadow";
    case CheckMode::off:
      return "off";
  }
  return "block";
}

std::string_view to_string(Correction correction) {
  switch (correction) {
    case Correction::none:
      return "none";
    case Correction::lond:
      return "lond";
    case Correction::spending:
      return "spending";
  }
  return "?";
}

}  // namespace defuse
