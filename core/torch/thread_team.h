// Batches over worker threads. Torch's own intra-op threads are never used: two of them spin against each other on
// small batches, so every worker computes with one, and the work is split by whole batches instead. Torch-free header.
// The workers belong to the process: they are started when a round first needs them and wait between rounds, so a round
// costs a wake-up, not a start. Rounds may be run from several threads at a time, and from within a round.
#pragma once
#include <cstddef>
#include <functional>

#include "core/base/result.h"

namespace defuse {

int resolve_threads(int threads);  // 0 or less = one per core

// Up to `threads` threads of the process's workers, the caller of `run` among them; a team of one uses no other thread.
// Holds nothing. Where the system gives fewer threads (a limit of the sandbox), fewer do the same work.
class ThreadTeam {
 public:
  explicit ThreadTeam(int threads);

  // Calls work(0) … work(tasks-1), each once, on any thread. After a failure no further task is begun; the answer is
  // the failure of the lowest task, which does not depend on the number of threads. `work` may throw: that becomes
  // `internal`.
  Result<void> run(std::size_t tasks, const std::function<Result<void>(std::size_t task)>& work) const;

 private:
  std::size_t helpers_;  // beside the caller
};

// Splits [0, n) at multiples of `batch`, always the same way, and calls work(first, count) for each piece.
Result<void> for_batches(std::size_t n, std::size_t batch, int threads,
                         const std::function<Result<void>(std::size_t first, std::size_t count)>& work);

// Images a streaming loop holds at a time: a multiple of `batch` that keeps one block of `values` floats an image
// within 64 MiB.
std::size_t block_size(std::size_t values, std::size_t batch);

}  // namespace defuse
