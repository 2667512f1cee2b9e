/* pool.c - the largest element and the mean of windows of planes.
 *
 * max_pool takes two inputs, x and v: of each window of x, the place of its largest element, and there v. With v = x
 * this is the pooling; as a function of v it is linear: its gradient puts g back to those places (max_pool_dx), whose
 * gradient is the pooling of another v again. No indices are kept: the places are found anew, in one and the same x. Where the
 * largest element is NaN, its slope is NaN: both ops give that for a v or g that is not 0. avg_pool and avg_pool_dx are each
 * other's gradients too. pool_run.c computes them, and pool_adaptive.c where windows share the axes out. */
#include "ops/batch.h"
#include "ops/window/window.h"

#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/window.h>

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

/* Does every window along the axis see an element of x? Those that begin before it may step over it where there are gaps. Of a long window there are not
 * as many as the padding has room for: the last one ends, or would begin a stride earlier, where what stands behind x does. */
static bool sees_something(const tg_pool_attr *a, int axis)
{
    const tg_window *w = &a->window;
    int64_t          reach, last;
    if (__builtin_mul_overflow(w->size[axis] - 1, w->dilation[axis], &reach) || __builtin_add_overflow(a->plane[axis], w->behind[axis], &last))
        return true; /* whoever counts the windows refuses it */
    if (__builtin_add_overflow(last - reach - 1, w->stride[axis] - 1, &last)) last = INT64_MAX;
    for (int64_t first = -w->padding[axis]; first < 0 && first <= last; first += w->stride[axis]) {
        const int64_t k = (-first - 1) / w->dilation[axis] + 1;
        if (k >= w->size[axis] || first + k * w->dilation[axis] >= a->plane[axis]) return false;
    }
    return true;
}

bool tg_pool_is_valid(const tg_pool_attr *a)
{
    bool ok = tg_window_is_valid(&a->window);
    for (int k = 0; ok && k < TG_WINDOW_AXES; k++) {
        ok = a->window.size[k] > 0 && a->plane[k] >= 0;
        if (ok && !a->adaptive && a->plane[k] > 0) ok = a->window.padding[k] <= a->window.size[k] / 2 && sees_something(a, k);
    }
    return ok;
}

static tg_status attr_ok(const tg_call *c)
{
    const tg_pool_attr *a = c->attr;
    return c->attr_size == sizeof *a && tg_pool_is_valid(a) ? TG_OK : tg_fail(c, TG_ERR_ARG, "the attributes are not those of a pooling");
}

/* pooled: the call's result is the pooled planes, else the planes; input `i` are the others. */
static tg_status pool_shape(tg_call *c, int i, bool pooled)
{
    const tg_pool_attr *a = c->attr;
    int64_t             count[TG_WINDOW_AXES];
    tg_status           s = tg_window_input(c, i, &a->window);
    if (s != TG_OK) return s;
    if (a->plane[0] == 0 || a->plane[1] == 0 || a->plane[2] == 0)
        return tg_fail(c, TG_ERR_SHAPE, "there is nothing to pool in planes of size 0");
    if (a->adaptive) memcpy(count, a->window.size, sizeof count);
    if (!a->adaptive) s = tg_window_count(c, &a->window, a->plane, count);
    if (s != TG_OK) return s;
    const tg_shape *in    = tg_in_shape(c, i);
    const tg_shape  whole = tg_window_shape(&a->window, in->dim[0], in->dim[1], a->plane),
                    windows = tg_window_shape(&a->window, in->dim[0], in->dim[1], count);
    c->shape = pooled ? windows : whole;
    return tg_shape_equal(in, pooled ? &whole : &windows) ? TG_OK : tg_fail(c, TG_ERR_SHAPE, "the sizes are not those of the windows");
}

static tg_status same(tg_call *c, int i, const tg_shape *s)
{
    if (tg_dtype_of(c->in[0]) != tg_dtype_of(c->in[1]))
        return tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
    return tg_shape_equal(tg_in_shape(c, i), s) ? TG_OK : tg_fail(c, TG_ERR_SHAPE, "the shapes do not fit together");
}

static tg_status max_pool_infer(tg_call *c) /* {x, v} */
{
    tg_status s = attr_ok(c);
    if (s == TG_OK) s = pool_shape(c, 0, true);
    return s == TG_OK ? same(c, 1, tg_in_shape(c, 0)) : s;
}

