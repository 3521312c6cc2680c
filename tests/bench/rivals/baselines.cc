#include "tests/bench/rivals/baselines.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "core/slices/row_sets.h"

namespace defuse {
namespace {

constexpr double kNoNumber = std::numeric_limits<double>::quiet_NaN();

std::size_t part(std::size_t n, double share) {
  const auto count = static_cast<std::size_t>(std::llround(share * static_cast<double>(n)));
  return std::clamp<std::size_t>(count, 1, std::max<std::size_t>(n, 1));
}

template <class Score>
void fill(ScoreSlice& slice, std::span<const std::uint32_t> rows, double share, const Score& score) {
  std::vector<std::uint32_t> usable;
  std::vector<double> scores;
  for (const auto row : rows) {
    const double s = score(row);
    if (std::isnan(s)) continue;
    usable.push_back(row);
    scores.push_back(s);
  }
  if (usable.empty()) return;
  for (const auto i : highest(scores, part(usable.size(), share))) {
    slice.members.push_back(usable[i]);
    slice.weight += scores[i];
    slice.cut = scores[i];
  }
}

std::map<std::int32_t, std::vector<std::uint32_t>> by_class(std::span<const std::uint32_t> rows,
                                                            std::span<const std::int32_t> labels) {
  std::map<std::int32_t, std::vector<std::uint32_t>> classes;
  for (const auto row : rows) classes[labels[row]].push_back(row);
  return classes;
}

void heaviest_first(std::vector<ScoreSlice>& slices) {
  std::stable_sort(slices.begin(), slices.end(),
                   [](const ScoreSlice& a, const ScoreSlice& b) { return a.weight > b.weight; });
}

bool finite(std::span<const float> values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

// ln of the sum of exponentials.
double log_sum(std::span<const float> logits) {
  const auto largest = static_cast<double>(*std::max_element(logits.begin(), logits.end()));
  double sum = 0;
  for (const float v : logits) sum += std::exp(static_cast<double>(v) - largest);
  return largest + std::log(sum);
}

}  // namespace

ScoreSlice top_loss(std::span<const std::uint32_t> rows, std::span<const double> loss, double share) {
  ScoreSlice slice;
  fill(slice, rows, share, [&](std::uint32_t row) { return loss[row]; });
  return slice;
}

std::vector<ScoreSlice> top_loss_per_class(std::span<const std::uint32_t> rows, std::span<const std::int32_t> labels,
                                           std::span<const double> loss, double share) {
  std::vector<ScoreSlice> slices;
  for (const auto& [label, members] : by_class(rows, labels)) {
    slices.push_back(top_loss(members, loss, share));
    slices.back().label = label;
  }
  heaviest_first(slices);
  return slices;
}

std::vector<ScoreSlice> confusion_slices(std::span<const std::uint32_t> rows, std::span<const std::int32_t> labels,
                                         const Matrix& probabilities, double share, std::size_t keep) {
  std::vector<ScoreSlice> slices;
  for (const auto& [label, members] : by_class(rows, labels)) {
    for (std::size_t b = 0; b < probabilities.cols; ++b) {
      if (static_cast<std::int32_t>(b) == label) continue;
      const auto score = [&, column = b](std::uint32_t row) {
        return static_cast<double>(probabilities.row(row)[column]);
      };
      ScoreSlice slice;
      slice.label = label;
      slice.answer = static_cast<std::int32_t>(b);
      fill(slice, members, share, score);
      slice.weight = 0;
      for (const auto row : members)
        if (const double p = score(row); !std::isnan(p)) slice.weight += p;
      if (!slice.members.empty()) slices.push_back(std::move(slice));
    }
  }
  heaviest_first(slices);
  if (slices.size() > keep) slices.resize(keep);
  return slices;
}

Matrix softmax(const Matrix& logits) {
  Matrix out(logits.rows, logits.cols);
  for (std::size_t i = 0; i < logits.rows; ++i) {
    const auto row = logits.row(i);
    const double norm = row.empty() || !finite(row) ? kNoNumber : log_sum(row);
    for (std::size_t j = 0; j < row.size(); ++j)
      out.row(i)[j] = static_cast<float>(std::exp(static_cast<double>(row[j]) - norm));
  }
  return out;
}

}  // namespace defuse
