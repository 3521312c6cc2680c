#include "core/evidence/noise.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "core/evaluate/evaluator.h"

namespace defuse {
namespace {

std::vector<double> draw(NoiseMode mode, double scale, std::size_t d, std::uint64_t key) {
  const std::vector<float> zero(d, 0);
  std::vector<float> out(d);
  RandomStream random(17, key);
  add_noise(mode, scale, random, zero, out);
  return {out.begin(), out.end()};
}

double norm(const std::vector<double>& v) {
  double sum = 0;
  for (const double value : v) sum += value * value;
  return std::sqrt(sum);
}

// Moments of raw Beta(50,50) noise: mean ½ and sd 1/(2√101) in every dimension, from which norms, angles and distances
// follow.
TEST(Noise, PublishedBetaNoiseHasTheMomentsOfItsTable) {
  struct Row {
    std::size_t d;
    double norm_mean, norm_sd, cosine, distance;
  };
  for (const Row& row : {Row{10, 1.588, 0.050, 0.991, 0.217}, Row{15, 1.945, 0.050, 0.991, 0.268}}) {
    double sum = 0, squares = 0, cosine = 0, distance = 0;
    constexpr int kDraws = 4000;
    for (int i = 0; i < kDraws; ++i) {
      const auto a = draw(NoiseMode::published, 0.3, row.d, static_cast<std::uint64_t>(2 * i));
      const auto b = draw(NoiseMode::published, 0.3, row.d, static_cast<std::uint64_t>(2 * i + 1));
      double dot = 0, apart = 0;
      for (std::size_t j = 0; j < row.d; ++j) {
        dot += a[j] * b[j];
        apart += (a[j] - b[j]) * (a[j] - b[j]);
      }
      sum += norm(a);
      squares += norm(a) * norm(a);
      cosine += dot / (norm(a) * norm(b));
      distance += std::sqrt(apart);
    }
    const double mean = sum / kDraws;
    // Half a unit of the table's last digit plus three standard errors of 4,000 draws.
    EXPECT_NEAR(mean, row.norm_mean, 0.0005 + 3 * 0.05 / std::sqrt(kDraws));
    EXPECT_NEAR(std::sqrt(squares / kDraws - mean * mean), row.norm_sd, 0.0005 + 3 * 0.05 / std::sqrt(2.0 * kDraws));
    EXPECT_NEAR(cosine / kDraws, row.cosine, 0.001);
    EXPECT_NEAR(distance / kDraws, row.distance, 0.0005 + 3 * 0.05 / std::sqrt(kDraws));
  }
}

TEST(Noise, GaussianAndCentredBetaHaveTheSameSpreadAndNoShift) {
  for (const auto mode : {NoiseMode::gaussian, NoiseMode::beta_centred}) {
    double sum = 0, squares = 0, largest = 0;
    constexpr std::size_t kCount = 200000;
    for (const double value : draw(mode, 0.3, kCount, 5)) {
      sum += value;
      squares += value * value;
      largest = std::max(largest, std::abs(value));
    }
    EXPECT_NEAR(sum / kCount, 0, 4 * 0.3 / std::sqrt(kCount));
    EXPECT_NEAR(std::sqrt(squares / kCount), 0.3, 4 * 0.3 / std::sqrt(2.0 * kCount));
    if (mode == NoiseMode::beta_centred) {
      EXPECT_LE(largest, 0.3 * std::sqrt(101.0));
    }
  }
}

TEST(Noise, IsAddedToTheCode) {
  const std::vector<float> code = {5, -7};
  std::vector<float> out(2);
  RandomStream random(1);
  add_noise(NoiseMode::gaussian, 0, random, code, out);
  EXPECT_EQ(out, code);
}

ProbeSet two_seeds() {
  ProbeSet probes;
  probes.seeds = {{Split::test, 4, 0, Half::discover}, {Split::train, 4, 1, Half::confirm}};
  probes.codes = Matrix(2, 3);
  probes.codes.data = {0, 0, 0, 0, 0, 0};
  probes.draws = 10;
  return probes;
}

TEST(PerturbedCodes, AnySubsetOfDrawsIsTheSame) {
  const ProbeSet probes = two_seeds();
  for (const auto mode : {NoiseMode::gaussian, NoiseMode::beta_centred, NoiseMode::published, NoiseMode::outward}) {
    RegionSettings settings;
    settings.noise = mode;
    Matrix all, some;
    perturbed_codes(probes, settings, 3, 1, 0, 10, all);
    ASSERT_EQ(all.rows, 10U);
    for (int first = 0; first < 10; ++first) {
      for (int count = 1; first + count <= 10; ++count) {
        perturbed_codes(probes, settings, 3, 1, first, count, some);
        ASSERT_EQ(some.rows, static_cast<std::size_t>(count));
        for (int q = 0; q < count; ++q) {
          const auto expected = all.row(static_cast<std::size_t>(first + q));
          const auto got = some.row(static_cast<std::size_t>(q));
          EXPECT_TRUE(std::equal(got.begin(), got.end(), expected.begin()));
        }
      }
    }
  }
}

TEST(PerturbedCodes, SeedsSplitsAndRunsDrawDifferently) {
  const ProbeSet probes = two_seeds();
  Matrix a, b;
  perturbed_codes(probes, {}, 3, 0, 0, 2, a);
  EXPECT_FALSE(std::equal(a.row(0).begin(), a.row(0).end(), a.row(1).begin()));
  perturbed_codes(probes, {}, 3, 1, 0, 2, b);  // the same index in the other split
  EXPECT_NE(a.data, b.data);
  perturbed_codes(probes, {}, 4, 0, 0, 2, b);
  EXPECT_NE(a.data, b.data);
}

TEST(Moves, CycleThroughTheScheduleAndOnlyInTheOutwardMode) {
  const int moves = static_cast<int>(kOutwardMoves.size());
  int outward = 0;
  for (int q = 0; q < 2 * moves; ++q) {
    EXPECT_EQ(move_of_draw(NoiseMode::outward, q), kOutwardMoves[static_cast<std::size_t>(q % moves)]);
    EXPECT_EQ(move_of_draw(NoiseMode::gaussian, q), Move{});
    outward += move_of_draw(NoiseMode::outward, q).outward() ? 1 : 0;
  }
  EXPECT_GT(outward, 0);
  EXPECT_LT(outward, 2 * moves) << "some draws must stay around the seed";
}

TEST(Moves, PushTheCodeAwayFromTheMeanOfItsClass) {
  ProbeSet probes = two_seeds();
  probes.codes.data = {1, 2, 3, 4, 5, 6};
  probes.class_means = Matrix(2, 3);
  probes.class_means.data = {0, 0, 0, 5, 5, 4};  // seed 1 has label 1
  RegionSettings settings;
  settings.noise_scale = 0;
  Matrix codes;
  const int moves = static_cast<int>(kOutwardMoves.size());
  perturbed_codes(probes, settings, 3, 1, 0, moves, codes);
  for (int q = 0; q < moves; ++q) {
    const auto stretch = static_cast<float>(kOutwardMoves[static_cast<std::size_t>(q)].stretch);
    const auto code = codes.row(static_cast<std::size_t>(q));
    EXPECT_FLOAT_EQ(code[0], 5 - stretch);
    EXPECT_FLOAT_EQ(code[1], 5);
    EXPECT_FLOAT_EQ(code[2], 4 + 2 * stretch);
  }
}

TEST(Moves, AddTheirShareOfTheNoise) {
  constexpr std::size_t kCount = 100000;
  const std::vector<float> code(kCount, 2), mean(kCount, 1);
  for (const Move& move : kOutwardMoves) {
    std::vector<float> out(kCount);
    RandomStream random(23);
    make_move(move, NoiseMode::outward, 0.3, random, code, mean, {}, out);
    double sum = 0, squares = 0;
    for (const float value : out) {
      sum += static_cast<double>(value);
      squares += std::pow(static_cast<double>(value) - 1 - move.stretch, 2);
    }
    EXPECT_NEAR(sum / kCount, 1 + move.stretch, 4 * 0.3 / std::sqrt(kCount));
    EXPECT_NEAR(std::sqrt(squares / kCount), 0.3 * move.spread, 4 * 0.3 / std::sqrt(2.0 * kCount));
  }
}

TEST(Moves, PushASeedFurtherAlongItsTail) {
  ProbeSet probes = two_seeds();
  probes.codes.data = {1, 2, 3, 4, 5, 6};
  probes.tails.slopes = Matrix(2, 3);
  probes.tails.slopes.data = {1, 0, 0, 0, 1, 2};
  probes.tails.axes = {0, 0, 0, -2, 1, 0};  // seed 1: less of the second statistic first, then more of the first
  RegionSettings settings;
  settings.noise_scale = 0;
  Matrix codes;
  perturbed_codes(probes, settings, 3, 1, 0, static_cast<int>(kOutwardMoves.size()), codes);
  bool pushed = false;
  for (std::size_t q = 0; q < kOutwardMoves.size(); ++q) {
    const Move& move = kOutwardMoves[q];
    if (!(move.push > 0)) continue;
    pushed = true;
    const auto push = static_cast<float>(move.push);
    EXPECT_FLOAT_EQ(codes.row(q)[0], 4 + (move.rank == 1 ? push : 0));
    EXPECT_FLOAT_EQ(codes.row(q)[1], 5 - (move.rank == 0 ? push : 0));
    EXPECT_FLOAT_EQ(codes.row(q)[2], 6 - (move.rank == 0 ? 2 * push : 0));
  }
  EXPECT_TRUE(pushed);
}

TEST(Moves, WithoutAMeanOfTheClassLeaveTheOrigin) {
  ProbeSet probes = two_seeds();
  probes.codes.data = {1, 2, 3, 4, 5, 6};
  RegionSettings settings;
  settings.noise_scale = 0;
  Matrix codes;
  perturbed_codes(probes, settings, 3, 1, 1, 1, codes);
  EXPECT_FLOAT_EQ(codes.row(0)[2], static_cast<float>(6 * kOutwardMoves[1].stretch));
}

}  // namespace
}  // namespace defuse
