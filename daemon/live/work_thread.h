// The one thread on which files of jobs are read, judged, written and removed, in the order in which that was asked
// for: so old folders are swept before a report is written that no row knows yet. What comes of it is taken in on the
// main strand. Main strand only.
#pragma once
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>
#include <utility>

namespace defuse {

class WorkThread {
 public:
  explicit WorkThread(boost::asio::io_context& io) : io_(io) {}
  ~WorkThread() { join(); }
  WorkThread(const WorkThread&) = delete;
  WorkThread& operator=(const WorkThread&) = delete;

  template <class Work>
  void run(Work work) {
    boost::asio::post(pool_, std::move(work));
  }
  // `then` gets on the main strand what `work` returned; it is not called any more once close() was.
  template <class Work, class Then>
  void run(Work work, Then then) {
    boost::asio::post(pool_, [this, guard = boost::asio::make_work_guard(io_), work = std::move(work),
                              then = std::move(then)]() mutable {
      boost::asio::post(io_, [this, then = std::move(then), result = work()]() mutable {
        if (!closed_) then(std::move(result));
      });
    });
  }
  void close() { closed_ = true; }
  void join() { pool_.join(); }  // what was asked for is done when it returns; nothing more can be

 private:
  boost::asio::io_context& io_;
  bool closed_ = false;
  boost::asio::thread_pool pool_{1};
};

}  // namespace defuse
