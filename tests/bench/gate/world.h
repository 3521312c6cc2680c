// What the product makes of one source before it sees a pair: splits, generator and probe set, by the pipeline's own
// stations with default settings; and what every base model says about each image of the probe set, kept as logits, so
// that planted candidates need no forward pass. Everything is cached by content. Not thread-safe.
#pragma once
#include <map>
#include <memory>
#include <span>
#include <string>

#include "core/gate/stations.h"
#include "core/verdict/check.h"
#include "core/verdict/job.h"
#include "tests/bench/gate/models.h"
#include "tests/bench/gate/planted.h"
#include "tests/bench/gate/sources.h"

namespace defuse::bench {

class World {
 public:
  static Result<std::unique_ptr<World>> open(const Source& source, int threads);

  // The models' answers, from the cache or by one pass over the decoded images for all that are missing.
  Result<void> prepare(std::span<const ModelFile> models);
  Result<const BaseAnswers*> answers(const ModelFile& model);
  // As if this model were the incumbent.
  Result<GeneratorHealth> health(const ModelFile& incumbent);

  // The product's own evaluation of a model with rules planted into the images it sees: what `compose` must equal.
  Result<ProbeEvaluation> evaluate_planted(const ModelFile& model, std::vector<Rule> rules);

  const ProbeSet& probes() const { return *probes_; }
  const Splits& splits() const { return *splits_; }
  const ProbeAttributes& attributes() const { return attributes_; }
  const ModelSettings& settings() const { return job_.settings; }
  int threads() const { return job_.worker.threads; }
  int classes() const { return static_cast<int>(splits_->class_count()); }
  std::size_t test_size() const { return splits_->test.size(); }  // the first seeds are the test split

 private:
  explicit World(JobSpec job) : job_(std::move(job)), context_{job_, StationCache(job_.cache), progress_, {}} {}
  Result<void> measure_probes();
  Result<ProbeAttributes> measure_images();
  Result<TorchModel> load(const ModelFile& model) const;
  std::string key_of(const ModelFile& model) const;

  JobSpec job_;
  NoProgress progress_;
  StageContext context_;
  std::optional<Splits> splits_;
  std::optional<Generator> generator_;
  std::optional<ProbeSet> probes_;
  ProbeAttributes attributes_;
  std::map<std::string, BaseAnswers> answers_;  // by model digest
  std::map<std::string, GeneratorHealth> health_;
};

}  // namespace defuse::bench