static tg_status max_pool_dx_infer(tg_call *c) /* {x, g} */
{
    tg_status s = attr_ok(c);
    if (s == TG_OK) s = pool_shape(c, 1, false);
    return s == TG_OK ? same(c, 0, &c->shape) : s;
}

static tg_status avg_pool_infer(tg_call *c)
{
    const tg_status s = attr_ok(c);
    return s == TG_OK ? pool_shape(c, 0, true) : s;
}

static tg_status avg_pool_dx_infer(tg_call *c)
{
    const tg_status s = attr_ok(c);
    return s == TG_OK ? pool_shape(c, 0, false) : s;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* The ops of as many axes as the call has. */
typedef struct pool_ops {
    const tg_op *max, *max_dx, *avg, *avg_dx;
} pool_ops;

static const pool_ops ops[TG_WINDOW_AXES] = {{&tg_op_max_pool1d, &tg_op_max_pool1d_dx, &tg_op_avg_pool1d, &tg_op_avg_pool1d_dx},
                                             {&tg_op_max_pool2d, &tg_op_max_pool2d_dx, &tg_op_avg_pool2d, &tg_op_avg_pool2d_dx},
                                             {&tg_op_max_pool3d, &tg_op_max_pool3d_dx, &tg_op_avg_pool3d, &tg_op_avg_pool3d_dx}};

static const pool_ops *ops_of(const tg_pool_attr *a) { return &ops[a->window.axes - 1]; }

static tg_tensor *record(const tg_pool_attr *a, const tg_op *op, tg_tensor *x, tg_tensor *y)
{
    return tg_record(op, (tg_tensor *[]){x, y}, op->arity, a, sizeof *a);
}

static tg_tensor *max_pool_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return record(c->attr, ops_of(c->attr)->max_dx, c->in[0], g);
}

/* Of windows that nothing uses this is 0, as in pointwise_rules.h. */
static tg_tensor *max_pool_dx_vjp(const tg_call *c, int i, tg_tensor *u)
{
    (void)i;
    tg_tensor *picked = record(c->attr, ops_of(c->attr)->max, c->in[0], u);
    return tg_guard_zero(picked, picked, c->in[1]);
}

static tg_tensor *avg_pool_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return record(c->attr, ops_of(c->attr)->avg_dx, g, NULL);
}

static tg_tensor *avg_pool_dx_vjp(const tg_call *c, int i, tg_tensor *u)
{
    (void)i;
    return record(c->attr, ops_of(c->attr)->avg, u, NULL);
}

#define OPS(AXES)                                                                                                            \
    const tg_op tg_op_max_pool##AXES = {                                                                                     \
        .name = "max_pool" #AXES, .arity = 2, .nondiff = 1, .infer = max_pool_infer, .run = tg_max_pool_run, .vjp = max_pool_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_merged}; \
    const tg_op tg_op_max_pool##AXES##_dx = {.name    = "max_pool" #AXES "_dx",                                              \
                                             .arity   = 2,                                                                   \
                                             .nondiff = 1,                                                                   \
                                             .infer   = max_pool_dx_infer,                                                   \
                                             .run     = tg_max_pool_dx_run,                                                  \
                                             .vjp     = max_pool_dx_vjp,                                                           \
                                             .jvp     = tg_linear_jvp, .batch = tg_batch_merged};                                                    \
    const tg_op tg_op_avg_pool##AXES = {                                                                                     \
        .name = "avg_pool" #AXES, .arity = 1, .infer = avg_pool_infer, .run = tg_avg_pool_run, .vjp = avg_pool_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_merged};         \
    const tg_op tg_op_avg_pool##AXES##_dx = {                                                                                \
        .name = "avg_pool" #AXES "_dx", .arity = 1, .infer = avg_pool_dx_infer, .run = tg_avg_pool_dx_run, .vjp = avg_pool_dx_vjp, .jvp = tg_linear_jvp, .batch = tg_batch_merged};
OPS(1d)
OPS(2d)
OPS(3d)

/* ---- the public functions ---------------------------------------------------------------------------------------- */

