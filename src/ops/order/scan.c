/* scan.c - along an axis, what has come so far: cumsum, cumprod, logcumsumexp, linear_scan, which their gradients are made of, and cummax
 * and cummin with their places.
 *
 * A line is worked on from one end to the other by one thread, neighbouring lines side by side: the result is the same for any number of
 * threads. What is carried along is double for both floats.
 *
 * linear_scan is the recurrence y[i] = b[i] + a[i] y[i-1]. Its gradient is the same recurrence from the other end, and a product's gradient
 * is one: no rule divides, so that zeros need no care. */
#include "ops/batch.h"
#include "ops/ops.h"
#include "tensor/team.h"

#include <math.h>
#include <string.h>
#include <tapegrad/order.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* Some lines: n elements each, `step` apart, from the end where the scan begins; the lines are `apart`. Neighbouring ones lie side by side, or,
 * along the last axis, one behind the other, a few of which at once keep the processor busy while each waits for its last sum. */
enum { COLUMNS = 64, TOGETHER = 4 };
typedef struct lines {
    int64_t n, step, columns, apart;
} lines;

typedef void (*lines_fn)(const lines *l, const void *const *x, void *y, void *second);

/* Calls `scan` for all lines of c's inputs and results. */
static tg_status each_lines(tg_call *c, lines_fn scan)
{
    const tg_scan_attr *a    = c->attr;
    const tg_shape     *s    = c->y.shape;
    const int           axis = (int)a->axis;
    const int64_t       n = s->dim[axis], inner = tg_count_of(s, axis + 1, s->rank), outer = tg_count_of(s, 0, axis);
    const bool          last  = inner == 1;
    const int64_t    tiles = (inner + COLUMNS - 1) / COLUMNS, units = last ? (outer + TOGETHER - 1) / TOGETHER : outer * tiles;
    const int64_t    item = (int64_t)tg_dtype_size(c->x[0].dtype), to_item = (int64_t)tg_dtype_size(c->y.dtype);
    const int64_t    second_item = c->op->results > 1 ? (int64_t)tg_dtype_size(c->result[1].y.dtype) : 0;
    if (n == 0) return TG_OK;
    const int threads = tg_threads_for(c, units, (double)outer * (double)inner * (double)n);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t u = 0; u < units; u++) {
            const int64_t column = last ? 0 : u % tiles * COLUMNS, line = last ? u * TOGETHER : u / tiles;
            const int64_t first = (line * n + (a->reverse ? n - 1 : 0)) * inner + column, left = last ? outer - line : inner - column;
            const int64_t most = last ? TOGETHER : COLUMNS;
            const lines   l = {n, a->reverse ? -inner : inner, left < most ? left : most, last ? n : 1};
            const void   *x[2];
            for (int i = 0; i < c->n_in; i++) x[i] = (const char *)c->x[i].data + first * item;
            scan(&l, x, (char *)c->y.data + first * to_item, c->op->results > 1 ? (char *)c->result[1].y.data + first * second_item : NULL);
        }
    }
    return TG_OK;
}

/* NAME, which works on lines with numbers that the compiler knows: of side by side ones, and of TOGETHER others. */
#define OF_LINES static inline __attribute__((always_inline)) void
#define LINES(NAME)                                                                                                    \
    static void NAME(const lines *l, const void *const *x, void *y, void *second)                                   \
    {                                                                                                                  \
        if (l->apart == 1) NAME##_of(l, x, y, second, l->columns, 1);                                                  \
        else if (l->columns == TOGETHER) NAME##_of(l, x, y, second, TOGETHER, l->apart);                               \
        else NAME##_of(l, x, y, second, l->columns, l->apart);                                                         \
    }

/* NAME: of elements T to results R, with ACC carried along, START at first; STEP changes the one of this line, s, by element x (of two inputs:
 * w and x), OUT is the result. */
