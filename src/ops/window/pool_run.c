/* pool_run.c - the arithmetic of pooling and of its gradients, plane by plane. */
#include "ops/window/window.h"

#include <omp.h>
#include <string.h>

#include "kernels/conv.h"
#include "tensor/team.h"

/* The planes of a call and of its windows. */
typedef struct planes {
    const tg_pool_attr *a;
    int64_t             n, plane[TG_WINDOW_AXES], count[TG_WINDOW_AXES];
    int64_t             plane_size, count_size;
} planes;

static bool is_flat(const tg_pool_attr *a)
{
    const tg_window *w = &a->window;
    return !a->adaptive && w->size[0] == 1 && w->stride[0] == 1 && w->padding[0] == 0 && w->behind[0] == 0;
}

/* Layers of which each is pooled alone count as planes. */
static planes planes_of(const tg_call *c, const tg_shape *pooled)
{
    const tg_pool_attr *a = c->attr;
    planes              p = {.a = a, .n = pooled->dim[0] * pooled->dim[1]};
    memcpy(p.plane, a->plane, sizeof p.plane);
    tg_window_plane(&a->window, pooled, p.count);
    if (is_flat(a)) {
        p.n *= p.plane[0];
        p.plane[0] = p.count[0] = 1;
    }
    p.plane_size = p.plane[0] * p.plane[1] * p.plane[2];
    p.count_size = p.count[0] * p.count[1] * p.count[2];
    return p;
}

static int threads_of(const tg_call *c, const planes *p)
{
    return tg_threads_for(c, p->n, (double)p->n * (double)p->plane_size);
}

/* The elements of a window along an axis that are within the plane: from, from + step, … below to. padded: how many of them there are with
 * those in the padding, but for what ceil_mode added. */
typedef struct part {
    int64_t from, to, step, padded;
} part;

static int64_t steps(int64_t from, int64_t to, int64_t step) { return (to - from + step - 1) / step; }

/* Floor and ceiling of k size / count, for k <= count, without an overflow. */
static int64_t share(int64_t k, int64_t size, int64_t count) { return size / count * k + size % count * k / count; }
static int64_t share_end(int64_t k, int64_t size, int64_t count) { return size / count * k + (size % count * k + count - 1) / count; }

static part part_of(const planes *p, int axis, int64_t k)
{
    const tg_window *w    = &p->a->window;
    const int64_t    size = p->plane[axis];
    if (p->a->adaptive) {
        const int64_t from = share(k, size, w->size[axis]), to = share_end(k + 1, size, w->size[axis]);
        return (part){from, to, 1, to - from};
    }
    const int64_t first = k * w->stride[axis] - w->padding[axis], step = w->dilation[axis], end = first + (w->size[axis] - 1) * step + 1;
    const int64_t from  = first >= 0 ? first : first + steps(first, 0, step) * step, padded = size + w->padding[axis];
    return (part){from, end < size ? end : size, step, steps(first, end < padded ? end : padded, step)};
}

/* A window of a plane, cut at its edges. */
typedef struct piece {
    part of[TG_WINDOW_AXES];
} piece;

static piece piece_of(const planes *p, const int64_t at[TG_WINDOW_AXES])
{
    return (piece){{part_of(p, 0, at[0]), part_of(p, 1, at[1]), part_of(p, 2, at[2])}};
}

/* By what the sum over a window is divided. */
static double weight(const planes *p, const piece *w)
{
    double kernel = 1, elements = 1;
    for (int k = 0; k < TG_WINDOW_AXES; k++) {
        kernel *= (double)w->of[k].padded;
        elements *= (double)steps(w->of[k].from, w->of[k].to, w->of[k].step);
    }
    return p->a->divisor == TG_POOL_SUM ? 1 : p->a->divisor == TG_POOL_ELEMENTS ? elements : kernel;
}

/* The window of the next result; the first one is at 0, 0, 0. */
static void advance(const planes *p, int64_t at[TG_WINDOW_AXES])
{
    for (int k = TG_WINDOW_AXES; k-- > 0;) {
        if (++at[k] < p->count[k]) return;
        at[k] = 0;
    }
}

/* Runs the body with e at each element of the window w of a plane, in their order. */
#define EACH_ELEMENT(W, PLANE, E)                                                                                      \
    for (int64_t z_ = (W).of[0].from; z_ < (W).of[0].to; z_ += (W).of[0].step)                                         \
        for (int64_t i_ = (W).of[1].from; i_ < (W).of[1].to; i_ += (W).of[1].step)                                     \
            for (int64_t row_ = (z_ * (PLANE)[1] + i_) * (PLANE)[2], E = row_ + (W).of[2].from; E < row_ + (W).of[2].to; E += (W).of[2].step)

/* Runs the body with `at` at each window of a plane. */
#define EACH_WINDOW(P)                                                                                                 \
    int64_t at[TG_WINDOW_AXES] = {0};                                                                                  \
    for (int64_t k = 0; k < (P)->count_size; k++, advance(P, at))

