/* pool.c - the largest element and the mean of windows of planes.
 *
 * max_pool2d takes two inputs, x and v: of each window of x, the place of its largest element, and there v. With v = x
 * this is the pooling; as a function of v it is linear: its gradient puts g back to those places (max_pool2d_dx), whose
 * gradient is the pooling of another v again. No indices are kept: the places are found anew, in one and the same x. Where the
 * largest element is NaN, its slope is NaN: both ops give that for a v or g that is not 0. avg_pool2d and avg_pool2d_dx are each
 * other's gradients too. */
#include "ops/ops.h"
#include "ops/window/window.h"

#include <omp.h>
#include <string.h>
#include <tapegrad/window.h>

#include "kernels/conv.h"
#include "tensor/team.h"

/* The planes of a call and of its windows. */
typedef struct planes {
    const tg_pool_attr *a;
    int64_t             n, plane[2], count[2];
    int64_t             plane_size, count_size;
} planes;

static planes planes_of(const tg_call *c, const tg_shape *pooled)
{
    const tg_pool_attr *a = c->attr;
    planes              p = {.a = a, .n = pooled->dim[0] * pooled->dim[1]};
    for (int k = 0; k < 2; k++) {
        p.plane[k] = a->plane[k];
        p.count[k] = pooled->dim[2 + k];
    }
    p.plane_size = p.plane[0] * p.plane[1];
    p.count_size = p.count[0] * p.count[1];
    return p;
}

static int threads_of(const tg_call *c, const planes *p)
{
    return tg_threads_for(c, p->n, (double)p->n * (double)p->plane_size);
}

/* The part of window k along an axis that is within the plane: from … to-1. */
static void part(const planes *p, int axis, int64_t k, int64_t *from, int64_t *to)
{
    const int64_t first = k * p->a->window.stride[axis] - p->a->window.padding[axis],
                  end   = first + p->a->window.size[axis];
    *from               = first > 0 ? first : 0;
    *to                 = end < p->plane[axis] ? end : p->plane[axis];
}

/* A window of a plane, cut at its edges. */
typedef struct piece {
    int64_t top, bottom, left, right;
} piece;

static piece piece_of(const planes *p, int64_t row, int64_t col)
{
    piece w;
    part(p, 0, row, &w.top, &w.bottom);
    part(p, 1, col, &w.left, &w.right);
    return w;
}

/* By what the sum over a window is divided. */
static double weight(const planes *p, const piece *w)
{
    const int64_t *s = p->a->window.size;
    return p->a->exclude_padding ? (double)((w->bottom - w->top) * (w->right - w->left)) : (double)s[0] * (double)s[1];
}

/* ---- the loops over one plane, for float and double -------------------------------------------------------------- */

