// Truncated Dirichlet-process Gaussian mixture by mean-field variational inference.
// Source: Blei and Jordan, Bayesian Analysis 2006; Bishop, PRML 10.2; order of updates, priors and stopping rule of
// scikit-learn 1.2.1 (BayesianGaussianMixture). All logarithms natural; psi is the digamma function.
//   n points   d dimensions   K components   x [n,d]   r [n,K] responsibilities   lambda regularisation   alpha = 1/K
//   unless given
// Priors: m_0 = mean(x), kappa_0 = 1, nu_0 = d, Sigma_0 = covariance of x with divisor n-1 (its diagonal for
// `diagonal`).
// 1. r = one-hot start labels; M step.
// 2. Repeat: E step, M step, bound of these r and the new parameters; stop when the bound moved by less than
// `tolerance`.
// 3. One more E step gives responsibilities and labels.
// M:  N_k = sum_i r_ik + 10 eps     xbar_k = sum_i r_ik x_i / N_k     S_k = sum_i r_ik (x_i-xbar_k)(x_i-xbar_k)' / N_k
// + lambda I
//     a_k = 1 + N_k     b_k = alpha + sum_{j>k} N_j     kappa_k = kappa_0 + N_k     m_k = (kappa_0 m_0 + N_k xbar_k) /
//     kappa_k full      nu_k = nu_0 + N_k     C_k = [Sigma_0 + N_k S_k + N_k kappa_0/kappa_k (xbar_k-m_0)(xbar_k-m_0)']
//     / nu_k diagonal  the same on each coordinate tied      nu = nu_0 + sum N_k / K     C = [Sigma_0 + (1/K) sum_k
//     (N_k S_k + N_k kappa_0/kappa_k (xbar_k-m_0)(..)')] / nu
//               where sum_k N_k S_k = x'x - sum_k N_k xbar_k xbar_k' + lambda (sum N_k) I
//     P_k P_k' = C_k^-1 (P_k = L^-T of the Cholesky factor L)     ld_k = sum_j ln (P_k)_jj
// E:  u_ik = E[ln pi_k] - 1/2 [d ln 2pi + |(x_i-m_k)' P_k|^2] + ld_k - 1/2 d ln nu_k
//            + 1/2 [d ln 2 + sum_{t<d} psi((nu_k-t)/2) - d/kappa_k]
//     E[ln pi_k] = psi(a_k) - psi(a_k+b_k) + sum_{j<k} [psi(b_j) - psi(a_j+b_j)]     ln r_ik = u_ik - logsumexp_k u_ik
// L:  -sum r ln r + sum_k [nu_k B_k + 1/2 nu_k d ln 2 + sum_t lnGamma((nu_k-t)/2)] + sum_k lnBeta(a_k, b_k) - 1/2 d
// sum_k ln kappa_k
//     with B_k = ld_k - 1/2 d ln nu_k; constants dropped.
// Requires: n >= K, n >= 2, x finite.   Ensures: L never falls beyond rounding and lambda; same input gives same bytes
// on one machine.
// Differs from the source in rounding only: works on x - mean(x), so that m_0 becomes 0, and on f(x) = (1, x, products
// of two coordinates: all for full, squares for diagonal, none for tied). Of every component u_ik is linear in f(x_i),
// and all that M needs of it is sum_i r_ik f(x_i). So E and M of all components are two matrix products, block of rows
// by block of rows: of r only a block exists until the last E step.
#include "core/ml/dp_gmm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>

#include "core/ml/inference.h"
#include "core/ml/kmeans.h"
#include "core/ml/soft_rows.h"
#include "core/ml/torch.h"

