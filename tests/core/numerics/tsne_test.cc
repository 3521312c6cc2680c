// t-SNE against scikit-learn (goldens of tests/baselines/tsne.py), against finite differences, and on planted clusters.
#include "core/numerics/tsne.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <thread>

#include "core/base/files.h"
#include "core/base/json.h"
#include "core/base/random.h"

namespace defuse {
namespace {

void one_by_one(std::size_t tasks, const std::function<void(std::size_t)>& work) {
  for (std::size_t task = 0; task < tasks; ++task) work(task);
}

void side_by_side(std::size_t tasks, const std::function<void(std::size_t)>& work) {
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t task = tasks; task-- > 0;)
        if (task % 3 == t) work(task);
    });
  for (auto& thread : threads) thread.join();
}

bool always() { return true; }

struct Golden {
  Matrix points;
  std::vector<double> start;
  double perplexity = 0, theta = 0, divergence = 0;
  std::vector<std::vector<std::pair<std::uint32_t, double>>> affinities;

  explicit Golden(const std::string& name) {
    const auto text = read_file(std::string(DEFUSED_SOURCE_DIR) + "/tests/golden/" + name, 8 << 20);
    const Json json = parse_json(*text, name).value();
    points = Matrix(json["points"].size(), json["points"][0].size());
    for (std::size_t i = 0; i < points.rows; ++i)
      for (std::size_t j = 0; j < points.cols; ++j) points.row(i)[j] = json["points"][i][j].get<float>();
    for (const auto& pair : json["start"])
      for (const auto& v : pair) start.push_back(v.get<double>());
    perplexity = json["perplexity"].get<double>();
    theta = json["theta"].get<double>();
    divergence = json["divergence"].get<double>();
    for (const auto& row : json["affinities"]) {
      affinities.emplace_back();
      for (const auto& entry : row)
        affinities.back().emplace_back(entry[0].get<std::uint32_t>(), entry[1].get<double>());
    }
  }
};

class TsneGolden : public testing::TestWithParam<const char*> {};

TEST_P(TsneGolden, AffinitiesAreThoseOfScikitLearn) {
  const Golden golden(GetParam());
  const auto p = affinities_of(golden.points, golden.perplexity, one_by_one);
  ASSERT_TRUE(p) << p.error().describe();
  ASSERT_EQ(p->size(), golden.affinities.size());
  EXPECT_NEAR(std::accumulate(p->value.begin(), p->value.end(), 0.0), 1, 1e-12);
  for (std::size_t i = 0; i < p->size(); ++i) {
    ASSERT_EQ(p->first[i + 1] - p->first[i], golden.affinities[i].size()) << i;
    for (std::size_t e = 0; e < golden.affinities[i].size(); ++e) {
      EXPECT_EQ(p->other[p->first[i] + e], golden.affinities[i][e].first);
      // scikit-learn ends its bisection at an entropy within 1e-5; values are about 1e-4 to 1e-3.
      EXPECT_NEAR(p->value[p->first[i] + e], golden.affinities[i][e].second, 1e-6);
    }
  }
}

TEST_P(TsneGolden, TheLayoutIsAsGoodAsScikitLearns) {
  const Golden golden(GetParam());
  const auto layout =
      tsne(golden.points, golden.start, {.perplexity = golden.perplexity, .theta = golden.theta}, one_by_one, always);
  ASSERT_TRUE(layout) << layout.error().describe();
  EXPECT_EQ(layout->iterations, 1000);
  // From one start two implementations round to different optima of about one height: 5 %.
  EXPECT_LE(layout->divergence, golden.divergence * 1.05);
}

INSTANTIATE_TEST_SUITE_P(Files, TsneGolden, testing::Values("tsne_blobs_5d.json", "tsne_roll_3d.json"));

// Three clouds 20 standard deviations apart in six dimensions.
struct Clouds {
  Matrix points{90, 6};
  Clouds() {
    RandomStream random(3);
    for (std::size_t i = 0; i < points.rows; ++i)
      for (std::size_t j = 0; j < points.cols; ++j)
        points.row(i)[j] = static_cast<float>(random.normal() + (j == i / 30 ? 20 : 0));
  }
};

