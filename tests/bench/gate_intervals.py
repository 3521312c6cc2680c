"""Intervals and the one paired test of the gate benchmark's table, in plain Python: a benchmark must run on a bare Debian.

Counts are k of n. Everything is pure; the values are held against published ones by gate_table_test.py.
"""
import functools
import math
import random


def incomplete_beta(a, b, x):
    """Regularised I_x(a, b), by Lentz's continued fraction on the side of the mean where it converges fast."""
    if x <= 0:
        return 0.0
    if x >= 1:
        return 1.0
    if x > (a + 1) / (a + b + 2):
        return 1 - incomplete_beta(b, a, 1 - x)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)) / a
    tiny = 1e-300
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1) or tiny)
    value = d
    for m in range(1, 1000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for step in (even, odd):
            d = 1 / (1 + step * d or tiny)
            c = 1 + step / c or tiny
            value *= c * d
        if abs(c * d - 1) < 1e-14:
            break
    return front * value


def beta_quantile(p, a, b):
    """The x with I_x(a, b) = p. Bisection: sixty halvings are exact to a double and need no start value."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if incomplete_beta(a, b, middle) < p:
            low = middle
        else:
            high = middle
    return (low + high) / 2


@functools.cache
def upper_limit(k, n, confidence=0.95):
    """One-sided Clopper-Pearson: the rate is below this, with that confidence. Nothing seen means 1: no pairs show nothing."""
    return 1.0 if k >= n else beta_quantile(confidence, k + 1, n - k)


@functools.cache
def lower_limit(k, n, confidence=0.95):
    return 0.0 if k <= 0 else beta_quantile(1 - confidence, k, n - k + 1)


def clopper_pearson(k, n, confidence=0.95):
    """Two-sided and exact: each side gets half of the error."""
    side = (1 + confidence) / 2
    return lower_limit(k, n, side), upper_limit(k, n, side)


def wilson(k, n, z=1.959963984540054):
    if n == 0:
        return 0.0, 1.0
    p, zz = k / n, z * z
    centre = (p + zz / (2 * n)) / (1 + zz / n)
    half = z * math.sqrt(p * (1 - p) / n + zz / (4 * n * n)) / (1 + zz / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def sign_test(b, c):
    """Two-sided exact p of b against c discordant pairs."""
    n = b + c
    tail = sum(math.comb(n, i) for i in range(min(b, c) + 1)) / 2**n
    return min(1.0, 2 * tail)


def mean_interval(values, draws=2000):
    """Percentile bootstrap of a mean, from a fixed seed: means of shares have no exact interval."""
    if len(values) < 2:
        return 0.0, 1.0
    source = random.Random(1)
    means = sorted(sum(source.choices(values, k=len(values))) / len(values) for _ in range(draws))
    return means[int(0.025 * draws)], means[int(0.975 * draws) - 1]


def median(values):
    ordered = sorted(values)
    n = len(ordered)
    return None if n == 0 else (ordered[n // 2] + ordered[(n - 1) // 2]) / 2
