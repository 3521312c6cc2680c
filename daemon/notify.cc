#include "daemon/notify.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <utility>

#include "reports/text.h"

namespace defuse {
namespace {

constexpr std::size_t kMostLogged = 8000;  // bytes of one message

void send(const std::string& state) { ::sd_notify(/*unset_environment=*/0, state.c_str()); }

// One line: a newline would start another assignment.
std::string one_line(std::string text) {
  for (auto& c : text)
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  return text;
}

// %_: what is logged may quote a registry, a worker or a client: one message stays one line, and tells a terminal
// nothing.
class PlainFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    const auto text = clean({message.payload.data(), message.payload.size()}, kMostLogged);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PlainFlag>(); }
};

// %* in the pattern: the sd-daemon(3) prefix of the message's level.
class PriorityFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& destination) override {
    const std::string_view prefix = [&]() -> std::string_view {
      switch (message.level) {
        case spdlog::level::trace:
        case spdlog::level::debug:
          return SD_DEBUG;
        case spdlog::level::warn:
          return SD_WARNING;
        case spdlog::level::err:
          return SD_ERR;
        case spdlog::level::critical:
          return SD_CRIT;
        case spdlog::level::info:
        case spdlog::level::off:
        case spdlog::level::n_levels:
          return SD_INFO;
      }
      return SD_INFO;
    }();
    destination.append(prefix.data(), prefix.data() + prefix.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<PriorityFlag>(); }
};

}  // namespace

void Notifier::ready(const std::string& status) {
  last_status_ = one_line(status);
  send("READY=1\nSTATUS=" + last_status_);
}

void Notifier::status(const std::string& status) {
  auto line = one_line(status);
  if (line == last_status_) return;
  last_status_ = std::move(line);
  send("STATUS=" + last_status_);
}

void Notifier::reloading() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto microseconds =
      static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 + static_cast<std::uint64_t>(now.tv_nsec) / 1000;
  send("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(microseconds));
}

void Notifier::stopping() { send("STOPPING=1\nSTATUS=stopping"); }

void Notifier::alive() { send("WATCHDOG=1"); }

std::optional<std::chrono::microseconds> Notifier::watchdog_interval() {
  std::uint64_t microseconds = 0;
  if (::sd_watchdog_enabled(/*unset_environment=*/0, &microseconds) <= 0 || microseconds < 4) return std::nullopt;
  return std::chrono::microseconds(microseconds / 4);
}

bool logs_to_journal() { return std::getenv("JOURNAL_STREAM") != nullptr || std::getenv("INVOCATION_ID") != nullptr; }

void set_up_logging(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("defused", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<PriorityFlag>('*').add_flag<PlainFlag>('_');
  // The journal has its own clock.
  formatter->set_pattern(logs_to_journal() ? "%*%_" : "%Y-%m-%d %H:%M:%S.%e %l %_");
  logger->set_formatter(std::move(formatter));
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

}  // namespace defuse
