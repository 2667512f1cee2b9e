#!/usr/bin/python3
"""Writes special.csv: special functions as mpmath computes them in 50 digits, and more where its sums cancel.

Run as /usr/bin/python3 tests/golden/special.py; tests/ops/test_special.c compares. A row of the file: the function, three arguments in hexadecimal,
of which those that it has not are 0, and the value in 30 digits. Arguments are drawn where the function does something, and far out.
"""
import os
import random

from mpmath import besseli, besselj, betainc, e1, erfc, erfinv, exp, factorial, findroot, gammainc, inf, log, log1p, loggamma, mp, mpf, nstr, pi, psi, sqrt, zeta

mp.dps = 50
EACH = 24
random.seed(1)


def near(lo, hi):
    return lambda: random.uniform(lo, hi)


def size(lo, hi):
    return lambda: float(mpf(10) ** random.uniform(lo, hi))


def less(f):
    return lambda: -f()


def of(*values):
    return lambda: random.choice(values)


def any_of(*draws):
    return lambda: random.choice(draws)()


def beside(f, digits):
    """f with more digits, where it cancels."""

    def computed(*x):
        with mp.workdps(digits):
            return f(*[mpf(v) for v in x])

    return computed


def erfcx_slope(x, n):
    before, y = exp(x * x) * erfc(x), 2 * x * exp(x * x) * erfc(x) - 2 / sqrt(pi)
    for k in range(1, int(n)):
        before, y = y, 2 * (x * y + k * before)
    return y


def below(x):
    return erfc(-x / sqrt(2)) / 2


def ndtri(p):
    if p > mpf("1e-20"):
        return -sqrt(2) * erfinv(1 - 2 * p)
    return findroot(lambda x: log(below(x)) - log(p), -sqrt(-2 * log(p)))


def exponential(x, n):
    if n <= 0:
        return exp(-x) / x ** (1 - n) * factorial(-n) * sum(x**k / factorial(k) for k in range(int(1 - n)))
    y = e1(x)
    for k in range(1, int(n)):
        y = (exp(-x) - x * y) / k
    return y


def zeta_slope(s, q, m):
    h = mpf("1e-12")
    f = {k: zeta(s + k * h, q) for k in range(-2, 3)}
    return [f[0], (f[1] - f[-1]) / (2 * h), (f[1] - 2 * f[0] + f[-1]) / h**2, (f[2] - 2 * f[1] + 2 * f[-1] - f[-2]) / (2 * h**3)][int(m)]


def by_shape(f, a, order):
    """f differentiated by a, f being computed with ten times the digits."""
    h = a * mpf("1e-12")
    return [f(a), (f(a + h) - f(a - h)) / (2 * h), (f(a + h) - 2 * f(a) + f(a - h)) / h**2][int(order)]


def lower(a, x):
    return gammainc(a, 0, x, regularized=True)


def upper(a, x):
    return gammainc(a, x, inf, regularized=True)


def gammainc_slope(a, x, k):
    return by_shape(lambda v: lower(v, x) if x < a else -upper(v, x), a, k)


def gamma_density(a, x, k):
    return by_shape(lambda v: exp((v - 1) * log(x) - x - loggamma(v)), a, k)


def beta(a, b, x):
    return betainc(a, b, 0, x, regularized=True)


POSITIVE = any_of(near(0, 4), size(-5, 10))
ANY_GAMMA = any_of(near(0, 4), size(-5, 10), near(-20, 0), near(1.4, 1.5))
SHAPE = any_of(near(0, 3), near(0, 30), size(-2, 2))
BESSEL = any_of(near(0, 30), near(-700, 700))
FUNCTIONS = {
    "erfc": (erfc, any_of(near(-6, 26), near(-1, 1))),
    "erfcx": (lambda x: exp(x * x) * erfc(x), any_of(near(-26, 0), near(0, 15), size(0, 10), less(size(-5, 0)))),
    "erfcx_slope": (beside(erfcx_slope, 120), any_of(near(-5, 0), near(0, 3), near(1, 15), size(0, 4)), of(1, 2, 3)),
    "erfinv": (erfinv, any_of(near(-1, 1), size(-10, 0), lambda: 1 - size(-14, -1)())),
    "ndtr": (below, near(-37, 9)),
    "log_ndtr": (lambda x: log(below(x)) if x < 0 else log1p(-below(-x)), any_of(near(-3, 3), near(-40, 35), less(size(1, 10)))),
    "ndtri": (ndtri, any_of(near(0, 1), size(-18, 0), size(-300, -20))),
    "lgamma": (beside(lambda x: loggamma(x).real, 80), ANY_GAMMA),
    "digamma": (lambda x: psi(0, x), ANY_GAMMA),
    "polygamma": (beside(lambda x, n: psi(int(n), x), 120), any_of(near(0, 4), size(-2, 6), near(-10, 0)), of(1, 2, 3, 5, 10, 30)),
    "betaln": (lambda a, b: loggamma(a) + loggamma(b) - loggamma(a + b), any_of(near(0, 30), size(-3, 8)), any_of(near(0, 30), size(-3, 8))),
    "zeta": (beside(zeta, 200), any_of(near(1, 4), lambda: 1 + size(-8, 0)(), near(2, 60), of(2, 3, 4)), any_of(near(0, 3), size(-3, 3))),
    "zeta_slope": (beside(zeta_slope, 120), any_of(near(1.01, 4), near(2, 20)), any_of(near(0.1, 3), size(0, 2)), of(0, 1, 2, 3)),
    "gammainc": (beside(lower, 60), SHAPE, any_of(near(0, 30), size(-3, 1))),
    "gammaincc": (beside(upper, 60), SHAPE, any_of(near(0, 30), size(-3, 1))),
    "gammainc_slope": (beside(gammainc_slope, 200), SHAPE, any_of(near(0, 30), size(-3, 1)), of(1, 2)),
    "gamma_density": (beside(gamma_density, 200), SHAPE, any_of(near(0, 30), size(-3, 1)), of(0, 1, 2)),
    "betainc": (beside(beta, 60), SHAPE, SHAPE, near(0, 1)),
    "betainc_by_a": (beside(lambda a, b, x: by_shape(lambda v: beta(v, b, x), a, 1), 250), SHAPE, SHAPE, near(0, 1)),
    "betainc_by_b": (beside(lambda a, b, x: by_shape(lambda v: beta(a, v, x), b, 1), 250), SHAPE, SHAPE, near(0, 1)),
    "j0": (lambda x: besselj(0, x), any_of(near(-50, 50), size(0, 6))),
    "j1": (lambda x: besselj(1, x), any_of(near(-50, 50), size(0, 6))),
    "i0": (lambda x: besseli(0, x), BESSEL),
    "i1": (lambda x: besseli(1, x), BESSEL),
    "i0e": (lambda x: besseli(0, x) * exp(-abs(x)), BESSEL),
    "i1e": (lambda x: besseli(1, x) * exp(-abs(x)), BESSEL),
    "expint": (beside(exponential, 300), any_of(near(0, 3), size(-5, 1), near(0, 300)), of(-1, 0, 1, 2, 3, 10, 50)),
}

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "special.csv"), "w") as f:
    for name, (function, *draws) in FUNCTIONS.items():
        for _ in range(EACH):
            x = [float(draw()) for draw in draws]
            y = function(*[mpf(v) for v in x])
            f.write(",".join([name] + [v.hex() for v in x + [0.0] * (3 - len(x))] + [nstr(y, 30)]) + "\n")
