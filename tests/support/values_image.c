/* values_image.c - references of patches, pixels and sizes of images, element by element from the formulas of window.h. */
#include "values.h"

static int64_t or_one(int64_t v) { return v ? v : 1; }

/* Along one axis, by the sample's shape: the place in the plane that element `tap` of window `at` sees. */
static int64_t place(const sample *s, int axis, int64_t at, int64_t tap)
{
    const int64_t *d = s->shape.dim;
    return at * or_one(d[2 + axis]) - d[4 + axis] + tap * or_one(d[6 + axis]);
}

static int64_t windows(const sample *s, int axis, int64_t size)
{
    const int64_t *d = s->shape.dim;
    int64_t        n = 0;
    while (place(s, axis, n, d[axis] - 1) < size + d[4 + axis]) n++;
    return n;
}

/* columns [N, C kh kw, L] and planes [N, C, H, W]: adds what belongs together to one of them. */
static void patch(const sample *s, values_array *columns, values_array *planes, bool fold)
{
    const int64_t *k = s->shape.dim, *d = planes->shape.dim, wide = windows(s, 1, d[3]);
    int64_t        at[TG_MAX_RANK];
    for (int64_t e = 0; e < columns->n; e++) {
        values_at(&columns->shape, e, at);
        const int64_t c = at[1] / (k[0] * k[1]), tap = at[1] % (k[0] * k[1]);
        const int64_t row = place(s, 0, at[2] / wide, tap / k[1]), col = place(s, 1, at[2] % wide, tap % k[1]);
        if (row < 0 || row >= d[2] || col < 0 || col >= d[3]) continue;
        const int64_t p = ((at[0] * d[1] + c) * d[2] + row) * d[3] + col;
        if (fold) planes->x[p] += columns->x[e], planes->size[p] += fabsl(columns->x[e]);
        else columns->x[e] = planes->x[p];
    }
}

void values_of_unfold(values_call *c)
{
    values_array   x = c->in[0];
    const int64_t *d = x.shape.dim, *k = c->s->shape.dim;
    const tg_shape s = {3, {d[0], d[1] * k[0] * k[1], windows(c->s, 0, d[2]) * windows(c->s, 1, d[3])}};
    patch(c->s, values_result(c, x.dtype, &s, false), &x, false);
}

void values_of_fold(values_call *c)
{
    values_array   x = c->in[0];
    const int64_t *d = x.shape.dim, *k = c->s->shape.dim;
    const tg_shape s = {4, {d[0], d[1] / (k[0] * k[1]), c->s->start, c->s->stop}};
    patch(c->s, &x, values_result(c, x.dtype, &s, true), true);
}

/* Each pixel of the large image, and the element of the small one that it is. */
static void shuffle(values_call *c, bool large)
{
    const values_array *x = &c->in[0];
    const int           r = x->shape.rank;
    const int64_t       f = c->s->start;
    tg_shape            s = x->shape;
    s.dim[r - 3] = large ? s.dim[r - 3] / (f * f) : s.dim[r - 3] * f * f;
    for (int k = r - 2; k < r; k++) s.dim[k] = large ? s.dim[k] * f : s.dim[k] / f;
    values_array   *y = values_result(c, x->dtype, &s, false);
    const tg_shape *big = large ? &s : &x->shape, *little = large ? &x->shape : &s;
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(big, e, at);
        at[r - 3] = at[r - 3] * f * f + at[r - 2] % f * f + at[r - 1] % f;
        at[r - 2] /= f;
        at[r - 1] /= f;
        const int64_t k = values_element(little, at);
        y->x[large ? e : k] = x->x[large ? k : e];
    }
}
void values_of_pixel_shuffle(values_call *c) { shuffle(c, true); }
void values_of_pixel_unshuffle(values_call *c) { shuffle(c, false); }

static void global_pool(values_call *c, bool largest)
{
    const values_array *x = &c->in[0];
    tg_shape            s = x->shape;
    for (int k = 2; k < s.rank; k++) s.dim[k] = 1;
    values_array *y = values_result(c, x->dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        const int64_t n = x->n / y->n;
        const real   *p = x->x + e * n;
        real          sum = 0, most = -HUGE_VALL;
        for (int64_t k = 0; k < n; k++) {
            sum += p[k];
            y->size[e] += fabsl(p[k]) / (real)n;
            if (p[k] > most) most = p[k];
        }
        y->x[e] = largest ? most : sum / (real)n;
    }
}
void values_of_global_avg_pool(values_call *c) { global_pool(c, false); }
void values_of_global_max_pool(values_call *c) { global_pool(c, true); }

