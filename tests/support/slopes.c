/* slopes.c - exact derivatives in long double (slopes.h), and errors by them. */
#include "slopes.h"

#include <float.h>
#include <math.h>

#include "kernels/kernels.h"

#define SLOPES(NAME, D, U, DD, UU, SECOND)                                                                                                 \
    const slopes slopes_##NAME = {{exact_##D, SECOND ? exact_##DD : NULL}, {exact_##U, exact_##UU}, slopes_beyond_##NAME};
#include "slopes.def"

double slopes_ulp(tg_dtype dtype, double got, real want, real size)
{
    const real most = dtype == TG_F32 ? (real)FLT_MAX : (real)DBL_MAX;
    const int  bits = dtype == TG_F32 ? 24 : 53, least = dtype == TG_F32 ? -125 : -1021;
    int        e;
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got) ? 0 : HUGE_VAL;
    if (isinf(got)) return fabsl(want) > most * (1 - 0x1p-20L) && (want > 0) == (got > 0) ? 0 : HUGE_VAL;
    if (fabsl(want) > most) want = want > 0 ? most : -most;
    frexpl(isfinite(size) && fabsl(size) > fabsl(want) ? size : want, &e);
    return (double)(fabsl((real)got - want) / ldexpl(1, (e < least ? least : e) - bits));
}

double slopes_error(const slopes *s, int k, tg_dtype dtype, double x, double got)
{
    const real floor = k == 0 ? 0 : dtype == TG_F32 ? SLOPES_SECOND_FLOOR_F32 : SLOPES_SECOND_FLOOR_F64;
    return isnan(x) ? 0 : slopes_ulp(dtype, got, s->exact[k]((real)x), fmaxl(s->unit[k]((real)x), floor));
}

bool slopes_can_be_fast(void)
{
#ifdef __x86_64__
    return tg_isa_has(TG_ISA_AVX2);
#else
    return true;
#endif
}
