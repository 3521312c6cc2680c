#include <system_error>
#include <utility>

#include "config/config.h"
#include "config/decode.h"
#include "config/fields.h"
#include "config/yaml.h"
#include "core/base/files.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

// A worker has another working folder than whoever loaded the file, so paths leave here absolute.
fs::path folder_of(const fs::path& file) {
  std::error_code code;
  const auto absolute = fs::absolute(file, code);
  return (code ? file : absolute).parent_path();
}

template <class S>
Result<void> decode(std::string_view text, const fs::path& name, S& settings) {
  TRY(root, parse_yaml(text, name.string()));
  Problems problems(name.string(), folder_of(name));
  Decoder decoder(*root, "", problems);
  decoder.expect_map();
  describe(decoder, settings);
  decoder.finish();
  return problems.status();
}

}  // namespace

Result<Config> parse_config(std::string_view yaml, const fs::path& name_for_errors) {
  Config config;
  config.file = name_for_errors;
  TRY_OK(decode(yaml, name_for_errors, config));
  return config;
}

Result<Config> load_config(const fs::path& file) {
  TRY(text, read_file(file, kMaxYamlBytes));
  return parse_config(text, file);
}

Result<ModelSettings> parse_model_settings(std::string_view text, const std::string& model,
                                           const fs::path& name_for_errors) {
  ModelSettings settings;
  settings.name = model;
  TRY_OK(decode(text, name_for_errors, settings));
  return settings;
}

}  // namespace defuse
