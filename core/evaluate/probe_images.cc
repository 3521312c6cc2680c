#include "core/evaluate/probe_images.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <span>
#include <vector>

#include "core/evaluate/evaluator.h"
#include "core/evidence/image_statistics.h"
#include "core/torch/thread_team.h"

namespace defuse {
namespace {

Result<void> measure(std::span<const float> images, std::span<const std::size_t> rows, const ImageShape& shape,
                     int threads, Matrix& out) {
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  return for_batches(rows.size(), 256, threads, [&](std::size_t first, std::size_t count) -> Result<void> {
    for (std::size_t i = first; i < first + count; ++i)
      image_statistics(images.subspan(i * pixels, pixels), shape, out.row(rows[i]));
    return {};
  });
}

}  // namespace

Result<void> measure_seed_images(const Dataset& test, const Dataset& train, int threads, ProbeSet& probes) {
  const auto pixels = static_cast<std::size_t>(test.shape().pixels());
  const std::size_t block = block_size(pixels, 128);
  probes.statistics = Matrix(probes.seeds.size(), kImageStatistics.size());
  std::vector<float> images;
  std::vector<std::size_t> rows;
  for (std::size_t first = 0; first < probes.seeds.size(); first += block) {
    const std::size_t count = std::min(block, probes.seeds.size() - first);
    images.resize(count * pixels);
    for (std::size_t i = 0; i < count; ++i) {
      const Seed& seed = probes.seeds[first + i];
      (seed.split == Split::test ? test : train).read(seed.index, 1, std::span(images).subspan(i * pixels, pixels));
      rows.push_back(first + i);
    }
    TRY_OK(measure(images, rows, test.shape(), threads, probes.statistics));
    rows.clear();
  }
  return {};
}

Result<void> settle_draws(const Generator& generator, const ImageShape& shape, const RegionSettings& settings,
                          std::uint64_t seed, int threads, const AmongItsClass& among_its_class,
                          const std::function<Result<void>(std::size_t done)>& report, ProbeSet& probes) {
  const auto pixels = static_cast<std::size_t>(shape.pixels());
  const auto draws = static_cast<std::size_t>(probes.draws);
  const std::size_t block = block_size(pixels, 128);
  Matrix draw_statistics(probes.plausible.size(), kImageStatistics.size());
  std::fill(draw_statistics.data.begin(), draw_statistics.data.end(), std::numeric_limits<float>::quiet_NaN());
  std::vector<float> images;
  std::vector<std::size_t> rows;
  Matrix codes(0, probes.codes.cols);
  const auto settle = [&]() -> Result<void> {
    codes.rows = rows.size();
    if (rows.empty()) return {};
    images.resize(rows.size() * pixels);
    TRY_OK(generator.decode(codes, images));
    TRY(again, generator.encode(images, rows.size()));
    TRY_OK(for_batches(rows.size(), 256, threads, [&](std::size_t first, std::size_t count) -> Result<void> {
      const auto own = std::span(rows).subspan(first, count);
      Matrix part(count, again.mean.cols);
      std::copy_n(again.mean.row(first).data(), part.data.size(), part.data.data());
      const auto kept = among_its_class(part, own);
      for (std::size_t i = 0; i < count; ++i) {
        probes.plausible[own[i]] = kept[i];
        if (kept[i] != 0)
          image_statistics(std::span(images).subspan((first + i) * pixels, pixels), shape, draw_statistics.row(own[i]));
      }
      return {};
    }));
    codes.data.clear();
    rows.clear();
    return {};
  };
  Matrix code;
  for (std::size_t s = 0; s < probes.perturbed; ++s) {
    for (std::size_t q = 0; q < draws; ++q) {
      if (probes.plausible[s * draws + q] == 0) continue;
      perturbed_codes(probes, settings, seed, s, static_cast<int>(q), 1, code);
      codes.data.insert(codes.data.end(), code.data.begin(), code.data.end());
      rows.push_back(s * draws + q);
    }
    if (rows.size() < block) continue;
    TRY_OK(settle());
    TRY_OK(report(s + 1));
  }
  TRY_OK(settle());
  probes.draw_statistics = std::move(draw_statistics);
  return report(probes.perturbed);
}

Result<double> reconstruction_error(const Generator& generator, const ProbeSet& probes, const Dataset& test) {
  const auto pixels = static_cast<std::size_t>(test.shape().pixels());
  const std::size_t block = block_size(pixels, 128);
  std::vector<std::size_t> rows;
  for (std::size_t i = 0; i < probes.seeds.size(); ++i) {
    if (probes.seeds[i].split == Split::test) rows.push_back(i);
  }
  if (rows.empty()) return fail(ErrorCode::invalid_input, "the probe set holds no test image");
  double sum = 0;
  std::vector<float> decoded, original(pixels);
  for (std::size_t first = 0; first < rows.size(); first += block) {
    const std::size_t count = std::min(block, rows.size() - first);
    Matrix codes(count, probes.codes.cols);
    for (std::size_t i = 0; i < count; ++i) {
      std::copy_n(probes.codes.row(rows[first + i]).data(), codes.cols, codes.row(i).data());
    }
    decoded.resize(count * pixels);
    TRY_OK(generator.decode(codes, decoded));
    for (std::size_t i = 0; i < count; ++i) {
      test.read(probes.seeds[rows[first + i]].index, 1, original);
      for (std::size_t p = 0; p < pixels; ++p) {
        const double difference = static_cast<double>(decoded[i * pixels + p]) - static_cast<double>(original[p]);
        sum += difference * difference;
      }
    }
  }
  return std::sqrt(sum / static_cast<double>(rows.size() * pixels));
}

}  // namespace defuse
