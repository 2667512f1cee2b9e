/* conv_geometry.h - the sizes of a convolution, and planes with zeros around: conv_run.c, and conv_depthwise.c for channels that have a weight each. */
#ifndef TG_CONV_GEOMETRY_H
#define TG_CONV_GEOMETRY_H

#include "ops/window/window.h"

#include <string.h>

#include "kernels/conv.h"
#include "kernels/gemm.h"

enum {
    PANEL   = 16384,
    WIDEST  = 512,
    DEEPEST = 256
}; /* elements of a panel, of a tile's row; rows that a panel should not fall short of */

typedef struct geometry {
    const tg_conv_loops *loops;
    tg_gemm_fn           product;
    size_t               item;
    tg_window            w;
    int64_t              images, groups, in, out; /* in, out: channels of each group */
    int64_t              plane[TG_WINDOW_AXES], padded[TG_WINDOW_AXES], count[TG_WINDOW_AXES];
    int64_t              plane_size, padded_size, positions; /* their products */
    int64_t              taps, depth; /* of a window in one channel, in all of a group */
    int64_t              block;       /* channels in a panel */
    int64_t              rows, cols;  /* of output positions in a tile */
    int64_t              pitch;       /* of a panel's rows */
    int64_t              out_pitch;   /* out, in whole vectors */
} geometry;

static inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t within(int64_t x, int64_t lo, int64_t hi) { return x > hi ? hi : x < lo ? lo : x; }
static inline int64_t whole(int64_t n, int64_t lanes) { return (n + lanes - 1) / lanes * lanes; }

/* About equal parts of n instead of parts of `most` and a small rest: the size of the largest. */
static inline int64_t shares(int64_t n, int64_t most)
{
    const int64_t parts = (n + most - 1) / most;
    return (n + parts - 1) / parts;
}

/* Of sizes that are not negative. Planes with much padding may be larger than any memory: then it is TOO_LARGE, which elements() refuses, and to which
 * some can be added. */
#define TOO_LARGE (INT64_MAX / 4)
static inline int64_t product(const int64_t size[TG_WINDOW_AXES])
{
    int64_t n = 1;
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        if (size[k] == 0) return 0;
    for (int k = 0; k < TG_WINDOW_AXES; k++)
        if (__builtin_mul_overflow(n, size[k], &n) || n > TOO_LARGE) return TOO_LARGE;
    return n;
}

/* x [N, groups in, plane], w [groups out, in, window], y [N, groups out, count]. Their sizes are checked and there is
 * something of y, dx or dw to compute. */
static inline geometry geometry_of(tg_dtype dtype, const tg_conv_attr *a, const tg_shape *x, const tg_shape *w,
                            const tg_shape *y)
{
    geometry g = {.loops  = tg_fast_conv(dtype),
                  .product = tg_fast_gemm(dtype),
                  .item   = tg_dtype_size(dtype),
                  .w      = a->window,
                  .images = x->dim[0],
                  .groups = a->groups,
                  .in     = w->dim[1],
                  .out    = w->dim[0] / a->groups};
    tg_window_plane(&g.w, w, g.w.size);
    tg_window_plane(&g.w, x, g.plane);
    tg_window_plane(&g.w, y, g.count);
    for (int k = 0; k < TG_WINDOW_AXES; k++) g.padded[k] = g.plane[k] + g.w.padding[k] + g.w.behind[k];
    g.taps        = product(g.w.size);
    g.plane_size  = product(g.plane);
    g.padded_size = product(g.padded);
    g.positions   = product(g.count);
    const int64_t lanes = g.loops->lanes;
    g.depth             = g.in * g.taps;
    g.cols              = shares(g.count[2], WIDEST);
    g.rows  = g.cols < g.count[2] ? 1 : within(PANEL / (within(g.depth, 1, DEEPEST) * g.cols), 1, g.count[1]);
    g.rows  = shares(g.count[1], g.rows);
    g.block = g.in == 0 ? 1 : within(PANEL / (g.taps * g.rows * g.cols), 1, g.in);
    g.pitch = whole(g.rows * g.cols, lanes);
    if (g.pitch * (int64_t)g.item % 2048 == 0)
        g.pitch += lanes; /* or all rows would want the same lines of the cache */
    g.out_pitch = whole(g.out, lanes);
    return g;
}

static inline void *at(const geometry *g, const void *p, int64_t k) { return (char *)(uintptr_t)p + k * (int64_t)g->item; }

/* Elements, with room behind for what vectors reach over; -1: too many. */
static inline int64_t elements(const geometry *g, int64_t a, int64_t b, int64_t c)
{
    int64_t n;
    return tg_shape_size(TG_SHAPE(a, b, c), TG_F64, &n, NULL) == TG_OK ? whole(n + g->loops->lanes, 64) : -1;
}

/* Is x a plane without its padding? */
static inline bool is_padded(const geometry *g) { return g->padded_size != g->plane_size; }

/* The first row of layer k, counted through all channels, in the padded copy. */
static inline void *padded_layer(const geometry *g, void *planes, int64_t k)
{
    const int64_t layer = k / g->plane[0] * g->padded[0] + k % g->plane[0] + g->w.padding[0];
    return at(g, planes, (layer * g->padded[1] + g->w.padding[1]) * g->padded[2] + g->w.padding[2]);
}

/* n channels of x, with zeros around. */
static inline void pad(const geometry *g, void *planes, const void *x, int64_t n)
{
    const size_t row = (size_t)g->plane[2] * g->item;
    if (is_padded(g)) memset(planes, 0, (size_t)(n * g->padded_size) * g->item);
    for (int64_t k = 0; k < n * g->plane[0] && row; k++) {
        void *to = padded_layer(g, planes, k);
        for (int64_t r = 0; r < g->plane[1]; r++)
            memcpy(at(g, to, r * g->padded[2]), at(g, x, (k * g->plane[1] + r) * g->plane[2]), row);
    }
}

static inline void unpad(const geometry *g, void *x, void *planes, int64_t n)
{
    const size_t row = (size_t)g->plane[2] * g->item;
    for (int64_t k = 0; k < n * g->plane[0] && row; k++) {
        const void *from = padded_layer(g, planes, k);
        for (int64_t r = 0; r < g->plane[1]; r++)
            memcpy(at(g, x, (k * g->plane[1] + r) * g->plane[2]), at(g, from, r * g->padded[2]), row);
    }
}

static inline bool is_empty(const tg_shape *s)
{
    for (int k = 0; k < s->rank; k++)
        if (s->dim[k] == 0) return true;
    return false;
}

static inline double work(const geometry *g)
{
    return (double)g->images * (double)g->groups * (double)g->out * (double)(g->depth + 4) *
           (double)g->positions;
}

/* Elements of x, y and w in one image (w: at all) of one group. */
static inline int64_t x_size(const geometry *g) { return g->in * g->plane_size; }
static inline int64_t y_size(const geometry *g) { return g->out * g->positions; }
static inline int64_t w_size(const geometry *g) { return g->out * g->depth; }

/* conv_depthwise.c: may it be computed there? Then these are tg_conv_run and its gradients. */
bool      tg_conv_is_depthwise(const geometry *g);
bool      tg_conv_is_depthwise_dx(const geometry *g, const tg_array *weight);
tg_status tg_conv_depthwise(tg_call *c, const geometry *g);
tg_status tg_conv_depthwise_dx(tg_call *c, const geometry *g);
tg_status tg_conv_depthwise_dw(tg_call *c, const geometry *g);

#endif
