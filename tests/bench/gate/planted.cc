#include "tests/bench/gate/planted.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/base/random.h"
#include "core/evidence/predictions.h"

namespace defuse::bench {
namespace {

std::size_t largest_but(std::span<const float> logits, std::size_t top) {
  std::size_t best = top == 0 ? 1 : 0;
  for (std::size_t k = 0; k < logits.size(); ++k)
    if (k != top && logits[k] > logits[best]) best = k;
  return best;
}

// The logits of the image after planting, and what they say.
struct Answer {
  std::int32_t predicted = -1;
  float margin = 0;
};

class Planter {
 public:
  Planter(std::span<const Rule> rules) : rules_(rules) {}

  Answer answer(std::span<const float> logits, const AttributeTable& table, std::size_t row, std::int32_t label,
                bool gained) {
    own_.assign(logits.begin(), logits.end());
    apply(table, row, label, gained);
    return {predicted_class(own_), margin(own_, label)};
  }
  std::span<const float> logits() const { return own_; }

 private:
  void apply(const AttributeTable& table, std::size_t row, std::int32_t label, bool gained) {
    plant(own_, table.values.row(row), table.hashes[row], rules_);
    if (!gained) return;
    const auto predicted = predicted_class(own_);
    if (predicted >= 0 && predicted != label)
      std::swap(own_[static_cast<std::size_t>(predicted)], own_[static_cast<std::size_t>(label)]);
  }

  std::span<const Rule> rules_;
  std::vector<float> own_;
};

}  // namespace

bool Rule::beyond(std::span<const float> attributes) const {
  const float value = attributes[static_cast<std::size_t>(attribute)];
  return high ? value > threshold : value < threshold;
}

bool Rule::fails(std::span<const float> attributes, std::int32_t hash) const {
  if (!beyond(attributes)) return false;
  if (strength >= 1) return true;
  const auto bits = mix64(static_cast<std::uint32_t>(hash) ^ mix64(salt));
  return static_cast<double>(bits >> 11) * 0x1.0p-53 < strength;
}

void plant(std::span<float> logits, std::span<const float> attributes, std::int32_t hash, std::span<const Rule> rules) {
  if (logits.size() < 2) return;
  const auto top = predicted_class(logits);
  for (const auto& rule : rules) {
    if (top != rule.label || !rule.fails(attributes, hash)) continue;
    const auto first = static_cast<std::size_t>(top);
    std::swap(logits[first], logits[largest_but(logits, first)]);
    return;
  }
}

ProbeEvaluation compose(const ProbeSet& probes, const BaseAnswers& base, const ProbeAttributes& attributes,
                        std::span<const Rule> rules, std::span<const std::uint8_t> gains) {
  const std::size_t n = probes.seeds.size();
  const auto draws = static_cast<std::size_t>(probes.draws);
  constexpr float kUnknown = std::numeric_limits<float>::quiet_NaN();
  ProbeEvaluation out;
  out.model_digest = base.model_digest;
  out.probe_digest = probes.digest;
  out.real.assign(n, -1);
  out.reconstructed.assign(n, -1);
  out.perturbed.assign(probes.plausible.size(), -1);
  out.real_margin.assign(n, kUnknown);
  out.perturbed_margin.assign(probes.plausible.size(), kUnknown);
  out.logits = Matrix(n, base.real.cols);
  out.embeddings = base.embeddings;
  Planter planter(rules);
  for (std::size_t s = 0; s < n; ++s) {
    const auto label = probes.seeds[s].label;
    const bool gained = !gains.empty() && gains[s] != 0;
    const auto real = planter.answer(base.real.row(s), attributes.real, s, label, gained);
    std::copy(planter.logits().begin(), planter.logits().end(), out.logits.row(s).begin());
    out.real[s] = real.predicted;
    out.real_margin[s] = real.margin;
    out.reconstructed[s] =
        planter.answer(base.reconstructed.row(s), attributes.reconstructed, s, label, gained).predicted;
    for (std::size_t q = s * draws; q < (s + 1) * draws; ++q) {
      if (probes.plausible[q] == 0) continue;
      const auto perturbed = planter.answer(base.perturbed.row(q), attributes.perturbed, q, label, gained);
      out.perturbed[q] = perturbed.predicted;
      out.perturbed_margin[q] = perturbed.margin;
    }
  }
  return out;
}

Result<Classifier::Output> PlantedClassifier::run(std::span<const float> images, std::size_t n,
                                                  bool want_embeddings) const {
  TRY(output, inner_.run(images, n, want_embeddings));
  const auto table = measure_all(images, n, shape_);
  for (std::size_t i = 0; i < n; ++i) plant(output.logits.row(i), table.values.row(i), table.hashes[i], rules_);
  return output;
}

Threshold threshold_for(std::span<const float> train, std::span<const float> test, bool high, std::size_t wanted) {
  std::vector<float> candidates(train.begin(), train.end());
  std::sort(candidates.begin(), candidates.end());
  candidates.erase(std::unique(candidates.begin(), candidates.end()), candidates.end());
  std::vector<float> sorted(test.begin(), test.end());
  std::sort(sorted.begin(), sorted.end());
  const auto beyond = [&](float threshold) {
    return static_cast<std::size_t>(high ? sorted.end() - std::upper_bound(sorted.begin(), sorted.end(), threshold)
                                         : std::lower_bound(sorted.begin(), sorted.end(), threshold) - sorted.begin());
  };
  Threshold best{candidates.front(), beyond(candidates.front())};
  const auto miss = [&](std::size_t found) { return found > wanted ? found - wanted : wanted - found; };
  for (const float candidate : candidates) {
    const auto found = beyond(candidate);
    if (miss(found) < miss(best.found)) best = {candidate, found};
  }
  return best;
}

float threshold_at(std::span<const float> values, bool high, double q) {
  std::vector<float> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  const auto k = static_cast<std::size_t>(std::lround((high ? q : 1 - q) * static_cast<double>(sorted.size() - 1)));
  return sorted[k];
}

}  // namespace defuse::bench
