// A setting that a station depends on and that is not in its key would let the cache answer with stale evidence: every
// described setting is changed in turn, and the key must change, or the setting must stand here as one that does not
// matter.
#include "core/gate/keys.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>

#include "core/gate/search_fields.h"
#include "core/settings/fields.h"
#include "tests/support/described.h"

namespace defuse {
namespace {

// Changes one of the settings that a description names.
class Changer {
 public:
  explicit Changer(int which) : which_(which) {}

  template <class T, class... Rest>
  void field(const char* key, T& value, Rest&&...) {
    if (seen_++ != which_) return;
    change(value);
    changed_ = key;
  }
  template <class T, class... Rest>
  void list(const char* key, std::vector<T>& values, Rest&&...) {
    if (seen_++ != which_) return;
    if (values.empty()) values.emplace_back();
    change(values.front());
    changed_ = key;
  }
  template <class S, class... Rest>
  void object(const char*, S& value, Rest&&...) {
    describe(*this, value);
  }
  template <class... Rest>
  void check(Rest&&...) {}

  const std::string& changed() const { return changed_; }

 private:
  template <class T>
  static void change(T& value) {
    if constexpr (std::is_same_v<T, bool>)
      value = !value;
    else if constexpr (std::is_enum_v<T>)
      value = static_cast<T>(value == T{} ? 1 : 0);
    else if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string> ||
                       std::is_same_v<T, std::filesystem::path>)
      value += static_cast<T>(add<T>());
    else
      value += T(1);
  }
  template <class T>
  static auto add() {
    if constexpr (std::is_arithmetic_v<T>)
      return T(1);
    else
      return T("x");
  }

