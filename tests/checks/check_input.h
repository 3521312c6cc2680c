// A world for one check: labels and two models' answers, with everything a CheckInput points to kept alive beside it.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "core/compare/comparison.h"
#include "core/verdict/check.h"

namespace defuse {

class World {
 public:
  explicit World(std::int32_t classes = 10) : classes_(classes) {
    facts.loaded = facts.ran = true;
    facts.classes_expected = classes;
    facts.batch_tried = 4;
    facts.output_shape = {4, classes};
    facts.latency_ms = 1.5;
    for (std::int32_t k = 0; k < classes; ++k) facts.classes.push_back(std::to_string(k));
    candidate.data_digest = incumbent.data_digest = "data";
  }

  // `count` images of class `label` on which the models are right or wrong as told. A wrong answer is the next class
  // (no usable answer where there is only one).
  World& add(std::int32_t label, std::int64_t count, bool incumbent_right, bool candidate_right) {
    const std::int32_t wrong = classes_ > 1 ? (label + 1) % classes_ : -1;
    for (std::int64_t i = 0; i < count; ++i)
      add_answer(label, incumbent_right ? label : wrong, candidate_right ? label : wrong);
    return *this;
  }
  World& add(std::int32_t label, const FourCounts& counts) {
    return add(label, counts.both_right, true, true)
        .add(label, counts.negative_flips, true, false)
        .add(label, counts.positive_flips, false, true)
        .add(label, counts.both_wrong, false, false);
  }
  World& add_answer(std::int32_t label, std::int32_t incumbent_says, std::int32_t candidate_says) {
    labels.push_back(label);
    incumbent.predicted.push_back(incumbent_says);
    candidate.predicted.push_back(candidate_says);
    return *this;
  }
  // The same counts for every class.
  World& add_all(const FourCounts& counts) {
    for (std::int32_t k = 0; k < classes_; ++k) add(k, counts);
    return *this;
  }

  CheckInput input() {
    CheckInput in;
    in.contract = &facts;
    in.test_labels = labels;
    in.classes = facts.classes;
    in.candidate = &candidate;
    in.incumbent = &incumbent;
    auto compared = compare(labels, incumbent.predicted, candidate.predicted, classes_);
    if (compared) {
      comparison = *compared;
      in.comparison = &comparison;
    } else {
      ADD_FAILURE() << compared.error().describe();
    }
    facts.images = static_cast<std::int64_t>(labels.size());
    in.known_regions = &known;
    in.alpha = 0.01;  // a fifth of 0.05, as the pipeline shares it
    in.confidence_alpha = 0.05;
    return in;
  }
  CheckInput input_without_incumbent() {
    CheckInput in = input();
    in.incumbent = nullptr;
    in.comparison = nullptr;
    return in;
  }

  ContractFacts facts;
  std::vector<std::int32_t> labels;
  Evaluation candidate, incumbent;
  Comparison comparison;
  std::vector<KnownRegion> known;

 private:
  std::int32_t classes_;
};

inline const Finding* find(const CheckResult& result, const std::string& id) {
  for (const auto& finding : result.findings)
    if (finding.id == id) return &finding;
  return nullptr;
}

inline Decision decision_of(const CheckResult& result, const std::string& id) {
  const Finding* finding = find(result, id);
  EXPECT_NE(finding, nullptr) << "no finding " << id;
  return finding == nullptr ? Decision::error : finding->decision;
}

// What every result owes its reader, whatever it says.
inline void expect_well_formed(const CheckResult& result) {
  EXPECT_FALSE(result.check.empty());
  EXPECT_FALSE(result.reason.empty());
  std::vector<std::string> ids;
  for (const auto& finding : result.findings) {
    EXPECT_EQ(finding.check, result.check) << finding.id;
    EXPECT_EQ(finding.id.rfind(result.check + "/", 0), 0U) << finding.id;
    EXPECT_FALSE(finding.sentence.empty()) << finding.id;
    EXPECT_EQ(finding.sentence.find("nan"), std::string::npos) << finding.sentence;
    EXPECT_TRUE(finding.waiver.empty());
    for (const auto& other : ids) EXPECT_NE(finding.id, other);
    ids.push_back(finding.id);
  }
}

}  // namespace defuse
