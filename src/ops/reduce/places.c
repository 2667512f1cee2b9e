/* places.c - where extremes are along an axis, and which: argmax, argmin, max, min, of a strided array of any dtype, axes in the order in which they
 * lie in memory. */
#include "ops/reduce/reduce_run.h"

#include <string.h>

#include "kernels/kernels.h"
#include "tensor/team.h"

/* Where the extremes of columns are, the first of equals, and in m, unless that is NULL, these themselves: both y_step apart. */
typedef void (*find)(const void *x, int64_t n, int64_t row_step, int64_t cols, int64_t step, int64_t *y, void *m, int64_t y_step);

#define ROW(NAME, ...)
#define PICK(NAME, START, BEATS, CALLED, RULE)                                                                         \
    PICK_ROW(NAME##_f32, float, BEATS)                                                                                 \
    PICK_ROW(NAME##_f64, double, BEATS)                                                                                \
    PICK_ROW(NAME##_i64, int64_t, BEATS)                                                                               \
    PICK_ROW(NAME##_i32, int32_t, BEATS)                                                                               \
    PICK_ROW(NAME##_i16, int16_t, BEATS)                                                                               \
    PICK_ROW(NAME##_u8, uint8_t, BEATS)
#include "table/reductions_each.h"

#define FAST_EXTREME(NAME, T, DTYPE, EXTREME)                                                                          \
    static T whole_##NAME(const T *x, int64_t n, int64_t step)                                                         \
    {                                                                                                                  \
        T m;                                                                                                           \
        if (step != 1) return row_##NAME(x, n, step);                                                                  \
        tg_fast_reduction(&tg_reduction_##EXTREME, DTYPE)->columns(1, (size_t)n, &m, x, NULL, NULL);                   \
        return m;                                                                                                      \
    }
FAST_EXTREME(amax_f32, float, TG_F32, amax)
FAST_EXTREME(amax_f64, double, TG_F64, amax)
FAST_EXTREME(amin_f32, float, TG_F32, amin)
FAST_EXTREME(amin_f64, double, TG_F64, amin)
#define whole_amax_i64 row_amax_i64
#define whole_amax_i32 row_amax_i32
#define whole_amax_i16 row_amax_i16
#define whole_amax_u8  row_amax_u8
#define whole_amin_i64 row_amin_i64
#define whole_amin_i32 row_amin_i32
#define whole_amin_i16 row_amin_i16
#define whole_amin_u8  row_amin_u8

/* a where the condition holds, else b. In loops that are not made of vectors a selection becomes a jump, which is foretold badly. */
#define BY_SELECTION(CONDITION, A, B) ((CONDITION) ? (A) : (B))
#define BY_BITS(CONDITION, A, B)      ((B) ^ (((A) ^ (B)) & -(int64_t)(CONDITION)))

/* I: an integer that holds every place, at least 32 bits, and as wide as a wide T, so that both go through vectors together. A row is searched
 * block by block: only where a block has an element that beats what was found is it looked for, in pieces that are compared as a whole. */
#define FIND(NAME, T, I, BEATS, CHOOSE)                                                                                        \
    static int64_t first_##NAME(const T *x, int64_t n, int64_t step)                                                   \
    {                                                                                                                  \
        int64_t best = 0;                                                                                              \
        for (int64_t from = 0; from < n; from += WIDTH) {                                                              \
            const int64_t end = least(from + WIDTH, n);                                                                \
            const T       m = whole_##NAME(x + from * step, end - from, step), b = x[best * step];                     \
            if (from > 0 && !(m BEATS b) && !(m != m)) continue;                                                       \
            int64_t k = from;                                                                                          \
            for (I hit = 0; step == 1 && !hit && k + SHORT <= end; k += hit ? 0 : SHORT)                               \
                for (int q = 0; q < SHORT; q++) hit |= (x[k + q] == m || x[k + q] != x[k + q]) ? 1 : 0;                \
            for (; k < end; k++)                                                                                       \
                if (x[k * step] == m || x[k * step] != x[k * step]) {                                                  \
                    best = k;                                                                                          \
                    break;                                                                                             \
                }                                                                                                      \
            if (m != m) break;                                                                                         \
        }                                                                                                              \
        return best;                                                                                                   \
    }                                                                                                                  \
    static void find_##NAME(const void *p, int64_t n, int64_t row_step, int64_t cols, int64_t step, int64_t *y, void *m_, int64_t y_step) \
    {                                                                                                                  \
        const T *x = p;                                                                                                \
        T        best[WIDTH], *extreme = m_;                                                                           \
        I        place[WIDTH] = {0};                                                                                   \
        if (cols == 1 || (uint64_t)n > INT32_MAX) {                                                                    \
            for (int64_t j = 0; j < cols; j++) {                                                                       \
                const int64_t first = first_##NAME(x + j * step, n, row_step);                                         \
                y[j * y_step] = first;                                                                                 \
                if (extreme) extreme[j * y_step] = x[j * step + first * row_step];                                     \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        EACH_COLUMN(best[j] = x[at])                                                                                   \
        for (int64_t r = 1; r < n; r++) {                                                                              \
            const I number = (I)r;                                                                                     \
            x += row_step;                                                                                             \
            EACH_COLUMN(const T v = x[at]; const T m = best[j];                                                        \
                        const bool better = ((v BEATS m) | (v != v)) & (m == m);                                       \
                        best[j] = CHOOSE(better, v, m); place[j] = CHOOSE(better, number, place[j]))                               \
        }                                                                                                              \
        for (int64_t j = 0; j < cols; j++) y[j * y_step] = place[j];                                                   \
        for (int64_t j = 0; extreme && j < cols; j++) extreme[j * y_step] = best[j];                                   \
    }
#define FIND_BOTH(SUFFIX, T, I, CHOOSE)        \
    FIND(amax_##SUFFIX, T, I, >, CHOOSE)        \
    FIND(amin_##SUFFIX, T, I, <, CHOOSE)
FIND_BOTH(f32, float, int32_t, BY_SELECTION)
FIND_BOTH(f64, double, int64_t, BY_SELECTION)
FIND_BOTH(i64, int64_t, int64_t, BY_BITS)
FIND_BOTH(i32, int32_t, int32_t, BY_SELECTION)
FIND_BOTH(i16, int16_t, int32_t, BY_SELECTION)
FIND_BOTH(u8, uint8_t, int32_t, BY_SELECTION)

/* Columns of floats that lie side by side, by the vector loops. */
static void find_side_by_side(const tg_tile_loops *l, const tg_array *x, bool largest, const char *from, const order *o, int64_t cols,
                              int64_t *y, char *extreme)
{
    union {
        float  f32[WIDTH];
        double f64[WIDTH];
    } best;
    union {
        int32_t i32[WIDTH];
        int64_t i64[WIDTH];
    } place = {{0}};
    const size_t item = tg_item_size(x->dtype);
    memcpy(&best, from, (size_t)cols * item);
    l->places[largest]((size_t)o->row.n - 1, (size_t)cols, o->row.step, &best, &place, 1, from + o->row.step * (int64_t)item);
    for (int64_t j = 0; j < cols; j++) y[j * o->col.out] = x->dtype == TG_F32 ? place.i32[j] : place.i64[j];
    for (int64_t j = 0; extreme && j < cols; j++) memcpy(extreme + (size_t)(j * o->col.out) * item, (char *)&best + (size_t)j * item, item);
}

/* The places go to `places`; the extremes to `extremes`, unless that is NULL. */
static tg_status find_extremes(const tg_call *c, bool largest, int64_t *places, char *extremes)
{
    static const find finds[2][TG_NDTYPES] = {{find_amin_f32, find_amin_f64, find_amin_i64, find_amin_i32, find_amin_u8, find_amin_u8,
                                               find_amin_i16},
                                              {find_amax_f32, find_amax_f64, find_amax_i64, find_amax_i32, find_amax_u8, find_amax_u8,
                                               find_amax_i16}};
    const tg_array   *x = &c->x[0];
    const uint32_t    all = (1u << x->shape->rank) - 1, reduced = ((const tg_reduce_attr *)c->attr)->axes;
    const int64_t     results = tg_reduced_count(x->shape, all & ~reduced), each = tg_reduced_count(x->shape, reduced);
    const int64_t     item = (int64_t)tg_dtype_size(x->dtype);
    if (results == 0) return TG_OK;
    const order o = tg_order_of(x, reduced);
    const tg_tile_loops *l = c->tape->engine && o.col.step == 1 && o.row.n <= INT32_MAX ? tg_fast_tile(x->dtype) : NULL;
    const int   threads = tg_threads_for(c, o.units, (double)results * (double)each);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < o.units; k++) {
            const unit u = tg_unit_at(&o, k);
            if (l && u.cols > 1)
                find_side_by_side(l, x, largest, (const char *)x->data + u.x * item, &o, u.cols, places + u.y, extremes ? extremes + u.y * item : NULL);
            else finds[largest][x->dtype]((const char *)x->data + u.x * item, o.row.n, o.row.step, u.cols, o.col.step, places + u.y,
                                     extremes ? extremes + u.y * item : NULL, o.col.out);
        }
    }
    return TG_OK;
}

tg_status tg_argmax_run(tg_call *c) { return find_extremes(c, true, c->y.data, NULL); }
tg_status tg_argmin_run(tg_call *c) { return find_extremes(c, false, c->y.data, NULL); }
tg_status tg_max_run(tg_call *c) { return find_extremes(c, true, c->result[1].y.data, c->y.data); }
tg_status tg_min_run(tg_call *c) { return find_extremes(c, false, c->result[1].y.data, c->y.data); }
