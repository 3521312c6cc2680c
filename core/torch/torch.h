// The one door to LibTorch; nobody includes torch headers directly. ivalue.h must come first (clang 14 in C++20 fails
// otherwise). Only .cc files of core_ml include this: a translation unit with Torch costs ten seconds and a gigabyte.
#pragma once
#include <ATen/core/ivalue.h>
#include <torch/script.h>
#include <torch/torch.h>
