#include "core/slices/crew.h"

#include <system_error>

namespace defuse {

Crew::Crew(int threads) {
  try {
    for (int part = 1; part < threads; ++part)
      threads_.emplace_back([this, part] { loop(static_cast<std::size_t>(part)); });
  } catch (const std::system_error&) {
    // The system gives no more threads: fewer do the same work, with the same result.
  }
}

Crew::~Crew() {
  closing_ = true;
  ++round_;
  round_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void Crew::loop(std::size_t part) {
  for (std::uint32_t seen = 0;; ++seen) {
    round_.wait(seen);
    if (closing_) return;
    (*work_)(part);
    if (busy_.fetch_sub(1) == 1) busy_.notify_one();
  }
}

void Crew::run(const std::function<void(std::size_t)>& work) {
  work_ = &work;
  busy_ = static_cast<std::uint32_t>(threads_.size());
  ++round_;
  round_.notify_all();
  work(0);
  for (auto left = busy_.load(); left != 0; left = busy_.load()) busy_.wait(left);
}

}  // namespace defuse
