#include "core/mixture/dp_gmm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/json.h"
#include "core/base/random.h"

namespace defuse {
namespace {

using ::testing::HasSubstr;

std::vector<double> numbers(const Json& array) { return array.get<std::vector<double>>(); }

void expect_close(const std::vector<double>& got, const std::vector<double>& want, double tolerance,
                  const std::string& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_NEAR(got[i], want[i], tolerance * std::max(1.0, std::abs(want[i]))) << what << "[" << i << "]";
  }
}

// A fall of the bound is a bug; rounding and the regularisation, which the bound does not know, are allowed for.
void expect_rising(const std::vector<double>& bound) {
  ASSERT_FALSE(bound.empty());
  for (std::size_t i = 1; i < bound.size(); ++i) {
    EXPECT_GE(bound[i], bound[i - 1] - 1e-6 * std::abs(bound[i - 1])) << "iteration " << i + 1;
  }
}

// The data, labels and every number: scikit-learn 1.2.1 and an independent 40-digit implementation agree on them to
// 1e-14.
const std::vector<double> kTwelve{0,   0.2, 0.3, -0.1, -0.2, 0.1, 0.1,  0.4, 2,    2.1, 2.3, 1.8,
                                  1.9, 2.4, 2.2, 2.2,  -1.5, 3,   -1.2, 3.3, -1.7, 2.8, 0.9, 1.2};
const std::vector<int> kTwelveLabels{0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 3};

TEST(DpGmm, ReproducesTheTwelvePointVectorOfTheReference) {
  const auto fit = fit_dp_gmm_from(kTwelve, 12, 2, kTwelveLabels, {.components = 4});
  ASSERT_TRUE(fit) << fit.error().describe();
  EXPECT_TRUE(fit->converged);
  constexpr double kDigits = 2e-11;  // the vector is printed to 12 decimals
  expect_close(fit->bound, {-20.142165610566, -19.681299473332, -19.678052271487, -19.677949035134}, kDigits, "bound");
  expect_close(fit->weights, {0.423031325928, 0.358061311214, 0.208607553130, 0.010299809727}, kDigits, "weights");
  expect_close(fit->counts, {4.590775915560, 4.349967669192, 3.058781818151, 0.000474597097}, kDigits, "counts");
  expect_close(fit->means,
               {0.214580179195, 0.530716269861, 1.699608530176, 1.961982468612, -0.965255549601, 2.657341032739,
                0.425039567520, 1.616673415718},
               kDigits, "means");
  ASSERT_EQ(fit->covariances.size(), 16u);
  expect_close({fit->covariances.begin(), fit->covariances.begin() + 8},
               {0.414575865621, 0.080149187375, 0.080149187375, 0.559567063473, 0.746295953781, 0.096122087348,
                0.096122087348, 0.337842734947},
               kDigits, "covariances");
}

TEST(DpGmm, WeightsAfterOneIterationMatchTheReference) {
  const auto fit = fit_dp_gmm_from(kTwelve, 12, 2, kTwelveLabels, {.components = 4, .max_iterations = 1});
  ASSERT_TRUE(fit) << fit.error().describe();
  EXPECT_FALSE(fit->converged);
  expect_close(fit->weights, {0.415403813251, 0.357534447142, 0.211484828755, 0.015576910852}, 2e-11, "weights");
}

// Five of eight components start without a point, between and after the others: they are still the prior's when the
// first E step shares the points out, and get what scikit-learn 1.2.1 gives them.
TEST(DpGmm, ComponentsWithoutPointsGetTheirShareFromTheReference) {
  struct Golden {
    Covariance covariance;
    std::vector<double> bound, counts, weights;
  };
  const std::vector<Golden> golden{
      {Covariance::full,
       {-16.829185809668, -16.644885196321, -16.638554215513},
       {4.62578999003, 0.057988463432, 4.27819085316, 0.0339394424065, 0.0237310999823, 2.98035494346,
        5.20578374763e-06, 1.74630665484e-09},
       {0.428648692372, 0.071127226551, 0.312808804487, 0.046556762784, 0.034933115243, 0.102738668837, 0.002868058242,
        0.000318671484}},
      {Covariance::diagonal,
       {-18.023780297339, -17.821007826149, -17.816336167089},
       {4.64742165636, 0.0606447527701, 4.26506291036, 0.0353848776757, 0.0246894363486, 2.96679095625,
        5.40842849506e-06, 1.81428538859e-09},
       {0.430296822977, 0.071281533200, 0.311803610156, 0.046548314985, 0.034876503337, 0.102018013403, 0.002857683290,
        0.000317518653}},
      {Covariance::tied,
       {-22.162507283180, -21.962841009710, -21.957439229142},
       {4.56908013119, 0.212479329656, 4.20410424417, 0.113963486669, 0.0757306381465, 2.82462727804, 1.48871351635e-05,
        4.9938724267e-09},
       {0.424327376842, 0.081585422005, 0.308204244675, 0.050034632429, 0.036314167003, 0.096421359172, 0.002801522246,
        0.000311275628}},
  };
  const std::vector<int> start{0, 0, 0, 0, 2, 2, 2, 2, 5, 5, 5, 5};
  for (const auto& want : golden) {
    const auto fit =
        fit_dp_gmm_from(kTwelve, 12, 2, start,
                        {.components = 8, .covariance = want.covariance, .tolerance = 1e-9, .max_iterations = 3});
    ASSERT_TRUE(fit) << fit.error().describe();
    expect_close(fit->bound, want.bound, 1e-11, "bound");
    expect_close(fit->counts, want.counts, 1e-10, "counts");
    expect_close(fit->weights, want.weights, 1e-11, "weights");
    EXPECT_NEAR(fit->counts[6] / want.counts[6], 1, 1e-9);
    EXPECT_NEAR(fit->counts[7] / want.counts[7], 1, 1e-5);  // of 1.7e-9, 2e-15 are there from the start
  }
}

struct GoldenCase {
  const char* file;
  const char* covariance;
};

class DpGmmParity : public ::testing::TestWithParam<GoldenCase> {};

// Same data, same start: only the order of floating-point sums differs. 1e-6 relative leaves room for what up to 170
// iterations make of that; 1e-8 is typical.
TEST_P(DpGmmParity, EqualsScikitLearnFromTheSameStart) {
  const auto path = std::filesystem::path(DEFUSED_SOURCE_DIR) / "tests/golden" / GetParam().file;
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const auto golden = parse_json(text.str(), GetParam().file);
  ASSERT_TRUE(golden) << golden.error().describe();
  const Json& document = *golden;
  const Json* wanted = nullptr;
  for (const Json& c : document["cases"]) {
    if (c["covariance"] == GetParam().covariance) wanted = &c;
  }
  ASSERT_NE(wanted, nullptr);
  const Json& want = *wanted;

  DpGmmSettings settings;
  settings.components = document["components"].get<int>();
  settings.covariance = want["covariance"] == "full"   ? Covariance::full
                        : want["covariance"] == "diag" ? Covariance::diagonal
                                                       : Covariance::tied;
  settings.tolerance = want["tolerance"].get<double>();
  settings.max_iterations = want["max_iterations"].get<int>();
  const auto fit =
      fit_dp_gmm_from(numbers(document["points"]), document["n"].get<std::size_t>(), document["d"].get<std::size_t>(),
                      document["start"].get<std::vector<int>>(), settings);
  ASSERT_TRUE(fit) << fit.error().describe();
  EXPECT_EQ(fit->converged, want["converged"].get<bool>());
  expect_close(fit->bound, numbers(want["bounds"]), 1e-6, "bound");
  expect_rising(fit->bound);
  expect_close(fit->weights, numbers(want["weights"]), 1e-6, "weights");
  expect_close(fit->counts, numbers(want["counts"]), 1e-6, "counts");
  expect_close(fit->means, numbers(want["means"]), 1e-6, "means");
  expect_close(fit->covariances, numbers(want["covariances"]), 1e-6, "covariances");
  const auto first = numbers(want["first_responsibilities"]);
  expect_close(
      {fit->responsibilities.begin(), fit->responsibilities.begin() + static_cast<std::ptrdiff_t>(first.size())}, first,
      1e-6, "responsibilities");
  EXPECT_EQ(fit->labels, want["labels"].get<std::vector<int>>());
}

INSTANTIATE_TEST_SUITE_P(
    Golden, DpGmmParity,
    ::testing::Values(GoldenCase{"dp_gmm_blobs_2d.json", "full"}, GoldenCase{"dp_gmm_blobs_2d.json", "diag"},
                      GoldenCase{"dp_gmm_blobs_2d.json", "tied"}, GoldenCase{"dp_gmm_banana_2d.json", "full"},
                      GoldenCase{"dp_gmm_banana_2d.json", "diag"}, GoldenCase{"dp_gmm_banana_2d.json", "tied"},
                      GoldenCase{"dp_gmm_blobs_4d.json", "full"}, GoldenCase{"dp_gmm_blobs_4d.json", "diag"},
                      GoldenCase{"dp_gmm_blobs_4d.json", "tied"}, GoldenCase{"dp_gmm_scaled_6d.json", "full"},
                      GoldenCase{"dp_gmm_scaled_6d.json", "diag"}, GoldenCase{"dp_gmm_scaled_6d.json", "tied"}),
    [](const auto& golden) {
      const std::string file = golden.param.file;
      return file.substr(7, file.size() - 12) + "_" + golden.param.covariance;
    });

// `groups` Gaussians of standard deviation 0.3 around corners of a wide grid.
Matrix planted(std::size_t n, std::size_t d, std::size_t groups, std::uint64_t seed) {
  Matrix points(n, d);
  RandomStream random(seed);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) {
      const double corner = ((i % groups) >> (j % 3)) & 1 ? 3.0 : -3.0;
      points.row(i)[j] = static_cast<float>(corner + 0.3 * random.normal());
    }
  }
  return points;
}

