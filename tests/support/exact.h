/* exact.h - functions and their derivatives in long double, written from their definitions: what tests measure the
 * library against. */
#ifndef EXACT_H
#define EXACT_H

#include <math.h>
#include <stdbool.h>

typedef long double real;

#define REAL long double
#define M(f) f##l
#define K(x) x##L
#define N(f) exact_##f
#define SPLIT (0x1p32L + 1)
#include "exact_formulas.h"
#undef REAL
#undef M
#undef K
#undef N
#undef SPLIT

/* Far to the left the products below are 0 times infinity, or smaller than any number. */
static inline real exact_softplus(real x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }
static inline real exact_logit(real x)
{
    return x < 0.25L ? logl(x) - log1pl(-x) : x < 0.5L ? -log1pl((1 - 2 * x) / x) : log1pl((2 * x - 1) / (1 - x));
}
/* ln(e^x + e^y) */
static inline real exact_logaddexp(real x, real y) { return x == y ? x + 0.693147180559945309417232121458176568L : (x > y ? x : y) + log1pl(expl(-fabsl(x - y))); }
static inline real exact_pi(void) { return 3.14159265358979323846264338327950288L; }
/* sin(pi x), or with a turn cos(pi x) */
static inline real exact_sinpi(real x, bool turn)
{
    const real n = rintl(x), r = exact_pi() * (x - n), y = turn ? cosl(r) : sinl(r);
    return fmodl(n, 2) == 0 ? y : -y;
}
static inline real exact_sinc(real x) { return x == 0 ? 1 : exact_sinpi(x, false) / (exact_pi() * x); }
/* its slope, and the larger of the terms that cancel there */
static inline real exact_sinc_d(real x)
{
    if (fabsl(x) > 0.05L || x != x) return (exact_sinpi(x, true) - exact_sinc(x)) / x;
    const real w = exact_pi() * exact_pi() * x * x;
    return -exact_pi() * exact_pi() / 3 * x * (1 - w / 10 * (1 - w / 28 * (1 - w / 54 * (1 - w / 88 * (1 - w / 130 * (1 - w / 180))))));
}
static inline real exact_sinc_u(real x) { return fabsl(x) < 0.5L ? exact_sinc_d(x) : fmaxl(fabsl(exact_sinpi(x, true)), fabsl(exact_sinc(x))) / x; }
static inline real exact_logaddexp2(real x, real y)
{
    return x == y ? x + 1 : (x > y ? x : y) + log1pl(exp2l(-fabsl(x - y))) / 0.693147180559945309417232121458176568L;
}
static inline real exact_silu(real x) { return x < -12000 ? -0.0L : x * exact_sigmoid(x); }
static inline real exact_mish(real x) { return x < -11000 ? -0.0L : x * tanhl(exact_softplus(x)); }
static inline real exact_gelu(real x) { return x < -100 ? -0.0L : x * exact_phi(x); }
static inline real exact_gelu_tanh(real x)
{
    real       dv;
    const real v = exact_gelu_v(exact_clamp(x, 100), &dv);
    return x < -100 ? -0.0L : x * exact_sigmoid_at(v, dv);
}
static inline real exact_gelu_tanh_bell(real x) /* sigmoid'(v) */
{
    real       dv;
    const real v = exact_gelu_v(exact_clamp(x, 100), &dv);
    return exact_sigmoid_d_at(v, dv);
}

/* g s, and 0 where g is 0, whatever s is. A slope below every double is one that vanishes. */
static inline real exact_times(real g, real s) { return g == 0 ? 0 : fabsl(s) < 0x1p-1100L ? g * 0 : g * s; }

/* Is a long double more than a double here? Under valgrind it is not. */
static inline bool exact_is_wide(void)
{
    const volatile real one = 1, more = one + 0x1p-63L;
    return more != one;
}

#endif
