#include "core/evaluate/generated_images.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "tests/core/evaluate/probes_fixture.h"

namespace defuse {
namespace {

class GeneratedImagesTest : public ProbesTest {
 protected:
  GeneratedImages images(const ProbeSet& probes, const Generator& generator) {
    auto made = GeneratedImages::of(probes, generator, kShape, small_settings(), 1);
    if (!made) throw std::runtime_error(made.error().describe());
    return std::move(*made);
  }

  static std::vector<float> read_all(const GeneratedImages& images, std::size_t piece) {
    GeneratedImages::Room room;
    std::vector<float> all;
    for (std::size_t first = 0; first < images.size(); first += piece) {
      const auto pixels = images.read(first, std::min(piece, images.size() - first), room);
      EXPECT_TRUE(pixels) << pixels.error().describe();
      all.insert(all.end(), pixels->begin(), pixels->end());
    }
    return all;
  }

  // A file as the station keeps it, without a header.
  std::shared_ptr<const MappedFile> kept(const std::vector<float>& values, const std::string& name) {
    std::ofstream(tree_ / name, std::ios::binary)
        .write(reinterpret_cast<const char*>(values.data()),
               static_cast<std::streamsize>(values.size() * sizeof(float)));
    auto file = MappedFile::open(tree_ / name);
    if (!file) throw std::runtime_error(file.error().describe());
    return *file;
  }
};

TEST_F(GeneratedImagesTest, AreEachSeedsMeanAndThenItsPlausibleDraws) {
  const ProbeSet probes = build();
  const Generator decoder = generator();
  const auto all = images(probes, decoder);
  const auto draws = static_cast<std::size_t>(probes.draws);
  GeneratedImages::Room room;
  ASSERT_TRUE(all.read(0, all.size(), room));
  std::size_t at = 0;
  for (std::uint32_t s = 0; s < probes.perturbed; ++s) {
    ASSERT_LT(at, room.items.size());
    EXPECT_EQ(room.items[at].seed, s);
    EXPECT_EQ(room.items[at].draw, GeneratedImages::kMean);
    // The code is the image.
    EXPECT_TRUE(std::equal(probes.codes.row(s).begin(), probes.codes.row(s).end(), room.codes.row(at).begin()));
    ++at;
    for (std::size_t q = 0; q < draws; ++q) {
      if (probes.plausible[s * draws + q] == 0) continue;
      EXPECT_EQ(room.items[at].seed, s);
      EXPECT_EQ(room.items[at].draw, static_cast<std::int32_t>(q));
      ++at;
    }
  }
  EXPECT_EQ(at, all.size());
  EXPECT_GT(at, probes.perturbed);
}

TEST_F(GeneratedImagesTest, AreTheSameHoweverTheyAreCutAndFromAFile) {
  const ProbeSet probes = build();
  const Generator decoder = generator();
  auto all = images(probes, decoder);
  const auto whole = read_all(all, all.size());
  EXPECT_EQ(read_all(all, Generator::kUnit), whole);

  std::vector<float> decoded;
  std::size_t reported = 0;
  ASSERT_TRUE(all.decode_all(
      2,
      [&](std::span<const float> pixels) -> Result<void> {
        decoded.insert(decoded.end(), pixels.begin(), pixels.end());
        return {};
      },
      [&](std::size_t done) -> Result<void> {
        reported = done;
        return {};
      }));
  EXPECT_EQ(decoded, whole);
  EXPECT_EQ(reported, all.size());

  ASSERT_TRUE(all.read_from(kept(whole, "images"), 0));
  EXPECT_TRUE(all.kept());
  EXPECT_EQ(read_all(all, Generator::kUnit), whole);
  all.done_with(0, all.size());
  EXPECT_EQ(read_all(all, 2 * Generator::kUnit), whole);
}

TEST_F(GeneratedImagesTest, GiveTheSameAnswersFromAFileAsDecoded) {
  const ProbeSet probes = build();
  const Generator decoder = generator();
  const auto classifier = band_model();
  auto all = images(probes, decoder);
  CountingProgress first, second;
  const auto before = evaluate_probes(classifier, "m", all, test_, train_, 2, first);
  ASSERT_TRUE(before) << before.error().describe();
  ASSERT_TRUE(all.read_from(kept(read_all(all, all.size()), "images"), 0));
  const auto after = evaluate_probes(classifier, "m", all, test_, train_, 1, second);
  ASSERT_TRUE(after) << after.error().describe();
  EXPECT_EQ(after->reconstructed, before->reconstructed);
  EXPECT_EQ(after->perturbed, before->perturbed);
  EXPECT_EQ(after->logits.data, before->logits.data);
  EXPECT_EQ(first.last, 1);
}

TEST_F(GeneratedImagesTest, AFileOfAnotherSizeIsCorrupt) {
  const ProbeSet probes = build();
  const Generator decoder = generator();
  auto all = images(probes, decoder);
  auto values = read_all(all, all.size());
  values.pop_back();
  const auto refused = all.read_from(kept(values, "short"), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::corrupt);
  EXPECT_NE(refused.error().describe().find("short"), std::string::npos);
  EXPECT_FALSE(all.kept());
}

TEST_F(GeneratedImagesTest, OutOfRangeIsRefused) {
  const ProbeSet probes = build();
  const Generator decoder = generator();
  const auto all = images(probes, decoder);
  GeneratedImages::Room room;
  EXPECT_FALSE(all.read(0, all.size() + 1, room));
  EXPECT_FALSE(all.read(1, 1, room));  // not at a unit: other bits than the rest would have
}

}  // namespace
}  // namespace defuse
