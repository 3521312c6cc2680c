// How a station tells what it is doing and learns that it should stop. The worker writes progress as lines to its
// parent; tests and `defusectl evaluate` give their own. Called from the station's main thread only.
#pragma once
#include <string_view>

namespace defuse {

class Progress {
 public:
  virtual ~Progress() = default;
  virtual void report(std::string_view station, double fraction) = 0;  // [0, 1]
  virtual bool stop_requested() const { return false; }
};

class NoProgress final : public Progress {
 public:
  void report(std::string_view, double) override {}
};

}  // namespace defuse
