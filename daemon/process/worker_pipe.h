// Reads one output pipe of a worker, bounded in every direction: a worker that floods its output is slowed down to a
// fixed rate and costs a fixed amount of memory. Called by the supervisor on the main strand only; never blocks.
#pragma once
#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "daemon/process/spawn.h"

namespace defuse {

class WorkerPipe : public std::enable_shared_from_this<WorkerPipe> {
 public:
  using OnBytes = std::function<void(std::string_view)>;
  // At most `bytes_per_tick` are read between two calls of tick(); the rest waits in the pipe, and so does the writer.
  WorkerPipe(boost::asio::io_context& io, UniqueFd fd, std::size_t bytes_per_tick, OnBytes on_bytes);

  void start();
  void tick();
  // Takes what is left in the pipe without waiting, at most one more tick's worth, and closes. No callback follows.
  void drain_and_close();

 private:
  void read();
  bool read_some();  // false at the end, or when nothing is there now
  boost::asio::posix::stream_descriptor stream_;
  std::size_t bytes_per_tick_;
  std::size_t left_;
  bool reading_ = false;
  OnBytes on_bytes_;
  std::array<char, 8192> buffer_{};
};

// Splits bytes into lines. A line longer than the limit is dropped whole: it is no progress line of ours.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t longest) : longest_(longest) {}
  void add(std::string_view bytes, const std::function<void(std::string_view)>& on_line);

 private:
  std::size_t longest_;
  std::string line_;
  bool dropping_ = false;
};

// A log file that keeps the first and the last `keep` bytes of what is written to it. The head is on disk at once, the
// tail when the worker has ended. Failing to write a log stops nothing.
class CappedLog {
 public:
  CappedLog(const std::filesystem::path& file, std::size_t keep);
  ~CappedLog();
  CappedLog(const CappedLog&) = delete;
  CappedLog& operator=(const CappedLog&) = delete;

  void add(std::string_view bytes);
  void finish();

 private:
  void write(std::string_view bytes);
  UniqueFd fd_;
  std::size_t keep_;
  std::size_t head_ = 0;
  std::size_t dropped_ = 0;
  std::string tail_;
};

}  // namespace defuse
