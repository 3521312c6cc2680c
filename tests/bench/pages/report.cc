#include "tests/bench/pages/report.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "core/base/files.h"
#include "core/base/image_io.h"
#include "core/base/json.h"
#include "core/base/random.h"
#include "reports/page_json.h"

namespace defuse {
namespace {

namespace fs = std::filesystem;

constexpr int kPoints = 1500, kClasses = 10, kSamples = 12, kFlips = 60, kTile = 24, kTileColumns = 40;

void must(const Result<void>& done) {
  if (done) return;
  std::fprintf(stderr, "pages-store: %s\n", done.error().describe().c_str());
  std::exit(1);
}

// A blot that is different for every class and sample.
void draw(const fs::path& file, int label, int sample) {
  constexpr int kSide = 28;
  std::vector<float> pixels(kSide * kSide);
  const double x = 8 + label % 5 * 3, y = 8 + label / 5 * 9, width = 12 + 3 * sample;
  for (int i = 0; i < kSide * kSide; ++i) {
    const double dx = i % kSide - x, dy = i / kSide - y;
    pixels[static_cast<std::size_t>(i)] = static_cast<float>(std::exp(-(dx * dx + dy * dy) / width));
  }
  must(write_file(file, encode_png({1, kSide, kSide}, pixels, 2)));
}

VersionMap map_of(RandomStream& random, const std::vector<Region>& regions) {
  VersionMap map;
  map.tsne = true;
  map.seeds = 70'000;
  map.pca_share = 0.31;
  map.sprite = "map.png";
  map.columns = kTileColumns;
  map.tile_width = map.tile_height = kTile;
  for (int i = 0; i < kPoints; ++i) {
    MapPoint point;
    point.label = i % kClasses;
    const double angle = 0.628 * point.label;
    const auto near = [&](double middle) { return static_cast<float>(middle + random.normal()); };
    point.pca_x = near(4 * std::cos(angle));
    point.pca_y = near(4 * std::sin(angle));
    point.tsne_x = near(9 * std::cos(angle));
    point.tsne_y = near(9 * std::sin(angle));
    point.index = static_cast<std::uint32_t>(i);
    point.incumbent = random.below(40) == 0 ? (point.label + 1) % kClasses : point.label;
    point.candidate = random.below(25) == 0 ? (point.label + 1) % kClasses : point.label;
    if (random.below(12) == 0) point.region = static_cast<std::int32_t>(random.below(regions.size()));
    map.points.push_back(point);
  }
  return map;
}

}  // namespace

std::string picture_name(std::int32_t label, int sample) {
  return "class-" + std::to_string(label) + "-" + std::to_string(sample) + ".png";
}

void write_documents(const fs::path& folder, const std::vector<Region>& regions) {
  fs::create_directories(folder);
  RandomStream random(1, 1);
  Report report;
  auto& result = report.result;
  for (int k = 0; k < kClasses; ++k) {
    result.classes.push_back(std::to_string(k));
    for (int i = 0; i < kSamples; ++i) draw(folder / picture_name(k, i), k, i);
  }
  for (const char* check :
       {"contract", "accuracy", "negative_flips", "known_regions", "misclassification_regions", "spotlight"}) {
    result.checks.emplace_back();
    result.checks.back().check = check;
    result.checks.back().detectable = "A drop of 0.8 points would have been seen with 80 % power.";
  }
  result.confusion.emplace();
  result.confusion->incumbent = true;
  for (int k = 0; k < kClasses * kClasses; ++k) {
    const bool right = k / kClasses == k % kClasses;
    const auto count = [&] { return static_cast<std::int64_t>(random.below(12)) + (right ? 950 : 0); };
    result.confusion->cells.push_back({k / kClasses, k % kClasses, count(), count()});
  }
  result.comparison.emplace();
  result.comparison->overall = {9700, 120, 90, 90};
  for (int i = 0; i < kFlips; ++i) {
    RegionSample flip{.kind = ImageKind::real,
                      .candidate_predicted = (i + 1) % kClasses,
                      .incumbent_predicted = i % kClasses,
                      .picture = picture_name(i % kClasses, i % kSamples)};
    result.flips.push_back(std::move(flip));
  }
  result.regions.assign(regions.begin(),
                        regions.begin() + static_cast<std::ptrdiff_t>(std::min(regions.size(), kPageRegions)));
  result.map = map_of(random, result.regions);
  constexpr int kRows = (kPoints + kTileColumns - 1) / kTileColumns;
  const ImageShape sheet{1, kRows * kTile, kTileColumns * kTile};
  std::vector<float> pixels(static_cast<std::size_t>(sheet.pixels()));
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<float>(i % 97) / 97;
  must(write_file(folder / result.map->sprite, encode_png(sheet, pixels, 1)));
  must(write_atomically(folder / kPageFile, dump_json(page_json(report))));
  must(write_atomically(folder / kMapFile, dump_json(map_json(report))));
}

}  // namespace defuse
