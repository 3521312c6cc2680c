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
#include "core/mixture/dp_gmm.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <string>
#include <utility>

#include "core/mixture/kmeans.h"
#include "core/mixture/mixture_parts.h"
#include "core/torch/torch.h"

namespace defuse {
namespace {

using mixture::f64;
using mixture::feature_count;
using mixture::over_degrees;
using mixture::Parameters;
using mixture::Problem;
using mixture::sums_of_labels;
using mixture::sweep;
using mixture::Tensor;
using mixture::values_of;
using torch::indexing::Slice;

constexpr double kMeanPrecisionPrior = 1.0;           // kappa_0
constexpr double kTiny = 10 * 2.220446049250313e-16;  // keeps N_k above 0, as scikit-learn does
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
  p.width = feature_count(p.covariance, p.d);
  if (p.covariance == Covariance::tied) p.square = torch::mm(p.x.t(), p.x);
  if (p.covariance == Covariance::full) {
    const Tensor pairs = torch::triu_indices(p.d, p.d);
    p.left = pairs[0];
    p.right = pairs[1];
  }
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
  const KMeansSettings start{.clusters = settings.components, .seed = settings.seed, .threads = settings.threads};
  TRY(clusters, fit_kmeans(values, points.rows, points.cols, start));
  TRY(fit, guarded(values, points.rows, points.cols, clusters.labels, settings));
  fit.start = std::move(clusters.rounds);
  return fit;
}

}  // namespace defuse
