// Station 4a: the images of known regions, frozen when a region was found, through the candidate and the incumbent.
#include <string>
#include <utility>
#include <vector>

#include "core/cache/npy_array.h"
#include "core/evidence/predictions.h"
#include "core/gate/stations.h"

namespace defuse {

namespace {

constexpr std::uint64_t kMaxFrozenBytes = 256ULL << 20;

Result<std::vector<std::int32_t>> predict(LazyModel& model, const NpyImages& images) {
  TRY(ready, model.get());
  TRY(output, ready->run(images.pixels, images.n, /*want_embeddings=*/false));
  std::vector<std::int32_t> predicted;
  for (std::size_t i = 0; i < output.logits.rows; ++i) predicted.push_back(predicted_class(output.logits.row(i)));
  return predicted;
}

Result<void> run_frozen(const KnownRegionRef& reference, LazyModel& candidate, LazyModel* incumbent,
                        const ImageShape& shape, std::int64_t classes, KnownRegion& out) {
  if (incumbent == nullptr) return fail(ErrorCode::unavailable, "there is no incumbent to compare with");
  TRY(images, load_npy_images(reference.images, kMaxFrozenBytes));
  if (images.n == 0 || images.n != reference.cluster.size())
    return fail(ErrorCode::corrupt, reference.images.filename().string() + " does not hold the images it should");
  if (static_cast<std::int64_t>(images.channels) != shape.channels ||
      static_cast<std::int64_t>(images.height) != shape.height ||
      static_cast<std::int64_t>(images.width) != shape.width)
    return fail(ErrorCode::invalid_input, "its images have another size than the model line's input has now");
  if (reference.label < 0 || reference.label >= classes)
    return fail(ErrorCode::invalid_input, "its class is none of the model line's");
  TRY(new_answers, predict(candidate, images));
  TRY(old_answers, predict(*incumbent, images));
  out.candidate = std::move(new_answers);
  out.incumbent = std::move(old_answers);
  return {};
}

}  // namespace

std::vector<KnownRegion> known_regions_of(LazyModel& candidate, LazyModel* incumbent, const Splits& splits,
                                          StageContext& context) {
  StationTimer timer(context, "known_regions");
  std::vector<KnownRegion> known;
  for (const auto& reference : context.job.known_regions) {
    KnownRegion region{.id = reference.id,
                       .label = reference.label,
                       .predicted_as = reference.predicted_as,
                       .first_version = reference.first_version,
                       .ambiguous = reference.ambiguous,
                       .cluster = reference.cluster,
                       .incumbent = {},
                       .candidate = {},
                       .problem = {}};
    if (auto ran =
            run_frozen(reference, candidate, incumbent, context.job.settings.input.shape, splits.class_count(), region);
        !ran)
      region.problem = ran.error().describe();
    known.push_back(std::move(region));
  }
  return known;
}

}  // namespace defuse
