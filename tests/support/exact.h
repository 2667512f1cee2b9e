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
