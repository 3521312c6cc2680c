#include "core/stats/paired_tests.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "tests/core/stats/golden.h"

namespace defuse {
namespace {

struct Row {
  std::int64_t b, c;
  double p;
};
const std::array<Row, 6> kRows = {{
    {16, 6, 0.0262393951},
    {10, 3, 0.0461425781},
    {5, 0, 0.03125},
    {7, 7, 0.6047363281},
    {1175, 1060, 0.0079366520},
    {3220, 3195, 0.3822237830},
}};

TEST(McNemarExact, MatchesGoldenTable) {
  for (const auto& row : kRows) expect_golden(mcnemar_worse_p(row.b, row.c), row.p);
  EXPECT_EQ(mcnemar_worse_p(0, 0), 1);
}

TEST(McNemarExact, AgreesWithDirectSumsOfBinomialCoefficients) {
  for (std::int64_t n = 1; n <= 25; ++n) {
    double tail = 0, coefficient = 1;  // C(n, n - b), from b = n down
    for (std::int64_t b = n; b >= 0; --b) {
      tail += coefficient;
      EXPECT_NEAR(mcnemar_worse_p(b, n - b), tail / std::pow(2.0, static_cast<double>(n)), 1e-12);
      coefficient = coefficient * static_cast<double>(b) / static_cast<double>(n - b + 1);
    }
  }
}

TEST(BinomialTail, MatchesGoldenTable) {
  expect_golden(binomial_tail_p(12, 64, 0.05), 7.011832788e-5);
  expect_golden(binomial_tail_p(7, 64, 0.05), 0.0402968859);
  expect_golden(binomial_tail_p(3, 10, 0.1), 0.0701908264);
}

TEST(BinomialTail, HandlesEnds) {
  EXPECT_EQ(binomial_tail_p(0, 10, 0.1), 1);
  EXPECT_EQ(binomial_tail_p(0, 0, 0.1), 1);
  EXPECT_EQ(binomial_tail_p(1, 10, 0), 0);
  EXPECT_EQ(binomial_tail_p(10, 10, 1), 1);
  EXPECT_NEAR(binomial_tail_p(10, 10, 0.5), std::pow(0.5, 10), 1e-15);
}

}  // namespace
}  // namespace defuse
