// What systemd is told: ready, status, reloading, stopping, and that the main loop still turns. Does nothing when the
// daemon was not started by systemd. Main strand only.
#pragma once
#include <chrono>
#include <optional>
#include <string>

namespace defuse {

class Notifier {
 public:
  void ready(const std::string& status);
  void status(const std::string& status);  // sent only when it changed
  void reloading();                        // with the monotonic time, as systemd wants; end it with ready()
  void stopping();
  void alive();

  // How often alive() should be called: a quarter of the unit's WatchdogSec. None if there is no watchdog.
  static std::optional<std::chrono::microseconds> watchdog_interval();

 private:
  std::string last_status_;
};

// Whether stderr goes to the journal, so that lines carry "<N>" priorities.
bool logs_to_journal();
// One logger on stderr for the whole process. Levels: error = someone must act; warn = someone should know; info = one
// line per change of state; debug and trace = for developers.
void set_up_logging(const std::string& level);

}  // namespace defuse
