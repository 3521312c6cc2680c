#include "core/ml/inference.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/ml/torch_tools.h"

namespace defuse {

namespace {

// OpenMP's thread count and the denormal mode belong to a thread, not to the process.
void prepare_thread() {
  at::init_num_threads();
  at::globalContext().setFlushDenormal(true);
}

}  // namespace

int resolve_threads(int threads) {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

struct ThreadTeam::State {
  std::vector<std::thread> threads;
  std::mutex mutex;
  std::condition_variable begun, ended;
  std::uint64_t round = 0;
  std::size_t busy = 0;
  bool closing = false;

  std::size_t tasks = 0;
  const std::function<Result<void>(std::size_t)>* work = nullptr;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::size_t failed_task = 0;
  Error failure;

  void take_tasks() {
    while (!failed.load(std::memory_order_relaxed)) {
      const std::size_t task = next.fetch_add(1);
      if (task >= tasks) return;
      auto result = catching(ErrorCode::internal, "in a worker thread", [&] { return (*work)(task); });
      if (result) continue;
      const std::scoped_lock lock(mutex);
      if (!failed || task < failed_task) {
        failure = std::move(result.error());
        failed_task = task;
      }
      failed = true;
    }
  }

  void loop() {
    prepare_thread();
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex);
    for (;;) {
      begun.wait(lock, [&] { return closing || round != seen; });
      if (closing) return;
      seen = round;
      lock.unlock();
      take_tasks();
      lock.lock();
      if (--busy == 0) ended.notify_one();
    }
  }
};

ThreadTeam::ThreadTeam(int threads) : state_(std::make_unique<State>()) {
  try {
    for (int i = 1; i < resolve_threads(threads); ++i) {
      state_->threads.emplace_back([state = state_.get()] { state->loop(); });
    }
  } catch (const std::system_error&) {
    // The system gives no more threads (a limit of the sandbox): fewer do the same work, with the same result.
  }
}

ThreadTeam::~ThreadTeam() {
  {
    const std::scoped_lock lock(state_->mutex);
    state_->closing = true;
  }
  state_->begun.notify_all();
  for (auto& thread : state_->threads) thread.join();
}

Result<void> ThreadTeam::run(std::size_t tasks, const std::function<Result<void>(std::size_t)>& work) {
  State& state = *state_;
  prepare_thread();
  {
    const std::scoped_lock lock(state.mutex);
    state.tasks = tasks;
    state.work = &work;
    state.next = 0;
    state.failed = false;
    state.busy = state.threads.size();
    ++state.round;
  }
  state.begun.notify_all();
  state.take_tasks();
  std::unique_lock lock(state.mutex);
  state.ended.wait(lock, [&] { return state.busy == 0; });
  if (state.failed) return tl::unexpected<Error>(std::move(state.failure));
  return {};
}

Result<void> for_batches(std::size_t n, std::size_t batch, int threads,
                         const std::function<Result<void>(std::size_t, std::size_t)>& work) {
  if (n == 0) return {};
  const std::size_t pieces = (n + batch - 1) / batch;
  ThreadTeam team(static_cast<int>(std::min(pieces, static_cast<std::size_t>(resolve_threads(threads)))));
  return team.run(pieces, [&](std::size_t piece) {
    const std::size_t first = piece * batch;
    return work(first, std::min(batch, n - first));
  });
}

std::size_t block_size(std::size_t values, std::size_t batch) {
  constexpr std::size_t kFloats = (64UL << 20) / sizeof(float);
  const std::size_t batches = kFloats / std::max<std::size_t>(1, values * batch);
  return batch * std::clamp<std::size_t>(batches, 1, 32);
}

}  // namespace defuse