  int which_;
  int seen_ = 0;
  std::string changed_;
};

using Names = std::set<std::string>;

// The settings whose change the key does not show.
template <class S>
Names without_effect(const S& usual, const std::function<std::string(const S&)>& key) {
  Names names;
  for (int which = 0;; ++which) {
    S settings = usual;
    Changer changer(which);
    describe(changer, settings);
    if (changer.changed().empty()) return names;
    if (key(settings) == key(usual)) names.insert(changer.changed());
  }
}

InputSettings input() { return {{1, 28, 28}, 255, {0.1}, {0.3}}; }

std::string search_key(const RegionSettings& settings, const RegionSearchSettings& search,
                       const InputSettings& images = input(), const WorkerSettings& worker = {}, int classes = 10,
                       bool generated_usable = true, std::uint64_t seed = 1) {
  ProbeSet probes;
  probes.digest = "probes";
  ProbeEvaluation candidate, incumbent;
  candidate.model_digest = "candidate";
  incumbent.model_digest = "incumbent";
  return sibling_search_key({probes, candidate, &incumbent, generated_usable, classes}, settings, search, images,
                            worker, seed);
}

TEST(Keys, EvaluationsDependOnTheWholeInputAndOnTheDevice) {
  const auto key = [](const InputSettings& images, const WorkerSettings& worker) {
    return evaluation_key("model", "test", 10, images, worker);
  };
  EXPECT_EQ(without_effect<InputSettings>(input(), [&](const auto& s) { return key(s, {}); }), Names{});
  EXPECT_EQ(without_effect<WorkerSettings>({}, [&](const auto& s) { return key(input(), s); }),
            (Names{"threads", "memory", "timeout", "cpu_time", "retries", "backoff", "sandbox"}));
  const auto usual = key(input(), {});
  EXPECT_NE(evaluation_key("other", "test", 10, input(), {}), usual);
  EXPECT_NE(evaluation_key("model", "other", 10, input(), {}), usual);
  EXPECT_NE(evaluation_key("model", "test", 11, input(), {}), usual);
}

TEST(Keys, AnswersDependOnTheWholeInputAndOnTheDevice) {
  EXPECT_EQ(without_effect<InputSettings>(input(), [](const auto& s) { return answers_key("m", "p", s, {}); }),
            Names{});
  WorkerSettings cuda;
  cuda.device = "cuda";
  const auto usual = answers_key("m", "p", input(), {});
  EXPECT_NE(answers_key("m", "p", input(), cuda), usual);
  EXPECT_NE(answers_key("n", "p", input(), {}), usual);
  EXPECT_NE(answers_key("m", "q", input(), {}), usual);
}

TEST(Keys, GeneratorsDependOnAllButHowTheyAreJudged) {
  EXPECT_EQ(without_effect<GeneratorSettings>({}, [](const auto& s) { return generator_key("train", s, 1); }),
            (Names{"max_accuracy_loss", "max_reconstruction_error"}));
  EXPECT_NE(generator_key("other", {}, 1), generator_key("train", {}, 1));
  EXPECT_NE(generator_key("train", {}, 2), generator_key("train", {}, 1));
}

TEST(Keys, ProbeSetsDependOnAllButTheSearch) {
  const auto key = [](const RegionSettings& s) { return probes_key("generator", "test", "train", s, 1); };
  EXPECT_EQ(without_effect<RegionSettings>({}, key), (Names{"mode", "min_support", "min_increase", "min_clear_increase",
                                                            "components", "covariance", "max_shown"}));
  EXPECT_NE(probes_key("other", "test", "train", {}, 1), key({}));
  EXPECT_NE(probes_key("generator", "other", "train", {}, 1), key({}));
  EXPECT_NE(probes_key("generator", "test", "other", {}, 1), key({}));
  EXPECT_NE(probes_key("generator", "test", "train", {}, 2), key({}));
}

// Those of the probe set are in its digest, and `max_shown` is `max_regions` of the search.
TEST(Keys, SearchesDependOnAllThatTheProbeSetDoesNotHold) {
  EXPECT_EQ(without_effect<RegionSettings>({}, [](const auto& s) { return search_key(s, {}); }),
            (Names{"mode", "draws", "noise", "noise_scale", "train_seeds", "train_perturbed", "neighbours", "agreement",
                   "max_shown"}));
  EXPECT_EQ(without_effect<RegionSearchSettings>({}, [](const auto& s) { return search_key({}, s); }), Names{});
  EXPECT_EQ(without_effect<InputSettings>(input(), [](const auto& s) { return search_key({}, {}, s); }), Names{});
  WorkerSettings cuda;
  cuda.device = "cuda";
  EXPECT_NE(search_key({}, {}, input(), cuda), search_key({}, {}));
  EXPECT_NE(search_key({}, {}, input(), {}, 11), search_key({}, {}));
  EXPECT_NE(search_key({}, {}, input(), {}, 10, false), search_key({}, {}));
  EXPECT_NE(search_key({}, {}, input(), {}, 10, true, 2), search_key({}, {}));
}

// They were forgotten once.
TEST(Keys, SearchesDependOnWhatIsNotableAndOnTheShapes) {
  RegionSearchSettings notable, shapes;
  notable.notable = 0.3;
  shapes.shapes.half_spaces = false;
  EXPECT_NE(search_key({}, notable), search_key({}, {}));
  EXPECT_NE(search_key({}, shapes), search_key({}, {}));
}

TEST(Keys, StationsDoNotShareOne) {
  EXPECT_NE(generated_images_key("p"), map_key("p", 1));
  EXPECT_NE(map_key("p", 1), map_key("p", 2));
  EXPECT_NE(map_key("p", 1), map_key("q", 1));
  EXPECT_NE(generated_images_key("p"), generated_images_key("q"));
  EXPECT_NE(tuning_key("s", input(), {}), tuning_key("t", input(), {}));
}

// Of the search, `threads` alone are not described.
TEST(Keys, TheSearchIsDescribedInFull) {
  EXPECT_EQ(described::fields<RegionSearchSettings>() + 1, described::members<RegionSearchSettings>());
  EXPECT_EQ(described::fields<SearchShapes>(), described::members<SearchShapes>());
}

}  // namespace
}  // namespace defuse
