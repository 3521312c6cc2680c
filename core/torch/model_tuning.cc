// How a model runs fastest: layouts and batch sizes are timed, and taken only where they give the very bits of the
// module as its author wrote it, in batches of kFirstBatch.
#include <time.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/torch/model_state.h"
#include "core/torch/torch_tools.h"

namespace defuse {
namespace {

// Images that must follow before the trial of layouts (some 5 batches) and of batch sizes (some 12) is cheap beside
// them.
constexpr std::size_t kWorthLayouts = kFirstBatch * 5 * 30;
constexpr std::size_t kWorthBatches = kFirstBatch * 17 * 30;
constexpr double kGain = 0.97;  // of the time until now; less is noise

// Whether a remembered batch fits the grid of kFirstBatch.
bool whole_batches(std::size_t batch) { return batch > 0 && (kFirstBatch % batch == 0 || batch % kFirstBatch == 0); }

bool equal_bits(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() == b.defined();
  if (!a.sizes().equals(b.sizes()) || a.scalar_type() != b.scalar_type()) return false;
  const at::Tensor left = a.contiguous();
  const at::Tensor right = b.contiguous();
  return std::memcmp(left.data_ptr(), right.data_ptr(), left.nbytes()) == 0;
}

double cpu_seconds() {  // of this thread: other work on the machine does not count
  struct timespec time {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

}  // namespace

// The module frozen and laid out so, if that can be made of it and gives, in batches of `batch`, the bits of the module
// as written.
std::optional<Way> TorchModel::State::faster_way(MemoryLayout layout, std::size_t batch,
                                                 std::span<const float> images) const {
  auto copy = frozen_copy(written.module, layout);
  if (!copy) return std::nullopt;
  Way way;
  way.module = *copy;
  way.layout = layout;
  if (written.penultimate) {
    auto found = Penultimate::find(way.module);
    if (!found) return std::nullopt;
    way.penultimate = std::move(*found);
    way.graph_is_exact = written.graph_is_exact;
  }
  if (!same_bits(way, batch, images)) return std::nullopt;
  return way;
}

// Whether `way` in batches of `batch` answers as the module as written does in batches of kFirstBatch.
bool TorchModel::State::same_bits(const Way& way, std::size_t batch, std::span<const float> images) const {
  const auto same = catching(ErrorCode::internal, name, [&]() -> Result<void> {
    const c10::InferenceMode inference;
    for (const bool embedding : {false, true}) {
      if (embedding && width == 0) break;
      TRY(expected, answers(written, kFirstBatch, images, embedding));
      TRY(found, answers(way, batch, images, embedding));
      if (!equal_bits(expected.logits, found.logits)) return fail(ErrorCode::internal, "other logits");
      if (!embedding) continue;
      if (!equal_bits(expected.embedding, found.embedding)) return fail(ErrorCode::internal, "other embeddings");
    }
    return {};
  });
  return same.has_value();
}

Result<RawOutput> TorchModel::State::answers(const Way& way, std::size_t batch, std::span<const float> images,
                                             bool want_embedding) const {
  std::vector<at::Tensor> logits, embeddings;
  for (std::size_t first = 0; first < images.size(); first += batch * pixels()) {
    const auto own = images.subspan(first, std::min(images.size() - first, batch * pixels()));
    TRY(output, answer(way, batch_of(own, way.layout), want_embedding));
    logits.push_back(output.logits);
    if (output.embedding.defined()) embeddings.push_back(output.embedding.flatten(1));
  }
  return RawOutput{at::cat(logits), embeddings.empty() ? at::Tensor() : at::cat(embeddings)};
}

// The better of two passes; infinite if the model throws.
double TorchModel::State::seconds(const Way& way, std::size_t batch, std::span<const float> images) const {
  const c10::InferenceMode inference;
  double best = std::numeric_limits<double>::infinity();
  for (int pass = 0; pass < 2; ++pass) {
    const double begun = cpu_seconds();
    const auto ran =
        catching(ErrorCode::internal, name, [&] { return answers(way, batch, images, /*want_embedding=*/false); });
    if (!ran) break;
    best = std::min(best, cpu_seconds() - begun);
  }
  return best;
}

// Takes what the caller remembers, if it still gives the bits of the module as written: these may be other images, and
// another LibTorch. Requires as many images as either batch holds.
void TorchModel::State::take(const Tuning& wanted, std::span<const float> images) {
  if (!whole_batches(wanted.batch)) return;
  const auto sample = images.first(std::max(kFirstBatch, wanted.batch) * pixels());
  if (wanted.frozen || wanted.channels_last) {
    fast =
        faster_way(wanted.channels_last ? MemoryLayout::channels_last : MemoryLayout::as_written, wanted.batch, sample);
    tuned = fast.has_value();
  } else {
    tuned = wanted.batch == kFirstBatch || same_bits(written, wanted.batch, sample);
  }
  if (tuned) tuning = wanted;
}

// Finds out how the model runs fastest where enough images follow to pay for it (or takes what the caller remembers).
void TorchModel::State::tune(std::span<const float> images, std::size_t expected) {
  const std::size_t n = images.size() / pixels();
  if (tuned || n < kFirstBatch || !device.is_cpu()) return;
  if (suggested && n >= suggested->batch) take(*std::exchange(suggested, std::nullopt), images);
  if (tuned || expected < kWorthLayouts) return;
  const auto first = images.first(kFirstBatch * pixels());
  tuned = true;
  double best = seconds(written, kFirstBatch, first);
  for (const MemoryLayout layout : {MemoryLayout::channels_last, MemoryLayout::as_written}) {
    auto way = faster_way(layout, kFirstBatch, first);
    if (!way) continue;
    const double time = seconds(*way, kFirstBatch, first);
    if (time > kGain * best) continue;
    best = time;
    fast = std::move(way);
    tuning = {kFirstBatch, layout == MemoryLayout::channels_last, true};
    break;
  }
  if (expected < kWorthBatches || n < 2 * kFirstBatch) return;
  const auto sample = images.first(2 * kFirstBatch * pixels());
  best *= 2;
  for (const std::size_t batch : {kFirstBatch / 2, kFirstBatch * 2}) {
    if (!same_bits(way(), batch, sample)) continue;
    const double time = seconds(way(), batch, sample);
    if (time > kGain * best) continue;
    best = time;
    tuning.batch = batch;
  }
}

}  // namespace defuse
