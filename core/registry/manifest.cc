#include "core/registry/manifest.h"

#include <algorithm>
#include <utility>

#include "core/base/json.h"
#include "core/registry/version_files.h"

namespace defuse {
namespace {

constexpr std::size_t kHexDigits = 64;

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

}  // namespace

Result<Manifest> read_manifest(const std::filesystem::path& file) {
  TRY(text, read_regular_file(file, kMaxManifestBytes));
  Manifest manifest{std::move(text), std::nullopt};
  TRY(json, parse_json(manifest.text, std::string(kManifestName)));
  if (!json.is_object()) return fail(ErrorCode::invalid_input, "manifest.json is no JSON object");
  const auto found = json.find("sha256");
  if (found == json.end() || found->is_null()) return manifest;
  std::string digest = found->is_string() ? found->get<std::string>() : std::string();
  if (digest.size() != kHexDigits || !std::all_of(digest.begin(), digest.end(), is_hex))
    return fail(ErrorCode::invalid_input, "manifest.json: sha256 must be 64 hex digits");
  std::transform(digest.begin(), digest.end(), digest.begin(),
                 [](char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; });
  manifest.sha256 = std::move(digest);
  return manifest;
}

}  // namespace defuse
