/* update_loops.h - the optimizers' passes of one instruction set: included by update_base.c, update_avx2.c and update_avx512.c, which
 * define UPDATE_TABLE, the table to make. */
#include "kernels/update.h"

#include <float.h>
#include <math.h>

/* gcc leaves products and sums apart in ISO C; clang has to be told. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* What formulas are written with; table/updates.def says what it means. */
#define DECAYED(G)   (decay != 0 ? (G) + decay * w : (G)) /* 0 w would be NaN where w is infinite */
#define ABS(X)       _Generic((X), float: fabsf, default: fabs)(X)
#define SIGN(X)      ((X) > 0 ? 1 : (X) < 0 ? -1 : (X))
#define LARGER(X, Y) ((X) > (Y) ? (X) : (Y))
#define SQRT(X)      _Generic((X), float: sqrtf, default: sqrt)(X)
#define MOST         _Generic(w, float: FLT_MAX, default: DBL_MAX)
#define SQUARABLE    _Generic(w, float: 0x1p63f, default: 0x1p511)
#define WITHIN(L, X) _Generic((X), float: within_f32, default: within_f64)((L), (X))
#define NORMAL(X)    _Generic((X), float: normal_f32, default: normal_f64)(X)

static inline float  within_f32(float limit, float x) { return x > limit ? limit : x < -limit ? -limit : x; }
static inline double within_f64(double limit, double x) { return x > limit ? limit : x < -limit ? -limit : x; }
static inline float  normal_f32(float x) { return x > FLT_MIN ? x : FLT_MIN; }
static inline double normal_f64(double x) { return x > DBL_MIN ? x : DBL_MIN; }

/* The k-th tensor of a row: w, and then its states. */
static inline void *row_tensor(const tg_update *u, size_t k) { return k ? u->states + (k - 1) * u->stride : u->w; }

#define POINTER(X) real *restrict X##_at = row_tensor(u, k++);
#define NUMBER(X)                        \
    const real X = (real)numbers->X;     \
    (void)X;
#define LOAD(X)  real X = X##_at[i];
#define STORE(X) X##_at[i] = X;

#define OPERANDS(NAME, T, TENSORS, NUMBERS)                        \
    typedef T                        real;                         \
    const tg_##NAME##_numbers *const numbers = &u->number.NAME;    \
    const real *restrict g_at = u->g;                              \
    const real way = u->ascend ? -1 : 1;                           \
    size_t k = 0;                                                  \
    TG_EACH(POINTER, TENSORS)                                      \
    TG_EACH(NUMBER, NUMBERS)                                       \
    (void)k;

#define ELEMENT(TENSORS, FORMULA) \
    const real g = way * g_at[i]; \
    TG_EACH(LOAD, TENSORS)        \
    FORMULA;                      \
    TG_EACH(STORE, TENSORS)       \
    (void)g;

#define LOOP(NAME, SUFFIX, T, TENSORS, NUMBERS, FORMULA)                                \
    static void NAME##_##SUFFIX(const tg_update *u, size_t from, size_t to)             \
    {                                                                                   \
        OPERANDS(NAME, T, TENSORS, NUMBERS)                                             \
        for (size_t i = from; i < to; i++) {                                            \
            ELEMENT(TENSORS, FORMULA)                                                   \
        }                                                                               \
    }
#define UPDATE(NAME, TENSORS, NUMBERS, FORMULA)               \
    LOOP(NAME, f32, float, TENSORS, NUMBERS, FORMULA)         \
    LOOP(NAME, f64, double, TENSORS, NUMBERS, FORMULA)
#include "table/updates.def"

/* What is measured of a block is written down first, and then added up: its elements have changed, so it cannot be computed again when the
 * plain squares of doubles turn out to be beyond what doubles hold. */
enum { BLOCK = 128 };
#define MEASURE(X) measured[n++][at] = X;
#define NORM_LOOP(NAME, SUFFIX, T, TENSORS, NUMBERS, NORMS, FIRST)                                       \
    static void NAME##_norms_##SUFFIX(const tg_update *u, size_t from, size_t to, tg_squares *squares)   \
    {                                                                                                    \
        OPERANDS(NAME, T, TENSORS, NUMBERS)                                                              \
        T measured[TG_HOW_MANY(NORMS)][BLOCK];                                                           \
        for (size_t start = from; start < to; start += BLOCK) {                                          \
            const size_t count = to - start < BLOCK ? to - start : BLOCK;                                \
            for (size_t at = 0; at < count; at++) {                                                      \
                const size_t i = start + at;                                                             \
                size_t       n = 0;                                                                      \
                ELEMENT(TENSORS, FIRST)                                                                  \
                TG_EACH(MEASURE, NORMS)                                                                  \
            }                                                                                            \
            for (size_t n = 0; n < TG_HOW_MANY(NORMS); n++) {                                            \
                const tg_squares s = tg_squares_##SUFFIX(measured[n], count);                            \
                tg_add_squares(&squares[n], &s);                                                         \
            }                                                                                            \
        }                                                                                                \
    }
#define UPDATE(NAME, TENSORS, NUMBERS, FORMULA)
#define UPDATE_BY_NORMS(NAME, TENSORS, NUMBERS, NORMS, FIRST, FORMULA)       \
    NORM_LOOP(NAME, f32, float, TENSORS, NUMBERS, NORMS, FIRST)              \
    NORM_LOOP(NAME, f64, double, TENSORS, NUMBERS, NORMS, FIRST)
#include "table/updates.def"

const tg_update_loops UPDATE_TABLE[TG_UPDATES] = {
#define UPDATE(NAME, ...) [TG_UPDATE_##NAME] = {.update = {NAME##_f32, NAME##_f64}},
#define UPDATE_BY_NORMS(NAME, ...) \
    [TG_UPDATE_##NAME] = {.update = {NAME##_f32, NAME##_f64}, .norms = {NAME##_norms_f32, NAME##_norms_f64}},
#include "table/updates.def"
};
