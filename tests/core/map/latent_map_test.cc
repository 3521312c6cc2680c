#include "core/map/latent_map.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "core/base/random.h"

namespace defuse {
namespace {

void one_by_one(std::size_t tasks, const std::function<void(std::size_t)>& work) {
  for (std::size_t task = 0; task < tasks; ++task) work(task);
}

// 300 seeds of label 0, 60 of label 1, one of label 2; codes spread mostly along the first axis.
ProbeSet world() {
  ProbeSet probes;
  RandomStream random(9);
  probes.codes = Matrix(361, 4);
  for (std::uint32_t i = 0; i < 361; ++i) {
    probes.seeds.push_back({i < 200 ? Split::test : Split::train, i, i < 300 ? 0 : i < 360 ? 1 : 2, Half::discover});
    for (std::size_t j = 0; j < 4; ++j)
      probes.codes.row(i)[j] = static_cast<float>(random.normal() * (j == 0 ? 9 : 1) + (i >= 300 ? 12 : 0));
  }
  return probes;
}

TEST(LatentMap, ShowsEveryLabelInProportionAndTheSameSeedsEachTime) {
  const auto probes = world();
  const auto shown = choose_shown(probes, 60, 1);
  EXPECT_EQ(shown.size(), 60U);
  EXPECT_TRUE(std::is_sorted(shown.begin(), shown.end()));
  std::map<std::int32_t, int> counts;
  for (const auto s : shown) ++counts[probes.seeds[s].label];
  EXPECT_NEAR(counts[0], 50, 1);
  EXPECT_NEAR(counts[1], 10, 1);
  EXPECT_EQ(counts[2], 1) << "the rare label is not lost";
  EXPECT_EQ(choose_shown(probes, 60, 1), shown);
  EXPECT_NE(choose_shown(probes, 60, 2), shown);
  EXPECT_EQ(choose_shown(probes, 5'000, 1).size(), 361U);
}

TEST(LatentMap, HasBothProjections) {
  const auto probes = world();
  const auto map = latent_map(probes, 120, 7, one_by_one, [] { return true; });
  ASSERT_TRUE(map) << map.error().describe();
  EXPECT_EQ(map->seeds.size(), 120U);
  EXPECT_EQ(map->pca.size(), 240U);
  EXPECT_EQ(map->tsne.size(), 240U);
  EXPECT_TRUE(map->tsne_problem.empty());
  EXPECT_GT(map->pca_share, 0.9);
  EXPECT_LE(map->pca_share, 1.0);
  const auto again = latent_map(probes, 120, 7, one_by_one, [] { return true; });
  EXPECT_EQ(again->tsne, map->tsne);
}

TEST(LatentMap, ATsneThatIsEndedLeavesThePrincipalComponents) {
  const auto map = latent_map(world(), 120, 7, one_by_one, [] { return false; });
  ASSERT_TRUE(map);
  EXPECT_EQ(map->pca.size(), 240U);
  EXPECT_TRUE(map->tsne.empty());
  EXPECT_FALSE(map->tsne_problem.empty());
}

TEST(LatentMap, CodesThatSayNothingAreRefused) {
  auto probes = world();
  for (auto& v : probes.codes.data) v = 1;
  EXPECT_FALSE(latent_map(probes, 50, 1, one_by_one, [] { return true; }));
  probes.codes.data[3] = std::nanf("");
  EXPECT_FALSE(latent_map(probes, 50, 1, one_by_one, [] { return true; }));
  EXPECT_FALSE(latent_map(ProbeSet{}, 50, 1, one_by_one, [] { return true; }));
}

TEST(LatentMap, AVersionsPointsCarryItsAnswersAndTheWorstRegion) {
  const auto probes = world();
  const auto map = latent_map(probes, 361, 7, one_by_one, [] { return false; });
  ASSERT_TRUE(map);
  ProbeEvaluation candidate;
  candidate.real.assign(361, 0);
  Region first, second;
  first.members = {{5, 0.1}, {301, 0.2}};
  second.members = {{301, 0.1}, {302, 0.2}};
  const auto shown = version_map(*map, probes, candidate, nullptr, {first, second});
  ASSERT_EQ(shown.points.size(), 361U);
  EXPECT_EQ(shown.seeds, 361);
  EXPECT_FALSE(shown.tsne);
  EXPECT_EQ(shown.points[5].region, 0);
  EXPECT_EQ(shown.points[301].region, 0) << "of two regions the first";
  EXPECT_EQ(shown.points[302].region, 1);
  EXPECT_EQ(shown.points[303].region, -1);
  EXPECT_EQ(shown.points[303].label, 1);
  EXPECT_EQ(shown.points[303].candidate, 0);
  EXPECT_EQ(shown.points[303].incumbent, -1);
  EXPECT_EQ(shown.points[303].split, Split::train);
}

}  // namespace
}  // namespace defuse
