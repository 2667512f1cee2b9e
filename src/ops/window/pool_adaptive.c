/* pool_adaptive.c - the arithmetic of pooling where windows share the axes out. Windows of one row of results see the same rows of the plane: of
 * these the largest element, or the sum, is found column by column first, whole rows at a time, and then a window's from its columns'. */
#include "ops/window/pool_planes.h"

#include <math.h>

#include "kernels/kernels.h"

/* The layers and rows that the windows of a row of results see. */
typedef struct band {
    part layer, row;
} band;
/* Runs the body for each row of results, with its BAND; AT is its first result. */
#define EACH_BAND(P, BAND, AT)                                                                                         \
    for (int64_t r_ = 0, AT = 0; r_ < (P)->count[0] * (P)->count[1]; r_++, AT += (P)->count[2])                        \
        for (band BAND = {part_of(P, 0, r_ / (P)->count[1]), part_of(P, 1, r_ % (P)->count[1])}, *once_ = &BAND; once_; once_ = NULL)

/* Runs the body for each row of a band; FROM: its first element. */
#define EACH_ROW(P, BAND, FROM)                                                                                        \
    for (int64_t z_ = (BAND).layer.from; z_ < (BAND).layer.to; z_++)                                                   \
        for (int64_t i_ = (BAND).row.from, FROM = (z_ * (P)->plane[1] + i_) * (P)->plane[2]; i_ < (BAND).row.to; i_++, FROM += (P)->plane[2])

enum { LANES = 8, WIDE = 32 };

/* Is a band one row, which begins at *from? Then its elements are their columns' largest, and sums. */
static bool is_one_row(const planes *p, const band *b, int64_t *from)
{
    *from = (b->layer.from * p->plane[1] + b->row.from) * p->plane[2];
    return b->layer.to - b->layer.from == 1 && b->row.to - b->row.from == 1;
}

/* Adds elements W of FROM to ALL, a double. */
#define ADD_UP(FROM, W, ALL)                                                                                           \
    {                                                                                                                  \
        double  lanes_[LANES] = {0};                                                                                   \
        int64_t j_ = (W).from;                                                                                         \
        for (; j_ + LANES <= (W).to; j_ += LANES)                                                                      \
            for (int l = 0; l < LANES; l++) lanes_[l] += (double)(FROM)[j_ + l];                                       \
        for (; j_ < (W).to; j_++) ALL += (double)(FROM)[j_];                                                           \
        for (int l = 0; l < LANES; l++) ALL += lanes_[l];                                                              \
    }

