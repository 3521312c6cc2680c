#include "core/torch/torch_tools.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/passes/inliner.h>

#include <algorithm>
#include <cstring>
#include <sstream>
#include <string_view>
#include <utility>
#include <vector>

#include "core/base/files.h"
#include "core/base/sha256.h"
#include "core/torch/refused_operators.h"

namespace defuse {

namespace {

bool holds(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string message_of(const std::exception& exception) {
  if (const auto* torch_error = dynamic_cast<const c10::Error*>(&exception)) {
    return torch_error->what_without_backtrace();
  }
  return exception.what();
}

}  // namespace

std::string cause_of(const std::exception& exception) {
  const std::string message = message_of(exception);
  const auto lines = lines_of(message);
  if (lines.empty()) return "an exception without a message";
  std::string_view line = lines.front();
  if (holds(line, "TorchScript interpreter")) {
    // "The following operation failed …", a traceback, then "RuntimeError: <cause>", and sometimes more of the
    // traceback.
    line = lines.back();
    for (const auto candidate : lines) {
      const auto colon = candidate.find("Error: ");
      if (colon != std::string_view::npos && candidate.find_first_of(" \t") > colon) line = candidate;
    }
  }
  constexpr std::size_t kLongest = 400;  // a model chose these words
  return std::string(line.substr(0, kLongest));
}

ErrorCode code_of(const std::exception& exception, ErrorCode otherwise) {
  if (dynamic_cast<const std::bad_alloc*>(&exception) != nullptr) return ErrorCode::exhausted;
  return holds(message_of(exception), "DefaultCPUAllocator: ") ? ErrorCode::exhausted : otherwise;
}

std::string short_name(const std::filesystem::path& path) {
  std::filesystem::path name = path.filename();
  auto parent = path.parent_path();
  for (int level = 0; level < 2 && parent.has_filename(); ++level) {
    name = parent.filename() / name;
    parent = parent.parent_path();
  }
  return name.string();
}

at::Tensor image_tensor(std::span<const float> images, std::size_t n, const ImageShape& shape) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(n), shape.channels, shape.height, shape.width}, at::kFloat);
  std::memcpy(tensor.data_ptr<float>(), images.data(), images.size_bytes());
  return tensor;
}

at::Tensor rows_tensor(const Matrix& matrix, std::size_t first, std::size_t count) {
  at::Tensor tensor = at::empty({static_cast<std::int64_t>(count), static_cast<std::int64_t>(matrix.cols)}, at::kFloat);
  std::memcpy(tensor.data_ptr<float>(), matrix.data.data() + first * matrix.cols, count * matrix.cols * sizeof(float));
  return tensor;
}

void copy_out(const at::Tensor& tensor, std::span<float> out) {
  const at::Tensor flat = tensor.to(at::kCPU, at::kFloat).contiguous();
  TORCH_CHECK(static_cast<std::size_t>(flat.numel()) == out.size(), "expected ", out.size(), " values, got ",
              flat.numel());
  std::memcpy(out.data(), flat.data_ptr<float>(), out.size_bytes());
}

std::string shape_text(const at::Tensor& tensor) {
  std::string text = "[";
  for (const auto size : tensor.sizes()) text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

Result<torch::jit::Module> load_script(const std::filesystem::path& file, const torch::Device& device,
                                       const std::string& digest) {
  const std::string name = short_name(file);
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) return fail(ErrorCode::not_found, name + " is no file");
  try {
    TRY(bytes, read_file(file));
    if (!digest.empty())
      if (const auto found = sha256_hex(bytes); found != digest)
        return fail(ErrorCode::unavailable, file.string() + " changed: the job is for digest " + digest.substr(0, 12) +
                                                ", the file now has " + found.substr(0, 12));
    std::istringstream in(std::move(bytes));
    TRY_OK(check_code_run_at_load(in, name));
    in.clear();
    in.seekg(0);
    torch::jit::Module module = torch::jit::load(in, device);
    TRY_OK(check_operators(module, name));
    if (!module.find_method("forward")) {
      return fail(ErrorCode::invalid_input, name + " holds a TorchScript module without a forward method");
    }
    if (module.hasattr("training")) module.eval();  // frozen modules have no such attribute, and nothing to switch
    return module;
  } catch (const std::exception& exception) {
    const std::string cause = cause_of(exception);
    const ErrorCode out_of_memory = code_of(exception, ErrorCode::corrupt);
    if (out_of_memory != ErrorCode::corrupt) return fail(out_of_memory, "while loading " + name + ": " + cause);
    for (const char* words : {"Unknown builtin op", "Unknown type name", "object has no attribute or method",
                              "but no such operator", "version", "Could not find any similar ops"}) {
      if (holds(cause, words)) return fail(ErrorCode::invalid_input, name + " needs what is missing here: " + cause);
    }
    return fail(ErrorCode::corrupt, name + " is not a whole TorchScript file: " + cause);
  }
}

bool calls_dropout(const torch::jit::Module& module) {
  const auto graph = module.get_method("forward").graph()->copy();
  torch::jit::Inline(*graph);
  return graph->toString(/*print_source_locations=*/false).find("dropout") != std::string::npos;
}

std::string structure_of(const std::filesystem::path& file, const torch::jit::Module& module) {
  Sha256 hash;
  const auto read = catching(ErrorCode::corrupt, short_name(file), [&]() -> Result<void> {
    caffe2::serialize::PyTorchStreamReader archive(file.string());
    auto records = archive.getAllRecords();
    std::sort(records.begin(), records.end());
    for (const std::string& record : records) {
      if (!record.starts_with("code/") || !record.ends_with(".py")) continue;
      const auto [data, size] = archive.getRecord(record);
      hash.field(record);
      hash.field({static_cast<const char*>(data.get()), size});
    }
    return {};
  });
  if (!read) return {};
  for (const auto& weight : module.named_parameters()) hash.field(weight.name + shape_text(weight.value));
  for (const auto& buffer : module.named_buffers()) hash.field(buffer.name + shape_text(buffer.value));
  return hash.hex();
}

}  // namespace defuse
