#include "core/verdict/test_reuse.h"

#include <algorithm>
#include <cstdio>

#include "core/stats/intervals.h"
#include "core/stats/reuse.h"

namespace defuse {
namespace {

// Where not even a fresh split could hold the accuracy margin, the margin says nothing about wear; this does.
constexpr double kWornTwice = 2;

std::string level_text(double share) {
  char text[32];
  std::snprintf(text, sizeof text, share < 0.01 ? "%.2g %%" : "%.3g %%", 100 * share);
  return text;
}

std::string points(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f points", 100 * share);
  return text;
}

std::string count(std::int64_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

bool overspent(const TestReuse& e) {
  return e.correction == Correction::spending && e.counted && e.position > e.planned;
}

std::string level_sentence(const TestReuse& e) {
  const std::string place = "candidate " + std::to_string(e.position);
  switch (e.correction) {
    case Correction::none:
      return "Each candidate is judged at the full level of " + level_text(e.alpha) +
             "; over many candidates false alarms add up (correction: none).";
    case Correction::lond:
      if (!e.counted) break;
      return "Violations were tested at " + level_text(e.level) + " in place of " + level_text(e.alpha) + ": " + place +
             " on this split, " + std::to_string(e.rejections) + " of those before it failed (correction: lond).";
    case Correction::spending:
      if (!e.counted) break;
      return "Violations were tested at " + level_text(e.level) + ", one of " + std::to_string(e.planned) +
             " equal shares of " + level_text(e.alpha) + ": " + place + " on this split (correction: spending).";
  }
  return "The correction over the stream of candidates that the configuration asks for (" +
         std::string(to_string(e.correction)) + ") needs the daemon's memory; violations were tested at " +
         level_text(e.level) + ".";
}

}  // namespace

DataStanding JudgementHistory::standing(const std::string& data_digest) const {
  for (const auto& known : data)
    if (known.data_digest == data_digest) return known;
  return {data_digest, 1, 1, 0};
}

double level_of(const ModelSettings& settings, const std::optional<JudgementHistory>& history,
                const std::string& data_digest) {
  if (!history) return settings.alpha;
  const auto standing = history->standing(data_digest);
  switch (settings.correction) {
    case Correction::none:
      break;
    case Correction::lond:
      return lond_level(settings.alpha, standing.position, standing.rejections);
    case Correction::spending:
      // Beyond the plan the shares are used up. A level of 0 could never fail anybody, so it stays, and a warning
      // tells.
      return spending_level(settings.alpha, settings.judgements);
  }
  return settings.alpha;
}

TestReuse test_reuse_of(const ModelSettings& settings, const std::optional<JudgementHistory>& history,
                        const std::string& data_digest, const FourCounts& overall) {
  TestReuse e;
  e.data_digest = data_digest;
  e.images = overall.total();
  e.counted = history.has_value();
  if (history) {
    const auto standing = history->standing(data_digest);
    e.judgements = standing.judgements;
    e.position = standing.position;
    e.rejections = standing.rejections;
  }
  e.correction = settings.correction;
  e.planned = settings.judgements;
  e.alpha = settings.alpha;
  e.level = level_of(settings, history, data_digest);
  const double delta = settings.alpha;
  e.discordance = clopper_pearson_upper(overall.negative_flips + overall.positive_flips, e.images, delta / 2);
  e.accuracy_holds_to = accuracy_tolerance(e.images, delta, e.judgements, Reuse::adaptive);
  e.drop_holds_to = drop_tolerance(e.images, e.discordance, delta, e.judgements, Reuse::adaptive);
  e.drop_if_fresh = drop_tolerance(e.images, e.discordance, delta, 1, Reuse::adaptive);
  const double margin = settings.checks.accuracy.max_drop;
  e.worn_beyond = e.drop_if_fresh <= margin ? margin : std::min(1.0, kWornTwice * e.drop_if_fresh);
  e.worn = e.counted && (overspent(e) || e.drop_holds_to > e.worn_beyond || (e.drop_holds_to >= 1 && e.judgements > 1));
  return e;
}

std::vector<std::string> test_reuse_sentences(const TestReuse& e) {
  std::vector<std::string> lines;
  if (e.counted) {
    const bool first = e.judgements == 1;
    lines.push_back((first ? "This is the first candidate judged" : count(e.judgements, "candidate") + " were judged") +
                    " on this test split of " + count(e.images, "image") + (first ? "" : ", this one included") + ".");
  } else {
    lines.push_back(
        "It is not known how many candidates were judged on this test split before (only the daemon counts). "
        "The figures below are for a first candidate.");
  }
  const std::string told =
      e.judgements == 1 ? "With" : "If nothing but pass or fail of each was used to make the next, then with";
  lines.push_back(
      told + " " + level_text(1 - e.alpha) + " confidence the measured accuracy holds to within " +
      points(e.accuracy_holds_to) + " and the measured drop against the incumbent to within " +
      points(e.drop_holds_to) +
      (e.judgements == 1
           ? "."
           : "; on a fresh split of this size the drop would hold to within " + points(e.drop_if_fresh) + ".") +
      (e.judgements == 1 ? "" : " Training on the pictures of broken images makes these figures too optimistic."));
  lines.push_back(level_sentence(e));
  if (const auto warning = test_reuse_warning(e); !warning.empty()) lines.insert(lines.begin(), warning);
  return lines;
}

std::string test_reuse_warning(const TestReuse& e) {
  if (!e.worn) return {};
  std::string text = "The test split is worn out: ";
  if (overspent(e))
    text += "this is candidate " + std::to_string(e.position) + " of " + std::to_string(e.planned) +
            " planned, so the chance of a false alarm is no longer kept below " + level_text(e.alpha);
  else
    text += "after " + count(e.judgements, "candidate") + " the measured drop holds to within " +
            points(e.drop_holds_to) + " only (limit " + points(e.worn_beyond) + ")";
  return text + ". Judge further candidates on new images.";
}

bool rejected_by_data(const Verdict& verdict) {
  return std::any_of(verdict.checks.begin(), verdict.checks.end(), [](const CheckOutcome& check) {
    return check.check != "contract" && check.mode == CheckMode::block && check.state == VerdictState::fail;
  });
}

}  // namespace defuse