/* SIZED: an integer of T's size, by which comparisons become vectors. */
#define ADAPTIVE(SUFFIX, T, DTYPE, SIZED)                                                                                           \
    /* The largest element of each column, in m or where they are. NaN is larger than all: where there is one the rows are gone through again. */ \
    static const T *largest_columns_##SUFFIX(const planes *p, const band *b, const T *x, T *restrict m)                \
    {                                                                                                                  \
        SIZED   nan = 0;                                                                                               \
        int64_t only;                                                                                                  \
        if (is_one_row(p, b, &only)) return x + only;                                                                  \
        for (int64_t j = 0; j < p->plane[2]; j++) m[j] = -(T)INFINITY;                                                 \
        EACH_ROW(p, *b, from)                                                                                          \
        for (int64_t j = 0; j < p->plane[2]; j++) {                                                                    \
            const T v = x[from + j];                                                                                   \
            nan |= v != v;                                                                                             \
            m[j] = v > m[j] ? v : m[j];                                                                                \
        }                                                                                                              \
        if (nan)                                                                                                       \
            EACH_ROW(p, *b, from)                                                                                      \
            for (int64_t j = 0; j < p->plane[2]; j++) m[j] = x[from + j] != x[from + j] ? x[from + j] : m[j];          \
        return m;                                                                                                      \
    }                                                                                                                  \
    static T largest_of_##SUFFIX(const T *m, part w)                                                                   \
    {                                                                                                                  \
        T   all = m[w.from];                                                                                           \
        int nan = 0;                                                                                                   \
        if (w.to - w.from >= WIDE) {                                                                                   \
            tg_fast_reduction(&tg_reduction_amax, DTYPE)->columns(1, (size_t)(w.to - w.from), &all, m + w.from, NULL, NULL); \
            return all;                                                                                                \
        }                                                                                                              \
        for (int64_t j = w.from; j < w.to; j++) {                                                                      \
            nan |= m[j] != m[j];                                                                                       \
            all = m[j] > all ? m[j] : all;                                                                             \
        }                                                                                                              \
        return nan ? (T)NAN : all;                                                                                     \
    }                                                                                                                  \
    /* The first element of a window that is m, or NaN if m is. */                                                     \
    static int64_t place_##SUFFIX(const planes *p, const band *b, part w, const T *x, T m)                             \
    {                                                                                                                  \
        EACH_ROW(p, *b, from)                                                                                          \
        {                                                                                                              \
            int64_t j = from + w.from;                                                                                 \
            for (; j + WIDE <= from + w.to; j += WIDE) {                                                               \
                SIZED found = 0;                                                                                       \
                for (int l = 0; l < WIDE; l++) found |= (x[j + l] == m) | (x[j + l] != x[j + l]);                      \
                if (found) break;                                                                                      \
            }                                                                                                          \
            for (; j < from + w.to; j++)                                                                               \
                if (x[j] == m || x[j] != x[j]) return j;                                                               \
        }                                                                                                              \
        return 0; /* never reached: m is there */                                                                      \
    }                                                                                                                  \
    static void max_##SUFFIX(const planes *p, const T *x, const T *v, T *y, T *row)                                    \
    {                                                                                                                  \
        EACH_BAND(p, b, at)                                                                                            \
        {                                                                                                              \
            const T *columns = largest_columns_##SUFFIX(p, &b, x, row);                                                \
            for (int64_t k = 0; k < p->count[2]; k++) {                                                                \
                const part w = part_of(p, 2, k);                                                                       \
                const T    m = largest_of_##SUFFIX(columns, w);                                                        \
                y[at + k] = v == x ? m : picked_##SUFFIX(v[place_##SUFFIX(p, &b, w, x, m)], m);                        \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void max_dx_##SUFFIX(const planes *p, const T *x, const T *g, T *dx, T *row)                                \
    {                                                                                                                  \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        EACH_BAND(p, b, at)                                                                                            \
        {                                                                                                              \
            const T *columns = largest_columns_##SUFFIX(p, &b, x, row);                                                \
            for (int64_t k = 0; k < p->count[2]; k++) {                                                                \
                const part w = part_of(p, 2, k);                                                                       \
                const T    m = largest_of_##SUFFIX(columns, w);                                                        \
                dx[place_##SUFFIX(p, &b, w, x, m)] += picked_##SUFFIX(g[at + k], m);                                   \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void avg_##SUFFIX(const planes *p, const T *x, T *y, double *restrict sum)                                  \
    {                                                                                                                  \
        EACH_BAND(p, b, at)                                                                                            \
        {                                                                                                              \
            int64_t    only;                                                                                           \
            const bool one = is_one_row(p, &b, &only);                                                                 \
            for (int64_t j = 0; !one && j < p->plane[2]; j++) sum[j] = 0;                                              \
            if (!one)                                                                                                  \
                EACH_ROW(p, b, from)                                                                                   \
                for (int64_t j = 0; j < p->plane[2]; j++) sum[j] += (double)x[from + j];                               \
            for (int64_t k = 0; k < p->count[2]; k++) {                                                                \
                const piece w = {{b.layer, b.row, part_of(p, 2, k)}};                                                  \
                double      all = 0;                                                                                   \
                if (one) ADD_UP(x + only, w.of[2], all)                                                                \
                else ADD_UP(sum, w.of[2], all)                                                                         \
                y[at + k] = (T)(all / weight(p, &w));                                                                  \
            }                                                                                                          \
        }                                                                                                              \
    }                                                                                                                  \
    /* What each column has of the windows that it is in, and then each row; of one row itself. */                     \
    static void avg_dx_##SUFFIX(const planes *p, const T *g, T *dx, T *row)                                            \
    {                                                                                                                  \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        EACH_BAND(p, b, at)                                                                                            \
        {                                                                                                              \
            int64_t    only;                                                                                           \
            const bool one = is_one_row(p, &b, &only);                                                                 \
            T *restrict each = one ? dx + only : row;                                                                  \
            for (int64_t j = 0; !one && j < p->plane[2]; j++) each[j] = 0;                                             \
            for (int64_t k = 0; k < p->count[2]; k++) {                                                                \
                const piece w = {{b.layer, b.row, part_of(p, 2, k)}};                                                  \
                const T     own = (T)((double)g[at + k] / weight(p, &w));                                              \
                for (int64_t j = w.of[2].from; j < w.of[2].to; j++) each[j] += own;                                    \
            }                                                                                                          \
            if (!one)                                                                                                  \
                EACH_ROW(p, b, from)                                                                                   \
                for (int64_t j = 0; j < p->plane[2]; j++) dx[from + j] += each[j];                                     \
        }                                                                                                              \
    }
ADAPTIVE(f32, float, TG_F32, int32_t)
ADAPTIVE(f64, double, TG_F64, int64_t)

void tg_adaptive_max(const planes *p, tg_dtype dtype, const void *x, const void *v, void *y, void *row)
{
    if (dtype == TG_F32) max_f32(p, x, v, y, row);
    else max_f64(p, x, v, y, row);
}

void tg_adaptive_max_dx(const planes *p, tg_dtype dtype, const void *x, const void *g, void *dx, void *row)
{
    if (dtype == TG_F32) max_dx_f32(p, x, g, dx, row);
    else max_dx_f64(p, x, g, dx, row);
}

void tg_adaptive_avg(const planes *p, tg_dtype dtype, const void *x, void *y, double *row)
{
    if (dtype == TG_F32) avg_f32(p, x, y, row);
    else avg_f64(p, x, y, row);
}

void tg_adaptive_avg_dx(const planes *p, tg_dtype dtype, const void *g, void *dx, void *row)
{
    if (dtype == TG_F32) avg_dx_f32(p, g, dx, row);
    else avg_dx_f64(p, g, dx, row);
}
