/* update_loops.h - the optimizers' passes of one instruction set: included by update_base.c, update_avx2.c and update_avx512.c, which
 * define UPDATE_TABLE, the table to make. */
#include "kernels/update.h"

#include <float.h>
#include <math.h>

/* gcc leaves products and sums apart in ISO C; clang has to be told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

#define SQRT(X)      _Generic((X), float: sqrtf, default: sqrt)(X)
#define MOST            _Generic(w, float: FLT_MAX, default: DBL_MAX)
#define SQUARABLE       _Generic(w, float: 0x1p63f, default: 0x1p511)
#define LEAST_NORMAL(T) _Generic((T)0, float: FLT_MIN, default: DBL_MIN)
#define WITHIN(L, X) _Generic((X), float: within_f32, default: within_f64)((L), (X))

static inline float  within_f32(float limit, float x) { return x > limit ? limit : x < -limit ? -limit : x; }
static inline double within_f64(double limit, double x) { return x > limit ? limit : x < -limit ? -limit : x; }

#define LOOP(NAME, SUFFIX, T, MEANS, FORMULA)                                                                          \
    static void NAME##_##SUFFIX(const tg_update *u, size_t from, size_t to)                                            \
    {                                                                                                                  \
        T *restrict       wi = u->w, *restrict mi = u->m, *restrict vi = u->v;                                         \
        const T *restrict gi = u->g;                                                                                   \
        const T decay = (T)u->decay, keep = (T)u->keep, take = (T)u->take, keep2 = (T)u->keep2, take2 = (T)u->take2;   \
        const T lr = (T)u->lr, shrink = (T)u->shrink, root = (T)u->root;                                               \
        const T eps = u->eps > (double)LEAST_NORMAL(T) ? (T)u->eps : LEAST_NORMAL(T); /* 0 / 0 without */              \
        const bool decays = u->decay != 0; /* 0 w would be NaN where w is infinite */                                  \
        (void)keep, (void)take, (void)keep2, (void)take2, (void)shrink, (void)root, (void)eps, (void)mi, (void)vi;     \
        for (size_t i = from; i < to; i++) {                                                                           \
            T       w = wi[i], m = MEANS > 0 ? mi[i] : 0, v = MEANS > 1 ? vi[i] : 0;                                   \
            T       d = decays ? gi[i] + decay * w : gi[i];                                                            \
            FORMULA;                                                                                                   \
            wi[i] = w;                                                                                                 \
            if (MEANS > 0) mi[i] = m;                                                                                  \
            if (MEANS > 1) vi[i] = v;                                                                                  \
        }                                                                                                              \
    }
#define UPDATE(NAME, MEANS, FORMULA) LOOP(NAME, f32, float, MEANS, FORMULA) LOOP(NAME, f64, double, MEANS, FORMULA)
#include "table/updates.def"
#undef UPDATE

const tg_update_loops UPDATE_TABLE[TG_UPDATES] = {
#define UPDATE(NAME, MEANS, FORMULA) [TG_UPDATE_##NAME] = {MEANS, NAME##_f32, NAME##_f64},
#include "table/updates.def"
#undef UPDATE
};
