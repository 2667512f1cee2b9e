/* values_window.c - references of convolutions and pooling: every pair of an element of the result and one under its
 * window, in loops over the formulas of tapegrad.h. */
#include "values.h"

#include <stdlib.h>
#include <string.h>

enum { AXES_MOST = 3 };

/* What a sample's shape holds, by axis: {stride, stride, padding, padding, dilation, dilation, groups}, zeros for the usual, or
 * of pooling {kernel, kernel, stride, stride, padding, padding, dilation}. One axis has the second of each pair, depth has the first. */
typedef struct window {
    int     axes;
    int64_t kernel[AXES_MOST], stride[AXES_MOST], padding[AXES_MOST], behind[AXES_MOST], dilation[AXES_MOST], groups;
    bool    rounded_up;
} window;

static int64_t or_one(int64_t v) { return v ? v : 1; }

/* For axis k of so many. */
static int64_t of_pair(const int64_t *pair, int k, int axes) { return pair[k == axes - 1]; }

static window window_of_conv(const sample *s, int axes, const int64_t *kernel)
{
    const int64_t *d = s->shape.dim;
    window         w = {.axes = axes, .groups = or_one(d[6])};
    for (int k = 0; k < axes; k++) {
        w.kernel[k]   = kernel[k];
        w.stride[k]   = or_one(of_pair(d, k, axes));
        w.dilation[k] = or_one(of_pair(d + 4, k, axes));
        w.padding[k] = w.behind[k] = of_pair(d + 2, k, axes);
        if (!s->keepdim) continue;
        w.padding[k] = w.dilation[k] * (kernel[k] - 1) / 2;
        w.behind[k]  = w.dilation[k] * (kernel[k] - 1) - w.padding[k];
    }
    return w;
}
static window window_of_pool(const sample *s, int axes)
{
    const int64_t *d = s->shape.dim;
    window         w = {.axes = axes, .groups = 1, .rounded_up = s->keepdim};
    for (int k = 0; k < axes; k++) {
        w.kernel[k]   = of_pair(d, k, axes);
        w.stride[k]   = of_pair(d + 2, k, axes);
        w.padding[k] = w.behind[k] = of_pair(d + 4, k, axes);
        w.dilation[k] = or_one(d[6]);
    }
    return w;
}

static int64_t reach(const window *w, int k) { return w->dilation[k] * (w->kernel[k] - 1) + 1; }

/* How many windows are within x and its padding; rounded up, one more that only begins there, if it does not begin behind x. */
static int64_t places(const window *w, int k, int64_t size)
{
    int64_t n = 0, end = size + w->padding[k] + w->behind[k];
    while (n * w->stride[k] + reach(w, k) <= end) n++;
    const int64_t next = n * w->stride[k];
    return n + (w->rounded_up && next - w->stride[k] + reach(w, k) < end && next < size + w->padding[k]);
}

static tg_shape shape_of(const window *w, const tg_shape *x, int64_t channels)
{
    tg_shape s = {2 + w->axes, {x->dim[0], channels}};
    for (int k = 0; k < w->axes; k++) s.dim[2 + k] = places(w, k, x->dim[2 + k]);
    return s;
}

static int64_t taps(const window *w)
{
    int64_t n = 1;
    for (int k = 0; k < w->axes; k++) n *= w->kernel[k];
    return n;
}

/* The element of plane `plane` of x that is under element `tap` of the window at at[2 …]; -1: there is none, -2: it is beyond the padding. */
static int64_t under(const window *w, const tg_shape *x, int64_t plane, const int64_t *at, int64_t tap)
{
    int64_t e = 0, unit = 1, place[AXES_MOST];
    bool    outside = false, beyond = false;
    for (int k = w->axes; k-- > 0; tap /= w->kernel[k])
        place[k] = at[2 + k] * w->stride[k] - w->padding[k] + tap % w->kernel[k] * w->dilation[k];
    for (int k = w->axes; k-- > 0;) {
        outside = outside || place[k] < 0 || place[k] >= x->dim[2 + k];
        beyond  = beyond || place[k] >= x->dim[2 + k] + w->behind[k];
        e += place[k] * unit;
        unit *= x->dim[2 + k];
    }
    return beyond ? -2 : outside ? -1 : plane * unit + e;
}

/* ---- convolution: all products of an element of x, one of w and one of y that belong together
 * -------------------------- */

typedef enum target { OF_X, OF_W, OF_Y } target;

