// Each rule is one finding. All but the last judge facts one by one; the last recognises permuted labels from
// behaviour: a cycle of classes k -> m(k) -> …, m(k) the answer given to most images of class k, is what a mixed-up
// class order looks like.
#include "checks/contract.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "checks/conclude.h"

namespace defuse {
namespace {

constexpr char kCheck[] = "contract";
constexpr double kMajority = 0.6;  // of a class's images that must get the same wrong answer
constexpr double kGain = 0.3;      // of accuracy on the affected classes that undoing the permutation must bring
constexpr std::int64_t kFewestPerClass = 5;  // below that a majority means nothing

Finding rule(const std::string& name, bool holds, const std::string& kept, const std::string& broken) {
  Finding finding;
  finding.id = std::string(kCheck) + "/" + name;
  finding.check = kCheck;
  finding.subject = name;
  finding.decision = holds ? Decision::ok : Decision::violation;
  finding.sentence = holds ? kept : broken;
  return finding;
}

Finding failure(const std::string& name, const std::string& sentence) {
  Finding finding = rule(name, /*holds=*/true, sentence, {});
  finding.decision = Decision::error;
  return finding;
}

std::string shape_words(const std::vector<std::int64_t>& shape) {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  return text + "]";
}

Finding size_rule(const ContractFacts& facts, const ContractSettings& settings) {
  Finding finding = rule("size", facts.size_bytes <= settings.max_size, "The file is within the size limit.",
                         "The model file has " + std::to_string(facts.size_bytes) + " bytes; the limit is " +
                             std::to_string(settings.max_size) + ".");
  finding.value = static_cast<double>(facts.size_bytes);
  finding.limit = static_cast<double>(settings.max_size);
  return finding;
}

Finding latency_rule(const ContractFacts& facts, const ContractSettings& settings) {
  const double limit = static_cast<double>(settings.max_latency.count());
  Finding finding = !(facts.latency_ms > 0)
                        ? failure("latency", "The time for one image was not measured, so its limit cannot be checked.")
                        : rule("latency", facts.latency_ms <= limit, "One image is answered within the time limit.",
                               "One image takes " + std::to_string(facts.latency_ms) + " ms; the limit is " +
                                   std::to_string(settings.max_latency.count()) + " ms.");
  finding.value = facts.latency_ms;
  finding.limit = limit;
  return finding;
}

Finding shape_rule(const ContractFacts& facts) {
  const std::vector<std::int64_t> expected = {facts.batch_tried, facts.classes_expected};
  return rule("output", facts.batch_tried > 0 && facts.output_shape == expected,
              "The model gives one number per class.",
              "The model's output for " + images(facts.batch_tried) + " has shape " + shape_words(facts.output_shape) +
                  "; " + shape_words(expected) + " was expected.");
}

// Rules that count images on which something is wrong; none may be.
Finding counted_rule(const std::string& name, std::int64_t count, std::int64_t of, const std::string& kept,
                     const std::string& broken) {
  Finding finding = rule(name, count == 0, kept, broken);
  finding.value = static_cast<double>(count);
  finding.limit = 0;
  finding.n = of;
  return finding;
}

Finding labels_rule(const ContractFacts& facts) {
  auto listed = facts.labels;
  auto expected = facts.classes;
  std::string broken = "labels.txt does not list the classes of the configuration";
  if (listed.size() != expected.size()) {
    broken +=
        ": it has " + std::to_string(listed.size()) + " names for " + std::to_string(expected.size()) + " classes.";
  } else {
    const auto [mine, theirs] = std::mismatch(listed.begin(), listed.end(), expected.begin());
    if (mine != listed.end())
      broken += ": output " + std::to_string(mine - listed.begin()) + " is '" + *mine + "' there and '" + *theirs +
                "' in the configuration";
    std::sort(listed.begin(), listed.end());
    std::sort(expected.begin(), expected.end());
    broken += listed == expected ? "; the same names stand in another order." : ".";
  }
  return rule("labels", facts.labels == facts.classes, "labels.txt lists the expected classes in order.", broken);
}

// Which answer most images of each class get; -1 where it is the right one, or no answer has the majority.
struct Majorities {
  std::vector<std::vector<std::int64_t>> confusion;  // [true][answered]
  std::vector<std::int64_t> images;                  // [true]
  std::vector<std::int64_t> wrong_majority;          // [true]
};

Majorities majorities(const CheckInput& in, std::size_t classes) {
  Majorities m;
  m.confusion.assign(classes, std::vector<std::int64_t>(classes, 0));
  m.images.assign(classes, 0);
  m.wrong_majority.assign(classes, -1);
  for (std::size_t i = 0; i < in.test_labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(in.test_labels[i]);
    if (in.test_labels[i] < 0 || label >= classes) continue;
    ++m.images[label];
    const auto answer = static_cast<std::size_t>(in.candidate->predicted[i]);
    if (in.candidate->predicted[i] >= 0 && answer < classes) ++m.confusion[label][answer];
  }
  for (std::size_t k = 0; k < classes; ++k) {
    const auto most = std::max_element(m.confusion[k].begin(), m.confusion[k].end());
    const bool enough =
        m.images[k] >= kFewestPerClass && static_cast<double>(*most) >= kMajority * static_cast<double>(m.images[k]);
    if (enough && most - m.confusion[k].begin() != static_cast<std::ptrdiff_t>(k))
      m.wrong_majority[k] = most - m.confusion[k].begin();
  }
  return m;
}

// The classes on the cycle that starts and ends at `start`, `start` being its smallest; empty if there is none.
std::vector<std::size_t> cycle_at(const std::vector<std::int64_t>& next, std::size_t start) {
  std::vector<std::size_t> cycle = {start};
  for (std::int64_t at = next[start]; at >= 0; at = next[static_cast<std::size_t>(at)]) {
    const auto k = static_cast<std::size_t>(at);
    if (k == start) return cycle;
    if (k < start || cycle.size() > next.size()) return {};
    cycle.push_back(k);
  }
  return {};
}

double incumbent_accuracy_on(const CheckInput& in, const std::vector<std::size_t>& classes) {
  std::int64_t right = 0, total = 0;
  for (std::size_t i = 0; i < in.test_labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(in.test_labels[i]);
    if (std::find(classes.begin(), classes.end(), label) == classes.end()) continue;
    ++total;
    if (in.incumbent->predicted[i] == in.test_labels[i]) ++right;
  }
  return total == 0 ? 0 : static_cast<double>(right) / static_cast<double>(total);
}

// Classes that the model has mixed up with each other, and what undoing it would bring.
struct Permutation {
  std::vector<std::size_t> classes;
  double accuracy = 0;
  double repaired = 0;
};

// A cycle counts only if undoing it gains kGain on its classes, and the incumbent (if there is one) is better there by
// as much: where both models "mix up" two classes it is the test labels that are wrong, not the candidate.
std::vector<Permutation> permutations(const CheckInput& in, const Majorities& m) {
  std::vector<Permutation> found;
  for (std::size_t start = 0; start < m.wrong_majority.size(); ++start) {
    if (m.wrong_majority[start] < 0) continue;
    Permutation p;
    p.classes = cycle_at(m.wrong_majority, start);
    if (p.classes.size() < 2) continue;
    std::int64_t right = 0, repaired = 0, total = 0;
    for (const std::size_t k : p.classes) {
      right += m.confusion[k][k];
      repaired += m.confusion[k][static_cast<std::size_t>(m.wrong_majority[k])];
      total += m.images[k];
    }
    p.accuracy = static_cast<double>(right) / static_cast<double>(total);
    p.repaired = static_cast<double>(repaired) / static_cast<double>(total);
    const bool can_ask = in.incumbent != nullptr && in.incumbent->size() == in.test_labels.size();
    const double reference = can_ask ? incumbent_accuracy_on(in, p.classes) : 1;
    if (p.repaired - p.accuracy >= kGain && reference - p.accuracy >= kGain) found.push_back(std::move(p));
  }
  return found;
}

Finding order_rule(const CheckInput& in, std::int64_t classes_expected) {
  const std::string kept = "The answers show no sign of a mixed-up class order.";
  if (classes_expected <= 0 || in.candidate->size() != in.test_labels.size())
    return failure("label_order", "The order of the classes cannot be checked: answers and labels do not match.");
  const Majorities m = majorities(in, static_cast<std::size_t>(classes_expected));
  std::string broken;
  for (const auto& permutation : permutations(in, m)) {
    broken += broken.empty() ? "The class order looks mixed up: the model answers " : " It also answers ";
    for (std::size_t i = 0; i < permutation.classes.size() && i < 6; ++i) {
      const std::size_t k = permutation.classes[i];
      broken += (i == 0 ? "" : ", ") + class_name(in, m.wrong_majority[k]) + " for most images of " +
                class_name(in, static_cast<std::int64_t>(k));
    }
    if (permutation.classes.size() > 6) broken += ", … (" + std::to_string(permutation.classes.size()) + " classes)";
    broken += "; with the order put right it would be right on " + percent(permutation.repaired) +
              " of them instead of " + percent(permutation.accuracy) + ".";
  }
  Finding finding = rule("label_order", broken.empty(), kept, broken);
  finding.n = static_cast<std::int64_t>(in.test_labels.size());
  return finding;
}

void judge_answers(const CheckInput& in, const ContractFacts& facts, const ContractSettings& settings,
                   std::vector<Finding>& findings) {
  findings.push_back(shape_rule(facts));
  if (facts.images <= 0) findings.push_back(failure("images", "The model was run on no test image."));
  findings.push_back(counted_rule(
      "finite", facts.not_finite, facts.images, "Every output is a finite number.",
      "The model gives NaN or infinity for " + std::to_string(facts.not_finite) + " of " + images(facts.images) + "."));
  findings.push_back(counted_rule(
      "deterministic", facts.not_deterministic, facts.batch_tried, "The same images get the same answers again.",
      "Run twice on the same images, the model changes its answer for " + images(facts.not_deterministic) + "."));
  findings.push_back(counted_rule("batch", facts.batch_dependent, facts.batch_tried,
                                  "An answer does not depend on what else is in the batch.",
                                  "The answer for " + images(facts.batch_dependent) +
                                      " depends on what else is in the batch (is the model in training mode?)."));
  if (settings.max_latency.count() > 0) findings.push_back(latency_rule(facts, settings));
  if (!facts.labels.empty()) findings.push_back(labels_rule(facts));
  if (in.candidate == nullptr) {
    findings.push_back(failure("run", "The model was not run on the test images."));
  } else {
    findings.push_back(order_rule(in, facts.classes_expected));
  }
}

}  // namespace

CheckInfo ContractCheck::info() const {
  return {.id = kCheck,
          .version = 1,
          .question =
              "Does it load, take the shape, and give finite, repeatable numbers for the right classes in the right "
              "order, within size and time limits?",
          .paper = {},
          .statistical = false};
}

CheckResult ContractCheck::run(const CheckInput& in) const {
  if (in.contract == nullptr)
    return stopped(kCheck, settings_.mode, "facts", Decision::error, "The new model was not tested.");
  const ContractFacts& facts = *in.contract;
  CheckResult result;
  result.check = kCheck;
  result.mode = settings_.mode;
  result.findings.push_back(size_rule(facts, settings_));
  if (!facts.loaded) {
    result.findings.push_back(failure("load", "The model does not load: " + facts.load_error));
  } else if (Finding shape = shape_rule(facts); !facts.output_shape.empty() && shape.decision == Decision::violation) {
    // It answered, in a shape that nothing further can be made of: its contract is broken, rather than unknown.
    result.findings.push_back(std::move(shape));
  } else if (!facts.ran || !facts.run_error.empty()) {
    result.findings.push_back(failure("run", "The model loads, but fails when it runs: " + facts.run_error));
  } else {
    judge_answers(in, facts, settings_, result.findings);
  }
  conclude(result, "The model loads, answers in the expected shape and stays within its limits.");
  return result;
}

}  // namespace defuse
