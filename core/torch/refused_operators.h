// Operators of LibTorch that a classifier has no use for and a stranger has: they open files, talk to other processes,
// or make tensors without looking where they point. A model that holds one is not loaded, before any of its code has
// run. Called by load_script only. The sandbox is the second wall: see daemon/worker/sandbox.h.
#pragma once
#include <istream>
#include <string>
#include <string_view>

#include "core/base/result.h"
#include "core/torch/torch.h"

namespace defuse {

bool is_refused_operator(std::string_view name);  // "aten::save"

// Before loading: an archive whose code would run while it is loaded (`__setstate__`) and that so much as names one of
// the operators, or hides names, is `invalid_input`. Throws what LibTorch throws for a file that is no archive.
Result<void> check_code_run_at_load(std::istream& archive, const std::string& name_for_errors);

// After loading: every function and method that came with the module, called or not.
Result<void> check_operators(const torch::jit::Module& module, const std::string& name_for_errors);

}  // namespace defuse
