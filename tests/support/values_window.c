/* values_window.c - references of convolutions and pooling: every pair of an element of the result and one under its
 * window, in loops over the formulas of tapegrad.h. */
#include "values.h"

#include <stdlib.h>

/* What a sample's shape holds: {stride, stride, padding, padding, dilation, dilation, groups}, zeros for the usual, or
 * of pooling {kernel, kernel, stride, stride, padding, padding}. */
typedef struct window {
    int64_t kernel[2], stride[2], padding[2], dilation[2], groups;
} window;

static int64_t or_one(int64_t v) { return v ? v : 1; }

static window window_of_conv(const sample *s, int64_t height, int64_t width)
{
    const int64_t *d = s->shape.dim;
    return (window){
        {height, width}, {or_one(d[0]), or_one(d[1])}, {d[2], d[3]}, {or_one(d[4]), or_one(d[5])}, or_one(d[6])};
}
static window window_of_pool(const sample *s)
{
    const int64_t *d = s->shape.dim;
    return (window){{d[0], d[1]}, {d[2], d[3]}, {d[4], d[5]}, {1, 1}, 1};
}

static int64_t places(const window *w, int side, int64_t size)
{
    return (size + 2 * w->padding[side] - w->dilation[side] * (w->kernel[side] - 1) - 1) / w->stride[side] + 1;
}

/* The element of plane `plane` of x that is under element (i, j) of the window at (a, b); -1: there is none. */
static int64_t under(const window *w, const tg_shape *x, int64_t plane, int64_t a, int64_t b, int64_t i, int64_t j)
{
    const int64_t row = a * w->stride[0] - w->padding[0] + i * w->dilation[0],
                  col = b * w->stride[1] - w->padding[1] + j * w->dilation[1];
    if (row < 0 || row >= x->dim[2] || col < 0 || col >= x->dim[3]) return -1;
    return (plane * x->dim[2] + row) * x->dim[3] + col;
}

/* ---- convolution: all products of an element of x, one of w and one of y that belong together
 * -------------------------- */

typedef enum target { OF_X, OF_W, OF_Y } target;

/* Adds to r, which is x, w or y, the product of the two others. */
static void convolve(const window *win, values_array *x, values_array *w, values_array *y, target of, values_array *r)
{
    const int64_t *d = y->shape.dim, in = w->shape.dim[1], out = d[1] / win->groups;
    int64_t        at[TG_MAX_RANK], wat[TG_MAX_RANK];
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&y->shape, e, at);
        for (int64_t f = 0; f < in * win->kernel[0] * win->kernel[1]; f++) {
            const int64_t c = f / (win->kernel[0] * win->kernel[1]), i = f / win->kernel[1] % win->kernel[0],
                          j     = f % win->kernel[1];
            const int64_t plane = at[0] * x->shape.dim[1] + at[1] / out * in + c;
            const int64_t p     = under(win, &x->shape, plane, at[2], at[3], i, j);
            wat[0] = at[1], wat[1] = c, wat[2] = i, wat[3] = j;
            const int64_t q = values_element(&w->shape, wat);
            if (p < 0) continue;
            const real    term = of == OF_Y ? x->x[p] * w->x[q] : of == OF_X ? y->x[e] * w->x[q] : y->x[e] * x->x[p];
            const int64_t to   = of == OF_Y ? e : of == OF_X ? p : q;
            r->x[to] += term;
            r->size[to] += fabsl(term);
        }
    }
}

void values_of_conv2d(values_call *c)
{
    values_array   x = c->in[0], w = c->in[1];
    const window   win = window_of_conv(c->s, w.shape.dim[2], w.shape.dim[3]);
    const tg_shape s   = {
          4, {x.shape.dim[0], w.shape.dim[0], places(&win, 0, x.shape.dim[2]), places(&win, 1, x.shape.dim[3])}};
    values_array *y = values_result(c, x.dtype, &s, true);
    convolve(&win, &x, &w, y, OF_Y, y);
    for (int64_t e = 0; c->n_in > 2 && e < y->n; e++) {
        const real bias = c->in[2].x[e / (s.dim[2] * s.dim[3]) % s.dim[1]];
        y->x[e] += bias;
        y->size[e] += fabsl(bias);
    }
}

