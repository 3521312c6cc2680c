// The stations that run models, each cached by content: what it needs is hashed into its key, so the second gate of a
// line finds the generator, the probe set and the incumbent's answers ready, and a killed worker resumes where it was.
// Called by pipeline.cc only, in its order, from one thread.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/progress.h"
#include "core/cache/station_cache.h"
#include "core/data/dataset.h"
#include "core/evaluate/evaluator.h"
#include "core/generator/generator.h"
#include "core/torch/model.h"
#include "core/verdict/job.h"

namespace defuse {

struct StageContext {
  const JobSpec& job;
  StationCache cache;
  Progress& progress;
  std::vector<StationTime> times;
};

// What no station can go on after, and no later one can make good: the worker was told to stop, or has no memory left.
bool stops_the_gate(const Error& error);

struct Splits {
  Dataset test;
  Dataset train;
  std::vector<std::string> classes;
  std::int64_t class_count() const { return static_cast<std::int64_t>(classes.size()); }
};
Result<Splits> open_splits(StageContext& context);

// A version whose model is loaded only when a station finds nothing in the cache. After loading, the artifact must
// still have the digest the job names: what was judged is then what was asked for.
class LazyModel {
 public:
  LazyModel(const ArtifactRef& artifact, const StageContext& context) : artifact_(artifact), context_(context) {}
  ~LazyModel();  // keeps how the model was found to run fastest
  LazyModel(const LazyModel&) = delete;
  LazyModel& operator=(const LazyModel&) = delete;
  Result<const TorchModel*> get();
  const std::string& digest() const { return artifact_.digest; }

 private:
  const ArtifactRef& artifact_;
  const StageContext& context_;
  std::optional<TorchModel> model_;
};

Result<Evaluation> evaluation_of(LazyModel& model, const Splits& splits, const std::string& station,
                                 StageContext& context);
Result<Generator> generator_of(const Splits& splits, StageContext& context);
Result<ProbeSet> probes_of(const Generator& generator, const Splits& splits, StageContext& context);
// The generated images every model is asked about, once one has to be: from the cache's file of them, which is made
// first if the cache has room for it (writing and mapping it costs less than decoding them for a second model), else
// from the generator each time.
class LazyImages {
 public:
  LazyImages(const ProbeSet& probes, const Generator& generator, StageContext& context)
      : probes_(probes), generator_(generator), context_(context) {}
  const ProbeSet& probes() const { return probes_; }
  Result<const GeneratedImages*> get();

 private:
  const ProbeSet& probes_;
  const Generator& generator_;
  StageContext& context_;
  std::optional<GeneratedImages> images_;
};
Result<ProbeEvaluation> answers_of(LazyModel& model, LazyImages& images, const Splits& splits,
                                   const std::string& station, StageContext& context);

// Runs both models on the frozen images of every bug that earlier releases had. A region whose images cannot be read
// keeps the reason in `problem`; the check turns that into an error.
std::vector<KnownRegion> known_regions_of(LazyModel& candidate, LazyModel* incumbent, const Splits& splits,
                                          StageContext& context);

// Notes how long a station took when it goes out of scope.
class StationTimer {
 public:
  StationTimer(StageContext& context, std::string station);
  ~StationTimer();
  StationTimer(const StationTimer&) = delete;
  StationTimer& operator=(const StationTimer&) = delete;
  bool cached = false;

 private:
  StageContext& context_;
  std::string station_;
  double started_;
};

}  // namespace defuse
