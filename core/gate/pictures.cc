#include "core/gate/pictures.h"

#include <algorithm>

#include "core/base/files.h"
#include "core/base/image_io.h"
#include "core/base/thumbnail.h"
#include "core/cache/npy_array.h"
#include "core/gate/probe_pixels.h"
#include "core/regions/frozen.h"
#include "core/regions/novelty.h"
#include "core/torch/thread_team.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kRealShown = 8;
constexpr std::size_t kGeneratedShown = 8;
constexpr int kGeneratedPerSeed = 2;  // so that one image does not fill the grid
constexpr std::size_t kFlipsShown = 60;
constexpr std::int64_t kLongestShown = 192;  // pixels

struct Chosen {
  RegionSample sample;
  std::uint32_t seed;
};

RegionSample sample_of(const PictureInput& input, std::uint32_t s, int draw) {
  const Seed& seed = input.probes.seeds[s];
  const auto at = s * static_cast<std::size_t>(input.probes.draws) + static_cast<std::size_t>(std::max(draw, 0));
  const auto answer = [&](const ProbeEvaluation& model) { return draw < 0 ? model.real[s] : model.perturbed[at]; };
  return {.kind = draw < 0 ? ImageKind::real : ImageKind::generated,
          .split = seed.split,
          .index = seed.index,
          .draw = draw,
          .candidate_predicted = answer(input.candidate),
          .incumbent_predicted = input.incumbent ? answer(*input.incumbent) : -1,
          .picture = {}};
}

std::vector<Chosen> choose_samples(const Region& region, const PictureInput& input) {
  std::vector<Chosen> real_wrong, real_right, generated;
  const auto draws = input.probes.draws;
  const auto inside = draws_inside(region, input.probes);
  for (std::size_t i = 0; i < region.members.size(); ++i) {
    const auto s = region.members[i].seed;
    const auto label = input.probes.seeds[s].label;
    (input.candidate.real[s] != label ? real_wrong : real_right).push_back({sample_of(input, s, -1), s});
    int taken = 0;
    for (const int q : inside[i]) {
      if (taken == kGeneratedPerSeed || generated.size() == kGeneratedShown) break;
      const auto at = s * static_cast<std::size_t>(draws) + static_cast<std::size_t>(q);
      if (input.candidate.perturbed[at] == label) continue;
      generated.push_back({sample_of(input, s, q), s});
      ++taken;
    }
  }
  real_wrong.insert(real_wrong.end(), real_right.begin(), real_right.end());
  real_wrong.resize(std::min(real_wrong.size(), kRealShown), {});
  real_wrong.insert(real_wrong.end(), generated.begin(), generated.end());
  return real_wrong;
}

Result<void> freeze(Region& region, const PictureInput& input, const ProbePixels& pixels_of, const ImageShape& shape,
                    const fs::path& folder) {
  std::vector<float> images;
  for (const auto& [seed, draw] : choose_frozen(region, input.probes, input.candidate, input.incumbent,
                                                static_cast<std::size_t>(shape.pixels()))) {
    images.resize(images.size() + pixels_of.pixels());
    TRY_OK(pixels_of.read(seed, draw, std::span(images).last(pixels_of.pixels())));
    region.frozen_cluster.push_back(seed);
  }
  if (region.frozen_cluster.empty()) return {};
  region.frozen = "frozen-" + region.id + ".npy";
  return save_npy_images(folder / region.frozen, images, region.frozen_cluster.size(),
                         static_cast<std::size_t>(shape.channels), static_cast<std::size_t>(shape.height),
                         static_cast<std::size_t>(shape.width));
}

// Small images are enlarged by whole factors, so that a person sees pixels and not a smear; large ones are shrunk,
// since a page shows dozens.
std::string thumbnail_png(const ImageShape& shape, std::span<const float> image) {
  const auto longer = std::max<std::int64_t>(shape.height, shape.width);
  if (longer <= kLongestShown)
    return encode_png(shape, image, static_cast<int>(std::clamp<std::int64_t>(56 / longer, 1, 4)));
  const auto small = shrink(shape, image, kLongestShown);
  return encode_png(small.shape, small.pixels);
}

// What lies near it; only of regions where the candidate fails, since the others have nothing to be known in the data.
Result<void> draw_neighbours(Region& region, const PictureInput& input, std::uint64_t seed, const ImageShape& shape,
                             const fs::path& folder) {
  region.novelty.reset();
  if (region.status == RegionStatus::fixed || region.status == RegionStatus::suspected) return {};
  region.novelty = novelty_of(region, {input.probes, input.candidate, input.incumbent, seed});
  if (!region.novelty) return {};
  std::vector<float> image(static_cast<std::size_t>(shape.pixels()));
  const auto draw = [&](std::vector<RegionNeighbour>& neighbours, const std::string& word) -> Result<void> {
    for (std::size_t i = 0; i < neighbours.size(); ++i) {
      auto& sample = neighbours[i].image;
      (sample.split == Split::test ? input.splits.test : input.splits.train).read(sample.index, 1, image);
      sample.picture = region.id + word + std::to_string(i) + ".png";
      TRY_OK(write_file(folder / sample.picture, thumbnail_png(shape, image)));
    }
    return {};
  };
  TRY_OK(draw(region.novelty->nearest, "-near-"));
  return draw(region.novelty->nearest_wrong, "-wrong-");
}

}  // namespace

Result<std::vector<Region>> draw_regions(std::vector<Region> regions, const PictureInput& input,
                                         const StageContext& context, const fs::path& folder) {
  const auto& shape = input.splits.test.shape();
  const ProbePixels pixels_of(input.splits, input.probes, input.generator, context.job.settings);
  // Side by side: much of it waits for the disk.
  const auto drawn = ThreadTeam(context.job.worker.threads).run(regions.size(), [&](std::size_t index) -> Result<void> {
    Region& region = regions[index];
    region.samples.clear();
    for (auto& [sample, seed] : choose_samples(region, input)) {
      std::vector<float> image(pixels_of.pixels());
      TRY_OK(pixels_of.read(seed, sample.draw, image));
      sample.picture = region.id + "-" + std::to_string(region.samples.size()) + ".png";
      TRY_OK(write_file(folder / sample.picture, thumbnail_png(shape, image)));
      region.samples.push_back(std::move(sample));
    }
    TRY_OK(draw_neighbours(region, input, context.job.settings.seed, shape, folder));
    return freeze(region, input, pixels_of, shape, folder);  // also what a person may call a bug one day
  });
  if (!drawn) return tl::unexpected(drawn.error());
  return regions;
}

Result<std::vector<RegionSample>> draw_flips(const Comparison& comparison, const Evaluation& candidate,
                                             const Evaluation& incumbent, const Splits& splits,
                                             const fs::path& folder) {
  std::vector<RegionSample> flips;
  const auto& shape = splits.test.shape();
  std::vector<float> image(static_cast<std::size_t>(shape.pixels()));
  for (const auto index : comparison.negative_flip_images) {
    if (flips.size() == kFlipsShown) break;
    const auto i = static_cast<std::size_t>(index);
    splits.test.read(i, 1, image);
    RegionSample flip{.kind = ImageKind::real,
                      .split = Split::test,
                      .index = static_cast<std::uint32_t>(index),
                      .draw = -1,
                      .candidate_predicted = candidate.predicted[i],
                      .incumbent_predicted = incumbent.predicted[i],
                      .picture = "flip-" + std::to_string(index) + ".png"};
    TRY_OK(write_file(folder / flip.picture, thumbnail_png(shape, image)));
    flips.push_back(std::move(flip));
  }
  return flips;
}

}  // namespace defuse
