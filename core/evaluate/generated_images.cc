#include "core/evaluate/generated_images.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/evaluate/evaluator.h"
#include "core/torch/thread_team.h"

namespace defuse {

Result<void> check_probes(const ProbeSet& probes, const Generator& generator) {
  const std::size_t n = probes.seeds.size();
  if (probes.generator_digest != generator.digest()) {
    return fail(ErrorCode::invalid_input, "the probe set was built with another generator");
  }
  if (probes.draws < 0 || probes.codes.rows != n || probes.codes.cols != static_cast<std::size_t>(generator.latent()) ||
      probes.plausible.size() != n * static_cast<std::size_t>(probes.draws)) {
    return fail(ErrorCode::corrupt, "the probe set's codes or marks do not fit its seeds");
  }
  for (const auto& image : probes.seeds) {
    if (image.label < 0 || static_cast<std::size_t>(image.label) >= probes.class_means.rows ||
        probes.class_means.cols != probes.codes.cols) {
      return fail(ErrorCode::corrupt,
                  "the probe set has no mean code for class " + std::to_string(image.label) + " of its seeds");
    }
  }
  return {};
}

Result<GeneratedImages> GeneratedImages::of(const ProbeSet& probes, const Generator& generator, const ImageShape& shape,
                                            const RegionSettings& settings, std::uint64_t seed) {
  TRY_OK(check_probes(probes, generator));
  return GeneratedImages(probes, generator, shape, settings, seed);
}

GeneratedImages::GeneratedImages(const ProbeSet& probes, const Generator& generator, const ImageShape& shape,
                                 const RegionSettings& settings, std::uint64_t seed)
    : probes_(probes),
      generator_(generator),
      settings_(settings),
      seed_(seed),
      pixels_(static_cast<std::size_t>(shape.pixels())) {
  const auto draws = static_cast<std::ptrdiff_t>(probes.draws);
  first_of_seed_.reserve(probes.perturbed + 1);
  first_of_seed_.push_back(0);
  for (std::size_t s = 0; s < probes.perturbed; ++s) {
    const auto own = probes.plausible.begin() + static_cast<std::ptrdiff_t>(s) * draws;
    first_of_seed_.push_back(first_of_seed_.back() + 1 + static_cast<std::size_t>(std::count(own, own + draws, 1)));
  }
}

void GeneratedImages::list(std::size_t first, std::size_t count, std::vector<Item>& items) const {
  items.clear();
  const auto draws = static_cast<std::size_t>(probes_.draws);
  const auto after = std::upper_bound(first_of_seed_.begin(), first_of_seed_.end(), first);
  auto seed = static_cast<std::size_t>(after - first_of_seed_.begin()) - 1;
  std::size_t skip = first - first_of_seed_[seed];
  const auto add = [&](std::int32_t draw) {
    if (skip > 0)
      --skip;
    else if (items.size() < count)
      items.push_back({static_cast<std::uint32_t>(seed), draw});
  };
  for (; seed < probes_.perturbed && items.size() < count; ++seed) {
    add(kMean);
    for (std::size_t q = 0; q < draws; ++q) {
      if (probes_.plausible[seed * draws + q] != 0) add(static_cast<std::int32_t>(q));
    }
  }
}

Result<void> GeneratedImages::decode(std::size_t first, std::size_t count, Room& room, std::span<float> images) const {
  list(first, count, room.items);
  const std::size_t width = probes_.codes.cols;
  if (room.codes.rows != count || room.codes.cols != width) room.codes = Matrix(count, width);
  Matrix code;
  for (std::size_t i = 0; i < count; ++i) {
    const auto [seed, draw] = room.items[i];
    if (draw != kMean) perturbed_codes(probes_, settings_, seed_, seed, draw, 1, code);
    const auto from = draw == kMean ? probes_.codes.row(seed) : std::span<const float>(code.row(0));
    std::copy(from.begin(), from.end(), room.codes.row(i).begin());
  }
  return generator_.decode_here(room.codes, 0, count, images);
}

Result<std::span<const float>> GeneratedImages::read(std::size_t first, std::size_t count, Room& room) const {
  if (first + count > size() || first % Generator::kUnit != 0)
    return fail(ErrorCode::internal, "generated images were asked for out of range");
  if (file_) {
    list(first, count, room.items);
    const auto* values = reinterpret_cast<const float*>(file_->bytes().data() + offset_);
    return std::span(values + first * pixels_, count * pixels_);
  }
  room.images.resize(count * pixels_);
  TRY_OK(decode(first, count, room, room.images));
  return std::span<const float>(room.images);
}

void GeneratedImages::done_with(std::size_t first, std::size_t count) const {
  if (file_) file_->release(offset_ + first * pixels_ * sizeof(float), count * pixels_ * sizeof(float));
}

Result<void> GeneratedImages::read_from(std::shared_ptr<const MappedFile> file, std::size_t offset) {
  if (offset % alignof(float) != 0 || file->bytes().size() != offset + size() * pixels_ * sizeof(float))
    return fail(ErrorCode::corrupt, file->path().string() + " does not hold the " + std::to_string(size()) +
                                        " generated images of the probe set");
  file_ = std::move(file);
  offset_ = offset;
  return {};
}

Result<void> GeneratedImages::decode_all(int threads, const std::function<Result<void>(std::span<const float>)>& take,
                                         const std::function<Result<void>(std::size_t)>& report) const {
  const std::size_t block = std::min(block_size(pixels_, 2 * Generator::kUnit), size());
  std::vector<float> images(block * pixels_);
  for (std::size_t first = 0; first < size(); first += block) {
    const std::size_t count = std::min(block, size() - first);
    const auto own = std::span(images).first(count * pixels_);
    TRY_OK(for_batches(count, Generator::kUnit, threads, [&](std::size_t begin, std::size_t few) {
      thread_local Room room;
      return decode(first + begin, few, room, own.subspan(begin * pixels_, few * pixels_));
    }));
    TRY_OK(take(own));
    TRY_OK(report(first + count));
  }
  return {};
}

}  // namespace defuse
