#!/usr/bin/python3
"""Writes gamma.csv: quantiles of the gamma distribution and their derivatives by its shape, as mpmath computes them in 40 digits.

Run as /usr/bin/python3 tests/golden/gamma.py; tests/ops/test_gamma.c compares. A row of the file: shape a, probability u, ln x with P(a, x) = u, and
its first three derivatives by a with u kept, from quantiles of nine shapes near to a.
"""
import os

import mpmath as mp

mp.mp.dps = 40
SHAPES = [0.001, 0.02, 0.3, 0.9, 1, 1.5, 3.7, 15, 17, 150, 999, 1001]
PROBABILITIES = [2.0**-46, 1e-6, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 2.0**-30, 1 - 2.0**-46]


def off(a, u, l):
    if u <= 0.5:
        return mp.log(mp.gammainc(a, 0, mp.exp(l), regularized=True) / u)
    return mp.log((1 - u) / mp.gammainc(a, mp.exp(l), mp.inf, regularized=True))


def log_quantile(a, u, start):
    return mp.findroot(lambda l: off(a, u, l), (start, start + mp.mpf("1e-6") / (1 + mp.sqrt(a))))


def halved(a, u):
    """Near to the quantile: between the first term of the series, below which it never is, and what is beyond."""
    left = (mp.log(u) + mp.loggamma(a + 1)) / a - 1
    right = left + 2
    while off(a, u, right) < 0:
        right += max(1, abs(right) / 2)
    for _ in range(60):
        m = (left + right) / 2
        left, right = (m, right) if off(a, u, m) < 0 else (left, m)
    return left


def row(a, u):
    a, u = mp.mpf(a), mp.mpf(u)
    h, at = a * mp.mpf("1e-4"), log_quantile(a, u, halved(a, u))
    l = {0: at}
    for k in (1, 2, 3, 4):
        for sign in (1, -1):
            l[sign * k] = log_quantile(a + sign * k * h, u, 2 * l[sign * (k - 1)] - l[sign * (k - 2)] if k > 1 else at)
    first = sum(w * (l[k] - l[-k]) for k, w in ((1, 672), (2, -168), (3, 32), (4, -3))) / (840 * h)
    second = (sum(w * (l[k] + l[-k]) for k, w in ((1, 8064), (2, -1008), (3, 128), (4, -9))) - 14350 * l[0]) / (5040 * h**2)
    third = sum(w * (l[k] - l[-k]) for k, w in ((1, -488), (2, 338), (3, -72), (4, 7))) / (240 * h**3)
    return [a, u, at, first, second, third]


with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "gamma.csv"), "w") as f:
    for a in SHAPES:
        for u in PROBABILITIES:
            f.write(",".join(mp.nstr(x, 20) for x in row(a, u)) + "\n")
