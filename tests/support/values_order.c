/* values_order.c - references of scans, and of what follows from sorting: line by line. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

enum { MOST = 128 }; /* elements of a line */

/* The lines along an axis: line k's element i lies at `first(k) + i step`. */
typedef struct lines {
    int64_t n, step, count;
} lines;

static lines lines_of(const tg_shape *s, int axis)
{
    const int k = values_axis(s, axis);
    lines     l = {s->dim[k], 1, 1};
    for (int a = 0; a < s->rank; a++) {
        if (a > k) l.step *= s->dim[a];
        if (a != k) l.count *= s->dim[a];
    }
    return l;
}
static int64_t first(const lines *l, int64_t line) { return line / l->step * l->n * l->step + line % l->step; }

/* ---- scans --------------------------------------------------------------------------------------------------------- */

static uint64_t modular(real x) { return x < 0 ? -(uint64_t)-x : (uint64_t)x; }

static void scanned(values_call *c, real start, bool product)
{
    const values_array *x = &c->in[0];
    const bool          floats = tg_dtype_is_float(x->dtype);
    const lines         l = lines_of(&x->shape, c->s->axis);
    values_array       *y = values_result(c, floats ? x->dtype : TG_I64, &x->shape, true);
    for (int64_t line = 0; line < (l.n ? l.count : 0); line++) {
        real     s = start, size = start;
        uint64_t u = (uint64_t)start;
        for (int64_t i = 0, at = first(&l, line); i < l.n; i++, at += l.step) {
            s    = product ? s * x->x[at] : s + x->x[at];
            size = product ? fabsl(s) : size + fabsl(x->x[at]);
            u    = product ? u * modular(x->x[at]) : u + modular(x->x[at]);
            y->x[at]    = floats ? s : (real)(int64_t)u;
            y->size[at] = size;
        }
    }
}
void values_of_cumsum(values_call *c) { scanned(c, 0, false); }
void values_of_cumprod(values_call *c) { scanned(c, 1, true); }

void values_of_logcumsumexp(values_call *c)
{
    const values_array *x = &c->in[0];
    const lines         l = lines_of(&x->shape, c->s->axis);
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    for (int64_t line = 0; line < (l.n ? l.count : 0); line++) {
        real s = 0;
        for (int64_t i = 0, at = first(&l, line); i < l.n; i++, at += l.step) {
            s += expl(x->x[at]);
            y->x[at]    = logl(s);
            y->size[at] = fmaxl(fabsl(logl(s)), 1);
        }
    }
}

void values_of_linear_scan(values_call *c)
{
    const values_array *a = &c->in[0], *b = &c->in[1];
    const lines         l = lines_of(&a->shape, c->s->axis);
    values_array       *y = values_result(c, a->dtype, &a->shape, true);
    for (int64_t line = 0; line < (l.n ? l.count : 0); line++) {
        real s = 0, size = 0;
        for (int64_t i = 0; i < l.n; i++) {
            const int64_t at = first(&l, line) + (c->s->start ? l.n - 1 - i : i) * l.step;
            s           = b->x[at] + a->x[at] * s;
            size        = fabsl(b->x[at]) + fabsl(a->x[at]) * size;
            y->x[at]    = s;
            y->size[at] = size;
        }
    }
}

/* Result 0 the extreme so far, result 1 its place. */
static void extremes(values_call *c, int sign)
{
    const values_array *x = &c->in[0];
    const lines         l = lines_of(&x->shape, c->s->axis);
    values_array       *y = values_result(c, x->dtype, &x->shape, false), *p = values_result(c, TG_I64, &x->shape, false);
    for (int64_t line = 0; line < (l.n ? l.count : 0); line++) {
        int64_t best = 0;
        for (int64_t i = 0, from = first(&l, line); i < l.n; i++) {
            if (sign * x->x[from + i * l.step] >= sign * x->x[from + best * l.step]) best = i;
            y->x[from + i * l.step] = x->x[from + best * l.step];
            p->x[from + i * l.step] = (real)best;
        }
    }
}
void values_of_cummax(values_call *c) { extremes(c, 1); }
void values_of_cummin(values_call *c) { extremes(c, -1); }

