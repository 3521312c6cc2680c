// |q - r|² = |q|² - 2 q·r + |r|², and |q|² does not change the order, so a tile of comparisons is one matrix product:
//   score[i, j] = |r_j|² - 2 q_i·r_j     (references centred on their mean first, so that float32 loses little to
//   cancellation)
// Each tile is then swept once per query: a value at or above the k-th best so far is skipped in runs of 32, which is
// nearly all of them, so the sweep costs about as much as reading the tile.
#include "core/mixture/neighbours.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <utility>

#include "core/mixture/wide.h"
#include "core/torch/torch_tools.h"

namespace defuse {

namespace {

constexpr std::int64_t kQueryTile = 128;
constexpr std::int64_t kReferenceTile = 2048;  // 128 x 2048 scores are 1 MiB: they stay in the cache until swept
constexpr std::size_t kRun = 32;
constexpr std::size_t kLanes = 8;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));
using Hits = std::int32_t __attribute__((vector_size(kLanes * sizeof(std::int32_t))));

// The k smallest scores seen, ascending; equal scores keep the order they came in.
class Nearest {
 public:
  explicit Nearest(std::size_t k) : k_(k) {
    scores_.reserve(k + 1);
    indices_.reserve(k + 1);
  }

  float limit() const { return limit_; }
  const std::vector<std::int64_t>& indices() const { return indices_; }

  void offer(float score, std::int64_t index) {
    if (!(score < limit_)) return;
    const auto place = std::upper_bound(scores_.begin(), scores_.end(), score) - scores_.begin();
    scores_.insert(scores_.begin() + place, score);
    indices_.insert(indices_.begin() + place, index);
    if (scores_.size() > k_) {
      scores_.pop_back();
      indices_.pop_back();
    }
    if (scores_.size() == k_) limit_ = scores_.back();
  }

 private:
  std::size_t k_;
  float limit_ = std::numeric_limits<float>::infinity();
  std::vector<float> scores_;
  std::vector<std::int64_t> indices_;
};

// The first run at or after `run` with a score below `limit`, of `runs`.
DEFUSE_WIDE std::size_t next_run(const float* scores, std::size_t run, std::size_t runs, float limit) {
  for (; run < runs; ++run) {
    Hits any{};
    for (std::size_t l = 0; l < kRun; l += kLanes) {
      Lanes values;
      std::memcpy(&values, scores + run * kRun + l, sizeof(values));
      any |= values < limit;
    }
    std::int64_t halves[sizeof(any) / sizeof(std::int64_t)];
    std::memcpy(halves, &any, sizeof(any));
    if ((halves[0] | halves[1] | halves[2] | halves[3]) != 0) break;
  }
  return run;
}

void sweep(std::span<const float> scores, std::int64_t first, std::int64_t excluded, Nearest& nearest) {
  const auto offer = [&](std::size_t at) {
    const auto index = first + static_cast<std::int64_t>(at);
    if (index != excluded) nearest.offer(scores[at], index);
  };
  const std::size_t runs = scores.size() / kRun;
  for (std::size_t run = 0; (run = next_run(scores.data(), run, runs, nearest.limit())) < runs; ++run)
    for (std::size_t i = 0; i < kRun; ++i) offer(run * kRun + i);
  for (std::size_t j = runs * kRun; j < scores.size(); ++j) offer(j);
}

}  // namespace

struct Neighbours::State {
  at::Tensor centre;      // [d]
  at::Tensor references;  // [r, d], centred
  at::Tensor squares;     // [r] |r|²
  std::vector<std::int32_t> labels;
};

Neighbours::Neighbours() : state_(std::make_unique<State>()) {}
Neighbours::Neighbours(Neighbours&&) noexcept = default;
Neighbours& Neighbours::operator=(Neighbours&&) noexcept = default;
Neighbours::~Neighbours() = default;

std::size_t Neighbours::size() const { return state_->labels.size(); }

Result<Neighbours> Neighbours::create(Matrix references, std::vector<std::int32_t> labels) {
  if (references.empty() || references.rows != labels.size()) {
    return fail(ErrorCode::invalid_input, "nearest neighbours need at least one reference code, each with a label");
  }
  return catching(ErrorCode::internal, "while preparing nearest neighbours", [&]() -> Result<Neighbours> {
    Neighbours made;
    State& state = *made.state_;
    const at::Tensor all = rows_tensor(references, 0, references.rows);
    if (!all.isfinite().all().item<bool>()) return fail(ErrorCode::invalid_input, "a reference code is not finite");
    state.centre = all.to(at::kDouble).mean(0).to(at::kFloat);
    state.references = (all - state.centre).contiguous();
    state.squares = state.references.square().sum(1);
    state.labels = std::move(labels);
    return made;
  });
}

std::vector<std::int32_t> Neighbours::agreeing(const Matrix& queries, std::span<const std::int32_t> labels,
                                               std::span<const std::int64_t> exclude, int k) const {
  const State& state = *state_;
  const c10::InferenceMode inference;
  const auto r = static_cast<std::int64_t>(size());
  std::vector<std::int32_t> counts(queries.rows, 0);
  at::Tensor scores = at::empty({kQueryTile, kReferenceTile}, at::kFloat);
  for (std::size_t begin = 0; begin < queries.rows; begin += kQueryTile) {
    const std::size_t count = std::min<std::size_t>(kQueryTile, queries.rows - begin);
    const at::Tensor tile = rows_tensor(queries, begin, count) - state.centre;
    std::vector<Nearest> nearest(count, Nearest(static_cast<std::size_t>(std::max(1, k))));
    for (std::int64_t first = 0; first < r; first += kReferenceTile) {
      const auto width = std::min(kReferenceTile, r - first);
      at::Tensor out = scores.flatten().narrow(0, 0, static_cast<std::int64_t>(count) * width);
      out = out.view({static_cast<std::int64_t>(count), width});
      at::addmm_out(out, state.squares.narrow(0, first, width), tile, state.references.narrow(0, first, width).t(), 1,
                    -2);
      const float* values = out.data_ptr<float>();
      for (std::size_t i = 0; i < count; ++i) {
        const auto excluded = exclude.empty() ? kNone : exclude[begin + i];
        const auto columns = static_cast<std::size_t>(width);
        sweep({values + i * columns, columns}, first, excluded, nearest[i]);
      }
    }
    for (std::size_t i = 0; i < count; ++i) {
      for (const auto index : nearest[i].indices()) {
        counts[begin + i] += static_cast<int>(state.labels[static_cast<std::size_t>(index)] == labels[begin + i]);
      }
    }
  }
  return counts;
}

}  // namespace defuse