#define SCAN(NAME, T, R, ACC, START, STEP, OUT)                                                                        \
    OF_LINES NAME##_of(const lines *l, const void *const *in, void *out, void *second, int64_t columns, int64_t apart) \
    {                                                                                                                  \
        const T *from = in[0];                                                                                         \
        R       *to = out;                                                                                             \
        ACC      carried[COLUMNS];                                                                                     \
        (void)second;                                                                                                  \
        for (int64_t j = 0; j < columns; j++) carried[j] = START;                                                      \
        for (int64_t k = 0; k < l->n; k++)                                                                             \
            for (int64_t j = 0; j < columns; j++) {                                                                    \
                const ACC x = (ACC)from[k * l->step + j * apart];                                                      \
                ACC       s = carried[j];                                                                              \
                STEP;                                                                                                  \
                carried[j] = s;                                                                                        \
                to[k * l->step + j * apart] = (R)(OUT);                                                                \
            }                                                                                                          \
    }                                                                                                                  \
    LINES(NAME)

/* Integers modulo 2^64. */
#define SCANS(NAME, START, STEP)                                                                                       \
    SCAN(NAME##_f32, float, float, double, START, STEP, s)                                                             \
    SCAN(NAME##_f64, double, double, double, START, STEP, s)                                                           \
    SCAN(NAME##_i64, int64_t, int64_t, uint64_t, START, STEP, s)                                                       \
    SCAN(NAME##_i32, int32_t, int64_t, uint64_t, START, STEP, s)                                                       \
    SCAN(NAME##_i16, int16_t, int64_t, uint64_t, START, STEP, s)                                                       \
    SCAN(NAME##_u8, uint8_t, int64_t, uint64_t, START, STEP, s)                                                        \
    static const lines_fn NAME[TG_NDTYPES] = {[TG_F32] = NAME##_f32, [TG_F64] = NAME##_f64, [TG_I64] = NAME##_i64, [TG_I32] = NAME##_i32, \
                                              [TG_U8] = NAME##_u8, [TG_BOOL] = NAME##_u8, [TG_I16] = NAME##_i16};
SCANS(sums, 0, s += x)
SCANS(products, 1, s *= x)

static tg_status scan_infer(tg_call *c)
{
    c->shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtypes[tg_dtype_of(c->in[0])].sum;
    return TG_OK;
}

static tg_tensor *scan(const tg_op *op, tg_tensor *x, int axis, bool reverse)
{
    const tg_scan_attr a = {axis, reverse};
    return tg_record(op, &x, 1, &a, sizeof a);
}

/* ---- sums
 * ------------------------------------------------------------------------------------------------------------- */

static tg_status cumsum_run(tg_call *c) { return each_lines(c, sums[c->x[0].dtype]); }

static tg_tensor *cumsum_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_scan_attr *a = c->attr;
    (void)i;
    return scan(&tg_op_cumsum, g, (int)a->axis, !a->reverse);
}

const tg_op tg_op_cumsum = {.name = "cumsum", .arity = 1, .infer = scan_infer, .run = cumsum_run, .vjp = cumsum_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_along};

/* ---- the recurrence ----------------------------------------------------------------------------------------------------- */

/* What is carried along is 0 for what is not used: 0 whatever it is multiplied by. */
#define RECUR(NAME, T)                                                                                                 \
    OF_LINES NAME##_of(const lines *l, const void *const *in, void *out, void *second, int64_t columns, int64_t apart) \
    {                                                                                                                  \
        const T *a = in[0], *b = in[1];                                                                                \
        T       *y = out;                                                                                              \
        double   carried[COLUMNS] = {0};                                                                               \
        (void)second;                                                                                                  \
        for (int64_t k = 0; k < l->n; k++)                                                                             \
            for (int64_t j = 0; j < columns; j++) {                                                                    \
                const int64_t at = k * l->step + j * apart;                                                            \
                carried[j] = (double)b[at] + (carried[j] == 0 ? 0 : (double)a[at] * carried[j]);                       \
                y[at] = (T)carried[j];                                                                                 \
            }                                                                                                          \
    }                                                                                                                  \
    LINES(NAME)
RECUR(recur_f32, float)
RECUR(recur_f64, double)

static tg_status linear_scan_infer(tg_call *c)
{
    if (!tg_dtype_is_float(tg_dtype_of(c->in[0])) || tg_dtype_of(c->in[0]) != tg_dtype_of(c->in[1]) || !tg_shape_equal(tg_in_shape(c, 0), tg_in_shape(c, 1)))
        return tg_fail(c, TG_ERR_SHAPE, "takes two tensors of one shape and dtype, float32 or float64");
    return scan_infer(c);
}

static tg_status linear_scan_run(tg_call *c) { return each_lines(c, c->y.dtype == TG_F32 ? recur_f32 : recur_f64); }

static tg_tensor *linear_scan(tg_tensor *a, tg_tensor *b, int axis, bool reverse)
{
    const tg_scan_attr attr = {axis, reverse};
    return tg_record(&tg_op_linear_scan, (tg_tensor *[]){a, b}, 2, &attr, sizeof attr);
}

/* Each element's neighbour along the axis: the one before it, or, back, behind it; `end` where there is none. */
static tg_tensor *neighbour(tg_tensor *x, int axis, bool back, double end)
{
    const tg_shape *s = tg_shape_of(x);
    if (!s || s->dim[axis] == 0) return x;
    tg_shape before = {.rank = s->rank}, behind = before;
    before.dim[axis] = back ? -1 : 1;
    behind.dim[axis] = -before.dim[axis];
    return tg_pad(x, &before, &behind, &(tg_pad_options){.value = end});
}

/* The gradients of b: what arrives at y[i], and, by a[i+1], what arrives behind it. */
static tg_tensor *arriving(tg_tensor *a, tg_tensor *g, const tg_scan_attr *attr)
{
    return linear_scan(neighbour(a, (int)attr->axis, !attr->reverse, 0), g, (int)attr->axis, !attr->reverse);
}

static tg_tensor *linear_scan_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_scan_attr *attr = c->attr;
    tg_tensor          *all  = arriving(c->in[0], g, attr);
    if (i == 1) return all;
    tg_tensor *before = neighbour(c->out, (int)attr->axis, attr->reverse, 0), *product = tg_mul_zero(all, before);
    return tg_guard_zero(product, product, before);
}

const tg_op tg_op_linear_scan = {.name = "linear_scan", .arity = 2, .infer = linear_scan_infer, .run = linear_scan_run, .vjp = linear_scan_vjp, .batch = tg_batch_along};

/* ---- products -------------------------------------------------------------------------------------------------------------- */

static tg_status cumprod_run(tg_call *c) { return each_lines(c, products[c->x[0].dtype]); }

/* y[i] = x[i] y[i-1]: what arrives at y[i] times the product before it. */
static tg_tensor *cumprod_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_scan_attr *attr = c->attr;
    (void)i;
    return tg_mul_zero(arriving(c->in[0], g, attr), neighbour(c->out, (int)attr->axis, attr->reverse, 1));
}

const tg_op tg_op_cumprod = {.name = "cumprod", .arity = 1, .infer = scan_infer, .run = cumprod_run, .vjp = cumprod_vjp, .batch = tg_batch_along};

/* ---- logarithms of sums of exponentials --------------------------------------------------------------------------------------- */

/* The largest so far, and the sum of exponentials relative to it. */
typedef struct log_sum {
    double most, sum;
} log_sum;

static inline log_sum one_more(log_sum a, double x)
{
    if (x == -HUGE_VAL || (x == HUGE_VAL && a.most == HUGE_VAL)) return a;
    if (x <= a.most) return (log_sum){a.most, a.sum + exp(x - a.most)};
    return (log_sum){x, (a.most == -HUGE_VAL ? 0 : a.sum * exp(a.most - x)) + 1};
}

/* a + b - y, where y is a + b but for rounding. */
static inline double lost(double a, double b, double y) { return fabs(a) >= fabs(b) ? b - (y - a) : a - (y - b); }

/* most + ln(sum), and what rounding it to T loses of it. */
#define LOG_SUMS(NAME, T)                                                                                              \
    OF_LINES NAME##_of(const lines *l, const void *const *in, void *out, void *second, int64_t columns, int64_t apart) \
    {                                                                                                                  \
        const T *x = in[0];                                                                                            \
        T       *y = out, *rest = second;                                                                              \
        log_sum  carried[COLUMNS];                                                                                     \
        for (int64_t j = 0; j < columns; j++) carried[j] = (log_sum){-HUGE_VAL, 0};                                    \
        for (int64_t k = 0; k < l->n; k++)                                                                             \
            for (int64_t j = 0; j < columns; j++) {                                                                    \
                const int64_t at = k * l->step + j * apart;                                                            \
                carried[j] = one_more(carried[j], (double)x[at]);                                                      \
                const double most = carried[j].most, more = most == -HUGE_VAL ? 0 : log(carried[j].sum);               \
                y[at]    = (T)(most + more);                                                                           \
                rest[at] = (T)(isfinite(y[at]) ? lost(most, more, (double)y[at]) : 0);                                 \
            }                                                                                                          \
    }                                                                                                                  \
    LINES(NAME)
LOG_SUMS(log_sums_f32, float)
LOG_SUMS(log_sums_f64, double)

/* Results: the logarithms, and what they lack: far from 0 a logarithm is rounded to more than the count of elements makes of it. That part has no
 * gradient: the one that is rounded has all of it. */
static tg_status logcumsumexp_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_in_shape(c, 0);
    c->dtype = c->result[1].dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

static tg_status logcumsumexp_run(tg_call *c) { return each_lines(c, c->y.dtype == TG_F32 ? log_sums_f32 : log_sums_f64); }

/* e^(a - b + rest) for logarithms a <= b, of which `rest` is what their difference lacks; 0 where a is -inf, whatever b is. */
static tg_tensor *share(tg_tensor *a, tg_tensor *b, tg_tensor *rest)
{
    tg_tensor *least = tg_number_like(a, -HUGE_VAL, "tg_logcumsumexp");
    return tg_exp(tg_where(tg_eq(a, least), least, tg_add(tg_sub(a, b), rest)));
}

/* dy[i]/dx[k] = e^(x[k] - y[i]) = e^(x[k] - y[k]) e^(y[k] - y[k+1]) … e^(y[i-1] - y[i]), all factors at most 1. */
static tg_tensor *logcumsumexp_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const tg_scan_attr *attr   = c->attr;
    const int           axis   = (int)attr->axis;
    tg_tensor          *rest = c->result[1].out, *behind = neighbour(c->out, axis, !attr->reverse, HUGE_VAL);
    if (!g) return tg_zeros_like(c->in[i]);
    tg_tensor *onwards = share(c->out, behind, tg_sub(rest, neighbour(rest, axis, !attr->reverse, 0)));
    return tg_mul_zero(linear_scan(onwards, g, axis, !attr->reverse), share(c->in[0], c->out, tg_neg(rest)));
}

const tg_op tg_op_logcumsumexp = {
    .name = "logcumsumexp", .arity = 1, .results = 2, .infer = logcumsumexp_infer, .run = logcumsumexp_run, .vjp = logcumsumexp_vjp,
    .batch = tg_batch_along};

/* ---- the largest and the smallest so far --------------------------------------------------------------------------------------- */

/* An element takes the place of one that it equals, and a NaN that of any. */
#define EXTREME(NAME, T, BEATS)                                                                                        \
    OF_LINES NAME##_of(const lines *l, const void *const *in, void *out, void *second, int64_t columns, int64_t apart) \
    {                                                                                                                  \
        const T      *from = in[0];                                                                                    \
        T            *to = out;                                                                                        \
        T             best[COLUMNS];                                                                                   \
        int64_t       at[COLUMNS] = {0}, *places = second;                                                             \
        const int64_t begin = l->step < 0 ? l->n - 1 : 0, by = l->step < 0 ? -1 : 1;                                   \
        for (int64_t j = 0; j < columns; j++) best[j] = from[j * apart];                                               \
        for (int64_t k = 0; k < l->n; k++)                                                                             \
            for (int64_t j = 0; j < columns; j++) {                                                                    \
                const T x = from[k * l->step + j * apart], m = best[j];                                                \
                if (x BEATS m || x != x) best[j] = x, at[j] = begin + by * k;                                          \
                to[k * l->step + j * apart] = best[j];                                                                 \
                places[k * l->step + j * apart] = at[j];                                                               \
            }                                                                                                          \
    }                                                                                                                  \
    LINES(NAME)
#define EXTREMES(NAME, BEATS)                                                                                          \
    EXTREME(NAME##_f32, float, BEATS)                                                                                  \
    EXTREME(NAME##_f64, double, BEATS)                                                                                 \
    EXTREME(NAME##_i64, int64_t, BEATS)                                                                                \
    EXTREME(NAME##_i32, int32_t, BEATS)                                                                                \
    EXTREME(NAME##_i16, int16_t, BEATS)                                                                                \
    EXTREME(NAME##_u8, uint8_t, BEATS)                                                                                 \
    static const lines_fn NAME[TG_NDTYPES] = {[TG_F32] = NAME##_f32, [TG_F64] = NAME##_f64, [TG_I64] = NAME##_i64, [TG_I32] = NAME##_i32, \
                                              [TG_U8] = NAME##_u8, [TG_BOOL] = NAME##_u8, [TG_I16] = NAME##_i16};
EXTREMES(largest, >=)
EXTREMES(smallest, <=)

static tg_status cumulative_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_in_shape(c, 0);
    c->dtype = tg_dtype_of(c->in[0]);
    c->result[1].dtype = TG_I64;
    return TG_OK;
}

static tg_status cummax_run(tg_call *c) { return each_lines(c, largest[c->y.dtype]); }
static tg_status cummin_run(tg_call *c) { return each_lines(c, smallest[c->y.dtype]); }

/* As that of tg_max: to the chosen element, and NaN to a NaN. */
static tg_tensor *cumulative_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *nan = tg_number_like(g, NAN, c->op->name);
    (void)i;
    return tg_scattered(tg_where(tg_eq(c->out, c->out), g, tg_mul_zero(g, nan)), c->result[1].out,
                        ((const tg_scan_attr *)c->attr)->axis, tg_in_shape(c, 0));
}

const tg_op tg_op_cummax = {
    .name = "cummax", .arity = 1, .results = 2, .infer = cumulative_infer, .run = cummax_run, .vjp = cumulative_vjp, .batch = tg_batch_along};
const tg_op tg_op_cummin = {
    .name = "cummin", .arity = 1, .results = 2, .infer = cumulative_infer, .run = cummin_run, .vjp = cumulative_vjp, .batch = tg_batch_along};

/* ---- the public functions ---------------------------------------------------------------------------------------------------------- */

static tg_tensor *checked(const tg_op *op, tg_tensor *x, int axis, const char *function)
{
    const tg_node *n = tg_check(x, function);
    const int      k = n ? tg_checked_axis(n, function, axis) : -1;
    return k < 0 ? NULL : scan(op, x, k, false);
}

tg_tensor *tg_cumsum(tg_tensor *x, int axis) { return checked(&tg_op_cumsum, x, axis, "tg_cumsum"); }
tg_tensor *tg_cumprod(tg_tensor *x, int axis) { return checked(&tg_op_cumprod, x, axis, "tg_cumprod"); }
tg_tensor *tg_logcumsumexp(tg_tensor *x, int axis)
{
    return tg_check(x, "tg_logcumsumexp") && tg_needs_float(x, "tg_logcumsumexp") ? checked(&tg_op_logcumsumexp, x, axis, "tg_logcumsumexp") : NULL;
}

static tg_tensor *with_places(tg_tensor *y, tg_tensor **places)
{
    if (places) *places = tg_result(y, 1);
    return y;
}
tg_tensor *tg_cummax(tg_tensor *x, int axis, tg_tensor **places) { return with_places(checked(&tg_op_cummax, x, axis, "tg_cummax"), places); }
tg_tensor *tg_cummin(tg_tensor *x, int axis, tg_tensor **places) { return with_places(checked(&tg_op_cummin, x, axis, "tg_cummin"), places); }

tg_tensor *tg_diff(tg_tensor *x, int times, int axis)
{
    const tg_node *n = tg_check(x, "tg_diff");
    const int      k = n ? tg_checked_axis(n, "tg_diff", axis) : -1;
    if (k < 0) return NULL;
    TG_CALL(n->tape);
    if (times < 0) {
        tg_fail_on(n->tape, TG_ERR_ARG, "tg_diff", "%d times is not possible; 0 and more are", times);
        return NULL;
    }
    tg_tensor *y = x;
    for (int i = 0; y && i < times && (i == 0 || tg_dim(y, k) > 0); i++)
        y = tg_sub(tg_slice_if(y, k, 1, INT64_MAX, 1), tg_slice_if(y, k, 0, tg_dim(y, k) > 0 ? tg_dim(y, k) - 1 : 0, 1));
    return y == x ? tg_view_of(x) : y;
}
