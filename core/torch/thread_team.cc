#include "core/torch/thread_team.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <list>
#include <mutex>
#include <system_error>
#include <thread>

#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

// OpenMP's thread count and the denormal mode belong to a thread, not to the process.
void prepare_thread() {
  at::init_num_threads();
  at::globalContext().setFlushDenormal(true);
}

// One call of ThreadTeam::run. Lives on its caller's stack until the last helper has left it.
struct Round {
  std::size_t tasks = 0;
  const std::function<Result<void>(std::size_t)>* work = nullptr;
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;

  // Under the workers' mutex.
  std::size_t wanted = 0;  // helpers that may still join
  std::size_t inside = 0;  // helpers at work
  std::condition_variable left;
  std::size_t failed_task = 0;
  Error failure;
};

class Workers {
 public:
  // Never destroyed: its threads wait for work until the process ends.
  static Workers& of_process() {
    static auto* workers = new Workers;
    return *workers;
  }

  Result<void> run(Round& round, std::size_t helpers) {
    std::list<Round*>::iterator place;
    {
      const std::scoped_lock lock(mutex_);
      start_threads(helpers);
      round.wanted = helpers;
      place = rounds_.insert(rounds_.end(), &round);
    }
    for (std::size_t i = 0; i < helpers; ++i) begun_.notify_one();
    take_tasks(round);
    std::unique_lock lock(mutex_);
    rounds_.erase(place);  // nobody joins any more
    round.left.wait(lock, [&] { return round.inside == 0; });
    if (round.failed) return tl::unexpected<Error>(std::move(round.failure));
    return {};
  }

 private:
  void start_threads(std::size_t count) {
    try {
      for (; threads_ < count; ++threads_) std::thread([this] { loop(); }).detach();
    } catch (const std::system_error&) {
      // The system gives no more threads: fewer do the same work, with the same result.
    }
  }

  void loop() {
    prepare_thread();
    std::unique_lock lock(mutex_);
    for (;;) {
      Round* round = nullptr;
      begun_.wait(lock, [&] { return (round = waiting_round()) != nullptr; });
      --round->wanted;
      ++round->inside;
      lock.unlock();
      take_tasks(*round);
      lock.lock();
      if (--round->inside == 0) round->left.notify_one();
    }
  }

  Round* waiting_round() {
    for (Round* round : rounds_) {
      if (round->wanted > 0 && round->next.load(std::memory_order_relaxed) < round->tasks) return round;
    }
    return nullptr;
  }

  void take_tasks(Round& round) {
    while (!round.failed.load(std::memory_order_relaxed)) {
      const std::size_t task = round.next.fetch_add(1);
      if (task >= round.tasks) return;
      auto result = catching(ErrorCode::internal, "in a worker thread", [&] { return (*round.work)(task); });
      if (result) continue;
      const std::scoped_lock lock(mutex_);
      if (!round.failed || task < round.failed_task) {
        round.failure = std::move(result.error());
        round.failed_task = task;
      }
      round.failed = true;
    }
  }

  std::mutex mutex_;
  std::condition_variable begun_;
  std::list<Round*> rounds_;
  std::size_t threads_ = 0;
};

}  // namespace

int resolve_threads(int threads) {
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadTeam::ThreadTeam(int threads) : helpers_(static_cast<std::size_t>(resolve_threads(threads) - 1)) {}

Result<void> ThreadTeam::run(std::size_t tasks, const std::function<Result<void>(std::size_t)>& work) const {
  if (tasks == 0) return {};
  prepare_thread();
  Round round;
  round.tasks = tasks;
  round.work = &work;
  return Workers::of_process().run(round, std::min(helpers_, tasks - 1));
}

Result<void> for_batches(std::size_t n, std::size_t batch, int threads,
                         const std::function<Result<void>(std::size_t, std::size_t)>& work) {
  const std::size_t pieces = (n + batch - 1) / batch;
  return ThreadTeam(threads).run(pieces, [&](std::size_t piece) {
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