TEST(Tsne, ItsGradientIsTheSlopeOfTheDivergence) {
  const Clouds clouds;
  const auto p = affinities_of(clouds.points, 10, one_by_one);
  ASSERT_TRUE(p);
  RandomStream random(5);
  std::vector<double> y(180), gradient(180);
  for (double& v : y) v = random.normal();
  tsne_gradient(*p, y, /*theta=*/0, /*exaggeration=*/1, one_by_one, gradient);
  constexpr double kStep = 1e-5;  // central differences: error about 1e-10 of a slope of about 1e-2
  for (std::size_t v = 0; v < y.size(); v += 7) {
    auto up = y, down = y;
    up[v] += kStep;
    down[v] -= kStep;
    const double slope = (tsne_divergence(*p, up, one_by_one) - tsne_divergence(*p, down, one_by_one)) / (2 * kStep);
    EXPECT_NEAR(gradient[v], slope, 1e-7) << v;
  }
  std::vector<double> near(180);
  tsne_gradient(*p, y, /*theta=*/0.5, /*exaggeration=*/1, one_by_one, near);
  double off = 0, size = 0;
  for (std::size_t v = 0; v < y.size(); ++v) {
    off += (near[v] - gradient[v]) * (near[v] - gradient[v]);
    size += gradient[v] * gradient[v];
  }
  EXPECT_LT(std::sqrt(off / size), 0.05) << "the tree's approximation";
}

TEST(Tsne, WellSeparatedClustersStaySeparated) {
  const Clouds clouds;
  const auto layout = tsne(clouds.points, {}, {.perplexity = 10, .seed = 1}, one_by_one, always);
  ASSERT_TRUE(layout);
  int agreeing = 0;
  for (std::size_t i = 0; i < 90; ++i) {
    std::vector<std::pair<double, std::size_t>> near;
    for (std::size_t j = 0; j < 90; ++j)
      if (j != i)
        near.emplace_back(std::hypot(layout->y[2 * i] - layout->y[2 * j], layout->y[2 * i + 1] - layout->y[2 * j + 1]),
                          j);
    std::sort(near.begin(), near.end());
    for (std::size_t k = 0; k < 5; ++k) agreeing += near[k].second / 30 == i / 30;
  }
  EXPECT_GE(agreeing / 450.0, 0.95);
}

TEST(Tsne, DoesNotDependOnThreads) {
  const Clouds clouds;
  const TsneSettings settings{.perplexity = 10, .iterations = 300, .seed = 4};
  const auto one = tsne(clouds.points, {}, settings, one_by_one, always);
  const auto three = tsne(clouds.points, {}, settings, side_by_side, always);
  ASSERT_TRUE(one && three);
  EXPECT_EQ(one->y, three->y);
  EXPECT_EQ(one->divergence, three->divergence);
}

TEST(Tsne, PointsInOnePlaceAreNoTrouble) {
  Matrix points(60, 2);
  for (std::size_t i = 0; i < 60; ++i) points.row(i)[0] = i < 40 ? 1.0F : static_cast<float>(i);
  const std::vector<double> start(120, 0.0);
  for (const auto& from : {std::vector<double>(), start}) {
    const auto layout = tsne(points, from, {.perplexity = 5, .iterations = 50, .seed = 2}, one_by_one, always);
    ASSERT_TRUE(layout) << layout.error().describe();
    for (const double v : layout->y) EXPECT_TRUE(std::isfinite(v));
  }
}

TEST(Tsne, RefusesWhatCannotBeLaidOutAndEndsWhenItIsTold) {
  EXPECT_EQ(tsne(Matrix(3, 2), {}, {}, one_by_one, always).error().code, ErrorCode::invalid_input);
  Matrix bad(10, 2);
  bad.row(3)[1] = std::nanf("");
  EXPECT_EQ(tsne(bad, {}, {}, one_by_one, always).error().code, ErrorCode::invalid_input);
  const Clouds clouds;
  EXPECT_EQ(tsne(clouds.points, std::vector<double>(7), {}, one_by_one, always).error().code, ErrorCode::invalid_input);
  int asked = 0;
  const auto stopped = tsne(clouds.points, {}, {}, one_by_one, [&] { return ++asked < 10; });
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
}

}  // namespace
}  // namespace defuse
