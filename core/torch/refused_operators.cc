#include "core/torch/refused_operators.h"

#include <caffe2/serialize/inline_container.h>
#include <torch/csrc/jit/api/function_impl.h>

#include <array>
#include <cctype>
#include <memory>
#include <optional>

namespace defuse {
namespace {

// Read from torch::jit::getAllOperators() of LibTorch 1.13: from_file maps a file, shared and growing it where asked;
// save writes one; c10d are sockets; static_runtime are steps of an interpreter that trusts its caller; the last ones
// build tensors from indices that nobody checks.
constexpr std::array kOperators = {
    std::string_view("aten::from_file"),
    std::string_view("aten::save"),
    std::string_view("aten::_sparse_coo_tensor_unsafe"),
    std::string_view("aten::_sparse_csr_tensor_unsafe"),
    std::string_view("aten::_sparse_csc_tensor_unsafe"),
    std::string_view("aten::_sparse_bsr_tensor_unsafe"),
    std::string_view("aten::_sparse_bsc_tensor_unsafe"),
    std::string_view("aten::_sparse_compressed_tensor_unsafe"),
};
constexpr std::array kFamilies = {std::string_view("c10d::"), std::string_view("static_runtime::")};

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

bool holds_word(std::string_view text, std::string_view word) {
  for (auto at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const auto end = at + word.size();
    if ((at == 0 || !is_word(text[at - 1])) && (end == text.size() || !is_word(text[end]))) return true;
  }
  return false;
}

// Module names can be given other names in TorchScript, operators' own names cannot; a backslash could spell one inside
// a getattr.
std::optional<std::string> suspicious(std::string_view code) {
  for (const auto name : kOperators)
    if (holds_word(code, name.substr(name.find("::") + 2))) return std::string(name);
  for (const auto family : kFamilies)
    if (const auto word = family.substr(0, family.find("::")); holds_word(code, word)) return std::string(word);
  if (holds_word(code, "getattr") && code.find('\\') != std::string_view::npos) return "names spelt in another way";
  return std::nullopt;
}

std::optional<std::string> refused_in(const torch::jit::Block& block) {
  for (const auto* node : block.nodes()) {
    const std::string name = node->kind().toQualString();
    if (is_refused_operator(name)) return name;
    for (const auto* inner : node->blocks())
      if (auto found = refused_in(*inner)) return found;
    if (node->hasAttribute(torch::jit::attr::Subgraph))
      if (auto found = refused_in(*node->g(torch::jit::attr::Subgraph)->block())) return found;
  }
  return std::nullopt;
}

}  // namespace

bool is_refused_operator(std::string_view name) {
  for (const auto refused : kOperators)
    if (name == refused) return true;
  for (const auto family : kFamilies)
    if (name.starts_with(family)) return true;
  return false;
}

Result<void> check_code_run_at_load(std::istream& in, const std::string& name_for_errors) {
  caffe2::serialize::PyTorchStreamReader archive(&in);
  // Files of PyTorch before 1.0 keep their code elsewhere, by names of their own choice.
  if (archive.hasRecord("model.json"))
    return fail(ErrorCode::invalid_input, name_for_errors + " has the format of PyTorch before 1.0: export it again");
  std::string code;
  for (const auto& record : archive.getAllRecords()) {
    if (!record.ends_with(".py")) continue;
    const auto [data, size] = archive.getRecord(record);
    code.append(static_cast<const char*>(data.get()), size).push_back('\n');
  }
  if (code.find("__setstate__") == std::string::npos) return {};
  if (const auto found = suspicious(code))
    return fail(ErrorCode::invalid_input,
                name_for_errors + " may not be loaded: its code would run while it loads, and uses " + *found);
  return {};
}

Result<void> check_operators(const torch::jit::Module& module, const std::string& name_for_errors) {
  for (auto* function : module._ivalue()->compilation_unit()->get_functions()) {
    const auto* graph = torch::jit::tryToGraphFunction(*function);
    if (graph == nullptr) continue;
    if (const auto found = refused_in(*graph->graph()->block()))
      return fail(ErrorCode::invalid_input, name_for_errors + " may not be loaded: its " + function->name() + " uses " +
                                                *found + ", which a classifier has no use for");
  }
  return {};
}

}  // namespace defuse
