#include "core/slices/spotlight_search.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/sha256.h"
#include "core/slices/cross_entropy.h"
#include "core/stats/clustered.h"
#include "core/stats/multiplicity.h"

namespace defuse {
namespace {

struct RealAnswers {
  std::vector<std::uint32_t> discover, confirm;
  std::vector<double> difference;  // [seeds] of losses, candidate less incumbent; NaN where one has none
};

RealAnswers real_answers(const ProbeSet& probes, const ProbeEvaluation& candidate, const ProbeEvaluation& incumbent) {
  std::vector<std::int32_t> labels;
  for (const auto& seed : probes.seeds) labels.push_back(seed.label);
  RealAnswers answers;
  answers.difference = cross_entropy(candidate.logits, labels);
  const auto before = cross_entropy(incumbent.logits, labels);
  for (std::uint32_t s = 0; s < labels.size(); ++s) {
    answers.difference[s] -= before[s];
    if (!std::isfinite(answers.difference[s])) continue;
    (probes.seeds[s].half == Half::discover ? answers.discover : answers.confirm).push_back(s);
  }
  return answers;
}

template <class Key>
Key commonest(const std::map<Key, std::int64_t>& votes, Key none) {
  if (votes.empty()) return none;
  return std::max_element(votes.begin(), votes.end(), [](const auto& a, const auto& b) { return a.second < b.second; })
      ->first;
}

std::string id_of(const ProbeSet& probes, const std::vector<std::uint32_t>& members) {
  std::string text = probes.digest;
  for (const auto s : members) text += " " + std::to_string(s);
  return "s-" + sha256_hex(text).substr(0, 12);
}

ConfirmedSpotlight measure(const Spotlight& spotlight, const ProbeSet& probes, const ProbeEvaluation& candidate,
                           const ProbeEvaluation& incumbent, const RealAnswers& answers, double alpha) {
  ConfirmedSpotlight found;
  found.order = spotlight.order;
  found.state = spotlight.state;
  std::vector<std::uint32_t> members;
  std::map<std::int32_t, std::int64_t> labels, wrong;
  std::vector<double> net;
  const auto look = [&](const std::vector<std::uint32_t>& seeds, FourCounts& counts) {
    for (const auto s : seeds) {
      if (!spotlight.contains(candidate.embeddings.row(s))) continue;
      const auto label = probes.seeds[s].label;
      const bool before = incumbent.real[s] == label;
      const bool after = candidate.real[s] == label;
      counts.add(before, after);
      members.push_back(s);
      ++labels[label];
      if (!after) ++wrong[candidate.real[s]];
      if (&counts == &found.confirm) net.push_back((before ? 1.0 : 0.0) - (after ? 1.0 : 0.0));
    }
  };
  look(answers.discover, found.discover);
  look(answers.confirm, found.confirm);
  found.id = id_of(probes, members);
  found.label = commonest(labels, std::int32_t{-1});
  if (!members.empty())
    found.label_share = static_cast<double>(labels[found.label]) / static_cast<double>(members.size());
  found.predicted_as = commonest(wrong, std::int32_t{-1});
  double sum = 0;
  for (const double d : net) sum += d;
  found.net_rate = net.empty() ? 0 : sum / static_cast<double>(net.size());
  found.net_lower = net_rate_lower_bound(net, alpha);
  found.p = sign_flip_p(net);
  return found;
}

}  // namespace

Result<SpotlightSearch> search_spotlights(const ProbeSet& probes, const ProbeEvaluation& candidate,
                                          const ProbeEvaluation& incumbent, const SpotlightSearchSettings& settings) {
  const std::size_t n = probes.seeds.size();
  if (candidate.embeddings.empty())
    return fail(ErrorCode::invalid_input, "the last hidden layer of the new model was not found");
  if (candidate.embeddings.rows != n || candidate.logits.rows != n || incumbent.logits.rows != n ||
      candidate.real.size() != n || incumbent.real.size() != n)
    return fail(ErrorCode::invalid_input, "the answers do not cover the seed images");
  const auto answers = real_answers(probes, candidate, incumbent);
  SpotlightSearch search;
  search.discovery_seeds = static_cast<std::int64_t>(answers.discover.size());
  search.confirmation_seeds = static_cast<std::int64_t>(answers.confirm.size());
  TRY(spotlights, find_spotlights(candidate.embeddings, answers.discover, answers.difference, settings.spotlight));
  std::vector<double> p;
  for (const auto& spotlight : spotlights) {
    search.found.push_back(measure(spotlight, probes, candidate, incumbent, answers,
                                   settings.alpha / static_cast<double>(spotlights.size())));
    p.push_back(search.found.back().p);
  }
  const auto adjusted = holm(p);
  for (std::size_t i = 0; i < adjusted.size(); ++i) search.found[i].p_adjusted = adjusted[i];
  return search;
}

}  // namespace defuse