/* The options of any of these functions: as many numbers of each as there are axes. */
typedef struct options {
    const char    *function;
    int            axes;
    const int64_t *kernel, *stride, *padding, *dilation;
    bool           exclude_padding, ceil_mode;
} options;

/* As many windows as begin in x or the padding before it, though the last one may reach beyond the padding behind. */
static void round_up(tg_pool_attr *a)
{
    tg_window *w = &a->window;
    for (int k = 0; k < TG_WINDOW_AXES; k++) {
        int64_t reach, rest;
        if (__builtin_mul_overflow(w->dilation[k], w->size[k] - 1, &reach) || __builtin_add_overflow(w->padding[k], w->behind[k], &rest) ||
            __builtin_add_overflow(rest, a->plane[k], &rest) || rest <= reach)
            continue; /* it is refused later */
        rest = (rest - reach - 1) % w->stride[k]; /* how far the last whole window is from the end */
        const int64_t next = a->plane[k] + w->padding[k] - reach - 1 - rest + w->stride[k]; /* where one more would begin */
        if (rest > 0 && next < a->plane[k]) w->behind[k] += w->stride[k] - rest;
    }
}

static bool attr_from(tg_tensor *x, const options *o, tg_pool_attr *a)
{
    static const int64_t two[TG_WINDOW_AXES] = {2, 2, 2}, one[TG_WINDOW_AXES] = {1, 1, 1};
    const tg_node       *n = tg_check(x, o->function);
    *a           = (tg_pool_attr){.window = tg_window_of(o->axes), .divisor = o->exclude_padding ? TG_POOL_ELEMENTS : TG_POOL_KERNEL};
    tg_window *w = &a->window;
    if (!n || !tg_window_option(n->tape, o->function, "kernel", w, o->kernel, two, w->size) ||
        !tg_window_option(n->tape, o->function, "stride", w, o->stride, w->size, w->stride) ||
        !tg_window_padding(n->tape, o->function, o->padding, w) ||
        !tg_window_option(n->tape, o->function, "dilation", w, o->dilation, one, w->dilation))
        return false;
    tg_window_plane(w, n->shape, a->plane);
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        if (w->padding[k] > w->size[k] / 2) {
            tg_fail_on(n->tape, TG_ERR_ARG, o->function, "the padding of %lld is more than half the kernel of %lld: a window could see nothing",
                       (long long)w->padding[k], (long long)w->size[k]);
            return false;
        }
    if (!tg_pool_is_valid(a)) {
        tg_fail_on(n->tape, TG_ERR_ARG, o->function, "a window with this padding and dilation would see nothing");
        return false;
    }
    if (o->ceil_mode) round_up(a);
    return true;
}

static tg_tensor *max_pool(tg_tensor *x, const options *o)
{
    tg_pool_attr a;
    return attr_from(x, o, &a) ? record(&a, ops_of(&a)->max, x, x) : NULL;
}

static tg_tensor *avg_pool(tg_tensor *x, const options *o)
{
    tg_pool_attr a;
    return attr_from(x, o, &a) ? record(&a, ops_of(&a)->avg, x, NULL) : NULL;
}

/* (sum |x|^p)^(1/p); where the sum is 0 its root is selected away, so that the slope is 0. */
static tg_tensor *lp_pool(tg_tensor *x, double p, const options *o)
{
    tg_pool_attr a;
    if (!tg_needs_float(x, o->function) || !attr_from(x, o, &a)) return NULL;
    tg_tape *tape = tg_tape_of(x);
    if (!(p > 0 && p <= tg_dtypes[tg_dtype_of(x)].most))
        return tg_fail_on(tape, TG_ERR_ARG, o->function, "p is %g; it must be finite and more than 0", p), NULL;
    TG_CALL_AS(tape, o->function);
    a.divisor        = TG_POOL_SUM;
    tg_tensor *sum   = record(&a, ops_of(&a)->avg, tg_pow_s(tg_abs(x), p), NULL);
    tg_tensor *zero  = tg_number_like(sum, 0, o->function), *one = tg_number_like(sum, 1, o->function), *none = tg_eq(sum, zero);
    return tg_where(none, zero, tg_pow_s(tg_where(none, one, sum), 1 / p));
}

