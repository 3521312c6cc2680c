// The mixture's E step over blocks of rows. Symbols as in dp_gmm.cc.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "core/mixture/mixture_parts.h"
#include "core/mixture/soft_rows.h"

namespace defuse::mixture {
namespace {

using torch::indexing::Slice;

constexpr std::int64_t kBlockRows = 256;  // f, u and r of a block stay in the second cache
// Rows are summed in shards, and those in their order: the sums do not depend on who worked on which.
constexpr std::int64_t kMostShards = 16;
constexpr double kFilled = 0.25;    // a block of which less is above 0 is summed value by value
constexpr double kDeserted = 1e-9;  // points in a component that is as good as the prior's: r is off by N_k^2
constexpr std::int64_t kMostPartials = std::int64_t{1} << 22;  // values in the sums of all shards: 32 MiB

// u_ik = f(x_i) times a column, up to what is the same for every k. The deserted components share one column, the last:
// they have the prior's mean and covariance, so each has the same share of their sum at every point.
struct Columns {
  Tensor coefficients;              // [width,columns]
  std::vector<std::int64_t> alone;  // component of each column that has one of its own
  std::vector<std::int64_t> deserted;
  std::vector<double> share;  // of each of these in the last column
  double entropy = 0;         // of these shares
  std::int64_t count() const { return coefficients.size(1); }
};

// f of `rows` rows from x on, to out [rows,width].
void write_features(const Problem& p, const double* x, std::int64_t rows, double* out) {
  for (std::int64_t row = 0; row < rows; ++row, x += p.d) {
    *out++ = 1;
    out = std::copy(x, x + p.d, out);
    if (p.covariance == Covariance::tied) continue;
    for (std::int64_t i = 0; i < p.d; ++i) {
      const std::int64_t end = p.covariance == Covariance::full ? p.d : i + 1;
      const double by = x[i];
      for (std::int64_t j = i; j < end; ++j) *out++ = by * x[j];
    }
  }
}

// [K,width]. With A = P P' the quadratic form is x'Ax - 2 x'Am + m'Am; its first term does not depend on k for tied.
Tensor coefficients_of(const Problem& p, const Parameters& q) {
  const double d = static_cast<double>(p.d);
  const Tensor of_both = torch::digamma(q.a + q.b);
  const Tensor stick = torch::digamma(q.b) - of_both;
  const Tensor log_weight = torch::digamma(q.a) - of_both + (stick.cumsum(0) - stick);
  const Tensor log_precision = over_degrees(p, q, [](const Tensor& v) { return torch::digamma(v); });
  const Tensor offset = log_weight - 0.5 * d * std::log(2 * std::numbers::pi) + q.log_det - 0.5 * d * q.nu.log() +
                        0.5 * (d * std::numbers::ln2 + log_precision - d / q.kappa);
  Tensor by_k = torch::empty({p.k, p.width}, f64());
  Tensor pulled;  // A m
  if (p.covariance == Covariance::diagonal) {
    const Tensor precision = q.factor.square();
    pulled = precision * q.means;
    by_k.slice(1, 1 + p.d).copy_(precision).mul_(-0.5);
  } else if (p.covariance == Covariance::tied) {
    pulled = torch::mm(torch::mm(q.means, q.factor), q.factor.t());
  } else {
    const Tensor precision = torch::bmm(q.factor, q.factor.transpose(1, 2));
    const Tensor minus_half = torch::where(p.left == p.right, -0.5, -1.0).to(torch::kFloat64);  // both i,j and j,i
    pulled = torch::bmm(precision, q.means.unsqueeze(2)).squeeze(2);
    by_k.slice(1, 1 + p.d).copy_(precision.index({Slice(), p.left, p.right}) * minus_half);
  }
  by_k.slice(1, 1, 1 + p.d).copy_(pulled);
  by_k.select(1, 0).copy_(offset - 0.5 * (pulled * q.means).sum(1));
  return by_k;
}

Columns columns_of(const Problem& p, const Parameters& q) {
  const Tensor by_k = coefficients_of(p, q);
  const double* counts = q.counts.data_ptr<double>();
  Columns columns;
  for (std::int64_t k = 0; k < p.k; ++k) (counts[k] < kDeserted ? columns.deserted : columns.alone).push_back(k);
  if (columns.deserted.size() < 2) {
    columns.alone.insert(columns.alone.end(), columns.deserted.begin(), columns.deserted.end());
    columns.deserted.clear();
  }
  std::vector<std::int64_t> chosen = columns.alone;
  if (!columns.deserted.empty()) chosen.push_back(columns.deserted.front());
  const Tensor rows = by_k.index_select(0, torch::tensor(chosen, torch::kInt64));
  if (!columns.deserted.empty()) {
    const Tensor constants = by_k.select(1, 0).index_select(0, torch::tensor(columns.deserted, torch::kInt64));
    const double all = torch::logsumexp(constants, {0}).item<double>();
    rows[-1][0] = all;
    columns.share = values_of((constants - all).exp());
    for (const double w : columns.share) columns.entropy -= w > 0 ? w * std::log(w) : 0;
  }
  columns.coefficients = rows.t().contiguous();
  return columns;
}

// `width` values of every column, to as many of every component.
void spread(const Columns& columns, const double* from, double* to, std::int64_t width) {
  for (const auto k : columns.alone) {
    std::copy(from, from + width, to + k * width);
    from += width;
  }
  for (std::size_t i = 0; i < columns.deserted.size(); ++i) {
    double* row = to + columns.deserted[i] * width;
    for (std::int64_t j = 0; j < width; ++j) row[j] = columns.share[i] * from[j];
  }
}

Tensor spread_sums(const Problem& p, const Columns& columns, const Tensor& sums) {
  Tensor all = torch::empty({p.k, p.width}, f64());
  spread(columns, sums.data_ptr<double>(), all.data_ptr<double>(), p.width);
  return all;
}

// sum_i r_ik f(x_i) of rows [begin, end), and their entropy. `last` also receives the responsibilities.
Sums sweep_shard(const Problem& p, const Columns& columns, std::int64_t begin, std::int64_t end, DpGmm* last) {
  const torch::NoGradGuard no_grad;
  const std::int64_t count = columns.count();
  Sums part{torch::zeros({count, p.width}, f64())};
  const Tensor features = torch::empty({kBlockRows, p.width}, f64());
  const Tensor scores = torch::empty({kBlockRows, count}, f64());
  const auto k = static_cast<std::size_t>(count);
  for (std::int64_t first = begin; first < end; first += kBlockRows) {
    const std::int64_t rows = std::min(kBlockRows, end - first);
    write_features(p, p.x.data_ptr<double>() + first * p.d, rows, features.data_ptr<double>());
    const Tensor f = features.slice(0, 0, rows);
    Tensor r = scores.slice(0, 0, rows);
    torch::mm_out(r, f, columns.coefficients);
    const auto values = std::span(r.data_ptr<double>(), static_cast<std::size_t>(rows) * k);
    const SoftRows soft = soften_rows(values, k);
    part.entropy += soft.entropy;
    if (static_cast<double>(soft.filled) < kFilled * static_cast<double>(values.size())) {
      add_weighted_rows(values, k, f.data_ptr<double>(), static_cast<std::size_t>(p.width),
                        part.of_f.data_ptr<double>());
    } else {
      part.of_f.addmm_(r.t(), f);
    }
    if (last == nullptr) continue;
    for (std::int64_t i = 0; i < rows; ++i)
      spread(columns, values.data() + i * count, last->responsibilities.data() + (first + i) * p.k, 1);
  }
  return part;
}

}  // namespace

std::int64_t feature_count(Covariance covariance, std::int64_t d) {
  switch (covariance) {
    case Covariance::full:
      return 1 + d + d * (d + 1) / 2;
    case Covariance::diagonal:
      return 1 + d + d;
    case Covariance::tied:
      return 1 + d;
  }
  return 0;
}

Tensor sums_of_labels(const Problem& p, std::span<const int> labels) {
  Tensor sums = torch::zeros({p.k, p.width}, f64());
  std::vector<double> f(static_cast<std::size_t>(p.width));
  for (std::int64_t i = 0; i < p.n; ++i) {
    write_features(p, p.x.data_ptr<double>() + i * p.d, 1, f.data());
    double* of_label = sums.data_ptr<double>() + labels[static_cast<std::size_t>(i)] * p.width;
    for (std::size_t j = 0; j < f.size(); ++j) of_label[j] += f[j];
  }
  return sums;
}

Result<Sums> sweep(const Problem& p, ThreadTeam& team, const Parameters& q, DpGmm* last) {
  const Columns columns = columns_of(p, q);
  const std::int64_t blocks = (p.n + kBlockRows - 1) / kBlockRows;
  const std::int64_t shards = std::clamp<std::int64_t>(kMostPartials / (p.k * p.width), 2, kMostShards);
  const std::int64_t per_shard = (blocks + shards - 1) / shards * kBlockRows;
  std::vector<Sums> parts(static_cast<std::size_t>((p.n + per_shard - 1) / per_shard));
  TRY_OK(team.run(parts.size(), [&](std::size_t shard) -> Result<void> {
    const auto begin = static_cast<std::int64_t>(shard) * per_shard;
    parts[shard] = sweep_shard(p, columns, begin, std::min(p.n, begin + per_shard), last);
    return {};
  }));
  Sums all = std::move(parts.front());
  for (std::size_t shard = 1; shard < parts.size(); ++shard) {
    all.of_f += parts[shard].of_f;
    all.entropy += parts[shard].entropy;
  }
  // -sum (w r) ln (w r) over the shares w of what a column has of a point: its own entropy, and r times theirs.
  if (!columns.deserted.empty()) all.entropy += columns.entropy * all.of_f[-1][0].item<double>();
  if (!std::isfinite(all.entropy)) return fail(ErrorCode::internal, "mixture: a responsibility is not finite");
  all.of_f = spread_sums(p, columns, all.of_f);
  return all;
}

}  // namespace defuse::mixture
