// Every generated image that a model is asked about, in one fixed order: for each perturbed seed D(mean), then D of its
// plausible draws. They come from the generator, or from a file that holds them all: to map it costs a fiftieth of
// decoding them again, and all models of a line are asked about the same ones. Called by evaluate_probes and the
// station that keeps the file. Never judges. Safe from several threads once made.
#pragma once
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "core/base/mapped_file.h"
#include "core/data/dataset.h"
#include "core/evidence/evaluation.h"
#include "core/generator/generator.h"
#include "core/settings/settings.h"

namespace defuse {

// The probe set is whole and was made with this generator: `invalid_input` for another one's, `corrupt` for one whose
// parts do not fit each other.
Result<void> check_probes(const ProbeSet& probes, const Generator& generator);

class GeneratedImages {
 public:
  static constexpr std::int32_t kMean = -1;
  struct Item {
    std::uint32_t seed = 0;
    std::int32_t draw = kMean;
  };
  // What one thread needs to read a piece; kept between pieces so that nothing is allocated anew.
  struct Room {
    std::vector<Item> items;
    Matrix codes;
    std::vector<float> images;
  };

  // `settings` and `seed` are those the probe set was built with. Probe set and generator must outlive this. Errors as
  // check_probes.
  static Result<GeneratedImages> of(const ProbeSet& probes, const Generator& generator, const ImageShape& shape,
                                    const RegionSettings& settings, std::uint64_t seed);

  std::size_t size() const { return first_of_seed_.back(); }
  std::size_t pixels() const { return pixels_; }
  const ProbeSet& probes() const { return probes_; }
  const Generator& generator() const { return generator_; }

  // Fills room.items with what images first… are, and returns their pixels [count, C, H, W], which stay valid until the
  // room is used again. `first` is a multiple of Generator::kUnit; images then have the same bits however they are cut.
  Result<std::span<const float>> read(std::size_t first, std::size_t count, Room& room) const;
  // Lets go of the pages of images that were read, so that a walk through the file does not grow the process.
  void done_with(std::size_t first, std::size_t count) const;

  // From now on images come from this file: all of them as float32, one after another, from `offset` on. `corrupt` if
  // it does not hold just as many.
  Result<void> read_from(std::shared_ptr<const MappedFile> file, std::size_t offset);
  bool kept() const { return file_ != nullptr; }
  // Decodes all images over `threads` threads and gives them to `take` in order, some thousand at a time.
  Result<void> decode_all(int threads, const std::function<Result<void>(std::span<const float> pixels)>& take,
                          const std::function<Result<void>(std::size_t done)>& report) const;

 private:
  GeneratedImages(const ProbeSet& probes, const Generator& generator, const ImageShape& shape,
                  const RegionSettings& settings, std::uint64_t seed);
  void list(std::size_t first, std::size_t count, std::vector<Item>& items) const;
  Result<void> decode(std::size_t first, std::size_t count, Room& room, std::span<float> images) const;

  const ProbeSet& probes_;
  const Generator& generator_;
  RegionSettings settings_;
  std::uint64_t seed_;
  std::size_t pixels_;
  std::vector<std::size_t> first_of_seed_;  // [perturbed + 1] number of a seed's first image
  std::shared_ptr<const MappedFile> file_;
  std::size_t offset_ = 0;
};

}  // namespace defuse
