#include "tests/bench/gate/rows.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <system_error>

#include "core/base/files.h"
#include "core/regions/frozen.h"
#include "tests/bench/gate/bootstrap.h"
#include "tests/bench/gate/parts.h"

namespace defuse::bench {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDeepest = 10;

double seconds_since(std::chrono::steady_clock::time_point started) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}

double rounded(double value, double steps) { return std::round(value * steps) / steps; }

std::vector<std::uint32_t> members_of(const Region& region) {
  std::vector<std::uint32_t> members;
  for (const auto& member : region.members) members.push_back(member.seed);
  std::sort(members.begin(), members.end());
  return members;
}

// Slices that are no bug: fewer than half of their members are planted. In a null pair none are.
std::int64_t false_ones(const std::vector<std::vector<std::uint32_t>>& slices, const Pair& pair) {
  return std::count_if(slices.begin(), slices.end(), [&](const std::vector<std::uint32_t>& slice) {
    return pair.planted.empty() || !(match(slice, pair.planted).precision >= 0.5);
  });
}

// Share of a region's images that are truly planted: of its seeds' real images where these are the evidence, else of
// the generated images inside (or, for a region of seeds, of all their plausible perturbations).
double precision_of(const Region& region, const Pair& pair) {
  if (pair.planted.empty() || region.members.empty()) return 0;
  if (region.evidence == RegionEvidence::real) return match(members_of(region), pair.planted).precision;
  const auto& probes = pair.world->probes();
  const auto draws = static_cast<std::size_t>(probes.draws);
  std::int64_t images = 0, planted = 0;
  const auto inside = draws_inside(region, probes);
  for (std::size_t i = 0; i < inside.size(); ++i) {
    const auto seed = region.members[i].seed;
    for (const int draw : inside[i]) {
      ++images;
      planted += std::any_of(pair.info.bugs.begin(), pair.info.bugs.end(), [&](const Bug& bug) {
        return bug.rule.label == probes.seeds[seed].label &&
               bug.rule.beyond(
                   pair.world->attributes().perturbed.values.row(seed * draws + static_cast<std::size_t>(draw)));
      });
    }
  }
  return images == 0 ? 0 : static_cast<double>(planted) / static_cast<double>(images);
}

// The same of the region's ten deepest members. An honest pair has nothing to be precise about.
double precision_at_ten(Region region, const Pair& pair) {
  if (pair.planted.empty()) return kNone;
  if (region.members.size() > kDeepest) region.members.resize(kDeepest);
  return precision_of(region, pair);
}

Json region_json(const Region& region, const Pair& pair) {
  const auto fit = match(members_of(region), pair.planted);
  return {{"status", std::string(to_string(region.status))},
          {"space", region.space},
          {"evidence", region.evidence},
          {"label", region.label},
          {"members", region.members.size()},
          {"confirm_seeds", region.confirm.seeds},
          {"net", json_number(rounded(region.confirm.net_flip_rate, 1e4))},
          {"net_lower", json_number(rounded(region.confirm.net_lower, 1e4))},
          {"p_adjusted", json_number(region.confirm.p_adjusted)},
          {"precision", json_number(precision_of(region, pair))},
          {"recall", json_number(fit.recall)}};
}

