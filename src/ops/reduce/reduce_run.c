/* reduce_run.c - the reductions of table/reductions.def, over any axes of a strided array of any dtype, for the reference
 * evaluator and for what the fused one leaves to kernels.
 *
 * The axes are taken in the order in which they lie in memory. Where the innermost one is reduced, rows are folded into one result each;
 * where it is kept, results that lie side by side are reduced together. Either way memory is read in its order. Threads share the results:
 * each is computed by one of them, and its elements are added up in an order that depends on shape and strides alone. */
#include "ops/reduce/reduce_run.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"
#include "tensor/team.h"

enum {
    HEIGHT = 1024, /* elements that are added up before the sum goes to the total: rounding errors grow with the longer of this and WIDTH */
    FEW    = 8,    /* values that are added without a sum of their own */
    NARROW = 8,    /* columns that are reduced one after the other, a piece of HEIGHT at a time */
};

typedef union accumulator {
    double   f64;
    float    f32;
    uint64_t sum; /* of integers, modulo 2^64 */
    int64_t  i64;
    int32_t  i32;
    int16_t  i16;
    uint8_t  u8;
} accumulator; /* the functions below take arrays of one of these types */

/* ---- loops: rows × cols elements, strides in elements, into one accumulator for each column ------------------------------ */

/* first: there is nothing in them yet. At most HEIGHT rows, WIDTH columns. Without rows first ones are as nothing leaves them. */
typedef void (*fold)(void *acc, bool first, const void *x, int64_t rows, int64_t row_step, int64_t cols, int64_t step);
typedef void (*finish)(const void *acc, int64_t n, void *y, int64_t y_step);

/* The vocabulary of the rows. */
#define SQRT(X)       sqrt(X)
#define ABS(X)        fabs(X)
#define MAXIMUM(X, Y) ((((X) > (Y)) | ((X) != (X))) ? (X) : (Y))
#define MINIMUM(X, Y) ((((X) < (Y)) | ((X) != (X))) ? (X) : (Y))

/* The formulas of a FOLD row, in accumulators of type A. */
#define FORMULAS(NAME, A, START, TERM, JOIN, RESULT)                                                                   \
    static inline A start_##NAME(void) { return (A)(START); }                                                          \
    static inline A term_##NAME(A x) { return (A)(TERM); }                                                             \
    static inline A join_##NAME(A a, A b) { return (A)(JOIN); }                                                        \
    static inline A result_##NAME(A a) { return (A)(RESULT); }

