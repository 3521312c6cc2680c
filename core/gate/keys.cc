#include "core/gate/keys.h"

#include "core/base/document_writer.h"
#include "core/base/sha256.h"
#include "core/evidence/noise.h"
#include "core/gate/search_fields.h"
#include "core/settings/fields.h"
#include "core/torch/model.h"

namespace defuse {

namespace {

constexpr const char* kMapRules = "map 1";  // raise it whenever the same inputs would give another map

class Key : public DocumentWriter {
 public:
  explicit Key(const char* of) {
    constant("key", of);
    constant("code", kCodeVersion);
  }
  std::string digest() { return Sha256().field(dump_json(take())).hex(); }
};

// What a model's answers depend on besides the model and the images. Threads change nothing in them; the device does.
void describe_running(Key& key, const InputSettings& input, const WorkerSettings& worker) {
  key.object("input", input);
  key.field("device", worker.device);
}

}  // namespace

std::string evaluation_key(const std::string& model, const std::string& test_data, std::int64_t classes,
                           const InputSettings& input, const WorkerSettings& worker) {
  Key key("evaluation");
  key.field("model", model);
  key.field("test", test_data);
  key.field("classes", classes);
  describe_running(key, input, worker);
  return key.digest();
}

std::string generator_key(const std::string& train_data, const GeneratorSettings& settings, std::uint64_t seed) {
  Key key("generator");
  key.field("train", train_data);
  describe_making(key, settings);
  key.field("seed", seed);
  return key.digest();
}

std::string probes_key(const std::string& generator, const std::string& test_data, const std::string& train_data,
                       const RegionSettings& settings, std::uint64_t seed) {
  Key key("probes");
  key.constant("rules", kProbeRules);
  key.field("generator", generator);
  key.field("test", test_data);
  key.field("train", train_data);
  describe_probes(key, settings);
  key.field("seed", seed);
  return key.digest();
}

std::string generated_images_key(const std::string& probes) {
  Key key("generated_images");
  key.field("probes", probes);
  return key.digest();
}

std::string answers_key(const std::string& model, const std::string& probes, const InputSettings& input,
                        const WorkerSettings& worker) {
  Key key("answers");
  key.field("model", model);
  key.field("probes", probes);
  describe_running(key, input, worker);
  return key.digest();
}

std::string map_key(const std::string& probes, std::uint64_t seed) {
  Key key("map");
  key.constant("rules", kMapRules);
  key.field("probes", probes);
  key.field("seed", seed);
  return key.digest();
}

std::string sibling_search_key(const RegionPair& pair, const RegionSettings& settings,
                               const RegionSearchSettings& search, const InputSettings& input,
                               const WorkerSettings& worker, std::uint64_t seed) {
  Key key("sibling_search");
  key.field("candidate", pair.candidate.model_digest);
  key.field("incumbent", pair.incumbent->model_digest);
  key.field("probes", pair.probes.digest);
  key.field("generated_usable", pair.generated_usable);
  key.field("classes", pair.classes);
  describe_search(key, settings);
  key.object("search", search);
  describe_running(key, input, worker);
  key.field("seed", seed);
  return key.digest();
}

std::string tuning_key(const std::string& structure, const InputSettings& input, const WorkerSettings& worker) {
  Key key("tuning");
  key.field("structure", structure);
  key.field("machine", describe_machine(worker.threads));
  describe_running(key, input, worker);
  return key.digest();
}

}  // namespace defuse