/* Inputs {g, w}; start and stop are x's height and width. */
void values_of_conv2d_dx(values_call *c)
{
    values_array   g = c->in[0], w = c->in[1];
    const window   win = window_of_conv(c->s, w.shape.dim[2], w.shape.dim[3]);
    const tg_shape s   = {4, {g.shape.dim[0], w.shape.dim[1] * win.groups, c->s->start, c->s->stop}};
    values_array  *dx  = values_result(c, g.dtype, &s, true);
    convolve(&win, dx, &w, &g, OF_X, dx);
}

/* Inputs {g, x}; axes are the kernel's height and width. */
void values_of_conv2d_dw(values_call *c)
{
    values_array   g = c->in[0], x = c->in[1];
    const window   win = window_of_conv(c->s, c->s->axes.axis[0], c->s->axes.axis[1]);
    const tg_shape s   = {4, {g.shape.dim[1], x.shape.dim[1] / win.groups, win.kernel[0], win.kernel[1]}};
    values_array  *dw  = values_result(c, g.dtype, &s, true);
    convolve(&win, &x, dw, &g, OF_W, dw);
}

/* ---- pooling
 * -------------------------------------------------------------------------------------------------------------- */

/* The elements of x under element e of y, into at: their number. */
static int64_t window_elements(const window *w, const tg_shape *x, const tg_shape *y, int64_t e, int64_t *at)
{
    int64_t n = 0, place[TG_MAX_RANK];
    values_at(y, e, place);
    for (int64_t k = 0; k < w->kernel[0] * w->kernel[1]; k++) {
        const int64_t p =
            under(w, x, place[0] * x->dim[1] + place[1], place[2], place[3], k / w->kernel[1], k % w->kernel[1]);
        if (p >= 0) at[n++] = p;
    }
    return n;
}

/* The first of the largest. */
static int64_t largest_at(const real *x, const int64_t *at, int64_t n)
{
    int64_t best = at[0];
    for (int64_t k = 1; k < n; k++)
        if (x[at[k]] > x[best]) best = at[k];
    return best;
}

enum { MOST_IN_WINDOW = 16 };

static void pool(values_call *c, bool largest)
{
    const values_array *x   = &c->in[0];
    const window        win = window_of_pool(c->s);
    const tg_shape      s   = {
               4, {x->shape.dim[0], x->shape.dim[1], places(&win, 0, x->shape.dim[2]), places(&win, 1, x->shape.dim[3])}};
    values_array *y = values_result(c, x->dtype, &s, !largest);
    int64_t       at[MOST_IN_WINDOW];
    if (win.kernel[0] * win.kernel[1] > MOST_IN_WINDOW) abort();
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t n     = window_elements(&win, &x->shape, &s, e, at);
        const real    share = 1 / (real)(c->s->axis ? n : win.kernel[0] * win.kernel[1]);
        if (largest) y->x[e] = x->x[largest_at(x->x, at, n)];
        for (int64_t k = 0; !largest && k < n; k++) {
            y->x[e] += share * x->x[at[k]];
            y->size[e] += share * fabsl(x->x[at[k]]);
        }
    }
}
void values_of_max_pool2d(values_call *c) { pool(c, true); }
void values_of_avg_pool2d(values_call *c) { pool(c, false); }

/* Inputs {x, g} of max_pool2d, {g} of avg_pool2d; start and stop are x's height and width. */
static void pool_gradient(values_call *c, const values_array *x)
{
    const values_array *g   = &c->in[c->n_in - 1];
    const window        win = window_of_pool(c->s);
    const tg_shape      s   = {4, {g->shape.dim[0], g->shape.dim[1], c->s->start, c->s->stop}};
    values_array       *dx  = values_result(c, g->dtype, &s, true);
    int64_t             at[MOST_IN_WINDOW];
    if (win.kernel[0] * win.kernel[1] > MOST_IN_WINDOW) abort();
    for (int64_t e = 0; e < g->n; e++) {
        int64_t    n     = window_elements(&win, &s, &g->shape, e, at);
        const real share = x ? 1 : 1 / (real)(c->s->axis ? n : win.kernel[0] * win.kernel[1]);
        if (x) at[0] = largest_at(x->x, at, n), n = 1;
        for (int64_t k = 0; k < n; k++) {
            dx->x[at[k]] += share * g->x[e];
            dx->size[at[k]] += share * fabsl(g->x[e]);
        }
    }
}
void values_of_max_pool2d_dx(values_call *c) { pool_gradient(c, &c->in[0]); }
void values_of_avg_pool2d_dx(values_call *c) { pool_gradient(c, NULL); }