/* Adds to r, which is x, w or y, the product of the two others. */
static void convolve(const window *win, values_array *x, values_array *w, values_array *y, target of, values_array *r)
{
    const int64_t *d = y->shape.dim, in = w->shape.dim[1], out = d[1] / win->groups, n = taps(win);
    int64_t        at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&y->shape, e, at);
        for (int64_t f = 0; f < in * n; f++) {
            const int64_t plane = at[0] * x->shape.dim[1] + at[1] / out * in + f / n, p = under(win, &x->shape, plane, at, f % n);
            const int64_t q = at[1] * in * n + f;
            if (p < 0) continue;
            const real    term = of == OF_Y ? x->x[p] * w->x[q] : of == OF_X ? y->x[e] * w->x[q] : y->x[e] * x->x[p];
            const int64_t to   = of == OF_Y ? e : of == OF_X ? p : q;
            r->x[to] += term;
            r->size[to] += fabsl(term);
        }
    }
}

/* With a bias for each channel. */
static void add_bias(values_array *y, const values_array *bias)
{
    int64_t at[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&y->shape, e, at);
        y->x[e] += bias->x[at[1]];
        y->size[e] += fabsl(bias->x[at[1]]);
    }
}

void values_of_conv(values_call *c)
{
    values_array   x = c->in[0], w = c->in[1];
    const window   win = window_of_conv(c->s, x.shape.rank - 2, w.shape.dim + 2);
    const tg_shape s   = shape_of(&win, &x.shape, w.shape.dim[0]);
    values_array  *y   = values_result(c, x.dtype, &s, true);
    convolve(&win, &x, &w, y, OF_Y, y);
    if (c->n_in > 2) add_bias(y, &c->in[2]);
}

/* The sizes of x that a sample of a gradient names. */
static void sizes_of(const sample *s, int axes, int64_t *size)
{
    const int64_t all[] = {s->step, s->start, s->stop};
    memcpy(size, all + AXES_MOST - axes, (size_t)axes * sizeof *size);
}

/* Inputs {g, w}. */
void values_of_conv_dx(values_call *c)
{
    values_array g = c->in[0], w = c->in[1];
    const int    axes = g.shape.rank - 2;
    const window win = window_of_conv(c->s, axes, w.shape.dim + 2);
    tg_shape     s   = {g.shape.rank, {g.shape.dim[0], w.shape.dim[1] * win.groups}};
    sizes_of(c->s, axes, s.dim + 2);
    values_array *dx = values_result(c, g.dtype, &s, true);
    convolve(&win, dx, &w, &g, OF_X, dx);
}

/* Inputs {g, x}; axes are the kernel's height and width. */
void values_of_conv_dw(values_call *c)
{
    values_array  g = c->in[0], x = c->in[1];
    const int     axes = g.shape.rank - 2, *k = c->s->axes.axis;
    const int64_t kernel[] = {k[axes == 1], k[axes == 2], k[1]};
    const window  win = window_of_conv(c->s, axes, kernel);
    tg_shape      s   = {g.shape.rank, {g.shape.dim[1], x.shape.dim[1] / win.groups}};
    memcpy(s.dim + 2, kernel, (size_t)axes * sizeof *kernel);
    values_array *dw = values_result(c, g.dtype, &s, true);
    convolve(&win, &x, dw, &g, OF_W, dw);
}

void values_of_conv_transpose(values_call *c)
{
    values_array x = c->in[0], w = c->in[1];
    const window win = window_of_conv(c->s, x.shape.rank - 2, w.shape.dim + 2);
    tg_shape     s   = {x.shape.rank, {x.shape.dim[0], w.shape.dim[1] * win.groups}};
    for (int k = 0; k < win.axes; k++)
        s.dim[2 + k] = (x.shape.dim[2 + k] - 1) * win.stride[k] - 2 * win.padding[k] + reach(&win, k) + c->s->stop;
    values_array *y = values_result(c, x.dtype, &s, true);
    convolve(&win, y, &w, &x, OF_X, y);
    if (c->n_in > 2) add_bias(y, &c->in[2]);
}

/* ---- pooling
 * -------------------------------------------------------------------------------------------------------------- */

enum { MOST_IN_WINDOW = 64 };

/* The elements of x in one window, and how many of its elements are in x or its padding. */
typedef struct elements {
    int64_t at[MOST_IN_WINDOW], n, padded;
} elements;

static elements window_elements(const window *w, const tg_shape *x, const tg_shape *y, int64_t e)
{
    elements r = {.n = 0};
    int64_t  place[TG_MAX_RANK];
    values_at(y, e, place);
    if (taps(w) > MOST_IN_WINDOW) abort();
    for (int64_t k = 0; k < taps(w); k++) {
        const int64_t p = under(w, x, place[0] * x->dim[1] + place[1], place, k);
        if (p >= 0) r.at[r.n++] = p;
        r.padded += p != -2;
    }
    return r;
}

