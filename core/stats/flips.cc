#include "core/stats/flips.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/stats/intervals.h"
#include "core/stats/paired_tests.h"

namespace defuse {
namespace {

double share(std::int64_t part, std::int64_t whole) {
  if (whole <= 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(part) / static_cast<double>(whole);
}

}  // namespace

FlipRates flip_rates(const FourCounts& counts) {
  const std::int64_t a = counts.both_right;
  const std::int64_t b = counts.negative_flips;
  const std::int64_t c = counts.positive_flips;
  const std::int64_t d = counts.both_wrong;
  FlipRates rates;
  rates.negative = share(b, counts.total());
  rates.positive = share(c, counts.total());
  rates.relative = rates.negative / (share(a + b, counts.total()) * share(b + d, counts.total()));
  rates.error_share = share(b, b + d);
  rates.trust = share(a, a + b);
  rates.error = share(d, b + d);
  rates.unrepaired = share(d, c + d);
  return rates;
}

// log R = log b + log N - log(a+b) - log(b+d). With multinomial counts the delta method gives
//   s^2 = a/(a+b)^2 + b (1/b - 1/(a+b) - 1/(b+d))^2 + d/(b+d)^2 - 1/N.
RelativeRate relative_flip_rate(const FourCounts& counts) {
  const double a = static_cast<double>(counts.both_right);
  const double b = static_cast<double>(counts.negative_flips);
  const double d = static_cast<double>(counts.both_wrong);
  const double n = static_cast<double>(counts.total());
  RelativeRate rate;
  if (b <= 0) return rate;  // then a+b and b+d are positive too
  rate.defined = true;
  rate.rate = b * n / ((a + b) * (b + d));
  const double middle = 1 / b - 1 / (a + b) - 1 / (b + d);
  const double variance = a / ((a + b) * (a + b)) + b * middle * middle + d / ((b + d) * (b + d)) - 1 / n;
  rate.log_error = std::sqrt(std::max(0.0, variance));
  return rate;
}

double relative_lower(const RelativeRate& rate, double alpha) {
  return rate.defined ? rate.rate * std::exp(-normal_quantile(1 - alpha) * rate.log_error) : 0;
}

double relative_upper(const RelativeRate& rate, double alpha) {
  if (!rate.defined) return std::numeric_limits<double>::infinity();
  return rate.rate * std::exp(normal_quantile(1 - alpha) * rate.log_error);
}

namespace {

// N / (a + b), which turns a share of new errors into R.
double scale_of(const FourCounts& counts) {
  return static_cast<double>(counts.total()) / static_cast<double>(counts.both_right + counts.negative_flips);
}

std::int64_t errors_of(const FourCounts& counts) { return counts.negative_flips + counts.both_wrong; }

bool by_delta(const FourCounts& counts, const RelativeRate& rate) {
  return counts.negative_flips >= kFewestFlipsForRelative && rate.log_error > 0;
}

}  // namespace

double relative_flip_p(const FourCounts& counts, double limit) {
  if (counts.negative_flips == 0) return 1;
  if (!(limit > 0)) return 0;
  const double share = limit / scale_of(counts);
  const double exact = share >= 1 ? 1 : binomial_tail_p(counts.negative_flips, errors_of(counts), share);
  const RelativeRate rate = relative_flip_rate(counts);
  if (!by_delta(counts, rate)) return exact;
  return std::max(exact, normal_cdf(-std::log(rate.rate / limit) / rate.log_error));
}

double relative_flip_lower(const FourCounts& counts, double alpha) {
  if (counts.negative_flips == 0) return 0;
  const double exact = clopper_pearson_lower(counts.negative_flips, errors_of(counts), alpha) * scale_of(counts);
  const RelativeRate rate = relative_flip_rate(counts);
  return by_delta(counts, rate) ? std::min(exact, relative_lower(rate, alpha)) : exact;
}

double relative_flip_upper(const FourCounts& counts, double alpha) {
  if (errors_of(counts) == 0 || counts.both_right + counts.negative_flips == 0)
    return std::numeric_limits<double>::infinity();
  const double exact = clopper_pearson_upper(counts.negative_flips, errors_of(counts), alpha) * scale_of(counts);
  const RelativeRate rate = relative_flip_rate(counts);
  return by_delta(counts, rate) ? std::max(exact, relative_upper(rate, alpha)) : exact;
}

}  // namespace defuse
