#include "tests/bench/rivals/domino.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.h"

namespace defuse {
namespace {

struct Golden {
  std::vector<double> z{0, 0, .2, .1, 1, 1, 1.2, .9, .9, 1.1, .1, .3};
  std::vector<std::int32_t> y{0, 0, 0, 1, 1, 1};
  std::vector<double> answers;
  std::vector<double> start;
  Golden() {
    for (const double p : {.1, .2, .8, .9, .7, .4}) answers.insert(answers.end(), {1 - p, p});
    for (const double r : {.9, .8, .3, .2, .1, .6}) start.insert(start.end(), {r, 1 - r});
  }
  DominoData data() const { return {.z = z, .y = y, .answers = answers, .d = 2, .classes = 2}; }
};

TEST(Domino, OneStepHasItsGoldenValues) {
  const Golden golden;
  auto m = domino_m_step(golden.data(), golden.start, 2);
  EXPECT_NEAR(m.share[0], .483333333, 1e-9);
  EXPECT_NEAR(m.share[1], .516666667, 1e-9);
  for (std::size_t j = 0; j < 2; ++j) EXPECT_NEAR(m.mean[j], .293103448, 1e-9);
  for (std::size_t j = 0; j < 2; ++j) EXPECT_NEAR(m.mean[2 + j], .822580645, 1e-9);
  EXPECT_NEAR(m.labels[1], .310344828, 1e-9);
  EXPECT_NEAR(m.answers[1], .337931034, 1e-9);
  const auto r = domino_e_step(golden.data(), m, 10);
  const std::vector<double> want{.999999976807, .999999676314, .534689436989,
                                 4.19004184e-8, 9.17764298e-7, .0199374156};
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(r[2 * i], want[i], 1e-9) << i;
  EXPECT_NEAR(r[2 * 3], want[3], 1e-15);
  EXPECT_NEAR(m.log_likelihood, -11.652356203, 1e-9);
}

TEST(Domino, ResponsibilitiesAndSharesAddUpToOne) {
  const Golden golden;
  auto m = domino_m_step(golden.data(), golden.start, 2);
  for (int i = 0; i < 5; ++i) {
    const auto r = domino_e_step(golden.data(), m, 1);
    for (std::size_t k = 0; k < 6; ++k) EXPECT_NEAR(r[2 * k] + r[2 * k + 1], 1, 1e-12);
    m = domino_m_step(golden.data(), r, 2);
    EXPECT_NEAR(m.share[0] + m.share[1], 1, 1e-12);
  }
}

// With weight 1 this is plain EM, whose likelihood never falls (beyond the variances' floor).
TEST(Domino, LikelihoodNeverFallsAtWeightOne) {
  const Golden golden;
  auto r = golden.start;
  double before = -1e300;
  for (int i = 0; i < 20; ++i) {
    auto m = domino_m_step(golden.data(), r, 2);
    r = domino_e_step(golden.data(), m, 1);
    EXPECT_GE(m.log_likelihood, before - 1e-6) << i;
    before = m.log_likelihood;
  }
}

TEST(Domino, PrincipalAxesUndoARotation) {
  // Points along (3, 4) / 5 with small scatter across.
  Matrix points(400, 2);
  RandomStream random(2);
  std::vector<std::uint32_t> rows;
  for (std::uint32_t i = 0; i < 400; ++i) {
    const double along = 5 * random.normal();
    const double across = 0.5 * random.normal();
    points.row(i)[0] = static_cast<float>(1 + 0.6 * along - 0.8 * across);
    points.row(i)[1] = static_cast<float>(2 + 0.8 * along + 0.6 * across);
    rows.push_back(i);
  }
  const auto axes = principal_axes(points, rows, 5);
  ASSERT_EQ(axes.size(), 2U);
  EXPECT_NEAR(axes.axes[0], 0.6, 0.02);
  EXPECT_NEAR(axes.axes[1], 0.8, 0.02);
  EXPECT_NEAR(axes.axes[0] * axes.axes[2] + axes.axes[1] * axes.axes[3], 0, 1e-12);
  EXPECT_GT(axes.variances[0], 20 * axes.variances[1]);
  double trace = 0;
  for (std::size_t j = 0; j < 2; ++j) {
    double sum = 0;
    for (const auto row : rows) sum += std::pow(static_cast<double>(points.row(row)[j]) - axes.mean[j], 2);
    trace += sum / 399;
  }
  EXPECT_NEAR(axes.variances[0] + axes.variances[1], trace, 1e-9 * trace);
}

// A cluster of class 1 that is answered 0: its component must come first, and hold that cluster's images anywhere.
TEST(Domino, PutsAGroupThatIsAnsweredWronglyFirst) {
  for (const int components : {5, 12}) {  // started by confusion only where components >= classes^2 = 9
    Matrix points(900, 6), answers(900, 3);
    std::vector<std::int32_t> labels;
    std::vector<std::uint32_t> rows, bad;
    RandomStream random(4);
    for (std::uint32_t i = 0; i < 900; ++i) {
      const auto y = static_cast<std::int32_t>(i % 3);
      const bool in = y == 1 && i % 5 == 0;
      for (std::size_t j = 0; j < 6; ++j)
        points.row(i)[j] =
            static_cast<float>(random.normal() + (j == static_cast<std::size_t>(y) ? 8 : 0) + (in && j == 4 ? 8 : 0));
      const std::int32_t says = in && random.uniform() < 0.7 ? 0 : y;
      for (std::int32_t c = 0; c < 3; ++c) answers.row(i)[static_cast<std::size_t>(c)] = c == says ? 0.9F : 0.05F;
      labels.push_back(y);
      rows.push_back(i);
      if (in) bad.push_back(i);
    }
    DominoParameters p;
    p.components = components;
    const auto found = find_domino(points, rows, labels, answers, p);
    ASSERT_TRUE(found) << found.error().describe();
    ASSERT_EQ(found->slices.size(), 5U);
    EXPECT_GT(found->gap[0], 0.4) << components;
    // Several components may share the group; together the kept ones that err must be it.
    std::size_t hits = 0, held = 0;
    const auto components_of = found->components_of(points, labels);
    for (const auto row : rows) {
      const auto component = components_of[row];
      bool in = false;
      for (std::size_t s = 0; s < found->slices.size(); ++s)
        in = in || (found->slices[s] == component && found->gap[s] > 0.3);
      held += in ? 1 : 0;
      hits += in && std::find(bad.begin(), bad.end(), row) != bad.end() ? 1 : 0;
    }
    EXPECT_GE(static_cast<double>(hits), 0.9 * static_cast<double>(held)) << components;
    EXPECT_GE(static_cast<double>(hits), 0.5 * static_cast<double>(bad.size())) << components;
  }
}

TEST(Domino, RefusesTooFewPoints) {
  Matrix points(10, 2), answers(10, 2);
  const std::vector<std::int32_t> labels(10, 0);
  const std::vector<std::uint32_t> rows{0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  EXPECT_EQ(find_domino(points, rows, labels, answers, {}).error().code, ErrorCode::invalid_input);
  DominoParameters p;
  p.components = 2;
  EXPECT_EQ(find_domino(points, rows, std::vector<std::int32_t>(10, 2), answers, p).error().code,
            ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