class DpGmmShapes : public ::testing::TestWithParam<Covariance> {};

TEST_P(DpGmmShapes, RecoversPlantedGroupsAndEmptiesTheOtherComponents) {
  const std::size_t n = 600, groups = 4;
  const auto fit = fit_dp_gmm(planted(n, 5, groups, 11), {.components = 10, .covariance = GetParam(), .seed = 5});
  ASSERT_TRUE(fit) << fit.error().describe();
  expect_rising(fit->bound);
  // No component may hold points of two groups.
  std::vector<int> group_of(10, -1);
  for (std::size_t i = 0; i < n; ++i) {
    int& owner = group_of[static_cast<std::size_t>(fit->labels[i])];
    if (owner < 0) owner = static_cast<int>(i % groups);
    ASSERT_EQ(owner, static_cast<int>(i % groups)) << "point " << i;
  }
  double total = 0;
  for (const double w : fit->weights) total += w;
  EXPECT_NEAR(total, 1, 1e-12);
  for (std::size_t i = 0; i < n; ++i) {
    double row = 0;
    for (std::size_t k = 0; k < 10; ++k) row += fit->responsibilities[i * 10 + k];
    ASSERT_NEAR(row, 1, 1e-12) << "point " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(All, DpGmmShapes, ::testing::Values(Covariance::full, Covariance::diagonal, Covariance::tied));

// The bound does not know of the regularisation, so without any only rounding is left: 1e-10 of the bound.
TEST_P(DpGmmShapes, TheBoundNeverFallsFromAnyStart) {
  for (const std::uint64_t seed : {3, 4, 5}) {
    const Matrix points = planted(240, 4, 5, seed);
    const std::vector<double> values(points.data.begin(), points.data.end());
    RandomStream random(seed, 9);
    std::vector<int> start(240);
    for (int& label : start) label = static_cast<int>(random.below(7));
    const auto fit = fit_dp_gmm_from(
        values, 240, 4, start,
        {.components = 7, .covariance = GetParam(), .tolerance = 1e-9, .regularisation = 0, .max_iterations = 300});
    ASSERT_TRUE(fit) << fit.error().describe();
    ASSERT_GT(fit->bound.size(), 3U);
    for (std::size_t i = 1; i < fit->bound.size(); ++i)
      EXPECT_GE(fit->bound[i], fit->bound[i - 1] - 1e-10 * std::abs(fit->bound[i - 1])) << "iteration " << i + 1;
  }
}

TEST(DpGmm, SaysWhetherItConvergedAndKeepsHowItsStartWasFound) {
  const Matrix points = planted(300, 3, 4, 6);
  const auto whole = fit_dp_gmm(points, {.components = 6, .seed = 2});
  const auto cut_short = fit_dp_gmm(points, {.components = 6, .max_iterations = 2, .seed = 2});
  ASSERT_TRUE(whole && cut_short);
  EXPECT_TRUE(whole->converged);
  const std::size_t last = whole->bound.size() - 1;
  ASSERT_GE(last, 2U);
  EXPECT_LT(std::abs(whole->bound[last] - whole->bound[last - 1]), 1e-3);
  EXPECT_GE(std::abs(whole->bound[last - 1] - whole->bound[last - 2]), 1e-3) << "it would have stopped before";
  EXPECT_FALSE(cut_short->converged);
  EXPECT_EQ(cut_short->bound.size(), 2U);

  const std::vector<double> values(points.data.begin(), points.data.end());
  const auto clusters = fit_kmeans(values, 300, 3, {.clusters = 6, .seed = 2});
  ASSERT_TRUE(clusters);
  EXPECT_EQ(whole->start.objective, clusters->rounds.objective);
  EXPECT_EQ(whole->start.stop, clusters->rounds.stop);
  const auto given = fit_dp_gmm_from(values, 300, 3, clusters->labels, {.components = 6, .seed = 2});
  ASSERT_TRUE(given);
  EXPECT_TRUE(given->start.objective.empty());
  EXPECT_EQ(given->bound, whole->bound);
}

TEST(DpGmm, SameSeedGivesTheSameNumbers) {
  const Matrix points = planted(300, 3, 4, 2);
  const auto one = fit_dp_gmm(points, {.components = 6, .seed = 9});
  const auto two = fit_dp_gmm(points, {.components = 6, .seed = 9});
  ASSERT_TRUE(one && two);
  EXPECT_EQ(one->means, two->means);
  EXPECT_EQ(one->bound, two->bound);
}

TEST(DpGmm, TheNumberOfThreadsChangesNoBit) {
  const Matrix points = planted(3000, 4, 5, 8);
  for (const Covariance c : {Covariance::full, Covariance::diagonal, Covariance::tied}) {
    const auto one = fit_dp_gmm(points, {.components = 9, .covariance = c, .max_iterations = 20, .threads = 1});
    const auto three = fit_dp_gmm(points, {.components = 9, .covariance = c, .max_iterations = 20, .threads = 3});
    ASSERT_TRUE(one && three);
    EXPECT_EQ(one->bound, three->bound);
    EXPECT_EQ(one->means, three->means);
    EXPECT_EQ(one->covariances, three->covariances);
    EXPECT_EQ(one->responsibilities, three->responsibilities);
  }
}

TEST(DpGmm, ShiftingThePointsShiftsTheMeansAndNothingElse) {
  const Matrix points = planted(400, 3, 3, 7);
  std::vector<double> here(points.data.begin(), points.data.end());
  std::vector<double> there = here;
  for (double& v : there) v += 1024;  // exact in binary for these magnitudes up to float precision
  std::vector<int> start(400);
  for (std::size_t i = 0; i < start.size(); ++i) start[i] = static_cast<int>(i % 5);
  for (const Covariance c : {Covariance::full, Covariance::diagonal, Covariance::tied}) {
    const auto near = fit_dp_gmm_from(here, 400, 3, start, {.components = 5, .covariance = c});
    const auto far = fit_dp_gmm_from(there, 400, 3, start, {.components = 5, .covariance = c});
    ASSERT_TRUE(near && far);
    std::vector<double> back = far->means;
    for (double& v : back) v -= 1024;
    expect_close(back, near->means, 1e-7, "means");
    expect_close(far->weights, near->weights, 1e-7, "weights");
    expect_close(far->covariances, near->covariances, 1e-7, "covariances");
  }
}

TEST(DpGmm, RowsBeyondOneBlockCountLikeTheOthers) {
  // 256 rows are one block. Of 1,500 points given twice, the copies lie in other blocks than the originals, elsewhere
  // in them.
  const Matrix single = planted(1500, 2, 2, 3);
  std::vector<double> twice;
  std::vector<int> start;
  for (int copy = 0; copy < 2; ++copy) {
    twice.insert(twice.end(), single.data.begin(), single.data.end());
    for (std::size_t i = 0; i < single.rows; ++i) start.push_back(static_cast<int>(i % 2));
  }
  for (const Covariance c : {Covariance::full, Covariance::diagonal, Covariance::tied}) {
    const auto fit = fit_dp_gmm_from(twice, 3000, 2, start, {.components = 2, .covariance = c});
    ASSERT_TRUE(fit);
    EXPECT_NEAR(fit->counts[0], 1500, 0.1);
    for (std::size_t i = 0; i < 1500; ++i) ASSERT_EQ(fit->labels[i], fit->labels[i + 1500]);
  }
}

TEST(DpGmm, ManyDimensionsTakeTheirProductsBlockByBlock) {
  const std::size_t n = 3000, d = 110;
  const Matrix wide = planted(n, d, 2, 4);
  std::vector<int> start(n);
  for (std::size_t i = 0; i < n; ++i) start[i] = static_cast<int>(i % 2);
  const std::vector<double> points(wide.data.begin(), wide.data.end());
  const auto fit = fit_dp_gmm_from(points, n, d, start, {.components = 2, .max_iterations = 1});
  ASSERT_TRUE(fit) << fit.error().describe();
  EXPECT_EQ(fit->labels, start);
  const auto alone = fit_dp_gmm_from(std::span(points).first(500 * d), 500, d, std::span(start).first(500),
                                     {.components = 2, .max_iterations = 2});
  ASSERT_TRUE(alone);  // the same two groups
  for (std::size_t j = 0; j < 2 * d; ++j) EXPECT_NEAR(fit->means[j], alone->means[j], 0.1);
}

TEST(DpGmm, OneComponentIsTheShrunkGaussian) {
  const std::vector<double> points{0, 0, 2, 0, 0, 2, 2, 2};
  const auto fit = fit_dp_gmm_from(points, 4, 2, std::vector<int>(4, 0), {.components = 1, .regularisation = 0});
  ASSERT_TRUE(fit) << fit.error().describe();
  expect_close(fit->weights, {1}, 1e-12, "weights");
  expect_close(fit->means, {1, 1}, 1e-12, "means");
  // [Sigma_0 + N S] / (d + N) with Sigma_0 = 4/3, S = 1, N = 4, d = 2, up to the 1e-15 that keeps N above 0
  expect_close(fit->covariances, {16.0 / 18, 0, 0, 16.0 / 18}, 1e-12, "covariances");
}

TEST(DpGmm, IdenticalPointsGiveAnAnswer) {
  const auto fit = fit_dp_gmm_from(std::vector<double>(20, 1.5), 10, 2, std::vector<int>(10, 0), {.components = 2});
  ASSERT_TRUE(fit) << fit.error().describe();
  expect_close({fit->means[0], fit->means[1]}, {1.5, 1.5}, 1e-9, "means");
}

TEST(DpGmm, SaysWhichCovarianceCannotBeFactored) {
  const auto fit = fit_dp_gmm_from(std::vector<double>(20, 1.5), 10, 2, std::vector<int>(10, 0),
                                   {.components = 2, .regularisation = 0});
  ASSERT_FALSE(fit);
  EXPECT_EQ(fit.error().code, ErrorCode::internal);
  EXPECT_THAT(fit.error().message, HasSubstr("component 0"));
}

TEST(DpGmm, RefusesWhatItCannotFit) {
  const std::vector<double> points{0, 1, 2, 3};
  const std::vector<int> labels{0, 0};
  const auto code = [](const Result<DpGmm>& r) { return r ? ErrorCode::not_found : r.error().code; };
  EXPECT_EQ(code(fit_dp_gmm_from(points, 2, 2, labels, {.components = 3})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_dp_gmm_from(points, 2, 2, std::vector<int>{0, 2}, {.components = 2})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_dp_gmm_from(points, 2, 2, std::vector<int>{0}, {.components = 2})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_dp_gmm_from(points, 3, 2, labels, {.components = 1})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_dp_gmm_from(points, 4, 0, labels, {.components = 1})), ErrorCode::invalid_input);
  EXPECT_EQ(code(fit_dp_gmm_from(points, 2, 2, labels, {.components = 0})), ErrorCode::invalid_input);
  const std::vector<double> broken{0, 1, std::numeric_limits<double>::quiet_NaN(), 3};
  const auto nan = fit_dp_gmm_from(broken, 2, 2, labels, {.components = 1});
  ASSERT_FALSE(nan);
  EXPECT_THAT(nan.error().message, HasSubstr("point 1 is not finite"));
  EXPECT_EQ(code(fit_dp_gmm(Matrix{}, {.components = 1})), ErrorCode::invalid_input);
}

}  // namespace
}  // namespace defuse