/* Of the windows that share out each axis: those elements i of which [i, i + 1] meets [k, k + 1] size / n. */
static elements shared_elements(const tg_shape *x, const tg_shape *y, int64_t e)
{
    elements r = {.n = 0};
    int64_t  place[TG_MAX_RANK], at[TG_MAX_RANK];
    values_at(y, e, place);
    int64_t n = 1;
    for (int k = 0; k < x->rank; k++) n *= x->dim[k];
    for (int64_t i = 0; i < n; i++) {
        values_at(x, i, at);
        bool inside = at[0] == place[0] && at[1] == place[1];
        for (int k = 2; k < x->rank; k++)
            inside = inside && (at[k] + 1) * y->dim[k] > place[k] * x->dim[k] && at[k] * y->dim[k] < (place[k] + 1) * x->dim[k];
        if (inside) r.at[r.n++] = i;
    }
    r.padded = r.n;
    return r;
}

/* The first of the largest. */
static int64_t largest_at(const real *x, const elements *w)
{
    int64_t best = w->at[0];
    for (int64_t k = 1; k < w->n; k++)
        if (x[w->at[k]] > x[best]) best = w->at[k];
    return best;
}

static void pool_one(const values_array *x, const elements *w, bool largest, real share, values_array *y, int64_t e)
{
    if (largest) y->x[e] = x->x[largest_at(x->x, w)];
    for (int64_t k = 0; !largest && k < w->n; k++) {
        y->x[e] += share * x->x[w->at[k]];
        y->size[e] += share * fabsl(x->x[w->at[k]]);
    }
}

static void pool(values_call *c, bool largest)
{
    const values_array *x   = &c->in[0];
    const window        win = window_of_pool(c->s, x->shape.rank - 2);
    const tg_shape      s   = shape_of(&win, &x->shape, x->shape.dim[1]);
    values_array       *y   = values_result(c, x->dtype, &s, !largest);
    for (int64_t e = 0; e < y->n; e++) {
        const elements w = window_elements(&win, &x->shape, &s, e);
        pool_one(x, &w, largest, 1 / (real)(c->s->axis ? w.n : w.padded), y, e);
    }
}
void values_of_max_pool(values_call *c) { pool(c, true); }
void values_of_avg_pool(values_call *c) { pool(c, false); }

static void adaptive(values_call *c, bool largest)
{
    const values_array *x = &c->in[0];
    tg_shape            s = x->shape;
    sizes_of(c->s, s.rank - 2, s.dim + 2);
    values_array *y = values_result(c, x->dtype, &s, !largest);
    for (int64_t e = 0; e < y->n; e++) {
        const elements w = shared_elements(&x->shape, &s, e);
        pool_one(x, &w, largest, 1 / (real)w.n, y, e);
    }
}
void values_of_adaptive_max_pool(values_call *c) { adaptive(c, true); }
void values_of_adaptive_avg_pool(values_call *c) { adaptive(c, false); }

void values_of_lp_pool(values_call *c)
{
    const values_array *x   = &c->in[0];
    const window        win = window_of_pool(c->s, x->shape.rank - 2);
    const tg_shape      s   = shape_of(&win, &x->shape, x->shape.dim[1]);
    values_array       *y   = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        const elements w   = window_elements(&win, &x->shape, &s, e);
        real           sum = 0;
        for (int64_t k = 0; k < w.n; k++) sum += powl(fabsl(x->x[w.at[k]]), c->s->number);
        y->x[e] = powl(sum, 1 / (real)c->s->number);
    }
}

/* Inputs {x, g} of max_pool, {g} of avg_pool. */
static void pool_gradient(values_call *c, const values_array *x)
{
    const values_array *g   = &c->in[c->n_in - 1];
    const window        win = window_of_pool(c->s, g->shape.rank - 2);
    tg_shape            s   = g->shape;
    sizes_of(c->s, win.axes, s.dim + 2);
    values_array *dx = values_result(c, g->dtype, &s, true);
    for (int64_t e = 0; e < g->n; e++) {
        elements   w     = window_elements(&win, &s, &g->shape, e);
        const real share = x ? 1 : 1 / (real)(c->s->axis ? w.n : w.padded);
        if (x) w.at[0] = largest_at(x->x, &w), w.n = 1;
        for (int64_t k = 0; k < w.n; k++) {
            dx->x[w.at[k]] += share * g->x[e];
            dx->size[w.at[k]] += share * fabsl(g->x[e]);
        }
    }
}
void values_of_max_pool_dx(values_call *c) { pool_gradient(c, &c->in[0]); }
void values_of_avg_pool_dx(values_call *c) { pool_gradient(c, NULL); }