/* ---- the loops over one plane, for float and double -------------------------------------------------------------- */

#define POOL(SUFFIX, T)                                                                                                \
    /* The first of the largest elements, NaN being larger than all. */                                                \
    static int64_t largest_##SUFFIX(const planes *p, const T *x, const int64_t at[TG_WINDOW_AXES])                     \
    {                                                                                                                  \
        const piece w    = piece_of(p, at);                                                                            \
        int64_t     best = (w.of[0].from * p->plane[1] + w.of[1].from) * p->plane[2] + w.of[2].from;                   \
        EACH_ELEMENT(w, p->plane, e)                                                                                   \
        {                                                                                                              \
            const T v = x[e], m = x[best];                                                                             \
            if (v > m || (v != v && m == m)) best = e;                                                                 \
        }                                                                                                              \
        return best;                                                                                                   \
    }                                                                                                                  \
    /* v, or the largest element m itself where that is NaN and v is not 0. */                                         \
    static inline T picked_##SUFFIX(T v, T m) { return m == m || v == 0 ? v : m; }                                     \
    static void max_##SUFFIX(const planes *p, const void *x, const void *v, void *y)                                   \
    {                                                                                                                  \
        EACH_WINDOW(p)                                                                                                 \
        {                                                                                                              \
            const int64_t best = largest_##SUFFIX(p, x, at);                                                           \
            ((T *)y)[k]        = picked_##SUFFIX(((const T *)v)[best], ((const T *)x)[best]);                          \
        }                                                                                                              \
    }                                                                                                                  \
    static void max_dx_##SUFFIX(const planes *p, const void *x, const void *g, void *dx)                               \
    {                                                                                                                  \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        EACH_WINDOW(p)                                                                                                 \
        {                                                                                                              \
            const int64_t best = largest_##SUFFIX(p, x, at);                                                           \
            ((T *)dx)[best] += picked_##SUFFIX(((const T *)g)[k], ((const T *)x)[best]);                               \
        }                                                                                                              \
    }                                                                                                                  \
    static void avg_##SUFFIX(const planes *p, const void *x, void *y)                                                  \
    {                                                                                                                  \
        EACH_WINDOW(p)                                                                                                 \
        {                                                                                                              \
            const piece w   = piece_of(p, at);                                                                         \
            double      sum = 0;                                                                                       \
            EACH_ELEMENT(w, p->plane, e) sum += (double)((const T *)x)[e];                                             \
            ((T *)y)[k] = (T)(sum / weight(p, &w));                                                                    \
        }                                                                                                              \
    }                                                                                                                  \
    static void avg_dx_##SUFFIX(const planes *p, const void *g, void *dx)                                              \
    {                                                                                                                  \
        memset(dx, 0, (size_t)p->plane_size * sizeof(T));                                                              \
        EACH_WINDOW(p)                                                                                                 \
        {                                                                                                              \
            const piece w    = piece_of(p, at);                                                                        \
            const T     each = (T)((double)((const T *)g)[k] / weight(p, &w));                                         \
            EACH_ELEMENT(w, p->plane, e) ((T *)dx)[e] += each;                                                         \
        }                                                                                                              \
    }
POOL(f32, float)
POOL(f64, double)

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
    bool             is = is_flat(p->a);
    for (int k = 1; k < TG_WINDOW_AXES; k++)
        is = is && w->size[k] == 2 && w->stride[k] == 2 && w->padding[k] == 0 && w->behind[k] == 0 && w->dilation[k] == 1;
    return is;
}

static void max_2x2(const planes *p, tg_dtype dtype, const char *x, char *y)
{
    const tg_conv_loops *l    = tg_fast_conv(dtype);
    const int64_t        item = (int64_t)tg_dtype_size(dtype), row = p->plane[2] * item;
    for (int64_t r = 0; r < p->count[1]; r++)
        l->max_2x2(p->count[2], y + r * p->count[2] * item, x + 2 * r * row, x + (2 * r + 1) * row);
}

static void max_2x2_dx(const planes *p, tg_dtype dtype, const char *x, const char *g, char *dx)
{
    const tg_conv_loops *l    = tg_fast_conv(dtype);
    const int64_t        item = (int64_t)tg_dtype_size(dtype), row = p->plane[2] * item;
    if (p->plane[1] % 2 || p->plane[2] % 2) memset(dx, 0, (size_t)(p->plane_size * item));
    for (int64_t r = 0; r < p->count[1]; r++)
        l->max_2x2_dx(p->count[2], dx + 2 * r * row, dx + (2 * r + 1) * row, x + 2 * r * row, x + (2 * r + 1) * row,
                      g + r * p->count[2] * item);
}

tg_status tg_max_pool_run(tg_call *c)
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

tg_status tg_max_pool_dx_run(tg_call *c)
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

tg_status tg_avg_pool_run(tg_call *c)
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

tg_status tg_avg_pool_dx_run(tg_call *c)
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
