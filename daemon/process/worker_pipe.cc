#include "daemon/process/worker_pipe.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace defuse {

WorkerPipe::WorkerPipe(boost::asio::io_context& io, UniqueFd fd, std::size_t bytes_per_tick, OnBytes on_bytes)
    : stream_(io, fd.release()),
      bytes_per_tick_(bytes_per_tick),
      left_(bytes_per_tick),
      on_bytes_(std::move(on_bytes)) {}

void WorkerPipe::start() { read(); }

void WorkerPipe::tick() {
  left_ = bytes_per_tick_;
  if (!reading_) read();
}

void WorkerPipe::read() {
  if (!stream_.is_open() || left_ == 0) return;
  reading_ = true;
  stream_.async_wait(boost::asio::posix::stream_descriptor::wait_read,
                     [self = shared_from_this()](const boost::system::error_code& error) {
                       self->reading_ = false;
                       if (error || !self->stream_.is_open()) return;
                       if (self->read_some()) self->read();
                     });
}

bool WorkerPipe::read_some() {
  const auto got = ::read(stream_.native_handle(), buffer_.data(), std::min(buffer_.size(), left_));
  if (got < 0) return errno == EINTR;
  if (got == 0) {  // nobody writes any more; the exit is noticed elsewhere
    boost::system::error_code ignored;
    stream_.close(ignored);
    return false;
  }
  left_ -= static_cast<std::size_t>(got);
  on_bytes_({buffer_.data(), static_cast<std::size_t>(got)});
  return true;
}

void WorkerPipe::drain_and_close() {
  left_ = bytes_per_tick_;
  while (stream_.is_open() && left_ > 0 && read_some()) {
  }
  boost::system::error_code ignored;
  if (stream_.is_open()) stream_.close(ignored);
  on_bytes_ = [](std::string_view) {};
}

void LineSplitter::add(std::string_view bytes, const std::function<void(std::string_view)>& on_line) {
  while (!bytes.empty()) {
    const auto end = bytes.find('\n');
    const auto part = bytes.substr(0, end);
    if (!dropping_ && line_.size() + part.size() > longest_) {
      dropping_ = true;
      line_.clear();
    }
    if (!dropping_) line_.append(part);
    if (end == std::string_view::npos) return;
    if (!dropping_ && !line_.empty()) on_line(line_);
    dropping_ = false;
    line_.clear();
    bytes.remove_prefix(end + 1);
  }
}

CappedLog::CappedLog(const std::filesystem::path& file, std::size_t keep)
    : fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640)),
      keep_(keep) {}

CappedLog::~CappedLog() { finish(); }

void CappedLog::add(std::string_view bytes) {
  if (head_ < keep_) {
    const auto part = bytes.substr(0, keep_ - head_);
    write(part);
    head_ += part.size();
    bytes.remove_prefix(part.size());
  }
  tail_.append(bytes);
  if (tail_.size() > 2 * keep_) {  // trimmed in large steps, not at every line
    dropped_ += tail_.size() - keep_;
    tail_.erase(0, tail_.size() - keep_);
  }
}

void CappedLog::finish() {
  if (!fd_) return;
  if (tail_.size() > keep_) {
    dropped_ += tail_.size() - keep_;
    tail_.erase(0, tail_.size() - keep_);
  }
  if (dropped_ > 0) write("\n[" + std::to_string(dropped_) + " bytes left out]\n");
  write(tail_);
  fd_ = UniqueFd();
}

void CappedLog::write(std::string_view bytes) {
  while (fd_ && !bytes.empty()) {
    const auto written = ::write(fd_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace defuse
