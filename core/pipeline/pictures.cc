#include "core/pipeline/pictures.h"

#include <algorithm>

#include "core/files.h"
#include "core/image_io.h"

namespace defuse {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kRealShown = 8;
constexpr std::size_t kGeneratedShown = 8;
constexpr int kGeneratedPerSeed = 2;  // so that one image does not fill the grid
constexpr std::size_t kFlipsShown = 60;

// A frozen test of a confirmed bug: what 95 % power needs (checks/README.md) is some 20 to 40 seeds; beyond 256 nothing
// is gained. Of a region that is not confirmed enough is kept for the day when a person calls it a bug.
struct FrozenLimits {
  std::size_t seeds;
  std::size_t bytes;
};
constexpr FrozenLimits kConfirmedLimits{256, 64UL << 20};
constexpr FrozenLimits kOtherLimits{40, 4UL << 20};
constexpr int kFrozenDraws = 5;
constexpr std::size_t kEnoughSeeds = 40;  // with fewer members, seeds just around that fail the same way are added

// Reads real images and regenerates perturbed ones.
class Darkroom {
 public:
  Darkroom(const PictureInput& input, const StageContext& context)
      : input_(input), context_(context), pixels_(static_cast<std::size_t>(input.splits.test.shape().pixels())) {}

  Result<std::vector<float>> develop(const RegionSample& sample, std::uint32_t seed_index) const {
    std::vector<float> image(pixels_);
    if (sample.draw < 0) {
      (sample.split == Split::test ? input_.splits.test : input_.splits.train).read(sample.index, 1, image);
      return image;
    }
    Matrix code(1, input_.probes.codes.cols);
    perturbed_codes(input_.probes, context_.job.settings.checks.misclassification_regions, context_.job.settings.seed,
                    seed_index, sample.draw, 1, code);
    TRY_OK(input_.generator.decode(code, image));
    return image;
  }