// The region search's part of the answer, which both of our columns show.
void describe_regions(const GateAnswer& answer, const Pair& pair, Json& out) {
  std::int64_t shown = 0;
  std::int64_t false_shown = 0;
  Json worst = Json::array();
  for (const auto& region : answer.regions) {
    const bool worse = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
    shown += worse ? 1 : 0;
    false_shown += worse && precision_of(region, pair) < 0.5 ? 1 : 0;
    if ((worse || region.status == RegionStatus::suspected) && worst.size() < 5)
      worst.push_back(region_json(region, pair));
  }
  const Region* first = answer.blocking.empty() ? nullptr : &answer.regions[answer.blocking.front()];
  const auto fit = first != nullptr ? match(members_of(*first), pair.planted) : Match{};
  std::vector<std::uint32_t> all;
  for (const auto at : answer.blocking) {
    const auto members = members_of(answer.regions[at]);
    all.insert(all.end(), members.begin(), members.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<std::uint32_t> truth;
  for (const auto& bug : pair.planted) truth.insert(truth.end(), bug.begin(), bug.end());
  std::sort(truth.begin(), truth.end());
  truth.erase(std::unique(truth.begin(), truth.end()), truth.end());
  const std::vector<std::vector<std::uint32_t>> one = {truth};
  out["precision"] = json_number(first != nullptr ? precision_of(*first, pair) : kNone);
  out["precision_at_10"] = json_number(first != nullptr ? precision_at_ten(*first, pair) : kNone);
  out["recall"] = json_number(fit.recall);
  out["recall_all"] = json_number(all.empty() || truth.empty() ? kNone : match(all, one).recall);
  out["shown"] = shown;
  out["false_shown"] = false_shown;
  out["evidence"] = first != nullptr ? Json(to_string(first->evidence)) : Json(nullptr);
  out["space"] = first != nullptr ? Json(to_string(first->space)) : Json(nullptr);
  out["worst"] = std::move(worst);
}

Json gate_json(const GateAnswer& answer, const Pair& pair, bool regions_only) {
  const bool by_regions = !answer.blocking.empty();
  Json out;
  out["score"] = json_number(answer.score);
  out["margin"] = json_number(rounded(answer.margin, 1e4));
  out["blocked"] = regions_only ? by_regions : answer.verdict == "fail";
  describe_regions(answer, pair, out);
  if (!regions_only) {
    out["verdict"] = answer.verdict;
    out["checks"] = answer.failed;
  }
  out["seconds"] = rounded(regions_only ? answer.search_seconds : answer.seconds, 100);
  return out;
}

Json column_json(const ColumnAnswer& answer, const Pair& pair, double seconds) {
  auto members = answer.members;
  std::sort(members.begin(), members.end());
  const auto fit = match(members, pair.planted);
  // Slices name their members in the order of the seeds: their first ten are ten of them, no better than the others.
  const auto& first = answer.slices.empty() ? answer.members : answer.slices.front();
  const auto deepest =
      distinct({first.begin(), first.begin() + static_cast<std::ptrdiff_t>(std::min(first.size(), kDeepest))});
  return {{"score", json_number(answer.score)},
          {"blocked", answer.blocked},
          {"precision", json_number(answer.blocked ? fit.precision : kNone)},
          {"precision_at_10", json_number(answer.blocked ? match(deepest, pair.planted).precision : kNone)},
          {"recall", json_number(answer.blocked ? fit.recall : kNone)},
          {"shown", answer.shown},
          {"false_shown", false_ones(answer.slices, pair)},
          {"seconds", rounded(seconds, 100)}};
}

Json flips_of(const Pair& pair) {
  std::int64_t negative = 0, positive = 0;
  for (std::size_t s = 0; s < pair.world->test_size(); ++s) {
    const auto label = pair.world->probes().seeds[s].label;
    const bool before = pair.incumbent.real[s] == label;
    const bool after = pair.candidate.real[s] == label;
    negative += before && !after;
    positive += !before && after;
  }
  return {{"negative", negative}, {"positive", positive}};
}

Json bugs_json(const PairInfo& info) {
  Json bugs = Json::array();
  for (const auto& bug : info.bugs)
    bugs.push_back({{"class", bug.rule.label},
                    {"attribute", std::string(name_of(bug.rule.attribute))},
                    {"side", bug.rule.high ? "high" : "low"},
                    {"mass", bug.mass},
                    {"strength", rounded(bug.rule.strength, 1000)}});
  return bugs;
}

Json head_of(const Pair& pair) {
  const auto& info = pair.info;
  return {{"pair", info.id},
          {"source", info.source},
          {"pool", info.pool},
          {"kind", info.kind},
          {"band", info.band.empty() ? Json(nullptr) : Json(info.band)},
          {"recipe", info.recipe},
          {"base", info.base},
          {"incumbent", info.incumbent},
          {"gains", rounded(info.gains, 1000)},
          {"bugs", bugs_json(info)},
          {"mass", info.mass},
          {"accuracy",
           {{"incumbent", test_accuracy(*pair.world, pair.incumbent)},
            {"candidate", test_accuracy(*pair.world, pair.candidate)}}},
          {"flips", flips_of(pair)},
          {"generator_usable", pair.health.usable}};
}

Result<Json> known_json(const Pair& pair) {
  const auto started = std::chrono::steady_clock::now();
  TRY(answer, judge_reopened({*pair.world, pair.incumbent, pair.candidate, pair.health}, pair.known));
  const auto fit = match(pair.known_members, pair.planted);
  return Json{{"score", json_number(answer.lower)},      {"blocked", answer.blocked},
              {"precision", json_number(fit.precision)}, {"recall", json_number(fit.recall)},
              {"p_adjusted", json_number(answer.p)},     {"frozen_seeds", answer.seeds},
              {"confirmed", pair.known_confirmed},       {"seconds", rounded(seconds_since(started), 100)}};
}

}  // namespace

Result<std::set<std::string>> judged_pairs(const fs::path& file) {
  std::set<std::string> ids;
  std::error_code ignored;
  if (!fs::exists(file, ignored)) return ids;
  TRY(text, read_file(file));
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = text.find('\n', at);
    if (end == std::string::npos) break;
    TRY(row, parse_json(std::string_view(text).substr(at, end - at), file.string()));
    JsonReader reader(row, "row");
    ids.insert(reader.text("pair"));
    TRY_OK(reader.status());
    at = end + 1;
  }
  if (at < text.size()) {
    fs::resize_file(file, at, ignored);
    if (ignored) return fail(ErrorCode::io, "cannot cut the last row off " + file.string());
  }
  return ids;
}

