// The fixed probe set: which images are seeds, their codes, and which of their perturbations still show their label.
// Every choice is made by a hash of an image's content and the seed, so it depends neither on order nor on threads.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/random.h"
#include "core/base/sha256.h"
#include "core/evaluate/evaluator.h"
#include "core/evaluate/probe_images.h"
#include "core/evidence/noise.h"
#include "core/evidence/tail_moves.h"
#include "core/mixture/neighbours.h"
#include "core/torch/thread_team.h"

namespace defuse {

namespace {

constexpr std::size_t kMostReferences = 20000;
// Of a draw's image coded again less is asked than of its code: an image from beyond the data is coded less surely, and
// to ask as much of it would drop just those (docs/gate-quality.md has what either finds).
constexpr double kImageAgreement = 0.75;
constexpr std::uint64_t kSeedSalt = 0x5eed5a17c0de0001ULL;
constexpr std::uint64_t kReferenceSalt = 0x5eed5a17c0de0002ULL;
constexpr std::uint64_t kHalfSalt = 0x5eed5a17c0de0003ULL;

Half half_of(std::uint64_t content, std::uint64_t seed) {
  return (mix64(content ^ mix64(seed ^ kHalfSalt)) & 1) == 0 ? Half::discover : Half::confirm;
}

// The `count` images whose seeded content hash is smallest, in ascending order of index.
std::vector<std::uint32_t> choose(const std::vector<std::uint64_t>& contents, std::size_t count, std::uint64_t salt) {
  std::vector<std::uint32_t> chosen(contents.size());
  std::iota(chosen.begin(), chosen.end(), 0U);
  if (count >= chosen.size()) return chosen;
  const auto key = [&](std::uint32_t i) { return std::pair(mix64(contents[i] ^ salt), i); };
  std::nth_element(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(count), chosen.end(),
                   [&](std::uint32_t a, std::uint32_t b) { return key(a) < key(b); });
  chosen.resize(count);
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

// Reports a share of one station's progress.
struct Stage {
  Progress& progress;
  double from, to;
  Result<void> at(std::size_t done, std::size_t all) const {
    const double share = all == 0 ? 1 : static_cast<double>(done) / static_cast<double>(all);
    progress.report("probes", from + (to - from) * share);
    if (progress.stop_requested()) return fail(ErrorCode::cancelled, "building the probe set was stopped");
    return {};
  }
};

Result<Matrix> encode_images(const Generator& generator, const Dataset& data, const std::vector<std::uint32_t>& indices,
                             const Stage& stage) {
  const auto pixels = static_cast<std::size_t>(data.shape().pixels());
  const std::size_t block = block_size(pixels, 128);
  Matrix codes(indices.size(), static_cast<std::size_t>(generator.latent()));
  std::vector<float> images(std::min(block, indices.size()) * pixels);
  for (std::size_t first = 0; first < indices.size(); first += block) {
    const std::size_t count = std::min(block, indices.size() - first);
    const auto own = std::span(images).first(count * pixels);
    for (std::size_t i = 0; i < count; ++i) data.read(indices[first + i], 1, own.subspan(i * pixels, pixels));
    TRY(encoded, generator.encode(own, count));
    std::copy(encoded.mean.data.begin(), encoded.mean.data.end(), codes.row(first).data());
    TRY_OK(stage.at(first + count, indices.size()));
  }
  return codes;
}

std::vector<std::uint64_t> contents_of(const Dataset& data) {
  std::vector<std::uint64_t> contents(data.size());
  for (std::size_t i = 0; i < contents.size(); ++i) contents[i] = data.content_hash(i);
  return contents;
}

Matrix take_rows(const Matrix& matrix, const std::vector<std::size_t>& rows) {
  Matrix taken(rows.size(), matrix.cols);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    std::copy(matrix.row(rows[i]).begin(), matrix.row(rows[i]).end(), taken.row(i).begin());
  }
  return taken;
}

// Positions of `wanted` (ascending) in `all` (ascending, a superset).
std::vector<std::size_t> positions(const std::vector<std::uint32_t>& wanted, const std::vector<std::uint32_t>& all) {
  std::vector<std::size_t> found;
  found.reserve(wanted.size());
  std::size_t at = 0;
  for (const auto value : wanted) {
    while (all[at] < value) ++at;
    found.push_back(at);
  }
  return found;
}

struct Plausibility {
  const ProbeSet& probes;
  const RegionSettings& settings;
  std::uint64_t seed;
  const Neighbours& neighbours;
  const std::vector<std::int64_t>& own_reference;  // [s] a seed's own place among the references, or kNone
  std::int32_t needed = 0;                         // for a draw's code
  std::int32_t needed_of_image = 0;                // for the code of its image