void values_of_diff(values_call *c)
{
    const values_array *x = &c->in[0];
    const int64_t       times = c->s->start;
    const int           axis = values_axis(&x->shape, c->s->axis);
    tg_shape            s = x->shape;
    s.dim[axis]           = s.dim[axis] > times ? s.dim[axis] - times : 0;
    values_array *y       = values_result(c, x->dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    binomial = times % 2 ? -1 : 1; /* (-1)^(times - i) times over i */
        values_at(&s, e, at);
        for (int64_t i = 0; i <= times; i++, at[axis]++) {
            y->x[e] += binomial * x->x[values_element(&x->shape, at)];
            y->size[e] += 2 * fabsl(binomial * x->x[values_element(&x->shape, at)]);
            binomial = -binomial * (real)(times - i) / (real)(i + 1);
        }
    }
}

/* ---- order ------------------------------------------------------------------------------------------------------------ */

/* The places of a line in ascending or descending order, by insertion. */
static void sorted_places(const values_array *x, const lines *l, int64_t line, bool descending, int64_t *place)
{
    const int64_t from = first(l, line);
    if (l->n > MOST) abort();
    for (int64_t i = 0; i < l->n; i++) {
        int64_t k = i;
        for (; k > 0; k--) {
            const real a = x->x[from + i * l->step], b = x->x[from + place[k - 1] * l->step];
            if (descending ? a <= b : a >= b) break;
            place[k] = place[k - 1];
        }
        place[k] = i;
    }
}

/* Elements begin … begin + n - 1 of each sorted line, or their places, along the axis or, without it, alone. */
static void ranked(values_call *c, int axis, bool descending, int64_t begin, int64_t n, bool keepdim, bool places)
{
    const values_array *x = &c->in[0];
    const lines         l = lines_of(&x->shape, axis);
    const int           k = values_axis(&x->shape, axis);
    tg_shape            s = x->shape;
    s.dim[k]              = n;
    const lines to        = lines_of(&s, axis);
    for (int a = k; !keepdim && a < s.rank - 1; a++) s.dim[a] = s.dim[a + 1];
    if (!keepdim) s.rank--;
    values_array *y = values_result(c, places ? TG_I64 : x->dtype, &s, false);
    for (int64_t line = 0; line < (n ? l.count : 0); line++) {
        int64_t place[MOST];
        sorted_places(x, &l, line, descending, place);
        for (int64_t i = 0; i < n; i++)
            y->x[first(&to, line) + i * to.step] = places ? (real)place[begin + i] : x->x[first(&l, line) + place[begin + i] * l.step];
    }
}

static int64_t length(const values_call *c, int axis) { return c->in[0].shape.dim[values_axis(&c->in[0].shape, axis)]; }

void values_of_argsort(values_call *c) { ranked(c, c->s->axis, c->s->start, 0, length(c, c->s->axis), true, true); }
void values_of_msort(values_call *c) { ranked(c, 0, false, 0, length(c, 0), true, false); }
void values_of_topk(values_call *c) { ranked(c, c->s->axis, c->s->keepdim, 0, c->s->start, true, false); }
void values_of_kthvalue(values_call *c) { ranked(c, c->s->axis, false, c->s->start - 1, 1, c->s->keepdim, false); }
void values_of_median(values_call *c) { ranked(c, c->s->axis, false, (length(c, c->s->axis) - 1) / 2, 1, c->s->keepdim, false); }

static void quantile(values_call *c, double q)
{
    const int64_t n = length(c, c->s->axis), below = (int64_t)floor(q * (double)(n - 1)), above = below + 1 < n ? below + 1 : below;
    const real    w = (real)(q * (double)(n - 1)) - (real)below;
    ranked(c, c->s->axis, false, below, 1, c->s->keepdim, false);
    ranked(c, c->s->axis, false, above, 1, c->s->keepdim, false);
    values_array *y = &c->out[c->n_out - 2], *b = &c->out[c->n_out - 1];
    y->size = calloc((size_t)y->n + 1, sizeof *y->size);
    for (int64_t e = 0; y->size && e < y->n; e++) {
        y->size[e] = fmaxl(fabsl(y->x[e]), fabsl(b->x[e]));
        y->x[e] += w * (b->x[e] - y->x[e]);
    }
    free(b->x);
    c->n_out--;
}
void values_of_quantile(values_call *c) { quantile(c, c->s->number); }