Result<void> append_row(const fs::path& file, const Json& row) {
  std::ofstream out(file, std::ios::app);
  out << dump_json(row) << '\n' << std::flush;
  if (!out) return fail(ErrorCode::io, "cannot append to " + file.string());
  return {};
}

Match match(std::span<const std::uint32_t> members, std::span<const std::vector<std::uint32_t>> planted) {
  Match out;
  if (members.empty() || planted.empty()) return out;
  std::set<std::uint32_t> hit;
  std::size_t best = 0;
  for (const auto& bug : planted) {
    std::vector<std::uint32_t> shared;
    std::set_intersection(members.begin(), members.end(), bug.begin(), bug.end(), std::back_inserter(shared));
    hit.insert(shared.begin(), shared.end());
    if (bug.empty()) continue;
    const double recall = static_cast<double>(shared.size()) / static_cast<double>(bug.size());
    if (std::isnan(out.recall) || shared.size() > best) {
      best = shared.size();
      out.recall = recall;
    }
  }
  out.precision = static_cast<double>(hit.size()) / static_cast<double>(members.size());
  return out;
}

namespace {

Result<void> judge_ours(const Pair& pair, const RowOptions& options, Json& judged) {
  const auto wanted = [&](const std::string& name) {
    return options.columns.empty() || options.columns.count(name) != 0;
  };
  const GatePair gate{*pair.world, pair.incumbent, pair.candidate, pair.health};
  if (wanted("gate") || wanted("regions")) {
    TRY(answer, judge(gate));
    if (wanted("gate")) judged["gate"] = gate_json(answer, pair, /*regions_only=*/false);
    if (wanted("regions")) judged["regions"] = gate_json(answer, pair, /*regions_only=*/true);
    if (options.bootstraps > 0) {
      TRY(again, stability(gate, options.bootstraps, seed_of(pair.info.id)));
      for (auto& [_, column] : judged.items()) {
        column["stability"] = json_number(again.jaccard);
        column["stability_blocked"] = json_number(again.blocked);
      }
    }
  }
  if (pair.reopened) {
    TRY(known, known_json(pair));
    judged["known_regions"] = std::move(known);
  }
  for (const auto& part : part_columns()) {
    if (!wanted(part.name)) continue;
    TRY(answer, judge_part(gate, part.shapes));
    judged[part.name] = gate_json(answer, pair, /*regions_only=*/true);
  }
  return {};
}

}  // namespace

Result<Json> judge_row(const Pair& pair, const RowOptions& options) {
  const auto started = std::chrono::steady_clock::now();
  Json row = head_of(pair);
  Json judged = Json::object();
  const bool judgeable = pair.info.kind.find('_') == std::string::npos;  // training_excluded, reopened_unknown
  if (judgeable) TRY_OK(judge_ours(pair, options, judged));
  const PairAnswers answers{pair.world->probes(),  pair.incumbent,        pair.candidate,
                            pair.world->classes(), seed_of(pair.info.id), pair.world->threads()};
  for (const auto& column : rival_columns()) {
    if (!judgeable || (!options.columns.empty() && options.columns.count(column.name) == 0)) continue;
    const auto began = std::chrono::steady_clock::now();
    TRY(answer, column.judge(answers));
    judged[column.name] = column_json(answer, pair, seconds_since(began));
  }
  row["columns"] = std::move(judged);
  row["seconds"] = rounded(seconds_since(started), 100);
  return row;
}

}  // namespace defuse::bench