/* F: the formulas' name, A: the accumulator's type. A column is taken in several lanes, so that they don't wait for one another. */
#define FOLD_LOOPS(NAME, T, F, A)                                                                                      \
    static A row_##NAME(const T *x, int64_t n, int64_t step)                                                           \
    {                                                                                                                  \
        A       lane[LANES];                                                                                           \
        int64_t k = 0;                                                                                                 \
        for (int q = 0; q < LANES; q++) lane[q] = start_##F();                                                         \
        if (step == 1)                                                                                                 \
            for (; k + LANES <= n; k += LANES)                                                                         \
                for (int q = 0; q < LANES; q++) lane[q] = join_##F(lane[q], term_##F((A)x[k + q]));                    \
        else                                                                                                           \
            for (; k + LANES <= n; k += LANES)                                                                         \
                for (int q = 0; q < LANES; q++) lane[q] = join_##F(lane[q], term_##F((A)x[(k + q) * step]));           \
        for (; k < n; k++) lane[0] = join_##F(lane[0], term_##F((A)x[k * step]));                                      \
        const A a = join_##F(join_##F(lane[0], lane[1]), join_##F(lane[2], lane[3]));                                  \
        return join_##F(a, join_##F(join_##F(lane[4], lane[5]), join_##F(lane[6], lane[7])));                          \
    }                                                                                                                  \
    static void NAME(void *acc, bool first, const void *p, int64_t rows, int64_t row_step, int64_t cols, int64_t step) \
    {                                                                                                                  \
        const T *x = p;                                                                                                \
        A       *total = acc, part[WIDTH], *to = rows < FEW ? total : part;                                            \
        for (int64_t j = 0; first && j < cols; j++) total[j] = start_##F();                                            \
        if (cols <= NARROW) {                                                                                          \
            for (int64_t j = 0; j < cols; j++) total[j] = join_##F(total[j], row_##NAME(x + j * step, rows, row_step)); \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t j = 0; to == part && j < cols; j++) part[j] = start_##F();                                        \
        for (int64_t r = 0; r < rows; r++, x += row_step) {                                                            \
            EACH_COLUMN(to[j] = join_##F(to[j], term_##F((A)x[at])))                                                   \
        }                                                                                                              \
        for (int64_t j = 0; to == part && j < cols; j++) total[j] = join_##F(total[j], part[j]);                       \
    }

#define FOLD_END(NAME, F, A, T)                                                                                        \
    static void NAME(const void *acc, int64_t n, void *y, int64_t y_step)                                              \
    {                                                                                                                  \
        for (int64_t j = 0; j < n; j++) ((T *)y)[j * y_step] = (T)result_##F(((const A *)acc)[j]);                     \
    }

#define PICK_LOOPS(NAME, T, BEATS)                                                                                     \
    PICK_ROW(NAME, T, BEATS)                                                                                           \
    static void NAME(void *acc, bool first, const void *p, int64_t rows, int64_t row_step, int64_t cols, int64_t step) \
    {                                                                                                                  \
        const T *x = p;                                                                                                \
        T       *m = acc;                                                                                              \
        if (first) {                                                                                                   \
            EACH_COLUMN(m[j] = x[at])                                                                                  \
        }                                                                                                              \
        if (cols <= NARROW) {                                                                                          \
            for (int64_t j = 0; j < cols; j++) {                                                                       \
                const T v = row_##NAME(x + j * step, rows, row_step);                                                  \
                m[j] = BETTER(v, BEATS, m[j]);                                                                         \
            }                                                                                                          \
            return;                                                                                                    \
        }                                                                                                              \
        for (int64_t r = 0; r < rows; r++, x += row_step) {                                                            \
            EACH_COLUMN(m[j] = BETTER(x[at], BEATS, m[j]))                                                             \
        }                                                                                                              \
    }
#define PICK_END(NAME, T)                                                                                              \
    static void NAME(const void *acc, int64_t n, void *y, int64_t y_step)                                              \
    {                                                                                                                  \
        for (int64_t j = 0; j < n; j++) ((T *)y)[j * y_step] = ((const T *)acc)[j];                                    \
    }
PICK_END(pick_f32, float)
PICK_END(pick_f64, double)
PICK_END(pick_i64, int64_t)
PICK_END(pick_i32, int32_t)
PICK_END(pick_i16, int16_t)
PICK_END(pick_u8, uint8_t)

#define OF_FLOATS(NAME, START, TERM, JOIN, RESULT)                                                                     \
    FORMULAS(NAME##_float, double, START, TERM, JOIN, RESULT)                                                          \
    FOLD_LOOPS(NAME##_f32, float, NAME##_float, double)                                                                \
    FOLD_LOOPS(NAME##_f64, double, NAME##_float, double)
#define OF_INTEGERS(NAME, START, TERM, JOIN, RESULT)                                                                   \
    FORMULAS(NAME##_ring, uint64_t, START, TERM, JOIN, RESULT)                                                         \
    FOLD_LOOPS(NAME##_i64, int64_t, NAME##_ring, uint64_t)                                                             \
    FOLD_LOOPS(NAME##_i32, int32_t, NAME##_ring, uint64_t)                                                             \
    FOLD_LOOPS(NAME##_i16, int16_t, NAME##_ring, uint64_t)                                                             \
    FOLD_LOOPS(NAME##_u8, uint8_t, NAME##_ring, uint64_t)
#define FLOATS_LOOPS(NAME, START, TERM, JOIN, RESULT)                                                                  \
    OF_FLOATS(NAME, START, TERM, JOIN, RESULT)                                                                         \
    FOLD_END(NAME##_end_f32, NAME##_float, double, float)                                                              \
    FOLD_END(NAME##_end_f64, NAME##_float, double, double)
#define RING_LOOPS(NAME, START, TERM, JOIN, RESULT)                                                                    \
    FLOATS_LOOPS(NAME, START, TERM, JOIN, RESULT)                                                                      \
    OF_INTEGERS(NAME, START, TERM, JOIN, RESULT)                                                                       \
    FOLD_END(NAME##_end_i64, NAME##_ring, uint64_t, int64_t)
#define TESTS_LOOPS(NAME, START, TERM, JOIN, RESULT)                                                                   \
    OF_FLOATS(NAME, START, TERM, JOIN, RESULT)                                                                         \
    OF_INTEGERS(NAME, START, TERM, JOIN, RESULT)                                                                       \
    FOLD_END(NAME##_end_float, NAME##_float, double, uint8_t)                                                          \
    FOLD_END(NAME##_end_ring, NAME##_ring, uint64_t, uint8_t)
#define SUM(NAME, RULE)                                                RING_LOOPS(NAME, 0, x, a + b, a)
#define FOLD(NAME, DTYPES, START, TERM, JOIN, RESULT, RULE)            DTYPES##_LOOPS(NAME, START, TERM, JOIN, RESULT)
#define PICK(NAME, START, BEATS, CALLED, RULE)                                                                         \
    PICK_LOOPS(NAME##_f32, float, BEATS)                                                                               \
    PICK_LOOPS(NAME##_f64, double, BEATS)                                                                              \
    PICK_LOOPS(NAME##_i64, int64_t, BEATS)                                                                             \
    PICK_LOOPS(NAME##_i32, int32_t, BEATS)                                                                             \
    PICK_LOOPS(NAME##_i16, int16_t, BEATS)                                                                             \
    PICK_LOOPS(NAME##_u8, uint8_t, BEATS)
#include "table/reductions_each.h"

/* By number and dtype. The accumulators are those of the vector loops. */
static const struct {
    fold   fold[TG_NDTYPES];
    finish finish[TG_NDTYPES];
} loops[TG_REDUCTIONS] = {
#define FLOATS_ROW(NAME) {{NAME##_f32, NAME##_f64}, {NAME##_end_f32, NAME##_end_f64}},
#define RING_ROW(NAME)                                                                                                 \
    {{NAME##_f32, NAME##_f64, NAME##_i64, NAME##_i32, NAME##_u8, NAME##_u8, NAME##_i16},                               \
     {NAME##_end_f32, NAME##_end_f64, NAME##_end_i64, NAME##_end_i64, NAME##_end_i64, NAME##_end_i64, NAME##_end_i64}},
#define TESTS_ROW(NAME)                                                                                                \
    {{NAME##_f32, NAME##_f64, NAME##_i64, NAME##_i32, NAME##_u8, NAME##_u8, NAME##_i16},                               \
     {NAME##_end_float, NAME##_end_float, NAME##_end_ring, NAME##_end_ring, NAME##_end_ring, NAME##_end_ring, NAME##_end_ring}},
#define SUM(NAME, RULE)         [TG_REDUCTION_##NAME] = RING_ROW(NAME)
#define FOLD(NAME, DTYPES, ...) [TG_REDUCTION_##NAME] = DTYPES##_ROW(NAME)
#define PICK(NAME, ...)                                                                                                \
    [TG_REDUCTION_##NAME] = {{NAME##_f32, NAME##_f64, NAME##_i64, NAME##_i32, NAME##_u8, NAME##_u8, NAME##_i16},       \
                             {pick_f32, pick_f64, pick_i64, pick_i32, pick_u8, pick_u8, pick_i16}},
#include "table/reductions_each.h"
};

static int64_t run_at(const order *o, int64_t r)
{
    int64_t at = 0;
    for (int k = o->n_reduced; k-- > 0; r /= o->reduced[k].n) at += r % o->reduced[k].n * o->reduced[k].step;
    return at;
}


/* ---- reductions -------------------------------------------------------------------------------------------------------------- */

/* The vector loops for columns that lie side by side, or rows in one piece. The reference evaluator does without. Of two accumulators join
 * takes as the second the one that came first. */
static void fold_fast(const tg_reduce_loops *l, void *acc, bool first, const char *x, int64_t rows, int64_t row_step, int64_t cols)
{
    accumulator row;
    if (first) l->start((size_t)cols, acc);
    if (cols > 1) {
        l->rows((size_t)rows, (size_t)cols, row_step, acc, x);
        return;
    }
    l->start(1, &row);
    l->run((size_t)rows, &row, x);
    l->join(1, &row, acc);
    memcpy(acc, &row, l->accumulator);
}

/* A few columns, with rows behind one another: many rows are taken as one wide row, and its accumulators joined in pairs. */
static void fold_narrow(const tg_reduce_loops *l, tg_dtype dtype, void *acc, bool first, const char *x, int64_t rows, int64_t cols)
{
    enum { TOGETHER = 16, AT_ONCE = 8 };
    const int64_t height = rows / TOGETHER, wide = cols * TOGETHER;
    const size_t  bytes = (size_t)(height * wide) * tg_dtype_size(dtype), row = (size_t)cols * l->accumulator;
    accumulator   parts[NARROW * TOGETHER];
    char         *part = (char *)parts;
    if (height > 0) {
        if (first) l->start((size_t)cols, acc);
        fold_fast(l, part, true, x, height, wide, wide);
        for (size_t d = 1; d < AT_ONCE; d *= 2)
            for (size_t k = 2 * d - 1; k < TOGETHER; k += 2 * d) l->join((size_t)cols, part + k * row, part + (k - d) * row);
        for (size_t k = AT_ONCE - 1; k < TOGETHER; k += AT_ONCE) {
            l->join((size_t)cols, part + k * row, acc);
            memcpy(acc, part + k * row, row);
        }
    }
    if (rows > height * TOGETHER)
        fold_fast(l, acc, first && height == 0, x + bytes, rows - height * TOGETHER, cols, cols);
}

static void reduce_unit(const tg_call *c, const order *o, int64_t number)
{
    const tg_array *x = &c->x[0];
    const int       row = c->op->reduce->row;
    const fold      take = loops[row].fold[x->dtype];
    const size_t    item = tg_dtype_size(x->dtype);
    const unit      u = tg_unit_at(o, number);
    const tg_reduce_loops *fast_loops = c->tape->engine ? tg_fast_reduction(c->op->reduce, x->dtype) : NULL;
    const tg_reduce_loops *l = fast_loops && fast_loops->rows ? fast_loops : NULL;
    const bool      narrow = l && o->col.n > 1 && o->col.step == 1 && u.cols <= NARROW && o->row.step == u.cols;
    const bool      fast = l && (o->col.n == 1 ? o->row.step == 1 : o->col.step == 1 && u.cols > NARROW);
    accumulator     acc[WIDTH];
    bool            first = true;
    for (int64_t r = 0; r < o->runs; r++)
        for (int64_t from = 0; from < o->row.n; from += HEIGHT, first = false) {
            const int64_t at = u.x + run_at(o, r) + from * o->row.step;
            const char   *p = (const char *)x->data + at * (int64_t)item;
            const int64_t rows = least(HEIGHT, o->row.n - from);
            if (narrow) fold_narrow(l, x->dtype, acc, first, p, rows, u.cols);
            else if (fast) fold_fast(l, acc, first, p, rows, o->row.step, u.cols);
            else take(acc, first, p, rows, o->row.step, u.cols, o->col.step);
        }
    loops[row].finish[x->dtype](acc, u.cols, (char *)c->y.data + u.y * (int64_t)tg_dtype_size(c->y.dtype), o->col.out);
}

/* What comes of no elements, n times. */
static void reduce_nothing(const tg_call *c, int64_t n)
{
    const tg_dtype dtype = c->x[0].dtype;
    const int      row = c->op->reduce->row;
    accumulator    acc;
    loops[row].fold[dtype](&acc, true, &acc, 0, 0, 1, 1);
    for (int64_t k = 0; k < n; k++) loops[row].finish[dtype](&acc, 1, (char *)c->y.data + k * (int64_t)tg_dtype_size(c->y.dtype), 1);
}

tg_status tg_reduce_run(tg_call *c)
{
    const tg_array *x = &c->x[0];
    const uint32_t  all = (1u << x->shape->rank) - 1, reduced = ((const tg_reduce_attr *)c->attr)->axes;
    const int64_t   results = tg_reduced_count(x->shape, all & ~reduced), each = tg_reduced_count(x->shape, reduced);
    if (results == 0) return TG_OK;
    if (each == 0) {
        reduce_nothing(c, results);
        return TG_OK;
    }
    const order o = tg_order_of(x, reduced);
    const int   threads = tg_threads_for(c, o.units, (double)results * (double)each);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t u = 0; u < o.units; u++) reduce_unit(c, &o, u);
    }
    return TG_OK;
}
