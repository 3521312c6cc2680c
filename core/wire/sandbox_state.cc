#include "core/wire/sandbox_state.h"

namespace defuse {
namespace {

constexpr std::size_t kMostLayers = 20;
constexpr std::size_t kLongestLayer = 400;

bool take(const Json& json, const char* key, std::vector<std::string>& into) {
  const auto found = json.find(key);
  if (found == json.end() || !found->is_array() || found->size() > kMostLayers) return false;
  for (const auto& layer : *found) {
    if (!layer.is_string() || layer.get_ref<const std::string&>().size() > kLongestLayer) return false;
    into.push_back(layer.get<std::string>());
  }
  return true;
}

}  // namespace

std::string SandboxState::describe() const {
  std::string text = "sandbox:";
  for (std::size_t i = 0; i < in_force.size(); ++i) text += (i ? ", " : " ") + in_force[i];
  if (in_force.empty()) text += " none";
  for (std::size_t i = 0; i < missing.size(); ++i) text += (i ? ", " : "; missing: ") + missing[i];
  return text;
}

Json to_json(const SandboxState& state) { return {{"in_force", state.in_force}, {"missing", state.missing}}; }

Result<SandboxState> sandbox_state_from_json(std::string_view text) {
  const auto json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  SandboxState state;
  if (!json.is_object() || !take(json, "in_force", state.in_force) || !take(json, "missing", state.missing))
    return fail(ErrorCode::corrupt, "the worker's description of its sandbox cannot be understood");
  return state;
}

}  // namespace defuse
