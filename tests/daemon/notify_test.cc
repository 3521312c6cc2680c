#include "daemon/notify.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "daemon/process/spawn.h"
#include "tests/daemon/support.h"

namespace defuse {
namespace {

// What systemd's end of the notify socket hears.
struct Notify : testing::Test {
  test::TempFolder folder;
  UniqueFd socket{::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  Notifier notifier;

  void SetUp() override {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const auto path = (folder.path() / "notify").string();
    std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override { ::unsetenv("NOTIFY_SOCKET"); }
  std::string heard() const {
    std::array<char, 4096> buffer{};
    const auto got = ::recv(socket.get(), buffer.data(), buffer.size(), 0);
    return got < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(got));
  }
};

TEST_F(Notify, ReadyCarriesAStatusThatCannotInjectAnotherLine) {
  notifier.ready("idle\nREADY=0");
  EXPECT_EQ(heard(), "READY=1\nSTATUS=idle READY=0");
}

TEST_F(Notify, StatusIsSentOnlyWhenItChanged) {
  notifier.status("idle");
  notifier.status("idle");
  EXPECT_EQ(heard(), "STATUS=idle");
  EXPECT_EQ(heard(), "");
}

TEST_F(Notify, ReloadingCarriesTheMonotonicTime) {
  notifier.reloading();
  const auto text = heard();
  EXPECT_TRUE(text.starts_with("RELOADING=1\nMONOTONIC_USEC=")) << text;
  EXPECT_GT(std::stoull(text.substr(std::strlen("RELOADING=1\nMONOTONIC_USEC="))), 0U);
}

TEST_F(Notify, AliveAndStoppingSayWhatSystemdWaitsFor) {
  notifier.alive();
  EXPECT_EQ(heard(), "WATCHDOG=1");
  notifier.stopping();
  EXPECT_TRUE(heard().starts_with("STOPPING=1\n"));
}

TEST(NotifyWatchdog, IsAQuarterOfTheUnitsLimitAndAbsentWithoutOne) {
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_FALSE(Notifier::watchdog_interval());
  ::setenv("WATCHDOG_USEC", "30000000", 1);
  ::unsetenv("WATCHDOG_PID");
  ASSERT_TRUE(Notifier::watchdog_interval());
  EXPECT_EQ(Notifier::watchdog_interval()->count(), 7500000);
  ::setenv("WATCHDOG_PID", "1", 1);  // meant for another process
  EXPECT_FALSE(Notifier::watchdog_interval());
  ::unsetenv("WATCHDOG_PID");
  ::unsetenv("WATCHDOG_USEC");
}

}  // namespace
}  // namespace defuse