/* How much element k of an axis of x counts for element i of the result. */
static real share(const sample *s, int64_t from, int64_t to, int64_t i, int64_t k)
{
    const real ratio = s->number != 0 ? 1 / (real)s->number : (real)from / (real)to;
    if (s->axis == TG_NEAREST) return (int64_t)floorl((real)i * ratio) == k;
    real at = s->keepdim ? (to > 1 ? (real)(i * (from - 1)) / (real)(to - 1) : 0) : ((real)i + 0.5L) * ratio - 0.5L;
    at = fminl(fmaxl(at, 0), (real)(from - 1));
    return fmaxl(0, 1 - fabsl(at - (real)k));
}

void values_of_interpolate(values_call *c)
{
    const values_array *x = &c->in[0];
    tg_shape            s = x->shape;
    for (int k = 2; k < s.rank; k++)
        s.dim[k] = c->s->number != 0 ? (int64_t)floor((double)s.dim[k] * c->s->number) : c->s->shape.dim[k - 2];
    values_array *y = values_result(c, x->dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++)
        for (int64_t p = 0; p < x->n; p++) {
            int64_t at[TG_MAX_RANK], of[TG_MAX_RANK];
            values_at(&s, e, at);
            values_at(&x->shape, p, of);
            real w = at[0] == of[0] && at[1] == of[1];
            for (int k = 2; k < s.rank && w != 0; k++) w *= share(c->s, x->shape.dim[k], s.dim[k], at[k], of[k]);
            y->x[e] += w * x->x[p];
            y->size[e] = fmaxl(y->size[e], w != 0 ? fabsl(x->x[p]) : 0);
        }
}

/* ---- places: pixel by pixel, from the sample's cells */

/* Where place p along an axis of n pixels is read: mirrored until it is inside, or held there. */
static real led_inside(real p, int64_t n, int padding, bool align)
{
    const real low = align ? 0 : -0.5L, high = align ? (real)n - 1 : (real)n - 0.5L;
    while (padding == TG_PAD_REFLECT && (p < low || p > high)) p = p < low ? 2 * low - p : 2 * high - p;
    return padding == TG_PAD_CONSTANT ? p : fminl(fmaxl(p, 0), (real)n - 1);
}

static real pixel(const values_array *x, int64_t n, int64_t channel, int64_t row, int64_t column)
{
    if (row < 0 || column < 0 || row >= x->shape.dim[2] || column >= x->shape.dim[3]) return 0;
    return x->x[values_element(&x->shape, (int64_t[TG_MAX_RANK]){n, channel, row, column})];
}

void values_of_grid_sample(values_call *c)
{
    const values_array *x = &c->in[0], *u = &c->in[1];
    const tg_shape      s = {4, {x->shape.dim[0], x->shape.dim[1], u->shape.dim[1], u->shape.dim[2]}};
    values_array       *y = values_result(c, x->dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    p[2];
        values_at(&s, e, at);
        for (int which = 0; which < 2; which++) {
            const int64_t k = values_element(&u->shape, (int64_t[TG_MAX_RANK]){at[0], at[2], at[3], which});
            p[which] = led_inside((real)(2 * k % 5 - 1) + u->x[k], x->shape.dim[3 - which], c->s->axis, c->s->keepdim);
        }
        const int64_t column = (int64_t)floorl(p[0]), row = (int64_t)floorl(p[1]);
        if (c->s->start) y->x[e] = pixel(x, at[0], at[1], (int64_t)rintl(p[1]), (int64_t)rintl(p[0]));
        for (int k = 0; !c->s->start && k < 4; k++) {
            const real wx = k % 2 ? p[0] - (real)column : 1 - (p[0] - (real)column), wy = k / 2 ? p[1] - (real)row : 1 - (p[1] - (real)row);
            y->x[e] += wx * wy * pixel(x, at[0], at[1], row + k / 2, column + k % 2);
        }
        y->size[e] = 2 * 4; /* the places are rounded, and pixels up to 2 */
    }
}

void values_of_affine_grid(values_call *c)
{
    const values_array *m = &c->in[0];
    const tg_shape      s = {4, {m->shape.dim[0], c->s->start, c->s->stop, 2}};
    values_array       *y = values_result(c, m->dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    p[3] = {0, 0, 1};
        values_at(&s, e, at);
        for (int which = 0; which < 2; which++) {
            const real i = (real)at[2 - which], n = (real)s.dim[2 - which];
            p[which] = !c->s->keepdim ? (2 * i + 1) / n - 1 : n > 1 ? 2 * i / (n - 1) - 1 : 0;
        }
        for (int k = 0; k < 3; k++) {
            const real term = m->x[at[0] * 6 + at[3] * 3 + k] * p[k];
            y->x[e] += term;
            y->size[e] += fabsl(term);
        }
    }
}
