#include "core/slices/spotlight_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/base/random.h"

namespace defuse {
namespace {

// Two classes in 6 dimensions, a group within class 0 set apart; the candidate answers class 1 on a share of the group.
struct Answers {
  ProbeSet probes;
  ProbeEvaluation candidate, incumbent;
};

void answer(ProbeEvaluation& model, std::int32_t label, bool right) {
  const auto says = right ? label : 1 - label;
  model.real.push_back(says);
  model.logits.data.push_back(says == 0 ? 3.F : 0.F);
  model.logits.data.push_back(says == 0 ? 0.F : 3.F);
  ++model.logits.rows;
}

Answers answers(double share_broken, std::uint64_t seed) {
  Answers a;
  a.probes.digest = "p";
  a.candidate.logits.cols = a.incumbent.logits.cols = 2;
  constexpr std::size_t n = 3000;
  a.candidate.embeddings = Matrix(n, 6);
  RandomStream random(seed);
  for (std::uint32_t i = 0; i < n; ++i) {
    const bool in = i % 30 == 0;
    const auto label = static_cast<std::int32_t>(in ? 0 : i % 2);
    for (std::size_t j = 0; j < 6; ++j)
      a.candidate.embeddings.row(i)[j] =
          static_cast<float>(random.normal() * (in ? 0.4 : 1.0) + (j == 0 ? 4.0 * label : 0.0) + (in && j > 3 ? 4 : 0));
    a.probes.seeds.push_back({Split::test, i, label, random.uniform() < 0.5 ? Half::discover : Half::confirm});
    answer(a.incumbent, label, random.uniform() >= 0.02);
    answer(a.candidate, label, random.uniform() >= (in ? share_broken : 0.02));
  }
  return a;
}

SpotlightSearchSettings quick() {
  SpotlightSearchSettings s{.alpha = 0.05, .spotlight = {}};
  s.spotlight.spotlights = 3;
  s.spotlight.steps = 2500;
  return s;
}

TEST(SpotlightSearch, ConfirmsAGroupThatBroke) {
  const auto a = answers(0.9, 1);
  const auto search = search_spotlights(a.probes, a.candidate, a.incumbent, quick());
  ASSERT_TRUE(search) << search.error().describe();
  ASSERT_FALSE(search->found.empty());
  const auto& first = search->found.front();
  EXPECT_EQ(first.label, 0);
  EXPECT_GT(first.label_share, 0.9);
  EXPECT_EQ(first.predicted_as, 1);
  EXPECT_GE(first.confirm.total(), 10);
  EXPECT_GT(first.net_lower, 0.2);
  EXPECT_LE(first.p_adjusted, 0.01);
  EXPECT_EQ(search->discovery_seeds + search->confirmation_seeds, 3000);
  // Nothing was held twice: discovery counts come from discovery seeds only.
  EXPECT_LE(first.discover.total() + first.confirm.total(), 3000);
}

TEST(SpotlightSearch, ConfirmsNothingWhereNothingBroke) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    const auto a = answers(0.02, seed);
    const auto search = search_spotlights(a.probes, a.candidate, a.incumbent, quick());
    ASSERT_TRUE(search);
    ASSERT_FALSE(search->found.empty());  // it always finds something
    for (const auto& spotlight : search->found) EXPECT_LE(spotlight.net_lower, 0.2) << seed;
  }
}

TEST(SpotlightSearch, NamesAGroupByItsImages) {
  const auto a = answers(0.9, 1);
  const auto b = answers(0.9, 2);
  const auto one = search_spotlights(a.probes, a.candidate, a.incumbent, quick());
  const auto same = search_spotlights(a.probes, a.candidate, a.incumbent, quick());
  const auto other = search_spotlights(b.probes, b.candidate, b.incumbent, quick());
  ASSERT_TRUE(one && same && other);
  EXPECT_EQ(one->found.front().id, same->found.front().id);
  EXPECT_NE(one->found.front().id, other->found.front().id);
  EXPECT_EQ(one->found.front().id.size(), 14U);
}

TEST(SpotlightSearch, LeavesOutSeedsThatAModelCannotAnswer) {
  auto a = answers(0.9, 1);
  a.candidate.logits.data[0] = std::nanf("");
  a.incumbent.logits.data[2] = std::nanf("");
  const auto search = search_spotlights(a.probes, a.candidate, a.incumbent, quick());
  ASSERT_TRUE(search);
  EXPECT_EQ(search->discovery_seeds + search->confirmation_seeds, 2998);
}

TEST(SpotlightSearch, SaysThatThereIsNoHiddenLayer) {
  auto a = answers(0.9, 1);
  a.candidate.embeddings = {};
  const auto search = search_spotlights(a.probes, a.candidate, a.incumbent, quick());
  ASSERT_FALSE(search);
  EXPECT_NE(search.error().message.find("last hidden layer"), std::string::npos);
  a = answers(0.9, 1);
  a.incumbent.logits = {};
  EXPECT_EQ(search_spotlights(a.probes, a.candidate, a.incumbent, quick()).error().code, ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
