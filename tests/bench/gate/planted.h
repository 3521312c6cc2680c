// Bugs planted by logic: a rule says in which images a model confuses its two likeliest classes. Exact, of known mass,
// and without training. The same rules apply to cached logits (composition, for the benchmark) and to images
// (PlantedClassifier, which proves that the composition is right). Torch-free, pure; thread-safe.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/engine/classifier.h"
#include "core/evidence/evaluation.h"
#include "tests/bench/gate/attributes.h"

namespace defuse::bench {

struct Rule {
  std::int32_t label = 0;
  Attribute attribute = Attribute::ink;
  bool high = true;  // beyond means above the threshold, else below
  float threshold = 0;
  double strength = 1;  // share of the images beyond that fail, chosen by a hash of their content
  std::uint64_t salt = 0;

  bool beyond(std::span<const float> attributes) const;
  bool fails(std::span<const float> attributes, std::int32_t hash) const;  // beyond, and chosen
};

// Swaps the two largest logits if a rule of the model's own top class holds for the image.
void plant(std::span<float> logits, std::span<const float> attributes, std::int32_t hash, std::span<const Rule> rules);

// What one model says about every image of a probe set, and what those images are like.
struct BaseAnswers {
  std::string model_digest;
  Matrix real;           // [s, classes] logits
  Matrix reconstructed;  // [s, classes]
  Matrix perturbed;      // [s * q, classes]; NaN where the perturbation is not plausible
  Matrix embeddings;     // [s, d] or empty
};
struct ProbeAttributes {
  AttributeTable real, reconstructed, perturbed;  // [s], [s], [s * q]
};

// The answers of a model with `rules` planted. `gains`: seeds whose every image it gets right, or empty.
ProbeEvaluation compose(const ProbeSet& probes, const BaseAnswers& base, const ProbeAttributes& attributes,
                        std::span<const Rule> rules, std::span<const std::uint8_t> gains);

// The same model as a classifier of images.
class PlantedClassifier final : public Classifier {
 public:
  PlantedClassifier(const Classifier& inner, const ImageShape& shape, std::vector<Rule> rules)
      : inner_(inner), shape_(shape), rules_(std::move(rules)) {}
  Result<Output> run(std::span<const float> images, std::size_t n, bool want_embeddings) const override;
  std::size_t batch() const override { return inner_.batch(); }

 private:
  const Classifier& inner_;
  ImageShape shape_;
  std::vector<Rule> rules_;
};

// Among `values` (one class's training images) the threshold beyond which `wanted` of the `test` values come closest to
// lie. `found`: how many really do. Both must not be empty.
struct Threshold {
  float value = 0;
  std::size_t found = 0;
};
Threshold threshold_for(std::span<const float> train, std::span<const float> test, bool high, std::size_t wanted);
// The value with the share `q` of `values` on its near side.
float threshold_at(std::span<const float> values, bool high, double q);

}  // namespace defuse::bench