/* Of the sample's part of the way, of half of it and of all of it, one after the other. */
void values_of_quantiles(values_call *c)
{
    quantile(c, c->s->number);
    quantile(c, 0.5);
    values_array *y = &c->out[0], *half = &c->out[1];
    const int64_t n = y->n;
    for (int k = 0; k < 2; k++) {
        y->x = realloc(y->x, (size_t)(3 * n + 1) * sizeof *y->x);
        y->size = realloc(y->size, (size_t)(3 * n + 1) * sizeof *y->size);
        if (!y->x || !y->size) abort();
        memcpy(y->x + (k + 1) * n, half->x, (size_t)n * sizeof *y->x);
        memcpy(y->size + (k + 1) * n, half->size, (size_t)n * sizeof *y->size);
        free(half->x);
        free(half->size);
        c->n_out = 1;
        if (k == 0) quantile(c, 1);
    }
    for (int k = y->shape.rank++; k > 0; k--) y->shape.dim[k] = y->shape.dim[k - 1];
    y->shape.dim[0] = 3;
    y->n = 3 * n;
}

/* ---- counts ------------------------------------------------------------------------------------------------------------- */

void values_of_searchsorted(values_call *c)
{
    const values_array *x = &c->in[0], *v = &c->in[1];
    values_array       *y = values_result(c, TG_I64, &v->shape, false);
    const int64_t       n = x->shape.dim[x->shape.rank - 1], each = x->shape.rank > 1 ? v->shape.dim[v->shape.rank - 1] : v->n;
    for (int64_t e = 0; e < v->n; e++)
        for (int64_t i = 0; i < n; i++) y->x[e] += x->x[e / each * n + i] < v->x[e] || (c->s->start && x->x[e / each * n + i] == v->x[e]);
}

void values_of_isin(values_call *c)
{
    const values_array *x = &c->in[0], *other = &c->in[1];
    values_array       *y = values_result(c, TG_BOOL, &x->shape, false);
    for (int64_t e = 0; e < x->n; e++) {
        for (int64_t k = 0; k < x->n; k += 2) y->x[e] = y->x[e] != 0 || x->x[k] == x->x[e];
        for (int64_t k = 0; k < other->n; k++) y->x[e] = y->x[e] != 0 || other->x[k] == x->x[e];
    }
}

void values_of_bincount(values_call *c)
{
    values_array *y = values_result(c, TG_I64, &(tg_shape){1, {c->s->start}}, false);
    for (int64_t e = 0; e < c->in[0].n; e++) y->x[(int64_t)c->in[0].x[e]]++;
}

void values_of_bincount_weights(values_call *c)
{
    values_array *y = values_result(c, c->in[0].dtype, &(tg_shape){1, {c->s->start}}, true);
    for (int64_t e = 0; e < c->in[0].n; e++) {
        y->x[(int64_t)c->in[1].x[e]] += c->in[0].x[e];
        y->size[(int64_t)c->in[1].x[e]] += fabsl(c->in[0].x[e]);
    }
}

void values_of_histc(values_call *c)
{
    real lo = -1, hi = (real)c->s->number, bins = (real)c->s->start;
    if (hi == 0) lo = HUGE_VALL, hi = -HUGE_VALL; /* of the elements */
    for (int64_t e = 0; c->s->number == 0 && e < c->in[0].n; e++) {
        lo = fminl(lo, c->in[0].x[e]);
        hi = fmaxl(hi, c->in[0].x[e]);
    }
    if (lo == hi) lo -= 1, hi += 1;
    values_array *y = values_result(c, c->in[0].dtype, &(tg_shape){1, {c->s->start}}, false);
    for (int64_t e = 0; e < c->in[0].n; e++)
        for (int64_t k = 0; k < y->n; k++) {
            const real from = lo + (hi - lo) * (real)k / bins, to = lo + (hi - lo) * (real)(k + 1) / bins, x = c->in[0].x[e];
            y->x[k] += x >= from && (x < to || (k == y->n - 1 && x == hi));
        }
}

/* To each of seven parts of -1.5 … 1.5 what its elements x bring: their weights, or 1. */
static void histogram(values_call *c, const values_array *x, const values_array *weights)
{
    values_array *y = values_result(c, weights ? weights->dtype : TG_I64, &(tg_shape){1, {7}}, weights != NULL);
    for (int64_t e = 0; e < x->n; e++)
        for (int64_t k = 0; k < 7; k++) {
            const real from = -1.5L + 3 * (real)k / 7, to = -1.5L + 3 * (real)(k + 1) / 7, by = weights ? weights->x[e] : 1;
            const bool is = x->x[e] >= from && (x->x[e] < to || (k == 6 && x->x[e] == to));
            y->x[k] += is ? by : 0;
            if (weights) y->size[k] += is ? fabsl(by) : 0;
        }
}
void values_of_histogram(values_call *c) { histogram(c, &c->in[0], NULL); }
void values_of_histogram_weights(values_call *c) { histogram(c, &c->in[1], &c->in[0]); }
