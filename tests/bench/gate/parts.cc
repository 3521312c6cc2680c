#include "tests/bench/gate/parts.h"

#include <sstream>

namespace defuse::bench {
std::vector<Part> part_columns() {
  std::vector<Part> parts;
  for (const Space space : kSpaces) parts.push_back({"space_" + std::string(to_string(space)), {.spaces = {space}}});
  parts.push_back({"shape_balls", {.half_spaces = false}});
  parts.push_back({"shape_half_spaces", {.balls = false}});
  parts.push_back({"alone_real", {.generated = false}});
  parts.push_back({"alone_generated", {.real = false}});
  parts.push_back({"part_without_statistics", {.spaces = {kSpaces.begin(), kSpaces.end() - 1}}});
  return parts;
}

Result<std::set<std::string>> choose_columns(const std::string& list, const std::set<std::string>& rivals) {
  std::set<std::string> parts;
  for (const auto& part : part_columns()) parts.insert(part.name);
  std::set<std::string> every = {"gate", "regions", "known_regions"};
  every.insert(parts.begin(), parts.end());
  every.insert(rivals.begin(), rivals.end());
  std::set<std::string> chosen;
  std::istringstream in(list);
  for (std::string name; std::getline(in, name, ',');) {
    if (name.empty()) continue;
    if (name == "all") {
      chosen.insert(every.begin(), every.end());
    } else if (name == "parts") {
      chosen.insert(parts.begin(), parts.end());
    } else if (name == "rivals") {
      chosen.insert(rivals.begin(), rivals.end());
    } else if (every.count(name) != 0) {
      chosen.insert(name);
    } else {
      return fail(ErrorCode::invalid_input, "no such column: " + name);
    }
  }
  if (chosen.empty()) return fail(ErrorCode::invalid_input, "--columns names no column");
  return chosen;
}

std::set<std::string> cheap(std::set<std::string> columns) {
  if (columns.empty())
    columns = {"gate",    "regions",   "known_regions", "accuracy_margin",
               "mcnemar", "per_class", "top_loss",      "confusion_sdm"};
  for (const auto& part : part_columns()) columns.erase(part.name);
  for (const char* dear : {"domino", "spotlight", "spotlight_difference", "defuse_literal"}) columns.erase(dear);
  return columns;
}

}  // namespace defuse::bench
