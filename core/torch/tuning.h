// How a model is run fastest on one machine: found by timing (core/torch/model.h), kept by callers per (structure,
// machine). Only ways that gave the very bits of the module as its author wrote it are ever chosen, so a Tuning says
// nothing about results. Torch-free, a value.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>

#include "core/base/result.h"

namespace defuse {

struct Tuning {
  std::size_t batch = 128;     // images per forward call
  bool channels_last = false;  // weights and images lie so; implies frozen
  bool frozen = false;         // weights as constants of the graph

  bool operator==(const Tuning&) const = default;
};

std::string to_json_text(const Tuning& tuning);
// `corrupt` for anything that to_json_text does not write.
Result<Tuning> tuning_from_json(std::string_view text);

}  // namespace defuse
