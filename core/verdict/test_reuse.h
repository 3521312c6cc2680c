// What one test split still proves about a candidate, after all the others that were judged on it; and the level that
// this candidate is tested at. The worker asks for the level, the daemon for the words of the report. Pure functions.
// A judgement is a verdict that rests on a comparison of one candidate (by its digest) on one test split (by its
// digest). Judging the same candidate again, because of a label or a waiver, is no new one. A candidate has its place
// in the stream from its first verdict on; an attempt that died told nobody anything and has none.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/settings/settings.h"
#include "core/stats/four_counts.h"
#include "core/verdict/verdict.h"

namespace defuse {

// One test split of the line, as the candidate of a job finds it.
struct DataStanding {
  std::string data_digest;
  std::int64_t judgements = 1;  // candidates judged on it, this one included
  std::int64_t position = 1;    // of this one in their order, from 1
  std::int64_t rejections = 0;  // how many of those before it failed
};

// Every split of the line that was ever used. One that is not among them is new: its count starts with this candidate.
struct JudgementHistory {
  std::vector<DataStanding> data;
  DataStanding standing(const std::string& data_digest) const;
};

struct TestReuse {
  std::string data_digest;
  std::int64_t images = 0;
  bool counted = false;  // false: without a store nobody knows what was judged before (`defusectl evaluate`)
  std::int64_t judgements = 1;
  std::int64_t position = 1;
  std::int64_t rejections = 0;
  Correction correction = Correction::none;
  std::int64_t planned = 0;
  double alpha = 0.05;           // as configured
  double level = 0.05;           // what violations of this candidate were tested at, all checks together
  double discordance = 0;        // share of images that the two models may differ in: upper bound
  double accuracy_holds_to = 1;  // +-, at confidence 1 - alpha, after `judgements` adaptive ones
  double drop_holds_to = 1;      // likewise, of the drop against the incumbent
  double drop_if_fresh = 1;      // what the drop would hold to on a split never used before
  double worn_beyond = 1;        // limit of drop_holds_to
  bool worn = false;
};

// The level of all blocking checks together. Not corrected (alpha) without a history.
double level_of(const ModelSettings& settings, const std::optional<JudgementHistory>& history,
                const std::string& data_digest);

// Worn: the drop holds to no better than the margin of `accuracy` (max_drop) or, where a fresh split could not hold
// that either, than twice what a fresh one would; or more judgements than were planned for.
TestReuse test_reuse_of(const ModelSettings& settings, const std::optional<JudgementHistory>& history,
                        const std::string& data_digest, const FourCounts& overall);

// Sentences for people, most important first.
std::vector<std::string> test_reuse_sentences(const TestReuse& evidence);
// What belongs among the verdict's warnings; empty if the evidence is not worn.
std::string test_reuse_warning(const TestReuse& evidence);

// Did the data, and not the contract, speak against the candidate? That is what LOND counts.
bool rejected_by_data(const Verdict& verdict);

}  // namespace defuse
