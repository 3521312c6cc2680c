// The main strand, the thread on which every decision and every write of the daemon happens, as other threads reach it.
// Thread-safe.
#pragma once
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <utility>

#include "core/base/result.h"

namespace defuse {

class MainStrand {
 public:
  explicit MainStrand(boost::asio::io_context& io) : io_(io) {}

  // Runs `body` there and waits: `unavailable` if that takes too long, or if the daemon stops. A caller that has gone
  // away before its turn came changes nothing.
  template <class T>
  Result<T> call(std::function<Result<T>()> body);

  bool close() { return !closed_.exchange(true); }  // those who wait are told so; false if it was closed already
  bool closed() const { return closed_; }

 private:
  static constexpr std::chrono::seconds kPatience{5};
  static constexpr std::chrono::milliseconds kGlance{50};

  boost::asio::io_context& io_;
  std::atomic<bool> closed_{false};
};

template <class T>
Result<T> MainStrand::call(std::function<Result<T>()> body) {
  if (io_.get_executor().running_in_this_thread()) return body();
  struct Call {
    std::promise<Result<T>> answer;
    std::atomic<bool> taken{false};  // by the strand, or given up by the caller: whoever sets it first
  };
  const auto call = std::make_shared<Call>();
  auto answer = call->answer.get_future();
  boost::asio::post(io_, [call, body = std::move(body)] {
    if (!call->taken.exchange(true)) call->answer.set_value(body());
  });
  const auto until = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    if (answer.wait_for(kGlance) == std::future_status::ready) return answer.get();
    const bool late = closed_ || std::chrono::steady_clock::now() >= until;
    if (late && !call->taken.exchange(true))
      return fail(ErrorCode::unavailable, closed_ ? "the daemon is stopping" : "the daemon is busy; try again");
    if (closed_) return fail(ErrorCode::unavailable, "the daemon is stopping");
  }
}

}  // namespace defuse
