#include "tests/bench/gate/verify.h"

#include <cmath>
#include <iostream>

#include "core/base/random.h"

namespace defuse::bench {
namespace {

constexpr double kRounding = 2e-3;  // logits of one image differ in their last bits between batch sizes

Result<void> same(const std::vector<std::int32_t>& a, const std::vector<std::int32_t>& b, const std::string& what) {
  if (a.size() != b.size()) return fail(ErrorCode::internal, what + " has another length");
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i])
      return fail(ErrorCode::internal,
                  what + "[" + std::to_string(i) + "] is " + std::to_string(a[i]) + ", not " + std::to_string(b[i]));
  return {};
}

Result<void> close(const std::vector<float>& a, const std::vector<float>& b, const std::string& what) {
  if (a.size() != b.size()) return fail(ErrorCode::internal, what + " has another length");
  for (std::size_t i = 0; i < a.size(); ++i) {
    const auto x = static_cast<double>(a[i]), y = static_cast<double>(b[i]);
    if (std::isnan(x) == std::isnan(y) && !(std::abs(x - y) > kRounding * (1 + std::abs(y)))) continue;
    return fail(ErrorCode::internal,
                what + "[" + std::to_string(i) + "] is " + std::to_string(x) + ", not " + std::to_string(y));
  }
  return {};
}

Result<void> equal(const ProbeEvaluation& composed, const ProbeEvaluation& evaluated) {
  TRY_OK(same(composed.real, evaluated.real, "real"));
  TRY_OK(same(composed.reconstructed, evaluated.reconstructed, "reconstructed"));
  TRY_OK(same(composed.perturbed, evaluated.perturbed, "perturbed"));
  TRY_OK(close(composed.logits.data, evaluated.logits.data, "logits"));
  TRY_OK(close(composed.embeddings.data, evaluated.embeddings.data, "embeddings"));
  TRY_OK(close(composed.real_margin, evaluated.real_margin, "real_margin"));
  TRY_OK(close(composed.perturbed_margin, evaluated.perturbed_margin, "perturbed_margin"));
  if (composed.probe_digest != evaluated.probe_digest || composed.model_digest != evaluated.model_digest)
    return fail(ErrorCode::internal, "a digest differs");
  return {};
}

}  // namespace

Result<void> verify(Bench& bench) {
  World& world = *bench.world;
  const auto& model = bench.models.regular.front();
  RandomStream random(seed_of("verify"));
  for (const int count : {0, 1, 3}) {
    const auto drawn = draw_bugs(bench.source, Draw::usual, 0.005, 0.02, std::max(1, count), random);
    const auto bugs = std::span(drawn.bugs).first(static_cast<std::size_t>(count));
    TRY(composed, planted(world, model, bugs));
    TRY(evaluated, world.evaluate_planted(model, rules_of(bugs)));
    TRY_OK(while_doing("with " + std::to_string(count) + " planted bugs", equal(composed, evaluated)));
    std::size_t changed = 0;
    TRY(plain, honest(world, model));
    for (std::size_t i = 0; i < plain.perturbed.size(); ++i) changed += plain.perturbed[i] != composed.perturbed[i];
    std::cout << count << " planted bugs: composed answers equal evaluated ones; " << changed
              << " perturbations are answered otherwise than by the honest model\n";
  }
  return {};
}

}  // namespace defuse::bench