namespace defuse {
namespace {

using torch::Tensor;
using torch::indexing::Slice;

constexpr double kMeanPrecisionPrior = 1.0;           // kappa_0
constexpr double kTiny = 10 * 2.220446049250313e-16;  // keeps N_k above 0, as scikit-learn does
constexpr std::int64_t kBlockRows = 256;              // f, u and r of a block stay in the second cache
// Rows are summed in shards, and those in their order: the sums do not depend on who worked on which.
constexpr std::int64_t kMostShards = 16;
constexpr double kFilled = 0.25;    // a block of which less is above 0 is summed value by value
constexpr double kDeserted = 1e-9;  // points in a component that is as good as the prior's: r is off by N_k^2
constexpr std::int64_t kMostPartials = std::int64_t{1} << 22;  // values in the sums of all shards: 32 MiB

struct Problem {
  Tensor x;        // [n,d] centred
  Tensor centre;   // [d] what was subtracted: m_0 in the caller's coordinates
  Tensor scatter;  // Sigma_0: [d,d], or [d] for diagonal
  Tensor square;   // x'x [d,d], for tied
  Tensor left;     // [d(d+1)/2] i and …
  Tensor right;    // … j of every pair i <= j
  std::int64_t n = 0;
  std::int64_t d = 0;
  std::int64_t k = 0;
  std::int64_t width = 0;  // of f(x)
  std::int64_t shards = 1;
  Covariance covariance = Covariance::full;
  double alpha = 0;
  double regularisation = 0;
};

struct Parameters {
  Tensor counts;      // [K] N_k
  Tensor a;           // [K]
  Tensor b;           // [K]
  Tensor kappa;       // [K]
  Tensor nu;          // [K]; the same number K times for tied
  Tensor means;       // [K,d] centred
  Tensor covariance;  // [K,d,d], [K,d] or [d,d]
  Tensor factor;      // P: as covariance
  Tensor log_det;     // [K] ld_k
};

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

// What one pass over the points leaves.
struct Sums {
  Tensor of_f;         // [columns,width], then [K,width]: sum_i r_ik f(x_i)
  double entropy = 0;  // -sum r ln r
};

torch::TensorOptions f64() { return torch::TensorOptions().dtype(torch::kFloat64); }

std::vector<double> values_of(const Tensor& tensor) {
  const Tensor flat = tensor.contiguous();
  const double* first = flat.data_ptr<double>();
  return {first, first + flat.numel()};
}

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

// sum_i r_ik (x_i - xbar_k)(x_i - xbar_k)' for every k: [K,d,d]. As sum r x x' - (N_k + 10 eps) xbar xbar'; x is
// centred and Sigma_0 is added next, so what cancels is small against what stays. On the diagonal alone for diagonal:
// [K,d].
Tensor scatter_of(const Problem& p, const Tensor& of_products, const Tensor& centres, const Tensor& counts) {
  const Tensor lifted = counts + kTiny;
  if (p.covariance == Covariance::diagonal) return of_products - lifted.unsqueeze(1) * centres.square();
  Tensor sums = torch::empty({p.k, p.d, p.d}, f64());
  sums.index_put_({Slice(), p.left, p.right}, of_products);
  sums.index_put_({Slice(), p.right, p.left}, of_products);
  return sums.sub_(lifted.view({p.k, 1, 1}) * centres.unsqueeze(2) * centres.unsqueeze(1));
}

Tensor unnormalised_covariance(const Problem& p, const Tensor& of_products, const Tensor& centres,
                               const Parameters& out) {
  const Tensor pull =
      out.counts * kMeanPrecisionPrior / out.kappa;  // weight of (xbar_k - m_0)(xbar_k - m_0)'; m_0 = 0 here
  if (p.covariance == Covariance::diagonal) {
    return p.scatter + scatter_of(p, of_products, centres, out.counts) + p.regularisation * out.counts.unsqueeze(1) +
           pull.unsqueeze(1) * centres.square();
  }
  const Tensor eye = torch::eye(p.d, f64());
  if (p.covariance == Covariance::tied) {
    const Tensor within = p.square - torch::mm((centres * out.counts.unsqueeze(1)).t(), centres) +
                          p.regularisation * out.counts.sum() * eye;
    const Tensor between = torch::mm((centres * pull.unsqueeze(1)).t(), centres);
    return p.scatter + (within + between) / static_cast<double>(p.k);
  }
  const Tensor between = pull.view({p.k, 1, 1}) * centres.unsqueeze(2) * centres.unsqueeze(1);
  return p.scatter + scatter_of(p, of_products, centres, out.counts) +
         p.regularisation * out.counts.view({p.k, 1, 1}) * eye + between;
}

// Sets factor and log_det from covariance.
Result<void> factorise(const Problem& p, Parameters& out) {
  if (p.covariance == Covariance::diagonal) {
    if (!(out.covariance > 0).all().item<bool>()) {
      return fail(ErrorCode::internal, "mixture: a component's variance is not positive; raise the regularisation");
    }
    out.factor = out.covariance.rsqrt();
    out.log_det = out.factor.log().sum(1);
    return {};
  }
  const auto [lower, info] = torch::linalg_cholesky_ex(out.covariance);
  if ((info != 0).any().item<bool>()) {
    const std::int64_t which = info.dim() == 0 ? 0 : (info != 0).nonzero()[0][0].item<std::int64_t>();
    return fail(ErrorCode::internal, "mixture: the covariance of component " + std::to_string(which) +
                                         " is not positive definite; raise the regularisation");
  }
  const Tensor eye = torch::eye(p.d, f64());
  const Tensor inverse = torch::linalg_solve_triangular(
      lower, p.covariance == Covariance::full ? eye.expand({p.k, p.d, p.d}) : eye, /*upper=*/false);
  out.factor = inverse.transpose(-2, -1).contiguous();
  out.log_det = -lower.diagonal(0, -2, -1).log().sum(-1);
  if (p.covariance == Covariance::tied) out.log_det = out.log_det.expand({p.k}).contiguous();
  return {};
}

Result<Parameters> maximise(const Problem& p, const Tensor& sums) {
  Parameters out;
  out.counts = sums.select(1, 0) + kTiny;
  const Tensor centres = sums.slice(1, 1, 1 + p.d) / out.counts.unsqueeze(1);
  const Tensor of_products = sums.slice(1, 1 + p.d);
  out.a = 1 + out.counts;
  const Tensor from_here = out.counts.flip({0}).cumsum(0).flip({0});  // sum_{j>=k} N_j
  out.b = torch::full({p.k}, p.alpha, f64());
  if (p.k > 1) out.b.index({Slice(0, p.k - 1)}) += from_here.index({Slice(1, p.k)});
  out.kappa = kMeanPrecisionPrior + out.counts;
  out.means = out.counts.unsqueeze(1) * centres / out.kappa.unsqueeze(1);
  const double nu0 = static_cast<double>(p.d);
  if (p.covariance == Covariance::tied) {
    out.nu = (nu0 + out.counts.sum() / static_cast<double>(p.k)).expand({p.k}).contiguous();
    out.covariance = unnormalised_covariance(p, of_products, centres, out) / out.nu[0];
  } else {
    out.nu = nu0 + out.counts;
    const Tensor divisor = p.covariance == Covariance::full ? out.nu.view({p.k, 1, 1}) : out.nu.unsqueeze(1);
    out.covariance = unnormalised_covariance(p, of_products, centres, out) / divisor;
  }
  TRY_OK(factorise(p, out));
  return out;
}

// sum_{t<d} f((nu_k - t)/2) for every k.
template <class Function>
Tensor over_degrees(const Problem& p, const Parameters& q, Function f) {
  const Tensor steps = torch::arange(p.d, f64());
  return f(0.5 * (q.nu.unsqueeze(1) - steps)).sum(1);
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

// E step, and what the M step needs of it.
Result<Sums> sweep(const Problem& p, ThreadTeam& team, const Parameters& q, DpGmm* last) {
  const Columns columns = columns_of(p, q);
  const std::int64_t blocks = (p.n + kBlockRows - 1) / kBlockRows;
  const std::int64_t per_shard = (blocks + p.shards - 1) / p.shards * kBlockRows;
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

double lower_bound(const Problem& p, const Parameters& q, double entropy) {
  const double d = static_cast<double>(p.d);
  const Tensor log_gamma = over_degrees(p, q, [](const Tensor& v) { return torch::lgamma(v); });
  const Tensor wishart = q.nu * (q.log_det - 0.5 * d * q.nu.log()) + 0.5 * d * std::numbers::ln2 * q.nu + log_gamma;
  const Tensor log_beta = torch::lgamma(q.a) + torch::lgamma(q.b) - torch::lgamma(q.a + q.b);
  const Tensor bound = wishart.sum() + log_beta.sum() - 0.5 * d * q.kappa.log().sum();
  return bound.item<double>() + entropy;
}

// a_k/(a_k+b_k) prod_{j<k} b_j/(a_j+b_j), then made to sum to 1.
Tensor expected_weights(const Parameters& q) {
  const Tensor rest = q.b / (q.a + q.b);
  Tensor left = torch::ones_like(rest);
  const std::int64_t k = rest.size(0);
  if (k > 1) left.index({Slice(1, k)}) = rest.cumprod(0).index({Slice(0, k - 1)});
  const Tensor weights = q.a / (q.a + q.b) * left;
  return weights / weights.sum();
}

Problem make_problem(std::span<const double> points, std::size_t n, std::size_t d, const DpGmmSettings& settings) {
  Problem p;
  p.n = static_cast<std::int64_t>(n);
  p.d = static_cast<std::int64_t>(d);
  p.k = settings.components;
  p.covariance = settings.covariance;
  p.alpha = settings.concentration > 0 ? settings.concentration : 1.0 / static_cast<double>(settings.components);
  p.regularisation = settings.regularisation;
  Tensor x = torch::empty({p.n, p.d}, f64());
  std::copy(points.begin(), points.end(), x.data_ptr<double>());
  p.centre = x.mean(0);
  p.x = x - p.centre;
  const double divisor = static_cast<double>(n - 1);
  p.scatter = p.covariance == Covariance::diagonal ? p.x.square().sum(0) / divisor : torch::mm(p.x.t(), p.x) / divisor;
  p.width = 1 + p.d;
  if (p.covariance == Covariance::diagonal) p.width += p.d;
  if (p.covariance == Covariance::tied) p.square = torch::mm(p.x.t(), p.x);
  if (p.covariance == Covariance::full) {
    const Tensor pairs = torch::triu_indices(p.d, p.d);
    p.left = pairs[0];
    p.right = pairs[1];
    p.width += p.left.size(0);
  }
  p.shards = std::clamp<std::int64_t>(kMostPartials / (p.k * p.width), 2, kMostShards);
  return p;
}

Result<void> check(std::span<const double> points, std::size_t n, std::size_t d, const DpGmmSettings& settings) {
  const auto refuse = [](const std::string& why) { return fail(ErrorCode::invalid_input, "mixture: " + why); };
  if (settings.components < 1) return refuse("components must be at least 1");
  if (settings.max_iterations < 1) return refuse("max_iterations must be at least 1");
  if (!(settings.tolerance > 0)) return refuse("tolerance must be above 0");
  if (!(settings.regularisation >= 0)) return refuse("regularisation must not be negative");
  if (!(settings.concentration >= 0)) return refuse("concentration must not be negative");
  if (d < 1 || points.size() != n * d) return refuse("points are not an n by d table with d at least 1");
  if (n < 2 || n < static_cast<std::size_t>(settings.components)) {
    return refuse(std::to_string(settings.components) + " components need at least as many points (and two), got " +
                  std::to_string(n));
  }
  const auto bad = std::find_if(points.begin(), points.end(), [](double v) { return !std::isfinite(v); });
  if (bad != points.end()) {
    return refuse("point " + std::to_string(static_cast<std::size_t>(bad - points.begin()) / d) + " is not finite");
  }
  return {};
}

// sum_i r_ik f(x_i) for r = 1 where k is the label of i, else 0.
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

Result<DpGmm> fit_from_labels(std::span<const double> points, std::size_t n, std::size_t d, std::span<const int> labels,
                              const DpGmmSettings& settings) {
  const torch::NoGradGuard no_grad;
  const Problem p = make_problem(points, n, d, settings);
  ThreadTeam team(settings.threads);

  DpGmm fit;
  fit.components = settings.components;
  fit.dimensions = static_cast<int>(d);
  TRY(parameters, maximise(p, sums_of_labels(p, labels)));
  double before = -std::numeric_limits<double>::infinity();
  for (int iteration = 0; iteration < settings.max_iterations && !fit.converged; ++iteration) {
    TRY(sums, sweep(p, team, parameters, nullptr));
    TRY(next, maximise(p, sums.of_f));
    parameters = std::move(next);
    const double bound = lower_bound(p, parameters, sums.entropy);
    if (!std::isfinite(bound)) return fail(ErrorCode::internal, "mixture: the bound is not finite");
    fit.bound.push_back(bound);
    fit.converged = std::abs(bound - before) < settings.tolerance;
    before = bound;
  }

  const auto k = static_cast<std::size_t>(p.k);
  fit.responsibilities.resize(n * k);
  TRY_OK(sweep(p, team, parameters, &fit));
  fit.labels.resize(n);
  for (std::size_t i = 0; i < n; ++i) {
    const auto row = std::span<const double>(fit.responsibilities).subspan(i * k, k);
    fit.labels[i] = static_cast<int>(std::max_element(row.begin(), row.end()) - row.begin());
  }
  fit.weights = values_of(expected_weights(parameters));
  fit.means = values_of(parameters.means + p.centre);
  fit.covariances = values_of(parameters.covariance);
  fit.counts = values_of(parameters.counts);
  return fit;
}

std::string first_line(const char* text) {
  const std::string all(text);
  return all.substr(0, all.find('\n'));
}

// The one place where what Torch throws becomes an Error.
Result<DpGmm> guarded(std::span<const double> points, std::size_t n, std::size_t d, std::span<const int> labels,
                      const DpGmmSettings& settings) {
  try {
    return fit_from_labels(points, n, d, labels, settings);
  } catch (const std::exception& e) {
    return fail(ErrorCode::internal, "mixture: " + first_line(e.what()));
  }
}

}  // namespace

Result<DpGmm> fit_dp_gmm_from(std::span<const double> points, std::size_t n, std::size_t d, std::span<const int> labels,
                              const DpGmmSettings& settings) {
  TRY_OK(check(points, n, d, settings));
  const bool in_range =
      std::all_of(labels.begin(), labels.end(), [&](int l) { return l >= 0 && l < settings.components; });
  if (labels.size() != n || !in_range) {
    return fail(ErrorCode::invalid_input,
                "mixture: every point needs one start label in [0, " + std::to_string(settings.components) + ")");
  }
  return guarded(points, n, d, labels, settings);
}

Result<DpGmm> fit_dp_gmm(const Matrix& points, const DpGmmSettings& settings) {
  const std::vector<double> values(points.data.begin(), points.data.end());
  TRY_OK(check(values, points.rows, points.cols, settings));
  const KMeansSettings start{.clusters = settings.components, .seed = settings.seed};
  TRY(clusters, fit_kmeans(values, points.rows, points.cols, start));
  return guarded(values, points.rows, points.cols, clusters.labels, settings);
}

}  // namespace defuse