#define POOL(SUFFIX, T)                                                                                                \
    /* The first of the largest elements, NaN being larger than all. */                                                \
    static int64_t largest_##SUFFIX(const planes *p, const T *x, int64_t row, int64_t col)                             \
    {                                                                                                                  \
        const piece w    = piece_of(p, row, col);                                                                      \
        int64_t     best = w.top * p->plane[1] + w.left;                                                               \
        for (int64_t i = w.top; i < w.bottom; i++)                                                                     \
            for (int64_t j = w.left; j < w.right; j++) {                                                               \
                const T v = x[i * p->plane[1] + j], m = x[best];                                                       \
                if (v > m || (v != v && m == m)) best = i * p->plane[1] + j;                                           \
            }                                                                                                          \
        return best;                                                                                                   \
    }                                                                                                                  \
    /* v, or the largest element m itself where that is NaN and v is not 0. */                                         \
    static inline T picked_##SUFFIX(T v, T m) { return m == m || v == 0 ? v : m; }                                     \
    static void max_##SUFFIX(const planes *p, const void *x, const void *v, void *y)                                   \
    {                                                                                                                  \
        T *out = y;                                                                                                    \
        for (int64_t r = 0; r < p->count[0]; r++)                                                                      \
            for (int64_t k = 0; k < p->count[1]; k++) {                                                                \
                const int64_t best = largest_##SUFFIX(p, x, r, k);                                                     \
                *out++ = picked_##SUFFIX(((const T *)v)[best], ((const T *)x)[best]);                                  \
            }                                                                                                          \
    }                                                                                                                  \
    static void max_dx_##SUFFIX(const planes *p, const void *x, const void *g, void *dx)                               \
    {                                                                                                                  \
        const T *from = g;                                                                                             \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        for (int64_t r = 0; r < p->count[0]; r++)                                                                      \
            for (int64_t k = 0; k < p->count[1]; k++) {                                                                \
                const int64_t best = largest_##SUFFIX(p, x, r, k);                                                     \
                ((T *)dx)[best] += picked_##SUFFIX(*from++, ((const T *)x)[best]);                                     \
            }                                                                                                          \
    }                                                                                                                  \
    static void avg_##SUFFIX(const planes *p, const void *x, void *y)                                                  \
    {                                                                                                                  \
        T *out = y;                                                                                                    \
        for (int64_t r = 0; r < p->count[0]; r++)                                                                      \
            for (int64_t k = 0; k < p->count[1]; k++) {                                                                \
                const piece w   = piece_of(p, r, k);                                                                   \
                double      sum = 0;                                                                                   \
                for (int64_t i = w.top; i < w.bottom; i++)                                                             \
                    for (int64_t j = w.left; j < w.right; j++) sum += (double)((const T *)x)[i * p->plane[1] + j];     \
                *out++ = (T)(sum / weight(p, &w));                                                                     \
            }                                                                                                          \
    }                                                                                                                  \
    static void avg_dx_##SUFFIX(const planes *p, const void *g, void *dx)                                              \
    {                                                                                                                  \
        const T *from = g;                                                                                             \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        for (int64_t r = 0; r < p->count[0]; r++)                                                                      \
            for (int64_t k = 0; k < p->count[1]; k++) {                                                                \
                const piece w     = piece_of(p, r, k);                                                                 \
                const T     share = (T)((double)*from++ / weight(p, &w));                                              \
                for (int64_t i = w.top; i < w.bottom; i++)                                                             \
                    for (int64_t j = w.left; j < w.right; j++) ((T *)dx)[i * p->plane[1] + j] += share;                \
            }                                                                                                          \
    }
POOL(f32, float)
POOL(f64, double)

/* ---- shapes ------------------------------------------------------------------------------------------------------ */

static tg_status attr_ok(const tg_call *c)
{
    const tg_pool_attr *a  = c->attr;
    bool                ok = c->attr_size == sizeof *a && tg_window_is_valid(&a->window);
    for (int k = 0; ok && k < 2; k++)
        ok = a->window.size[k] > 0 && a->window.padding[k] <= a->window.size[k] / 2 && a->window.dilation[k] == 1 &&
             a->plane[k] >= 0;
    return ok ? TG_OK : tg_fail(c, TG_ERR_ARG, "the attributes are not those of a pooling");
}

/* pooled: the call's result is the pooled planes, else the planes; input `i` are the others. */
static tg_status pool_shape(tg_call *c, int i, bool pooled)
{
    const tg_pool_attr *a = c->attr;
    tg_status           s = tg_window_input(c, i);
    if (s != TG_OK) return s;
    if (a->plane[0] == 0 || a->plane[1] == 0)
        return tg_fail(c, TG_ERR_SHAPE, "there is nothing to pool in planes of size 0");
    const tg_shape *in    = tg_in_shape(c, i);
    tg_shape        whole = {4, {in->dim[0], in->dim[1], a->plane[0], a->plane[1]}}, windows = whole;
    s        = tg_window_count(c, &a->window, a->plane, windows.dim + 2);
    c->shape = pooled ? windows : whole;
    if (s != TG_OK || tg_shape_equal(in, pooled ? &whole : &windows)) return s;
    return tg_fail(c, TG_ERR_SHAPE, "the sizes are not those of the windows");
}

static tg_status same(tg_call *c, int i, const tg_shape *s)
{
    if (tg_dtype_of(c->in[0]) != tg_dtype_of(c->in[1]))
        return tg_fail(c, TG_ERR_DTYPE, "the dtypes differ; convert one with tg_to");
    return tg_shape_equal(tg_in_shape(c, i), s) ? TG_OK : tg_fail(c, TG_ERR_SHAPE, "the shapes do not fit together");
}

static tg_status max_pool2d_infer(tg_call *c) /* {x, v} */
{
    tg_status s = attr_ok(c);
    if (s == TG_OK) s = pool_shape(c, 0, true);
    return s == TG_OK ? same(c, 1, tg_in_shape(c, 0)) : s;
}

static tg_status max_pool2d_dx_infer(tg_call *c) /* {x, g} */
{
    tg_status s = attr_ok(c);
    if (s == TG_OK) s = pool_shape(c, 1, false);
    return s == TG_OK ? same(c, 0, &c->shape) : s;
}