  // Codes of the draws at `rows`: 1 where at least `least` neighbours carry the label of the draw's seed.
  std::vector<std::uint8_t> agrees(const Matrix& codes, std::span<const std::size_t> rows, std::int32_t least) const {
    const auto draws = static_cast<std::size_t>(probes.draws);
    std::vector<std::int32_t> labels;
    std::vector<std::int64_t> exclude;
    for (const std::size_t row : rows) {
      labels.push_back(probes.seeds[row / draws].label);
      exclude.push_back(own_reference[row / draws]);
    }
    std::vector<std::uint8_t> out;
    for (const auto votes : neighbours.agreeing(codes, labels, exclude, settings.neighbours))
      out.push_back(votes >= least ? 1 : 0);
    return out;
  }

  // All perturbations of `count` seeds from `first` on.
  void mark(std::size_t first, std::size_t count, std::vector<std::uint8_t>& plausible) const {
    const auto draws = static_cast<std::size_t>(probes.draws);
    Matrix codes(count * draws, probes.codes.cols);
    Matrix own(draws, probes.codes.cols);
    for (std::size_t i = 0; i < count; ++i) {
      perturbed_codes(probes, settings, seed, first + i, 0, probes.draws, own);
      std::copy(own.data.begin(), own.data.end(), codes.row(i * draws).data());
    }
    std::vector<std::size_t> rows(count * draws);
    std::iota(rows.begin(), rows.end(), first * draws);
    const auto agreed = agrees(codes, rows, needed);
    std::copy(agreed.begin(), agreed.end(), plausible.begin() + static_cast<std::ptrdiff_t>(rows.front()));
  }
};

Result<void> mark_all(const Plausibility& work, int threads, const Stage& stage, std::vector<std::uint8_t>& plausible) {
  const std::size_t n = work.probes.perturbed;
  const auto draws = static_cast<std::size_t>(work.probes.draws);
  const std::size_t piece = std::max<std::size_t>(1, 512 / draws);
  const std::size_t round = piece * 64;  // between two looks at `stop`
  for (std::size_t begin = 0; begin < n; begin += round) {
    const std::size_t count = std::min(round, n - begin);
    TRY_OK(for_batches(count, piece, threads, [&](std::size_t first, std::size_t size) -> Result<void> {
      work.mark(begin + first, size, plausible);
      return {};
    }));
    TRY_OK(stage.at(begin + count, n));
  }
  return {};
}

std::string digest_of(const ProbeSet& probes, const RegionSettings& settings, std::uint64_t seed) {
  Sha256 hash;
  hash.field(kProbeRules).field(probes.generator_digest).field(probes.data_digest);
  hash.field(std::to_string(seed)).field(std::to_string(settings.draws));
  hash.field(std::to_string(static_cast<int>(settings.noise))).field(std::to_string(settings.train_seeds));
  hash.field(std::to_string(settings.train_perturbed)).field(std::to_string(settings.neighbours));
  const auto bytes = [](const double& value) { return std::as_bytes(std::span(&value, 1)); };
  hash.update(bytes(settings.noise_scale)).update(bytes(settings.agreement));
  hash.update(std::as_bytes(std::span(probes.class_means.data)));
  return hash.hex();
}

// Mean code of every label among the references; the mean of all of them for a label that none carries, since no
// perturbation of such a class can be plausible anyway.
Matrix class_means_of(const Matrix& codes, const std::vector<std::int32_t>& labels, const std::vector<Seed>& seeds) {
  std::int32_t largest = *std::max_element(labels.begin(), labels.end());
  for (const auto& seed : seeds) largest = std::max(largest, seed.label);
  const auto classes = static_cast<std::size_t>(largest) + 1;
  std::vector<double> sums(classes * codes.cols), overall(codes.cols);
  std::vector<double> counts(classes);
  for (std::size_t i = 0; i < codes.rows; ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    ++counts[label];
    for (std::size_t j = 0; j < codes.cols; ++j) {
      const auto value = static_cast<double>(codes.row(i)[j]);
      sums[label * codes.cols + j] += value;
      overall[j] += value;
    }
  }
  Matrix means(classes, codes.cols);
  for (std::size_t c = 0; c < classes; ++c) {
    for (std::size_t j = 0; j < codes.cols; ++j) {
      means.row(c)[j] = static_cast<float>(counts[c] > 0 ? sums[c * codes.cols + j] / counts[c]
                                                         : overall[j] / static_cast<double>(codes.rows));
    }
  }
  return means;
}

Result<void> check_settings(const Dataset& test, const Dataset& train, const RegionSettings& settings) {
  if (!(test.shape() == train.shape())) {
    return fail(ErrorCode::invalid_input, "test and training images have different shapes");
  }
  if (settings.draws < 1) return fail(ErrorCode::invalid_input, "draws must be at least 1");
  if (settings.neighbours < 1) return fail(ErrorCode::invalid_input, "neighbours must be at least 1");
  if (!(settings.agreement >= 0 && settings.agreement <= 1)) {
    return fail(ErrorCode::invalid_input, "agreement must lie in 0..1");
  }
  if (!std::isfinite(settings.noise_scale) || settings.noise_scale < 0) {
    return fail(ErrorCode::invalid_input, "noise_scale must be a number that is not negative");
  }
  if (test.size() == 0 || train.size() == 0) return fail(ErrorCode::invalid_input, "a split holds no image");
  return {};
}

}  // namespace

void perturbed_codes(const ProbeSet& probes, const RegionSettings& settings, std::uint64_t seed, std::size_t seed_index,
                     int first_draw, int count, Matrix& out) {
  const Seed& image = probes.seeds[seed_index];
  const auto key = (static_cast<std::uint64_t>(image.split) << 32) | image.index;
  if (out.rows != static_cast<std::size_t>(count) || out.cols != probes.codes.cols) {
    out = Matrix(static_cast<std::size_t>(count), probes.codes.cols);
  }
  const auto label = static_cast<std::size_t>(image.label);
  const std::span<const float> mean =
      label < probes.class_means.rows ? probes.class_means.row(label) : std::span<const float>{};
  for (int i = 0; i < count; ++i) {
    RandomStream random(seed, key, static_cast<std::uint64_t>(first_draw + i));
    const Move move = move_of_draw(settings.noise, first_draw + i);
    const auto push = move.push > 0 ? tail_of(probes, seed_index, move.rank) : std::vector<float>{};
    make_move(move, settings.noise, settings.noise_scale, random, probes.codes.row(seed_index), mean, push,
              out.row(static_cast<std::size_t>(i)));
  }
}

Result<ProbeSet> build_probe_set(const Generator& generator, const Dataset& test, const Dataset& train,
                                 const RegionSettings& settings, std::uint64_t seed, int threads, Progress& progress) {
  TRY_OK(check_settings(test, train, settings));
  const auto test_contents = contents_of(test);
  const auto train_contents = contents_of(train);
  const auto wanted = static_cast<std::size_t>(std::max<std::int64_t>(0, settings.train_seeds));
  const auto most_perturbed = static_cast<std::size_t>(std::max<std::int64_t>(0, settings.train_perturbed));
  // Both by the smallest hashes, so more seeds never change which are perturbed. The perturbed ones come first.
  const auto chosen = choose(train_contents, wanted, mix64(seed ^ kSeedSalt));
  auto train_seeds = choose(train_contents, std::min(wanted, most_perturbed), mix64(seed ^ kSeedSalt));
  const std::size_t perturbed = train_seeds.size();
  const auto references = choose(train_contents, kMostReferences, mix64(seed ^ kReferenceSalt));
  std::vector<std::uint32_t> encoded;  // training images that are either
  std::set_union(chosen.begin(), chosen.end(), references.begin(), references.end(), std::back_inserter(encoded));

  std::vector<std::uint32_t> all_test(test.size());
  std::iota(all_test.begin(), all_test.end(), 0U);
  TRY(test_codes, encode_images(generator, test, all_test, {progress, 0, 0.15}));
  TRY(train_codes, encode_images(generator, train, encoded, {progress, 0.15, 0.5}));

  ProbeSet probes;
  probes.generator_digest = generator.digest();
  probes.data_digest = Sha256().field(test.digest()).field(train.digest()).hex();
  probes.draws = settings.draws;
  probes.perturbed = test.size() + perturbed;
  std::vector<std::uint32_t> rest;
  std::set_difference(chosen.begin(), chosen.end(), train_seeds.begin(), train_seeds.end(), std::back_inserter(rest));
  auto places = positions(train_seeds, encoded);
  const auto places_of_rest = positions(rest, encoded);
  places.insert(places.end(), places_of_rest.begin(), places_of_rest.end());
  train_seeds.insert(train_seeds.end(), rest.begin(), rest.end());
  const Matrix seed_codes = take_rows(train_codes, places);
  for (const auto i : all_test) {
    probes.seeds.push_back({Split::test, i, test.labels()[i], half_of(test_contents[i], seed)});
  }
  for (const auto i : train_seeds) {
    probes.seeds.push_back({Split::train, i, train.labels()[i], half_of(train_contents[i], seed)});
  }
  probes.codes = Matrix(probes.seeds.size(), test_codes.cols);
  std::copy(test_codes.data.begin(), test_codes.data.end(), probes.codes.data.begin());
  std::copy(seed_codes.data.begin(), seed_codes.data.end(),
            probes.codes.data.begin() + static_cast<std::ptrdiff_t>(test_codes.data.size()));

  TRY_OK(measure_seed_images(test, train, threads, probes));
  probes.tails = tail_moves(probes);

  std::vector<std::int32_t> labels;
  for (const auto i : references) labels.push_back(train.labels()[i]);
  std::vector<std::int64_t> own(probes.seeds.size(), Neighbours::kNone);
  for (std::size_t i = 0; i < perturbed; ++i) {
    const auto place = std::lower_bound(references.begin(), references.end(), train_seeds[i]);
    if (place != references.end() && *place == train_seeds[i]) own[test.size() + i] = place - references.begin();
  }
  Matrix reference_codes = take_rows(train_codes, positions(references, encoded));
  probes.class_means = class_means_of(reference_codes, labels, probes.seeds);
  TRY(neighbours, Neighbours::create(std::move(reference_codes), std::move(labels)));

  Plausibility work{probes, settings, seed, neighbours, own};
  const double asked = std::min<double>(settings.neighbours, static_cast<double>(neighbours.size()));
  work.needed = static_cast<std::int32_t>(std::ceil(settings.agreement * asked - 1e-9));
  work.needed_of_image =
      static_cast<std::int32_t>(std::ceil(std::min(settings.agreement, kImageAgreement) * asked - 1e-9));
  std::vector<std::uint8_t> plausible(probes.seeds.size() * static_cast<std::size_t>(settings.draws));
  TRY_OK(mark_all(work, threads, {progress, 0.5, 0.75}, plausible));
  probes.plausible = std::move(plausible);
  const auto among_its_class = [&](const Matrix& codes, std::span<const std::size_t> rows) {
    return work.agrees(codes, rows, work.needed_of_image);
  };
  const Stage last{progress, 0.75, 1};
  const auto report = [&](std::size_t done) { return last.at(done, probes.perturbed); };
  TRY_OK(settle_draws(generator, test.shape(), settings, seed, threads, among_its_class, report, probes));
  const auto kept = std::count(probes.plausible.begin(), probes.plausible.end(), 1);
  probes.plausible_share =
      static_cast<double>(kept) / static_cast<double>(probes.perturbed * static_cast<std::size_t>(settings.draws));
  TRY(error, reconstruction_error(generator, probes, test));
  probes.reconstruction_error = error;
  probes.digest = digest_of(probes, settings, seed);
  return probes;
}

}  // namespace defuse
