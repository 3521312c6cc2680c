// defusectl: a person's and a pipeline's tool. Everything is in ctl/; exit codes are listed in ctl/commands.h.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <string>
#include <vector>

#include "daemon/ctl/ctl.h"

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);  // a server that hangs up is an error to report, not an end
  const defuse::SystemClock clock;
  const int code =
      defuse::ctl::run(std::vector<std::string>(argv + 1, argv + argc),
                       {std::cout, std::cerr, clock, ::isatty(STDOUT_FILENO) == 1, ::isatty(STDERR_FILENO) == 1});
  // What a pipeline did not get to read it must not take for said.
  std::cout.flush();
  return std::cout.good() || code != 0 ? code : 4;
}