static tg_status avg_pool2d_infer(tg_call *c)
{
    const tg_status s = attr_ok(c);
    return s == TG_OK ? pool_shape(c, 0, true) : s;
}

static tg_status avg_pool2d_dx_infer(tg_call *c)
{
    const tg_status s = attr_ok(c);
    return s == TG_OK ? pool_shape(c, 0, false) : s;
}

/* ---- run --------------------------------------------------------------------------------------------------------- */

/* Plane number k of planes with `size` elements. */
static void *plane(const tg_array *a, int64_t k, int64_t size)
{
    return (char *)a->data + k * size * (int64_t)tg_dtype_size(a->dtype);
}

/* Windows of 2 x 2 side by side. A last row or column of the plane may be left over. */
static bool is_2x2(const planes *p)
{
    const tg_window *w  = &p->a->window;
    bool             is = true;
    for (int k = 0; k < 2; k++) is = is && w->size[k] == 2 && w->stride[k] == 2 && w->padding[k] == 0;
    return is;
}

static void max_2x2(const planes *p, tg_dtype dtype, const char *x, char *y)
{
    const tg_conv_loops *l    = tg_fast_conv(dtype);
    const int64_t        item = (int64_t)tg_dtype_size(dtype), row = p->plane[1] * item;
    for (int64_t r = 0; r < p->count[0]; r++)
        l->max_2x2(p->count[1], y + r * p->count[1] * item, x + 2 * r * row, x + (2 * r + 1) * row);
}

static void max_2x2_dx(const planes *p, tg_dtype dtype, const char *x, const char *g, char *dx)
{
    const tg_conv_loops *l    = tg_fast_conv(dtype);
    const int64_t        item = (int64_t)tg_dtype_size(dtype), row = p->plane[1] * item;
    if (p->plane[0] % 2 || p->plane[1] % 2) memset(dx, 0, (size_t)(p->plane_size * item));
    for (int64_t r = 0; r < p->count[0]; r++)
        l->max_2x2_dx(p->count[1], dx + 2 * r * row, dx + (2 * r + 1) * row, x + 2 * r * row, x + (2 * r + 1) * row,
                      g + r * p->count[1] * item);
}

static tg_status max_pool2d_run(tg_call *c)
{
    const planes p       = planes_of(c, c->y.shape);
    const int    threads = threads_of(c, &p);
    const bool   fast = is_2x2(&p) && c->x[0].data == c->x[1].data, single = c->y.dtype == TG_F32;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < p.n; k++) {
            const void *x = plane(&c->x[0], k, p.plane_size), *v = plane(&c->x[1], k, p.plane_size);
            void       *y = plane(&c->y, k, p.count_size);
            if (fast)
                max_2x2(&p, c->y.dtype, x, y);
            else if (single)
                max_f32(&p, x, v, y);
            else
                max_f64(&p, x, v, y);
        }
    }
    return TG_OK;
}

static tg_status max_pool2d_dx_run(tg_call *c)
{
    const planes p       = planes_of(c, c->x[1].shape);
    const int    threads = threads_of(c, &p);
    const bool   fast = is_2x2(&p), single = c->y.dtype == TG_F32;
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < p.n; k++) {
            const void *x = plane(&c->x[0], k, p.plane_size), *g = plane(&c->x[1], k, p.count_size);
            void       *dx = plane(&c->y, k, p.plane_size);
            if (fast)
                max_2x2_dx(&p, c->y.dtype, x, g, dx);
            else if (single)
                max_dx_f32(&p, x, g, dx);
            else
                max_dx_f64(&p, x, g, dx);
        }
    }
    return TG_OK;
}

static tg_status avg_pool2d_run(tg_call *c)
{
    const planes p       = planes_of(c, c->y.shape);
    const int    threads = threads_of(c, &p);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < p.n; k++) {
            if (c->y.dtype == TG_F32)
                avg_f32(&p, plane(&c->x[0], k, p.plane_size), plane(&c->y, k, p.count_size));
            else
                avg_f64(&p, plane(&c->x[0], k, p.plane_size), plane(&c->y, k, p.count_size));
        }
    }
    return TG_OK;
}

