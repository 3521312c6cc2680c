// Mutations that keep JSON valid: the fuzzer's own, byte by byte, rarely get past the parser. A target whose input is
// one byte and then JSON includes this once; half of the mutations stay the fuzzer's own.
#pragma once
#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "core/base/json.h"

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace defuse::fuzz {

using Chance = std::minstd_rand;

inline std::size_t below(Chance& chance, std::size_t n) { return chance() % n; }

inline void collect(Json& json, std::vector<Json*>& nodes) {
  nodes.push_back(&json);
  if (json.is_structured())
    for (auto& child : json) collect(child, nodes);
}

inline std::string mutated_text(const std::string& text) {
  std::string buffer = text;
  buffer.resize(text.size() + 32);
  buffer.resize(LLVMFuzzerMutate(reinterpret_cast<std::uint8_t*>(buffer.data()), text.size(), buffer.size()));
  return buffer;
}

inline Json odd_value(Chance& chance) {
  static const std::vector<Json> kOdd = {nullptr,
                                         true,
                                         false,
                                         0,
                                         -1,
                                         1,
                                         0.5,
                                         -0.0,
                                         1e308,
                                         -1e308,
                                         5e-324,
                                         1e18,
                                         INT32_MAX,
                                         INT64_MAX,
                                         INT64_MIN,
                                         UINT64_MAX,
                                         std::int64_t{1} << 52,
                                         (std::int64_t{1} << 52) + 1,
                                         "",
                                         "r-0123456789ab",
                                         "../../etc/passwd",
                                         "/dev/zero",
                                         "<fuzz\"'&>",
                                         "class:3",
                                         "class:-1",
                                         "ambiguous",
                                         "confirmed",
                                         "pass",
                                         "fail",
                                         "block",
                                         "off",
                                         "violation",
                                         "2026-03-01T00:00:00Z",
                                         "9999-12-31T23:59:59Z",
                                         std::string(300, 'x'),
                                         std::string("\x00\x1b[31m", 6),
                                         "\xe2\x80\xae",
                                         "]]>",
                                         "|",
                                         "`",
                                         Json::array(),
                                         Json::object(),
                                         Json::array({nullptr})};
  return kOdd[below(chance, kOdd.size())];
}

inline void mutate_node(Json& node, const std::vector<Json*>& nodes, Chance& chance) {
  switch (below(chance, 6)) {
    case 0:
      node = odd_value(chance);
      break;
    case 1: {  // another part of the document
      Json other = *nodes[below(chance, nodes.size())];
      node = std::move(other);
      break;
    }
    case 2:
      if (node.is_string())
        node = mutated_text(node.get<std::string>());
      else if (node.is_number_integer())
        node = static_cast<std::int64_t>(node.get<std::uint64_t>() + below(chance, 5) - 2);
      else if (node.is_number())
        node = node.get<double>() * (static_cast<double>(below(chance, 5)) - 1);
      else if (node.is_boolean())
        node = !node.get<bool>();
      break;
    case 3:
      if (node.is_array() && !node.empty())
        node.push_back(Json(node[below(chance, node.size())]));
      else if (node.is_object())
        node["fuzz"] = odd_value(chance);
      break;
    case 4:
      if (node.is_structured() && !node.empty()) {
        auto at = node.begin();
        for (auto steps = below(chance, node.size()); steps > 0; --steps) ++at;
        node.erase(at);
      }
      break;
    default:
      if (node.is_structured() && !node.empty()) {
        auto at = node.begin();
        for (auto steps = below(chance, node.size()); steps > 0; --steps) ++at;
        *at = odd_value(chance);
      }
  }
}

inline std::size_t mutate_json(std::uint8_t* data, std::size_t size, std::size_t max_size, unsigned seed) {
  Chance chance(seed);
  if (size < 2 || below(chance, 2) == 0) return LLVMFuzzerMutate(data, size, max_size);
  Json json = Json::parse(data + 1, data + size, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) return LLVMFuzzerMutate(data, size, max_size);
  for (auto times = 1 + below(chance, 3); times > 0; --times) {
    std::vector<Json*> nodes;
    collect(json, nodes);
    mutate_node(*nodes[below(chance, nodes.size())], nodes, chance);
  }
  const auto text = dump_json(json);
  if (1 + text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
  std::memcpy(data + 1, text.data(), text.size());
  return 1 + text.size();
}

}  // namespace defuse::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
  return defuse::fuzz::mutate_json(data, size, max_size, seed);
}
