// The pure parts of the gate benchmark: a benchmark whose truth is wrong would praise the wrong detector.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "tests/bench/gate/attributes.h"
#include "tests/bench/gate/bootstrap.h"
#include "tests/bench/gate/glyphs.h"
#include "tests/bench/gate/parts.h"
#include "tests/bench/gate/planted.h"

namespace defuse::bench {
namespace {

constexpr ImageShape kShape{1, 20, 20};

float of(const std::vector<float>& image, Attribute attribute) {
  return measure(image, kShape)[static_cast<std::size_t>(attribute)];
}

// A filled rectangle, columns [x, x + w), rows [y, y + h).
std::vector<float> box(int x, int y, int w, int h, float value = 1) {
  std::vector<float> image(400, 0.0f);
  for (int row = y; row < y + h; ++row)
    for (int column = x; column < x + w; ++column) image[static_cast<std::size_t>(row * 20 + column)] = value;
  return image;
}

GlyphParameters quiet() {
  GlyphParameters p;
  p.noise = 0;
  return p;
}

TEST(Attributes, OfABoxAreThoseOfGeometry) {
  const auto image = box(4, 6, 2, 8, 0.5f);
  EXPECT_FLOAT_EQ(of(image, Attribute::ink), 16 * 0.5f / 400);
  EXPECT_FLOAT_EQ(of(image, Attribute::x), 4.5f);
  EXPECT_FLOAT_EQ(of(image, Attribute::y), 9.5f);
  EXPECT_FLOAT_EQ(of(image, Attribute::slant), 0);
  EXPECT_NEAR(of(image, Attribute::size), std::sqrt((2.0 * 2 - 1) / 12 + (8.0 * 8 - 1) / 12), 1e-5);
  EXPECT_FLOAT_EQ(of(image, Attribute::quadrant), 0);
  EXPECT_FLOAT_EQ(of(box(12, 2, 3, 3), Attribute::quadrant), 1);
  EXPECT_FLOAT_EQ(of(image, Attribute::symmetry), 1);
  EXPECT_NEAR(of(image, Attribute::skew), 0, 1e-6);
}

TEST(Attributes, SymmetryAndSkewSeeWhichPartIsMissing) {
  auto ell = box(4, 4, 2, 10);
  for (int column = 6; column < 12; ++column) ell[static_cast<std::size_t>(13 * 20 + column)] = 1;
  EXPECT_LT(of(ell, Attribute::symmetry), 0.6f);
  EXPECT_LT(of(ell, Attribute::skew), -0.1f);  // the foot pulls the centroid down: the rows' tail points up
  EXPECT_GT(of(render(Glyph::cross, quiet(), 1), Attribute::hollow),
            of(render(Glyph::ring, quiet(), 1), Attribute::hollow) + 0.3f);
}

TEST(Attributes, OfAnEmptyImageAreZero) {
  for (const float value : measure(std::vector<float>(400, 0.0f), kShape)) EXPECT_EQ(value, 0);
}

TEST(Attributes, FollowWhatAGlyphWasDrawnWith) {
  const auto changed = [](auto change, Attribute attribute) {
    auto p = quiet();
    const float before = of(render(Glyph::cross, p, 1), attribute);
    change(p);
    return of(render(Glyph::cross, p, 1), attribute) - before;
  };
  EXPECT_GT(changed([](auto& p) { p.stroke = 3; }, Attribute::stroke), 0.3f);
  EXPECT_GT(changed([](auto& p) { p.slant = 0.5; }, Attribute::slant), 0.3f);
  EXPECT_GT(changed([](auto& p) { p.size = 7.5; }, Attribute::size), 0.5f);
  EXPECT_NEAR(changed([](auto& p) { p.x = 2; }, Attribute::x), 2, 0.1);
  EXPECT_NEAR(changed([](auto& p) { p.y = -2; }, Attribute::y), -2, 0.1);
  EXPECT_LT(changed([](auto& p) { p.contrast = 0.4; }, Attribute::contrast), -0.3f);
}

TEST(Attributes, ContentHashIgnoresTheLastBitsAndSeesTheRest) {
  auto image = box(4, 6, 2, 8, 0.52f);
  const auto before = content_hash(image);
  for (float& v : image) v += 1e-6f;
  EXPECT_EQ(content_hash(image), before);
  image[100] += 0.5f;
  EXPECT_NE(content_hash(image), before);
}

TEST(Glyphs, AreTheSameForASeedAndStayOnEightBitLevels) {
  const auto one = draw_glyphs(7, 64);
  const auto two = draw_glyphs(7, 64);
  EXPECT_EQ(one.data.images, two.data.images);
  EXPECT_NE(one.data.images, draw_glyphs(8, 64).data.images);
  for (const float v : one.data.images) {
    ASSERT_GE(v, 0);
    ASSERT_LE(v, 1);
    ASSERT_NEAR(v * 255, std::round(v * 255), 1e-3);
  }
  EXPECT_EQ(std::set<std::int32_t>(one.data.labels.begin(), one.data.labels.end()).size(),
            static_cast<std::size_t>(kGlyphs));
}

Rule thin_three() {
  Rule rule;
  rule.label = 3;
  rule.attribute = Attribute::ink;
  rule.high = false;
  rule.threshold = 0.1f;
  return rule;
}

std::vector<float> attributes_with_ink(float ink) {
  std::vector<float> values(kAttributes, 0.0f);
  values[0] = ink;
  return values;
}

TEST(PlantedRule, SwapsTheTwoLargestLogitsBeyondItsThresholdOnly) {
  const std::vector<Rule> rules = {thin_three()};
  std::vector<float> logits = {0, 5, 1, 9, 2};
  plant(logits, attributes_with_ink(0.2f), 1, rules);
  EXPECT_THAT(logits, ::testing::ElementsAre(0, 5, 1, 9, 2));
  plant(logits, attributes_with_ink(0.1f), 1, rules);  // on the threshold is not beyond
  EXPECT_THAT(logits, ::testing::ElementsAre(0, 5, 1, 9, 2));
  plant(logits, attributes_with_ink(0.05f), 1, rules);
  EXPECT_THAT(logits, ::testing::ElementsAre(0, 9, 1, 5, 2));
}

TEST(PlantedRule, LeavesImagesAloneThatTheModelReadsAsAnotherClass) {
  std::vector<float> logits = {0, 9, 1, 5, 2};
  plant(logits, attributes_with_ink(0.05f), 1, std::vector<Rule>{thin_three()});
  EXPECT_THAT(logits, ::testing::ElementsAre(0, 9, 1, 5, 2));
}

TEST(PlantedRule, OfTwoThatHoldOnlyTheFirstActs) {
  std::vector<float> logits = {0, 5, 1, 9, 2};
  plant(logits, attributes_with_ink(0.05f), 1, std::vector<Rule>{thin_three(), thin_three()});
  EXPECT_THAT(logits, ::testing::ElementsAre(0, 9, 1, 5, 2));
}

TEST(PlantedRule, FailsOnAboutItsStrengthOfTheImagesAndOnTheSameOnes) {
  auto rule = thin_three();
  rule.strength = 0.4;
  rule.salt = 11;
  int failing = 0;
  for (std::int32_t hash = 0; hash < 4000; ++hash) {
    const bool fails = rule.fails(attributes_with_ink(0.05f), hash);
    failing += fails;
    ASSERT_EQ(fails, rule.fails(attributes_with_ink(0.01f), hash));
  }
  EXPECT_NEAR(failing, 1600, 4 * std::sqrt(4000 * 0.4 * 0.6));
}

TEST(Threshold, IsATrainingValueBeyondWhichTheWantedTestValuesLie) {
  std::vector<float> train, test;
  for (int i = 0; i < 200; ++i) train.push_back(static_cast<float>(i));
  for (int i = 0; i < 100; ++i) test.push_back(static_cast<float>(2 * i) + 0.5f);
  const auto high = threshold_for(train, test, true, 7);
  EXPECT_EQ(high.found, 7U);
  EXPECT_EQ(std::count_if(test.begin(), test.end(), [&](float v) { return v > high.value; }), 7);
  const auto low = threshold_for(train, test, false, 7);
  EXPECT_EQ(low.found, 7U);
  EXPECT_EQ(std::count_if(test.begin(), test.end(), [&](float v) { return v < low.value; }), 7);
  EXPECT_EQ(threshold_at(train, true, 0.97), 193);
  EXPECT_EQ(threshold_at(train, false, 0.97), 6);
}

// Two seeds of class 3, two draws each; the last draw is not plausible.
struct Small {
  Small() {
    probes.digest = "probes";
    probes.draws = 2;
    probes.seeds = {{Split::test, 0, 3, Half::discover}, {Split::test, 1, 3, Half::confirm}};
    probes.plausible = {1, 1, 1, 0};
    base.model_digest = "model";
    base.real = rows(2);
    base.reconstructed = rows(2);
    base.perturbed = rows(4);
    for (float& v : base.perturbed.row(3)) v = std::numeric_limits<float>::quiet_NaN();
    attributes.real = table({0.05f, 0.2f});
    attributes.reconstructed = table({0.2f, 0.05f});
    attributes.perturbed = table({0.2f, 0.05f, 0.2f, 0.05f});
  }
  static Matrix rows(std::size_t n) {
    Matrix m(n, 5);
    for (std::size_t i = 0; i < n; ++i) {
      m.row(i)[3] = 4;
      m.row(i)[1] = 1;
    }
    return m;
  }
  static AttributeTable table(const std::vector<float>& inks) {
    AttributeTable t{Matrix(inks.size(), kAttributes), std::vector<std::int32_t>(inks.size())};
    for (std::size_t i = 0; i < inks.size(); ++i) t.values.row(i)[0] = inks[i];
    return t;
  }
  ProbeSet probes;
  BaseAnswers base;
  ProbeAttributes attributes;
};

TEST(Composition, PlantsByEachImagesOwnAttributes) {
  const Small small;
  const auto out = compose(small.probes, small.base, small.attributes, std::vector<Rule>{thin_three()}, {});
  EXPECT_THAT(out.real, ::testing::ElementsAre(1, 3));
  EXPECT_THAT(out.reconstructed, ::testing::ElementsAre(3, 1));
  EXPECT_THAT(out.perturbed, ::testing::ElementsAre(3, 1, 3, -1));
  EXPECT_THAT(out.real_margin, ::testing::ElementsAre(-3, 3));
  EXPECT_EQ(out.perturbed_margin[1], -3);
  EXPECT_TRUE(std::isnan(out.perturbed_margin[3]));
  EXPECT_EQ(out.logits.row(0)[1], 4);
  EXPECT_EQ(out.probe_digest, "probes");
  EXPECT_EQ(out.model_digest, "model");
}

TEST(Composition, GainsGiveASeedItsLabelOnEveryImage) {
  const Small small;
  const std::vector<std::uint8_t> gains = {1, 0};
  const auto out = compose(small.probes, small.base, small.attributes, std::vector<Rule>{thin_three()}, gains);
  EXPECT_THAT(out.real, ::testing::ElementsAre(3, 3));
  EXPECT_THAT(out.reconstructed, ::testing::ElementsAre(3, 1));
  EXPECT_THAT(out.perturbed, ::testing::ElementsAre(3, 3, 3, -1));
}

// Always says class 3, then 1.
class Constant final : public Classifier {
 public:
  Result<Output> run(std::span<const float>, std::size_t n, bool) const override {
    return Output{Small::rows(n), Matrix()};
  }
  std::size_t batch() const override { return 4; }
};

TEST(PlantedClassifier, ConfusesTheImagesOfTheRule) {
  const Constant inner;
  const PlantedClassifier planted(inner, kShape, {thin_three()});
  auto images = box(4, 6, 2, 8);  // ink 0.04
  const auto dark = box(2, 2, 10, 10);
  images.insert(images.end(), dark.begin(), dark.end());
  const auto output = planted.run(images, 2, false);
  ASSERT_TRUE(output);
  EXPECT_EQ(output->logits.row(0)[1], 4);
  EXPECT_EQ(output->logits.row(1)[3], 4);
}

// Forty seeds of two classes and two halves, the first thirty perturbed twice; every row tells whose it is.
ProbeSet numbered_probes() {
  ProbeSet probes;
  probes.draws = 2;
  probes.perturbed = 30;
  probes.codes = Matrix(40, 1);
  for (std::uint32_t s = 0; s < 40; ++s) {
    probes.seeds.push_back({.split = s < 10 ? Split::test : Split::train,
                            .index = s,
                            .label = static_cast<std::int32_t>(s % 2),
                            .half = s % 4 < 2 ? Half::discover : Half::confirm});
    probes.codes.row(s)[0] = static_cast<float>(s);
    for (int rank = 0; rank < 3; ++rank) probes.tails.axes.push_back(static_cast<std::int32_t>(s));
    for (int q = 0; q < 2; ++q)
      probes.plausible.push_back(static_cast<std::uint8_t>(2 * s + static_cast<std::uint32_t>(q)));
  }
  return probes;
}

TEST(Bootstrap, DrawsEverySeedFromItsOwnClassAndHalfWithReplacement) {
  const auto probes = numbered_probes();
  RandomStream random(7);
  const auto source = draw_seeds(probes, random);
  ASSERT_EQ(source.size(), 40U);
  for (std::uint32_t place = 0; place < 40; ++place) {
    EXPECT_EQ(probes.seeds[source[place]].label, probes.seeds[place].label);
    EXPECT_EQ(probes.seeds[source[place]].half, probes.seeds[place].half);
    EXPECT_EQ(source[place] < 30, place < 30) << "a seed without perturbations in the place of a perturbed one";
  }
  EXPECT_LT(distinct(source).size(), 40U);
  RandomStream same(7), other(8);
  EXPECT_EQ(draw_seeds(probes, same), source);
  EXPECT_NE(draw_seeds(probes, other), source);
}

TEST(Bootstrap, BringsEveryRowThatBelongsToASeed) {
  const auto probes = numbered_probes();
  ProbeEvaluation answers;
  answers.probe_digest = "p";
  answers.embeddings = Matrix(40, 1);
  for (std::uint32_t s = 0; s < 40; ++s) {
    const auto number = static_cast<std::int32_t>(s);
    answers.real.push_back(number);
    answers.reconstructed.push_back(number);
    answers.perturbed.insert(answers.perturbed.end(), {2 * number, 2 * number + 1});
    answers.perturbed_margin.insert(answers.perturbed_margin.end(), 2, static_cast<float>(s));
    answers.real_margin.push_back(static_cast<float>(s));
    answers.embeddings.row(s)[0] = static_cast<float>(s);
  }
  RandomStream random(3);
  const auto source = draw_seeds(probes, random);
  const auto drawn = resampled(probes, source);
  const auto again = resampled(answers, probes.draws, source);
  for (std::size_t i = 0; i < 40; ++i) {
    const auto s = source[i];
    const auto number = static_cast<std::int32_t>(s);
    EXPECT_EQ(drawn.seeds[i].index, s);
    EXPECT_EQ(drawn.codes.row(i)[0], static_cast<float>(s));
    EXPECT_EQ(drawn.tails.axes[3 * i + 2], number);
    EXPECT_EQ(drawn.plausible[2 * i + 1], 2 * number + 1);
    EXPECT_EQ(again.real[i], number);
    EXPECT_EQ(again.reconstructed[i], number);
    EXPECT_EQ(again.perturbed[2 * i + 1], 2 * number + 1);
    EXPECT_EQ(again.perturbed_margin[2 * i], static_cast<float>(s));
    EXPECT_EQ(again.real_margin[i], static_cast<float>(s));
    EXPECT_EQ(again.embeddings.row(i)[0], static_cast<float>(s));
  }
  EXPECT_TRUE(again.logits.empty()) << "a table that is not there stays so";
  EXPECT_EQ(drawn.perturbed, 30U);
  EXPECT_EQ(again.probe_digest, "p");
}

TEST(Bootstrap, StabilityComparesRegionsAmongTheSeedsThatBothHold) {
  const std::vector<Redone> redone = {{true, {1, 2, 3, 4, 5}, {1, 2, 3}},  // both hold 2, 3, 4
                                      {true, {2, 3, 4, 9}, {3, 4, 9}},     // {2, 3} and {3, 4}: 1 of 3
                                      {false, {1, 2, 3}, {}},
                                      {false, {1, 2, 3}, {}}};
  const auto found = stability_of(redone);
  EXPECT_DOUBLE_EQ(found.blocked, 0.5);
  EXPECT_NEAR(found.jaccard, 1.0 / 3, 1e-12);
}

TEST(Bootstrap, OneBlockingBootstrapHasNothingToBeComparedWith) {
  const std::vector<Redone> redone = {{true, {1, 2}, {1}}, {false, {1, 2}, {}}};
  EXPECT_TRUE(std::isnan(stability_of(redone).jaccard));
  EXPECT_DOUBLE_EQ(stability_of(redone).blocked, 0.5);
}

TEST(Columns, ListsNameColumnsOrManyAtOnce) {
  const std::set<std::string> rivals = {"mcnemar", "domino"};
  const auto mixed = choose_columns("gate,regions,parts", rivals);
  ASSERT_TRUE(mixed);
  EXPECT_EQ(mixed->size(), 2 + part_columns().size());
  EXPECT_EQ(mixed->count("space_codes"), 1U);
  EXPECT_EQ(mixed->count("known_regions"), 0U);
  EXPECT_EQ(*choose_columns("rivals", rivals), rivals);
  EXPECT_EQ(choose_columns("all", rivals)->size(), 3 + part_columns().size() + rivals.size());
}

TEST(Columns, AMisspeltOneIsRefused) {
  const auto refused = choose_columns("gate,space_code", {});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().describe(), ::testing::HasSubstr("space_code"));
  EXPECT_FALSE(choose_columns(",", {}));
}

TEST(Columns, EveryPartLeavesSomethingOutAndNoTwoAreTheSame) {
  std::set<std::string> seen;
  for (const auto& part : part_columns()) {
    const auto& s = part.shapes;
    std::string what = {s.balls ? 'b' : '-', s.half_spaces ? 'h' : '-', s.real ? 'r' : '-', s.generated ? 'g' : '-'};
    for (const auto& space : s.spaces) what += " " + std::string(to_string(space));
    EXPECT_NE(what, "bhrg") << part.name << " is the whole search";
    EXPECT_TRUE(seen.insert(what).second) << part.name;
  }
  EXPECT_EQ(seen.size(), 9U);
}

}  // namespace
}  // namespace defuse::bench
