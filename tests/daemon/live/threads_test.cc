// The main strand and the work thread, on a real loop in a thread of its own.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <future>
#include <thread>
#include <vector>

#include "daemon/live/main_strand.h"
#include "daemon/live/work_thread.h"

namespace defuse {
namespace {

struct Loop {
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> guard = boost::asio::make_work_guard(io);
  std::thread thread{[this] { io.run(); }};
  ~Loop() {
    io.stop();
    thread.join();
  }
};

TEST(MainStrand, RunsWhatOtherThreadsAskForInItsOwnThread) {
  Loop loop;
  MainStrand strand(loop.io);
  const auto where = strand.call<std::thread::id>([] { return Result<std::thread::id>(std::this_thread::get_id()); });
  ASSERT_TRUE(where);
  EXPECT_EQ(*where, loop.thread.get_id());
}

TEST(MainStrand, ACallFromTheStrandItselfDoesNotWaitForItself) {
  Loop loop;
  MainStrand strand(loop.io);
  const auto inner = strand.call<int>([&] { return strand.call<int>([] { return Result<int>(7); }); });
  ASSERT_TRUE(inner);
  EXPECT_EQ(*inner, 7);
}

TEST(MainStrand, WhoIsToldThatTheDaemonStopsHasChangedNothing) {
  Loop loop;
  MainStrand strand(loop.io);
  std::promise<void> go_on;
  boost::asio::post(loop.io, [held = go_on.get_future().share()] { held.wait(); });  // the strand is busy
  bool changed = false;
  auto asked = std::async(std::launch::async, [&] {
    return strand.call<void>([&]() -> Result<void> {
      changed = true;
      return {};
    });
  });
  EXPECT_TRUE(strand.close());
  EXPECT_FALSE(strand.close()) << "closed already";
  const auto answer = asked.get();
  go_on.set_value();
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::unavailable);
  std::promise<void> turned;
  boost::asio::post(loop.io, [&] { turned.set_value(); });
  turned.get_future().wait();
  EXPECT_FALSE(changed);
}

TEST(WorkThread, DoesOneThingAfterTheOtherAndAnswersOnTheStrand) {
  Loop loop;
  WorkThread work(loop.io);
  std::vector<int> order;
  std::promise<std::thread::id> answered;
  for (int i = 0; i < 20; ++i) work.run([&order, i] { order.push_back(i); });
  work.run([&order] { return order.size(); },
           [&](std::size_t count) {
             EXPECT_EQ(count, 20u);
             answered.set_value(std::this_thread::get_id());
           });
  EXPECT_EQ(answered.get_future().get(), loop.thread.get_id());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(WorkThread, AnswersNobodyOnceItWasClosed) {
  boost::asio::io_context io(1);
  bool done = false, answered = false;
  {
    WorkThread work(io);
    work.run([&] { return done = true; }, [&](bool) { answered = true; });
    work.close();
  }
  io.run();
  EXPECT_TRUE(done);
  EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace defuse
