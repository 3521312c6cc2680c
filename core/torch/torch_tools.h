// What the Torch-linking files share: errors made from library exceptions, and the float tensors <-> spans bridge.
// Included only by .cc files of core_ml and their tests. No state; thread-safe.
#pragma once
#include <cstddef>
#include <exception>
#include <filesystem>
#include <new>
#include <span>
#include <string>
#include <utility>

#include "core/base/matrix.h"
#include "core/base/result.h"
#include "core/settings/settings.h"
#include "core/torch/torch.h"

namespace defuse {

// The one line of a Torch exception that tells a person something: TorchScript puts it last, the rest of Torch first.
std::string cause_of(const std::exception& exception);

// `exhausted` for exceptions that mean "out of memory", else `otherwise`.
ErrorCode code_of(const std::exception& exception, ErrorCode otherwise);

// "digits/4/model.pt": enough of a path to know the thing, without the machine's folders.
std::string short_name(const std::filesystem::path& path);

// Runs f, which returns a Result, and turns whatever it throws into `code` with "<doing>: <cause>".
template <class F>
auto catching(ErrorCode code, const std::string& doing, F&& f) -> decltype(f()) {
  try {
    return std::forward<F>(f)();
  } catch (const std::exception& exception) {
    return fail(code_of(exception, code), doing + ": " + cause_of(exception));
  }
}

// A copy: [n, C, H, W] float32.
at::Tensor image_tensor(std::span<const float> images, std::size_t n, const ImageShape& shape);
// A copy: [count, cols] of rows first….
at::Tensor rows_tensor(const Matrix& matrix, std::size_t first, std::size_t count);
// Writes a tensor of any layout and float type to `out`, which must have exactly as many values.
void copy_out(const at::Tensor& tensor, std::span<float> out);

// "[2, 3]"
std::string shape_text(const at::Tensor& tensor);

// Opens a TorchScript file for inference. `not_found`, `corrupt` (no archive, or cut short), `invalid_input` (an
// operator that does not exist here, or that no model may use: refused_operators.h); each names the file. The file is
// read once, into memory, and those very bytes are hashed, looked through and parsed: whatever happens to the path
// meanwhile, nothing but what was judged to be `digest`, where one is given, is run (`unavailable` if it is something
// else).
Result<torch::jit::Module> load_script(const std::filesystem::path& file, const torch::Device& device,
                                       const std::string& digest = {});

// Whether its forward pass calls dropout anywhere, whichever way it was written.
bool calls_dropout(const torch::jit::Module& module);

// See TorchModel::structure. `module` was loaded from `file`. Empty if the file's code cannot be read.
std::string structure_of(const std::filesystem::path& file, const torch::jit::Module& module);

}  // namespace defuse