static tg_status avg_pool2d_dx_run(tg_call *c)
{
    const planes p       = planes_of(c, c->x[0].shape);
    const int    threads = threads_of(c, &p);
    TG_TEAM(num_threads(threads))
    {
#pragma omp for schedule(static) nowait
        for (int64_t k = 0; k < p.n; k++) {
            if (c->y.dtype == TG_F32)
                avg_dx_f32(&p, plane(&c->x[0], k, p.count_size), plane(&c->y, k, p.plane_size));
            else
                avg_dx_f64(&p, plane(&c->x[0], k, p.count_size), plane(&c->y, k, p.plane_size));
        }
    }
    return TG_OK;
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

static tg_tensor *max_pool2d_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_record(&tg_op_max_pool2d_dx, (tg_tensor *[]){c->in[0], g}, 2, c->attr, c->attr_size);
}

/* Of windows that nothing uses this is 0, as in pointwise_rules.h. */
static tg_tensor *max_pool2d_dx_vjp(const tg_call *c, int i, tg_tensor *u)
{
    (void)i;
    tg_tensor *picked = tg_record(&tg_op_max_pool2d, (tg_tensor *[]){c->in[0], u}, 2, c->attr, c->attr_size);
    return tg_guard_zero(picked, picked, c->in[1]);
}

static tg_tensor *avg_pool2d_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_record(&tg_op_avg_pool2d_dx, &g, 1, c->attr, c->attr_size);
}

static tg_tensor *avg_pool2d_dx_vjp(const tg_call *c, int i, tg_tensor *u)
{
    (void)i;
    return tg_record(&tg_op_avg_pool2d, &u, 1, c->attr, c->attr_size);
}

const tg_op tg_op_max_pool2d    = {.name    = "max_pool2d",
                                   .arity   = 2,
                                   .nondiff = 1,
                                   .infer   = max_pool2d_infer,
                                   .run     = max_pool2d_run,
                                   .vjp     = max_pool2d_vjp};
const tg_op tg_op_max_pool2d_dx = {.name    = "max_pool2d_dx",
                                   .arity   = 2,
                                   .nondiff = 1,
                                   .infer   = max_pool2d_dx_infer,
                                   .run     = max_pool2d_dx_run,
                                   .vjp     = max_pool2d_dx_vjp};
const tg_op tg_op_avg_pool2d    = {
       .name = "avg_pool2d", .arity = 1, .infer = avg_pool2d_infer, .run = avg_pool2d_run, .vjp = avg_pool2d_vjp};
const tg_op tg_op_avg_pool2d_dx = {.name  = "avg_pool2d_dx",
                                   .arity = 1,
                                   .infer = avg_pool2d_dx_infer,
                                   .run   = avg_pool2d_dx_run,
                                   .vjp   = avg_pool2d_dx_vjp};

/* ---- the public functions ---------------------------------------------------------------------------------------- */

static bool attr_from(tg_tensor *x, const tg_pool_options *options, const char *function, tg_pool_attr *a)
{
    static const tg_pool_options usual  = {.exclude_padding = false};
    static const int64_t         two[2] = {2, 2};
    const tg_node               *n      = tg_check(x, function);
    const tg_pool_options       *o      = options ? options : &usual;
    if (!n || !tg_window_option(n->tape, function, "kernel", o->kernel, two, a->window.size) ||
        !tg_window_option(n->tape, function, "stride", o->stride, a->window.size, a->window.stride) ||
        !tg_window_padding(n->tape, function, o->padding, a->window.padding))
        return false;
    a->exclude_padding = o->exclude_padding;
    for (int k = 0; k < 2; k++) {
        a->window.dilation[k] = 1;
        a->plane[k]           = n->shape->rank == 4 ? n->shape->dim[2 + k] : 0;
        if (a->window.padding[k] <= a->window.size[k] / 2) continue;
        tg_fail_on(n->tape, TG_ERR_ARG, function,
                   "the padding of %lld is more than half the kernel of %lld: a window could see nothing",
                   (long long)a->window.padding[k], (long long)a->window.size[k]);
        return false;
    }
    return true;
}

tg_tensor *tg_max_pool2d(tg_tensor *x, const tg_pool_options *options)
{
    tg_pool_attr a;
    return attr_from(x, options, "tg_max_pool2d", &a)
               ? tg_record(&tg_op_max_pool2d, (tg_tensor *[]){x, x}, 2, &a, sizeof a)
               : NULL;
}

tg_tensor *tg_avg_pool2d(tg_tensor *x, const tg_pool_options *options)
{
    tg_pool_attr a;
    return attr_from(x, options, "tg_avg_pool2d", &a) ? tg_record(&tg_op_avg_pool2d, &x, 1, &a, sizeof a) : NULL;
}
