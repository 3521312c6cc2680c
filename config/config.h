// The configuration of daemon, worker and defusectl. Loaded from one YAML file (config/defused.yaml explains every
// key). Unknown and ill-typed keys are errors: "defused.yaml:12:5: unknown key 'treshold'; did you mean 'threshold'?".
// Nothing here is global; a loaded Config is an immutable value that is passed down.
#pragma once
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/json.h"
#include "core/base/result.h"
#include "core/registry/signature.h"
#include "core/registry/source.h"
#include "core/settings/settings.h"
#include "core/verdict/job.h"

namespace defuse {

struct RegistrySettings {
  std::filesystem::path path;
  Readiness readiness = Readiness::automatic;
  std::chrono::milliseconds settle{5000};
  std::chrono::milliseconds rescan{30000};
};

struct HttpSettings {
  std::string host = "127.0.0.1";
  int port = 8470;                         // 0 = any free one
  std::filesystem::path certificate;       // PEM chain; needed for anything but loopback
  std::filesystem::path key;               // PEM; empty: the key is in `certificate` too
  std::chrono::hours max_waiver{24 * 90};  // longest a waiver may run
};

struct CacheSettings {
  std::uint64_t size = 20ULL << 30;  // bytes on disk that results of stations may take together
};

// A model line: what its gate is told, and what only the daemon acts on. Workers never hear of the latter.
struct ModelLine : ModelSettings {
  ModelLine() = default;
  ModelLine(ModelSettings settings) : ModelSettings(std::move(settings)) {}  // NOLINT(google-explicit-constructor)
  SignatureSettings signature;
};

struct Config {
  std::filesystem::path file;  // where it came from
  std::filesystem::path state_dir = "/var/lib/defused";
  RegistrySettings registry;
  HttpSettings http;
  WorkerSettings worker;
  CacheSettings cache;
  std::string log_level = "info";  // trace | debug | info | warn | error
  double alpha = 0.05;             // what models inherit; theirs counts
  std::uint64_t seed = 1;          // likewise
  SignatureSettings signature;     // likewise
  std::map<std::string, ModelLine> models;

  // Whose signatures count for a model; nobody's for one that is not configured.
  const SignatureSettings& signature_of(const std::string& model) const {
    static const SignatureSettings kNobody;
    const auto line = models.find(model);
    return line == models.end() ? kNobody : line->second.signature;
  }
};

// Relative paths inside the file are taken from the file's folder. Errors name every problem of the file, a line each
// (at most 20).
Result<Config> load_config(const std::filesystem::path& file);
Result<Config> parse_config(std::string_view yaml, const std::filesystem::path& name_for_errors);

// What is in force, defaults filled in, in the configuration's own form (it parses back to the same values).
Json to_json(const Config& config);
Json to_json(const ModelSettings& settings);
Result<ModelSettings> parse_model_settings(std::string_view text, const std::string& model,
                                           const std::filesystem::path& name_for_errors);

// job.json: JobSpec with its settings in the configuration's form.
Json to_json(const JobSpec& job);
Result<JobSpec> job_from_json(std::string_view text, const std::filesystem::path& name_for_errors);

}  // namespace defuse
