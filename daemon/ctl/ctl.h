// defusectl without its main: words in, exit code out. Tests call it with streams of their own.
#pragma once
#include <ostream>
#include <string>
#include <vector>

#include "core/base/clock.h"

namespace defuse::ctl {

struct Surroundings {
  std::ostream& out;
  std::ostream& err;
  const Clock& clock;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
};

// `words` without the program's name. Never throws.
int run(std::vector<std::string> words, const Surroundings& around);

}  // namespace defuse::ctl
