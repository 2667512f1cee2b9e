/* pool_planes.h - what is pooled, plane by plane: pool_run.c, and pool_adaptive.c where windows share the axes out. */
#ifndef TG_POOL_PLANES_H
#define TG_POOL_PLANES_H

#include "ops/window/window.h"

#include <string.h>

/* The planes of a call and of its windows. */
typedef struct planes {
    const tg_pool_attr *a;
    int64_t             n, plane[TG_WINDOW_AXES], count[TG_WINDOW_AXES];
    int64_t             plane_size, count_size;
} planes;

static inline bool is_flat(const tg_pool_attr *a)
{
    const tg_window *w = &a->window;
    return !a->adaptive && w->size[0] == 1 && w->stride[0] == 1 && w->padding[0] == 0 && w->behind[0] == 0;
}

/* Layers of which each is pooled alone count as planes. */
static inline planes planes_of(const tg_call *c, const tg_shape *pooled)
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

/* The elements of a window along an axis that are within the plane: from, from + step, … below to. padded: how many of them there are with
 * those in the padding, but for what ceil_mode added. */
typedef struct part {
    int64_t from, to, step, padded;
} part;

static inline int64_t steps(int64_t from, int64_t to, int64_t step) { return (to - from + step - 1) / step; }

/* Floor and ceiling of k size / count, for k <= count, without an overflow. */
static inline int64_t share(int64_t k, int64_t size, int64_t count) { return size / count * k + size % count * k / count; }
static inline int64_t share_end(int64_t k, int64_t size, int64_t count) { return size / count * k + (size % count * k + count - 1) / count; }

static inline part part_of(const planes *p, int axis, int64_t k)
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

/* By what the sum over a window is divided. */
static inline double weight(const planes *p, const piece *w)
{
    double kernel = 1, elements = 1;
    for (int k = 0; k < TG_WINDOW_AXES; k++) {
        kernel *= (double)w->of[k].padded;
        elements *= (double)steps(w->of[k].from, w->of[k].to, w->of[k].step);
    }
    return p->a->divisor == TG_POOL_SUM ? 1 : p->a->divisor == TG_POOL_ELEMENTS ? elements : kernel;
}

/* Runs the body for each row of the window W of a plane, whose elements are from FROM to below TO. */
#define EACH_RUN(W, PLANE, FROM, TO)                                                                                   \
    for (int64_t z_ = (W).of[0].from; z_ < (W).of[0].to; z_ += (W).of[0].step)                                         \
        for (int64_t i_ = (W).of[1].from, row_ = (z_ * (PLANE)[1] + i_) * (PLANE)[2], FROM = row_ + (W).of[2].from, TO = row_ + (W).of[2].to; \
             i_ < (W).of[1].to; i_ += (W).of[1].step, FROM += (W).of[1].step * (PLANE)[2], TO += (W).of[1].step * (PLANE)[2])

/* v, or the largest element m itself where that is NaN and v is not 0. */
static inline float  picked_f32(float v, float m) { return m == m || v == 0 ? v : m; }
static inline double picked_f64(double v, double m) { return m == m || v == 0 ? v : m; }

/* One plane where windows share the axes out, of f32 or f64. row: room for a row of doubles. max: of the largest elements of x the places, and there v,
 * which may be x itself; and the other way. */
void tg_adaptive_max(const planes *p, tg_dtype dtype, const void *x, const void *v, void *y, void *row);
void tg_adaptive_max_dx(const planes *p, tg_dtype dtype, const void *x, const void *g, void *dx, void *row);
void tg_adaptive_avg(const planes *p, tg_dtype dtype, const void *x, void *y, double *row);
void tg_adaptive_avg_dx(const planes *p, tg_dtype dtype, const void *g, void *dx, void *row);

#endif
