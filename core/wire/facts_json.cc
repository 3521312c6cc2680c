// JSON forms of what was measured about the generator and about loading and running a candidate.
#include "core/wire/json_fields.h"

namespace defuse {

Json to_json(const GeneratorHealth& health) {
  return {{"usable", health.usable},
          {"problem", health.problem},
          {"reconstruction_error", json_number(health.reconstruction_error)},
          {"accuracy_real", json_number(health.accuracy_real)},
          {"accuracy_reconstructed", json_number(health.accuracy_reconstructed)},
          {"accuracy_perturbed", json_number(health.accuracy_perturbed)},
          {"active_dimensions", health.active_dimensions},
          {"latent", health.latent}};
}

Json to_json(const ContractFacts& facts) {
  return {{"loaded", facts.loaded},
          {"load_error", facts.load_error},
          {"ran", facts.ran},
          {"run_error", facts.run_error},
          {"size_bytes", facts.size_bytes},
          {"output_shape", facts.output_shape},
          {"batch_tried", facts.batch_tried},
          {"classes_expected", facts.classes_expected},
          {"not_finite", facts.not_finite},
          {"images", facts.images},
          {"not_deterministic", facts.not_deterministic},
          {"batch_dependent", facts.batch_dependent},
          {"latency_ms", json_number(facts.latency_ms)},
          {"labels", facts.labels},
          {"classes", facts.classes},
          {"embedding", facts.embedding}};
}

namespace fields {

Result<GeneratorHealth> generator_health_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  GeneratorHealth health;
  health.usable = r.boolean("usable");
  health.problem = text(r, "problem");
  health.reconstruction_error = r.number("reconstruction_error");
  health.accuracy_real = r.number("accuracy_real");
  health.accuracy_reconstructed = r.number("accuracy_reconstructed");
  health.accuracy_perturbed = r.number("accuracy_perturbed");
  health.active_dimensions = static_cast<int>(between(r, "active_dimensions", 0, std::numeric_limits<int>::max()));
  health.latent = static_cast<int>(between(r, "latent", 0, std::numeric_limits<int>::max()));
  TRY_OK(r.status());
  return health;
}

Result<ContractFacts> contract_facts_from_json(const Json& json, const std::string& path) {
  JsonReader r(json, path);
  ContractFacts facts;
  facts.loaded = r.boolean("loaded");
  facts.load_error = text(r, "load_error");
  facts.ran = r.boolean("ran");
  facts.run_error = text(r, "run_error");
  facts.size_bytes = static_cast<std::uint64_t>(count(r, "size_bytes"));
  facts.output_shape = counts(r, "output_shape", 32);
  facts.batch_tried = count(r, "batch_tried");
  facts.classes_expected = count(r, "classes_expected");
  facts.not_finite = count(r, "not_finite");
  facts.images = count(r, "images");
  facts.not_deterministic = count(r, "not_deterministic");
  facts.batch_dependent = count(r, "batch_dependent");
  facts.latency_ms = r.number("latency_ms");
  facts.labels = texts(r, "labels", kMaxClasses);
  facts.classes = texts(r, "classes", kMaxClasses);
  facts.embedding = text(r, "embedding");
  TRY_OK(r.status());
  return facts;
}

}  // namespace fields
}  // namespace defuse