/* Windows that share out each axis: number k of n is from floor(k size / n) to ceil((k + 1) size / n). */
static bool adapt(tg_tensor *x, const char *function, int axes, const int64_t *size, tg_pool_attr *a)
{
    const tg_node *n = tg_check(x, function);
    *a = (tg_pool_attr){.window = tg_window_of(axes), .divisor = TG_POOL_ELEMENTS, .adaptive = 1};
    if (!n) return false;
    for (int k = 0; k < axes; k++) {
        a->window.size[TG_WINDOW_AXES - axes + k] = size[k];
        if (size[k] > 0) continue;
        tg_fail_on(n->tape, TG_ERR_ARG, function, "the size of the result is %lld; it must be more than 0", (long long)size[k]);
        return false;
    }
    tg_window_plane(&a->window, n->shape, a->plane);
    return true;
}

static tg_tensor *adaptive_max(tg_tensor *x, const char *function, int axes, const int64_t *size)
{
    tg_pool_attr a;
    if (!adapt(x, function, axes, size, &a)) return NULL;
    TG_CALL_AS(tg_tape_of(x), function);
    return record(&a, ops_of(&a)->max, x, x);
}

static tg_tensor *adaptive_avg(tg_tensor *x, const char *function, int axes, const int64_t *size)
{
    tg_pool_attr a;
    if (!adapt(x, function, axes, size, &a)) return NULL;
    TG_CALL_AS(tg_tape_of(x), function);
    return record(&a, ops_of(&a)->avg, x, NULL);
}

/* The public functions of one number of axes; AT takes an option's address where it is one number. */
#define POOLS(AXES, N, OPTIONS, AT)                                                                                                         \
    tg_tensor *tg_max_pool##AXES(tg_tensor *x, const OPTIONS *given)                                                                        \
    {                                                                                                                                       \
        const OPTIONS o = given ? *given : (OPTIONS){.ceil_mode = false};                                                                   \
        return max_pool(x, &(options){__func__, N, AT o.kernel, AT o.stride, AT o.padding, AT o.dilation, false, o.ceil_mode});             \
    }                                                                                                                                       \
    tg_tensor *tg_avg_pool##AXES(tg_tensor *x, const OPTIONS *given)                                                                        \
    {                                                                                                                                       \
        const OPTIONS o = given ? *given : (OPTIONS){.ceil_mode = false};                                                                   \
        return avg_pool(x, &(options){__func__, N, AT o.kernel, AT o.stride, AT o.padding, AT o.dilation, o.exclude_padding, o.ceil_mode});          \
    }                                                                                                                                       \
    tg_tensor *tg_lp_pool##AXES(tg_tensor *x, double p, const OPTIONS *given)                                                               \
    {                                                                                                                                       \
        const OPTIONS o = given ? *given : (OPTIONS){.ceil_mode = false};                                                                   \
        return lp_pool(x, p, &(options){__func__, N, AT o.kernel, AT o.stride, AT o.padding, AT o.dilation, false, o.ceil_mode});                    \
    }
POOLS(1d, 1, tg_pool1d_options, &)
POOLS(2d, 2, tg_pool_options, )
POOLS(3d, 3, tg_pool3d_options, )

tg_tensor *tg_adaptive_max_pool1d(tg_tensor *x, int64_t l) { return adaptive_max(x, __func__, 1, &l); }
tg_tensor *tg_adaptive_avg_pool1d(tg_tensor *x, int64_t l) { return adaptive_avg(x, __func__, 1, &l); }
tg_tensor *tg_adaptive_max_pool2d(tg_tensor *x, int64_t h, int64_t w) { return adaptive_max(x, __func__, 2, (int64_t[]){h, w}); }
tg_tensor *tg_adaptive_avg_pool2d(tg_tensor *x, int64_t h, int64_t w) { return adaptive_avg(x, __func__, 2, (int64_t[]){h, w}); }
tg_tensor *tg_adaptive_max_pool3d(tg_tensor *x, int64_t d, int64_t h, int64_t w) { return adaptive_max(x, __func__, 3, (int64_t[]){d, h, w}); }
tg_tensor *tg_adaptive_avg_pool3d(tg_tensor *x, int64_t d, int64_t h, int64_t w) { return adaptive_avg(x, __func__, 3, (int64_t[]){d, h, w}); }
