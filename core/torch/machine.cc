// What a program's results depend on beside its inputs: the libraries, the processor and the switches set here.
#include "core/torch/model.h"

// clang-format off
#include "core/torch/torch.h"  // before any other Torch header
#include <ATen/Version.h>
#include <torch/csrc/jit/runtime/graph_executor.h>
// clang-format on

#include <dlfcn.h>
#include <malloc.h>

#include <mutex>
#include <string>
#include <string_view>

#include "core/torch/thread_team.h"

namespace defuse {

std::string describe_machine(int threads) {
  std::string blas = "reference BLAS (slow; install libopenblas0-pthread)";
  // Not linked, but loaded by Torch if the system's BLAS is OpenBLAS.
  if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_get_config"); symbol != nullptr) {
    blas = reinterpret_cast<const char* (*)()>(symbol)();
    while (!blas.empty() && blas.back() == ' ') blas.pop_back();
  }
  // Debian's library does not export the function that says it, only the text that holds it.
  const std::string config = at::show_config();
  std::string capability = "unknown vector instructions";
  static constexpr std::string_view kMark = "CPU capability usage: ";
  if (const auto at = config.find(kMark); at != std::string::npos) {
    const auto begin = at + kMark.size();
    capability = config.substr(begin, config.find('\n', begin) - begin);
  }
  const int count = resolve_threads(threads);
  return "LibTorch " TORCH_VERSION ", " + blas + ", " + capability + ", " + std::to_string(count) +
         (count == 1 ? " thread" : " threads");
}

void set_up_torch() {
  static std::once_flag once;
  std::call_once(once, [] {
    at::set_num_threads(1);
    at::globalContext().setFlushDenormal(true);
    // Freed activations are needed again a moment later; handing them back to the system between batches costs a sixth
    // of the time in page faults. What is kept is bounded by what one batch needed.
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    // Only a warning where a user's model needs a kernel that has no deterministic form; the contract check sees the
    // effect.
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    // The profiling executor rewrites a graph after its first runs, so the same batch could give other bits the second
    // time.
    torch::jit::getProfilingMode() = false;
  });
}

}  // namespace defuse