 private:
  const PictureInput& input_;
  const StageContext& context_;
  std::size_t pixels_;
};

struct Chosen {
  RegionSample sample;
  std::uint32_t seed;
};

RegionSample sample_of(const PictureInput& input, std::uint32_t s, int draw) {
  const Seed& seed = input.probes.seeds[s];
  const auto at = s * static_cast<std::size_t>(input.probes.draws) + static_cast<std::size_t>(std::max(draw, 0));
  const auto answer = [&](const ProbeEvaluation& model) { return draw < 0 ? model.real[s] : model.perturbed[at]; };
  return {.kind = draw < 0 ? "real" : "generated",
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
  for (const auto& member : region.members) {
    const auto s = member.seed;
    const auto label = input.probes.seeds[s].label;
    (input.candidate.real[s] != label ? real_wrong : real_right).push_back({sample_of(input, s, -1), s});
    int taken = 0;
    for (int q = 0; q < draws && taken < kGeneratedPerSeed && generated.size() < kGeneratedShown; ++q) {
      const auto at = s * static_cast<std::size_t>(draws) + static_cast<std::size_t>(q);
      if (!input.probes.plausible[at] || input.candidate.perturbed[at] == label) continue;
      generated.push_back({sample_of(input, s, q), s});
      ++taken;
    }
  }
  real_wrong.insert(real_wrong.end(), real_right.begin(), real_right.end());
  real_wrong.resize(std::min(real_wrong.size(), kRealShown), {});
  real_wrong.insert(real_wrong.end(), generated.begin(), generated.end());
  return real_wrong;
}

// Seeds just around a small region that fail in its way: the incumbent is right, the candidate gives the region's wrong
// answer. At most half as many as members, so that they cannot outweigh what was confirmed. By VAE codes, whatever
// space the region was found in: its shape need not be a ball.
std::vector<std::uint32_t> seeds_around(const Region& region, const PictureInput& input) {
  const auto& probes = input.probes;
  const std::size_t members = region.members.size();
  if (region.predicted_as < 0 || input.incumbent == nullptr || members == 0 || members >= kEnoughSeeds) return {};
  std::vector<char> inside(probes.seeds.size(), 0);
  std::vector<float> centre(probes.codes.cols, 0.0F);
  for (const auto& member : region.members) {
    inside[member.seed] = 1;
    const auto row = probes.codes.row(member.seed);
    for (std::size_t k = 0; k < centre.size(); ++k) centre[k] += row[k] / static_cast<float>(members);
  }
  const auto distance = [&](std::uint32_t s) {
    double sum = 0;
    const auto row = probes.codes.row(s);
    for (std::size_t k = 0; k < centre.size(); ++k)
      sum += static_cast<double>((row[k] - centre[k]) * (row[k] - centre[k]));
    return sum;
  };
  double reach = 0;
  for (const auto& member : region.members) reach = std::max(reach, distance(member.seed));
  std::vector<std::pair<double, std::uint32_t>> around;
  for (std::uint32_t s = 0; s < probes.seeds.size(); ++s) {
    if (inside[s] != 0 || probes.seeds[s].label != region.label || input.incumbent->real[s] != region.label ||
        input.candidate.real[s] != region.predicted_as)
      continue;
    if (const double far = distance(s); far <= reach) around.emplace_back(far, s);
  }
  std::sort(around.begin(), around.end());
  around.resize(std::min({around.size(), members / 2, kEnoughSeeds - members}));
  std::vector<std::uint32_t> seeds;
  for (const auto& [_, s] : around) seeds.push_back(s);
  return seeds;
}

struct FrozenImage {
  std::uint32_t seed;
  int draw;  // -1 is the real image
};

// Members of both halves, right or wrong: for another candidate nothing was searched, and a test made of failures only
// would be one of hard images. Only the kind of images that showed the bug: the others would dilute it. Seeds are what
// the test counts, so every seed gets its first image before any gets its second.
std::vector<FrozenImage> choose_frozen(const Region& region, const PictureInput& input, const FrozenLimits& limits) {
  std::vector<std::uint32_t> seeds;
  for (const auto& member : region.members) seeds.push_back(member.seed);
  if (region.evidence != "generated")
    for (const auto s : seeds_around(region, input)) seeds.push_back(s);
  seeds.resize(std::min(seeds.size(), limits.seeds));

  std::vector<std::vector<int>> images(seeds.size());
  bool any = false;
  for (std::size_t i = 0; i < seeds.size(); ++i) {
    if (region.evidence != "generated") images[i].push_back(-1);
    int taken = 0;
    for (int q = 0; region.evidence != "real" && q < input.probes.draws && taken < kFrozenDraws; ++q) {
      const auto draws = static_cast<std::size_t>(input.probes.draws);
      if (input.probes.plausible[seeds[i] * draws + static_cast<std::size_t>(q)] == 0) continue;
      images[i].push_back(q);
      ++taken;
    }
    any = any || !images[i].empty();
  }
  if (!any)
    for (auto& of_seed : images) of_seed.push_back(-1);

  const auto pixels = static_cast<std::size_t>(input.splits.test.shape().pixels());
  const std::size_t most = std::max<std::size_t>(1, limits.bytes / (pixels * sizeof(float)));
  std::vector<FrozenImage> chosen;
  bool more = true;
  for (std::size_t round = 0; more; ++round) {
    more = false;
    for (std::size_t i = 0; i < seeds.size() && chosen.size() < most; ++i) {
      if (round >= images[i].size()) continue;
      chosen.push_back({seeds[i], images[i][round]});
      more = true;
    }
  }
  return chosen;
}

Result<void> freeze(Region& region, const PictureInput& input, const Darkroom& darkroom, const ImageShape& shape,
                    const fs::path& folder) {
  const bool confirmed = region.status == RegionStatus::new_bug || region.status == RegionStatus::worse;
  std::vector<float> images;
  for (const auto& [seed, draw] : choose_frozen(region, input, confirmed ? kConfirmedLimits : kOtherLimits)) {
    TRY(image, darkroom.develop(sample_of(input, seed, draw), seed));
    images.insert(images.end(), image.begin(), image.end());
    region.frozen_cluster.push_back(seed);
  }
  if (region.frozen_cluster.empty()) return {};
  region.frozen = "frozen-" + region.id + ".npy";
  return save_npy_images(folder / region.frozen, images, region.frozen_cluster.size(),
                         static_cast<std::size_t>(shape.channels), static_cast<std::size_t>(shape.height),
                         static_cast<std::size_t>(shape.width));
}

// Small images are enlarged by whole factors, so that a person sees pixels and not a smear.
int enlargement(const ImageShape& shape) {
  return static_cast<int>(std::clamp<std::int64_t>(56 / std::max<std::int64_t>(shape.height, shape.width), 1, 4));
}

}  // namespace

Result<void> draw_regions(std::vector<Region>& regions, const PictureInput& input, const StageContext& context,
                          const fs::path& folder) {
  const auto& shape = input.splits.test.shape();
  const Darkroom darkroom(input, context);
  for (auto& region : regions) {
    region.samples.clear();
    for (auto& [sample, seed] : choose_samples(region, input)) {
      TRY(image, darkroom.develop(sample, seed));
      sample.picture = region.id + "-" + std::to_string(region.samples.size()) + ".png";
      TRY_OK(write_file(folder / sample.picture, encode_png(shape, image, enlargement(shape))));
      region.samples.push_back(std::move(sample));
    }
    TRY_OK(freeze(region, input, darkroom, shape, folder));  // also what a person may call a bug one day
  }
  return {};
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
    RegionSample flip{.kind = "real",
                      .split = Split::test,
                      .index = static_cast<std::uint32_t>(index),
                      .draw = -1,
                      .candidate_predicted = candidate.predicted[i],
                      .incumbent_predicted = incumbent.predicted[i],
                      .picture = "flip-" + std::to_string(index) + ".png"};
    TRY_OK(write_file(folder / flip.picture, encode_png(shape, image, enlargement(shape))));
    flips.push_back(std::move(flip));
  }
  return flips;
}

}  // namespace defuse
