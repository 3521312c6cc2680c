// One column of the gate benchmark: a way to decide from two models' answers whether the candidate got worse somewhere.
// Our gate is one of them, its parts alone and every rival are the others. Pure functions of the pair's answers;
// deterministic for a seed.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/base/result.h"
#include "core/evidence/evaluation.h"

namespace defuse::bench {

// What every column gets to see. Real images are the probe set's seeds (the test split first, then training images):
// labels and halves in probes.seeds; logits, embeddings and margins in the two ProbeEvaluations.
struct PairAnswers {
  const ProbeSet& probes;
  const ProbeEvaluation& incumbent;
  const ProbeEvaluation& candidate;
  int classes = 10;
  std::uint64_t seed = 1;
  int threads = 1;
};

struct ColumnAnswer {
  double score = 0;                    // larger = worse; the pair is blocked where it exceeds the column's threshold
  bool blocked = false;                // by the column's own published or usual rule
  std::vector<std::uint32_t> members;  // seeds of the slice it would block on; empty if it names none
  int shown = 0;                       // slices or regions it shows to people as regressions
  std::vector<std::vector<std::uint32_t>> slices;  // members of each shown one, worst first
};

struct Column {
  std::string name;
  std::function<Result<ColumnAnswer>(const PairAnswers&)> judge;
};

// rivals.cc: accuracy_margin, mcnemar, per_class, top_loss, confusion_sdm, domino, spotlight (candidate loss),
// spotlight_difference, defuse_literal.
std::vector<Column> rival_columns();

}  // namespace defuse::bench
