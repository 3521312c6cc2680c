// Threads that do a share of every step of a long walk: thousands of short rounds, so that waiting must not cost more
// than the work (waiters spin for a moment before they sleep). Called by moving_ball.cc only. Torch-free. One caller at
// a time.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace defuse {

class Crew {
 public:
  explicit Crew(int threads);  // the caller of `run` is one of them; fewer where the system gives no more
  ~Crew();
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  std::size_t size() const { return threads_.size() + 1; }
  // work(0) … work(size() - 1), each once and on a thread of its own. `work` must not throw.
  void run(const std::function<void(std::size_t part)>& work);

 private:
  void loop(std::size_t part);

  std::vector<std::thread> threads_;
  std::atomic<std::uint32_t> round_ = 0;
  std::atomic<std::uint32_t> busy_ = 0;
  bool closing_ = false;
  const std::function<void(std::size_t)>* work_ = nullptr;
};

}  // namespace defuse
