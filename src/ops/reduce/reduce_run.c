/* reduce_run.c - the reductions of table/reductions.def, and argmax, over any axes of a strided array of any dtype, for the reference
 * evaluator and for what the fused one leaves to kernels.
 *
 * The axes are taken in the order in which they lie in memory. Where the innermost one is reduced, rows are folded into one result each;
 * where it is kept, results that lie side by side are reduced together. Either way memory is read in its order. Threads share the results:
 * each is computed by one of them, and its elements are added up in an order that depends on shape and strides alone. */
#include "ops/window/window.h"

#include <math.h>
#include <string.h>

#include "kernels/kernels.h"

enum {
    WIDTH  = 512,  /* results that are reduced side by side */
    HEIGHT = 1024, /* elements that are added up before the sum goes to the total: rounding errors grow with the longer of both */
    LANES  = 8,
    FEW    = 8,    /* values that are added without a sum of their own */
    NARROW = 8,    /* columns that are reduced one after the other, a piece of HEIGHT at a time */
    SHORT  = 32,   /* rows below this length are reduced side by side where they can be */
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

#define EACH_COLUMN(STATEMENT)                                                                                         \
    if (step == 1)                                                                                                     \
        for (int64_t j = 0; j < cols; j++) {                                                                           \
            const int64_t at = j;                                                                                      \
            STATEMENT;                                                                                                 \
        }                                                                                                              \
    else                                                                                                               \
        for (int64_t j = 0; j < cols; j++) {                                                                           \
            const int64_t at = j * step;                                                                               \
            STATEMENT;                                                                                                 \
        }

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

/* NaN replaces everything, and nothing replaces it. */
#define PICK_LOOPS(NAME, T, BEATS)                                                                                     \
    static T row_##NAME(const T *x, int64_t n, int64_t step)                                                           \
    {                                                                                                                  \
        T       lane[LANES], m = x[0];                                                                                 \
        int64_t k = 0;                                                                                                 \
        for (int q = 0; q < LANES; q++) lane[q] = m;                                                                   \
        if (step == 1)                                                                                                 \
            for (; k + LANES <= n; k += LANES)                                                                         \
                for (int q = 0; q < LANES; q++) lane[q] = BETTER(x[k + q], BEATS, lane[q]);                            \
        for (; k < n; k++) m = BETTER(x[k * step], BEATS, m);                                                          \
        for (int q = 0; q < LANES; q++) m = BETTER(lane[q], BEATS, m);                                                 \
        return m;                                                                                                      \
    }                                                                                                                  \
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
#define BETTER(X, BEATS, M) ((((X) BEATS (M)) | ((X) != (X))) ? (X) : (M))

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

/* ---- the order of axes -------------------------------------------------------------------------------------------------- */

typedef struct axis {
    int64_t n, step, out; /* strides in x and in y, in elements */
    bool    reduced;
} axis;

/* Results in rows of `cols`, `blocks` of at most WIDTH in each; and what is reduced, in runs of `rows`. */
typedef struct order {
    int  n_kept, n_reduced;
    axis kept[TG_MAX_RANK], reduced[TG_MAX_RANK]; /* the others, innermost last */
    axis col, row;
    int64_t blocks, units, runs;
} order;

static int64_t size_of(int64_t step) { return step < 0 ? -step : step; }

/* Axes of more than one element, farthest apart first; neighbours of one kind that lie behind one another as one. */
static int list_axes(const tg_array *x, uint32_t reduced, axis *list)
{
    int     n = 0, joined = 0;
    int64_t out = 1;
    for (int k = x->shape->rank; k-- > 0;) {
        const axis a = {x->shape->dim[k], x->stride[k], reduced >> k & 1 ? 0 : out, reduced >> k & 1};
        int        at = n;
        if (!a.reduced) out *= a.n;
        if (a.n == 1) continue;
        while (at > 0 && size_of(list[at - 1].step) < size_of(a.step)) at--;
        memmove(&list[at + 1], &list[at], (size_t)(n++ - at) * sizeof *list);
        list[at] = a;
    }
    for (int k = 0; k < n; k++) {
        const axis *a = &list[k];
        axis       *before = joined ? &list[joined - 1] : NULL;
        if (before && before->reduced == a->reduced && before->step == a->step * a->n && before->out == a->out * a->n)
            *before = (axis){before->n * a->n, a->step, a->out, a->reduced};
        else list[joined++] = *a;
    }
    return joined;
}

static order order_of(const tg_array *x, uint32_t reduced)
{
    axis  list[TG_MAX_RANK + 1];
    order o = {.col = {1, 0, 0, false}, .row = {1, 0, 0, true}, .units = 1, .runs = 1};
    int   n = list_axes(x, reduced, list);
    int   col = n - 1;
    if (n > 1 && list[col].reduced && list[col].n < SHORT && !list[col - 1].reduced) col--;
    if (n > 0 && !list[col].reduced) {
        o.col = list[col];
        memmove(&list[col], &list[col + 1], (size_t)(--n - col) * sizeof *list);
    }
    for (int k = 0; k < n; k++) {
        if (list[k].reduced) o.reduced[o.n_reduced++] = list[k];
        else o.kept[o.n_kept++] = list[k];
    }
    if (o.n_reduced) o.row = o.reduced[--o.n_reduced];
    o.blocks = (o.col.n + WIDTH - 1) / WIDTH;
    for (int k = 0; k < o.n_kept; k++) o.units *= o.kept[k].n;
    o.units *= o.blocks;
    for (int k = 0; k < o.n_reduced; k++) o.runs *= o.reduced[k].n;
    return o;
}

/* Where results number u … begin in x and y, and how many there are. */
typedef struct unit {
    int64_t x, y, cols;
} unit;

static unit unit_at(const order *o, int64_t u)
{
    const int64_t from = u % o->blocks * WIDTH, left = o->col.n - from;
    unit          w = {from * o->col.step, from * o->col.out, left < WIDTH ? left : WIDTH};
    u /= o->blocks;
    for (int k = o->n_kept; k-- > 0; u /= o->kept[k].n) {
        w.x += u % o->kept[k].n * o->kept[k].step;
        w.y += u % o->kept[k].n * o->kept[k].out;
    }
    return w;
}

static int64_t run_at(const order *o, int64_t r)
{
    int64_t at = 0;
    for (int k = o->n_reduced; k-- > 0; r /= o->reduced[k].n) at += r % o->reduced[k].n * o->reduced[k].step;
    return at;
}

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

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
    const unit      u = unit_at(o, number);
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
    const order o = order_of(x, reduced);
    const int   threads = tg_threads_for(c, o.units, (double)results * (double)each);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t u = 0; u < o.units; u++) reduce_unit(c, &o, u);
    return TG_OK;
}

/* ---- places of extremes: one axis ------------------------------------------------------------------------------------------ */

/* Where the extremes of columns are, the first of equals, and in m, unless that is NULL, these themselves: both y_step apart. */
typedef void (*find)(const void *x, int64_t n, int64_t row_step, int64_t cols, int64_t step, int64_t *y, void *m, int64_t y_step);

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
    const order o = order_of(x, reduced);
    const int   threads = tg_threads_for(c, o.units, (double)results * (double)each);
#pragma omp parallel for num_threads(threads) schedule(static)
    for (int64_t k = 0; k < o.units; k++) {
        const unit u = unit_at(&o, k);
        finds[largest][x->dtype]((const char *)x->data + u.x * item, o.row.n, o.row.step, u.cols, o.col.step, places + u.y,
                                 extremes ? extremes + u.y * item : NULL, o.col.out);
    }
    return TG_OK;
}

tg_status tg_argmax_run(tg_call *c) { return find_extremes(c, true, c->y.data, NULL); }
tg_status tg_max_run(tg_call *c) { return find_extremes(c, true, c->result[1].y.data, c->y.data); }
tg_status tg_min_run(tg_call *c) { return find_extremes(c, false, c->result[1].y.data, c->y.data); }
