/* values_reduce.c - references of reductions, softmax, normalisation and products: loops over the elements,
 * from the definitions. */
#include "values.h"

#include <stdlib.h>

/* ---- reductions: element e of the input goes to element to[e] of the result
 * ------------------------------------------- */

typedef struct reduced {
    tg_shape shape;
    int64_t *to, n; /* n: elements for each of the result */
} reduced;

static reduced reduce(const tg_shape *x, uint32_t axes, bool keepdim)
{
    reduced  r    = {.n = 1};
    tg_shape kept = *x;
    int64_t  all  = 1, at[TG_MAX_RANK];
    for (int k = 0; k < x->rank; k++) {
        const bool gone = axes >> k & 1;
        all *= x->dim[k];
        if (gone) r.n *= x->dim[k], kept.dim[k] = 1;
        if (!gone || keepdim) r.shape.dim[r.shape.rank++] = kept.dim[k];
    }
    r.to = malloc(((size_t)all + 1) * sizeof *r.to);
    if (!r.to) abort();
    for (int64_t e = 0; e < all; e++) {
        values_at(x, e, at);
        for (int k = 0; k < x->rank; k++)
            if (axes >> k & 1) at[k] = 0;
        r.to[e] = values_element(&kept, at);
    }
    return r;
}

static uint32_t axes_of(const sample *s, const tg_shape *x)
{
    uint32_t bits = 0;
    if (s->axes.n < 0) return (1u << x->rank) - 1;
    for (int k = 0; k < s->axes.n; k++) bits |= 1u << values_axis(x, s->axes.axis[k]);
    return bits;
}

void values_reduce(values_call *c, const values_fold *f)
{
    const values_array *x     = &c->in[0];
    const bool          whole = f->dtype == VALUES_WIDE && !tg_dtype_is_float(x->dtype);
    const tg_dtype      dtype = f->dtype == VALUES_BOOL ? TG_BOOL : whole ? TG_I64 : x->dtype;
    reduced             r     = reduce(&x->shape, axes_of(c->s, &x->shape), c->s->keepdim);
    values_array       *y     = values_result(c, dtype, &r.shape, true);
    uint64_t           *u     = calloc((size_t)y->n + 1, sizeof *u);
    if (!u) abort();
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e] = y->size[e] = f->start;
        if (whole) u[e] = (uint64_t)f->start;
    }
    for (int64_t e = 0; e < x->n; e++) {
        const int64_t to = r.to[e];
        y->x[to]         = f->step(y->x[to], x->x[e]);
        y->size[to]      = f->step(y->size[to], fabsl(x->x[e]));
        if (whole) u[to] = f->whole(u[to], (uint64_t)(int64_t)x->x[e]);
    }
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e]    = whole ? (real)(int64_t)u[e] : f->result(y->x[e], (real)r.n);
        y->size[e] = f->result(y->size[e], (real)r.n);
    }
    free(u);
    free(r.to);
}

/* ---- norms and statistics, of moments: sums of powers of |x|, or of x minus a number for each result */

typedef struct moments {
    reduced       r;
    values_array *y;
} moments;

static moments result_of(values_call *c, bool sizes)
{
    const values_array *x = &c->in[0];
    moments             m = {reduce(&x->shape, axes_of(c->s, &x->shape), c->s->keepdim), NULL};
    m.y                   = values_result(c, x->dtype, &m.r.shape, sizes);
    return m;
}

static void p_norm(values_call *c, real p)
{
    const values_array *x = &c->in[0];
    moments             m = result_of(c, false);
    for (int64_t e = 0; e < x->n; e++) m.y->x[m.r.to[e]] += p == 0 ? (real)(x->x[e] != 0) : powl(fabsl(x->x[e]), p);
    for (int64_t e = 0; p != 0 && e < m.y->n; e++) m.y->x[e] = powl(m.y->x[e], 1 / p);
    free(m.r.to);
}
void values_of_norm(values_call *c) { p_norm(c, c->s->number); }
void values_of_two_norm(values_call *c) { p_norm(c, 2); }

/* The variance to the power of `power`, and the mean so many times. */
static void spread(values_call *c, real power, real means)
{
    const values_array *x    = &c->in[0];
    moments             m    = result_of(c, true);
    real               *mean = calloc((size_t)m.y->n + 1, sizeof *mean);
    if (!mean) abort();
    for (int64_t e = 0; e < x->n; e++) mean[m.r.to[e]] += x->x[e] / (real)m.r.n;
    for (int64_t e = 0; e < x->n; e++) {
        const real d = x->x[e] - mean[m.r.to[e]];
        m.y->x[m.r.to[e]] += d * d / ((real)m.r.n - c->s->number);
    }
    for (int64_t e = 0; e < m.y->n; e++) {
        m.y->x[e]    = powl(m.y->x[e], power) + means * mean[e];
        m.y->size[e] = fmaxl(fabsl(m.y->x[e]), fmaxl(1, fabsl(mean[e]))); /* the elements are of this size */
    }
    free(mean);
    free(m.r.to);
}
void values_of_var(values_call *c) { spread(c, 1, 0); }
void values_of_std(values_call *c) { spread(c, 0.5L, 0); }
void values_of_var_mean(values_call *c) { spread(c, 1, 1); }
void values_of_std_mean(values_call *c) { spread(c, 0.5L, 1); }

void values_of_average(values_call *c)
{
    const values_array *x = &c->in[0], *w = &c->in[1];
    moments             m = result_of(c, true);
    real               *all = calloc((size_t)m.y->n + 1, sizeof *all);
    if (!all) abort();
    for (int64_t e = 0; e < x->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&x->shape, e, at);
        const real weight = w->x[values_broadcast_element(&w->shape, &x->shape, at)];
        m.y->x[m.r.to[e]] += weight * x->x[e];
        m.y->size[m.r.to[e]] += fabsl(weight * x->x[e]);
        all[m.r.to[e]] += weight;
    }
    for (int64_t e = 0; e < m.y->n; e++) m.y->x[e] /= all[e], m.y->size[e] /= all[e];
    free(all);
    free(m.r.to);
}

/* Rows of n, of a sample that adds the squares of 0, 1, … to them if it does; a vector is one row, without an axis for rows in the result. */
static void covariance(values_call *c, bool scaled, bool ramp)
{
    const values_array *x    = &c->in[0];
    const int           rank = x->shape.rank;
    const int64_t       n = rank ? x->shape.dim[rank - 1] : 1, rows = rank == 2 ? x->shape.dim[0] : 1;
    values_array       *y = values_result(c, x->dtype, &(tg_shape){rank == 2 ? 2 : 0, {rows, rows}}, true);
    for (int64_t e = 0; e < y->n; e++) {
        const real *a = x->x + e / rows * n, *b = x->x + e % rows * n;
        real        ma = 0, mb = 0, aa = 0, ab = 0, bb = 0;
        for (int64_t k = 0; k < n; k++) {
            const real more = ramp ? (real)k * (real)k : 0;
            ma += (a[k] + more) / (real)n;
            mb += (b[k] + more) / (real)n;
        }
        for (int64_t k = 0; k < n; k++) {
            const real more = ramp ? (real)k * (real)k : 0, p = a[k] + more - ma, q = b[k] + more - mb;
            aa += p * p;
            ab += p * q;
            bb += q * q;
        }
        const real size = sqrtl(aa * bb), by = scaled ? size : (real)n - c->s->number;
        y->x[e]    = ab / by;
        y->size[e] = size / by;
    }
}
void values_of_cov(values_call *c) { covariance(c, false, false); }
void values_of_corrcoef(values_call *c) { covariance(c, true, true); }

/* The weight of observation k: the sample's fweights, one of each counted from 1 on, times its aweights. */
static real weight_of(const values_call *c, int64_t k, real *a)
{
    const bool counts = !sample_is_float(&c->s->in[1]);
    *a = counts && c->n_in < 3 ? 1 : c->in[c->n_in - 1].x[k];
    return counts ? (c->in[1].x[k] + 1) * *a : *a;
}

/* a - b, and 0 where that is the rounding of b alone. */
static real apart(real a, real b) { return fabsl(a - b) > 0x1p-60L * fabsl(a) ? a - b : 0; }

/* As covariance. */
void values_of_cov_weighted(values_call *c)
{
    const values_array *x    = &c->in[0];
    const int           rank = x->shape.rank;
    const int64_t       n = rank ? x->shape.dim[rank - 1] : 1, rows = rank == 2 ? x->shape.dim[0] : 1;
    values_array       *y = values_result(c, x->dtype, &(tg_shape){rank == 2 ? 2 : 0, {rows, rows}}, true);
    for (int64_t e = 0; e < y->n; e++) {
        const real *p = x->x + e / rows * n, *q = x->x + e % rows * n;
        real        sum = 0, sum_a = 0, mp = 0, mq = 0, pp = 0, pq = 0, qq = 0, a;
        for (int64_t k = 0; k < n; k++) {
            const real w = weight_of(c, k, &a);
            sum += w;
            sum_a += w * a;
            mp += w * p[k];
            mq += w * q[k];
        }
        for (int64_t k = 0; k < n; k++) {
            const real w = weight_of(c, k, &a), dp = apart(p[k], mp / sum), dq = apart(q[k], mq / sum);
            pp += w * dp * dp;
            pq += w * dp * dq;
            qq += w * dq * dq;
        }
        const bool counts = !sample_is_float(&c->s->in[1]) && c->n_in < 3;
        const real by = sum - c->s->number * (counts ? 1 : sum_a / sum);
        y->x[e]    = pq / by;
        y->size[e] = sqrtl(pp * qq) / by;
    }
}

void values_of_count_nonzero(values_call *c)
{
    const values_array *x = &c->in[0];
    reduced             r = reduce(&x->shape, axes_of(c->s, &x->shape), c->s->keepdim);
    values_array       *y = values_result(c, TG_I64, &r.shape, false);
    for (int64_t e = 0; e < x->n; e++) y->x[r.to[e]] += x->x[e] != 0;
    free(r.to);
}

/* The largest minus the smallest. */
void values_of_aminmax(values_call *c)
{
    const values_array *x    = &c->in[0];
    moments             m    = result_of(c, false);
    real               *most = calloc((size_t)m.y->n + 1, sizeof *most), *least = calloc((size_t)m.y->n + 1, sizeof *least);
    if (!most || !least) abort();
    for (int64_t e = 0; e < m.y->n; e++) most[e] = -HUGE_VALL, least[e] = HUGE_VALL;
    for (int64_t e = 0; e < x->n; e++) {
        most[m.r.to[e]]  = fmaxl(most[m.r.to[e]], x->x[e]);
        least[m.r.to[e]] = fminl(least[m.r.to[e]], x->x[e]);
    }
    for (int64_t e = 0; e < m.y->n; e++) m.y->x[e] = most[e] - least[e];
    free(most);
    free(least);
    free(m.r.to);
}

/* ln of the sums of e^x, for each row of r; m: the rows' largest element. To be freed. */
static real *logsumexp(const values_array *x, const reduced *r, int64_t rows, real **largest)
{
    real *l = calloc((size_t)rows + 1, sizeof *l), *m = calloc((size_t)rows + 1, sizeof *m);
    if (!l || !m) abort();
    for (int64_t e = 0; e < rows; e++) m[e] = -HUGE_VALL;
    for (int64_t e = 0; e < x->n; e++) m[r->to[e]] = fmaxl(m[r->to[e]], x->x[e]);
    for (int64_t e = 0; e < x->n; e++) l[r->to[e]] += expl(x->x[e] - m[r->to[e]]);
    for (int64_t e = 0; e < rows; e++) l[e] = m[e] + logl(l[e]);
    *largest = m;
    return l;
}

void values_of_logsumexp(values_call *c)
{
    const values_array *x = &c->in[0];
    reduced             r = reduce(&x->shape, axes_of(c->s, &x->shape), c->s->keepdim);
    values_array       *y = values_result(c, x->dtype, &r.shape, true);
    real               *m, *l = logsumexp(x, &r, y->n, &m);
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e]    = l[e];
        y->size[e] = fmaxl(fabsl(m[e]), fabsl(l[e] - m[e]));
    }
    free(l);
    free(m);
    free(r.to);
}

/* x minus the logsumexp of its row. */
static void log_softmax(values_call *c, bool exponential)
{
    const values_array *x    = &c->in[0];
    reduced             r    = reduce(&x->shape, 1u << values_axis(&x->shape, c->s->axis), true);
    values_array       *y    = values_result(c, x->dtype, &x->shape, true);
    int64_t             rows = 1;
    for (int k = 0; k < r.shape.rank; k++) rows *= r.shape.dim[k];
    real *m, *l = logsumexp(x, &r, rows, &m);
    for (int64_t e = 0; e < y->n; e++) {
        const real log_p = x->x[e] - l[r.to[e]];
        y->x[e]          = exponential ? expl(log_p) : log_p;
        y->size[e]       = exponential ? y->x[e] : fmaxl(fabsl(x->x[e]), fabsl(l[r.to[e]]));
    }
    free(l);
    free(m);
    free(r.to);
}
void values_of_softmax(values_call *c) { log_softmax(c, true); }
void values_of_log_softmax(values_call *c) { log_softmax(c, false); }

/* The first of the largest, sign = 1, or of the smallest, -1: itself, if that is asked for, and its place. */
static void place_of_extreme(values_call *c, real sign, bool itself)
{
    const values_array *x       = &c->in[0];
    const int           axis    = values_axis(&x->shape, c->s->axis);
    reduced             r       = reduce(&x->shape, 1u << axis, c->s->keepdim);
    values_array       *extreme = itself ? values_result(c, x->dtype, &r.shape, false) : NULL;
    values_array       *y       = values_result(c, TG_I64, &r.shape, false);
    real               *best    = malloc(((size_t)y->n + 1) * sizeof *best);
    int64_t             at[TG_MAX_RANK];
    if (!best) abort();
    for (int64_t e = 0; e < y->n; e++) best[e] = -HUGE_VALL;
    for (int64_t e = 0; e < x->n; e++) {
        if (!(sign * x->x[e] > best[r.to[e]])) continue;
        values_at(&x->shape, e, at);
        best[r.to[e]] = sign * x->x[e];
        y->x[r.to[e]] = (real)at[axis];
        if (extreme) extreme->x[r.to[e]] = x->x[e];
    }
    free(best);
    free(r.to);
}
void values_of_argmax(values_call *c) { place_of_extreme(c, 1, false); }
void values_of_argmin(values_call *c) { place_of_extreme(c, -1, false); }
void values_of_max(values_call *c) { place_of_extreme(c, 1, true); }
void values_of_min(values_call *c) { place_of_extreme(c, -1, true); }

/* ---- normalisation over the last axes: rows of n
 * ---------------------------------------------------------------------- */

static int64_t row_size(const tg_shape *x, int axes)
{
    int64_t n = 1;
    for (int k = x->rank - axes; k < x->rank; k++) n *= x->dim[k];
    return n;
}

/* 1 / sqrt(mean of squares, of deviations from the mean when centred, + eps) */
static real inverse_deviation(const real *x, int64_t n, bool centred, real eps, real *mean)
{
    real m = 0, v = 0;
    for (int64_t k = 0; centred && k < n; k++) m += x[k] / (real)n;
    for (int64_t k = 0; k < n; k++) v += (x[k] - m) * (x[k] - m) / (real)n;
    *mean = m;
    return 1 / sqrtl(v + eps);
}

/* Channel k of x [n,c,m]. */
static real channel_deviation(const values_call *c, int64_t k, real *mean)
{
    const values_array *x = &c->in[0];
    const int64_t       n = x->shape.dim[0], channels = x->shape.dim[1], m = x->shape.dim[2];
    real                room[256];
    for (int64_t i = 0; i < n * m; i++) room[i] = x->x[(i / m * channels + k) * m + i % m];
    return inverse_deviation(room, n * m, c->s->start & 1, c->s->number, mean);
}

void values_of_normalize_over(values_call *c)
{
    const values_array *x = &c->in[0];
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        real       mean;
        const real r = channel_deviation(c, e / x->shape.dim[2] % x->shape.dim[1], &mean);
        y->x[e]    = (x->x[e] - mean) * r;
        y->size[e] = (fabsl(x->x[e]) + fabsl(mean)) * r;
    }
}

void values_of_rstd(values_call *c)
{
    const values_array *x = &c->in[0];
    if (c->s->start & 2) {
        values_array *y = values_result(c, x->dtype, &(tg_shape){3, {1, x->shape.dim[1], 1}}, false);
        real          ignored;
        for (int64_t k = 0; k < y->n; k++) y->x[k] = channel_deviation(c, k, &ignored);
        return;
    }
    const int64_t       n = row_size(&x->shape, c->s->axis);
    tg_shape            s = x->shape;
    real                mean;
    for (int k = s.rank - c->s->axis; k < s.rank; k++) s.dim[k] = 1;
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++)
        y->x[e] = inverse_deviation(x->x + e * n, n, c->s->start != 0, c->s->number, &mean);
}

/* Then, for each element, times weight (input 1) and plus bias (input 2), where there are such. */
static void normalize(values_call *c, bool centred)
{
    const values_array *x = &c->in[0];
    const int64_t       n = row_size(&x->shape, c->s->axis);
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        real       mean;
        const real r = inverse_deviation(x->x + e - e % n, n, centred, c->s->number, &mean);
        const real w = c->n_in > 1 ? c->in[1].x[e % n] : 1, b = c->n_in > 2 ? c->in[2].x[e % n] : 0;
        y->x[e]    = (x->x[e] - mean) * r * w + b;
        y->size[e] = fmaxl((fabsl(x->x[e]) + fabsl(mean)) * r * fabsl(w), fabsl(b));
    }
}
void values_of_layer_norm(values_call *c) { normalize(c, true); }
/* `start` 1: without the mean. */
void values_of_normalize(values_call *c) { normalize(c, c->s->start == 0); }
void values_of_rms_norm(values_call *c) { normalize(c, false); }

/* ---- products
 * --------------------------------------------------------------------------------------------------------- */

/* a[…, m, k] b[…, k, n], leading axes broadcast. A vector has no m, or no n, and the result neither. */
static values_array *product(values_call *c, const values_array *a, const values_array *b)
{
    const int     ra = a->shape.rank, rb = b->shape.rank;
    const bool    row = ra == 1, column = rb == 1;
    const int64_t rows = row ? 1 : a->shape.dim[ra - 2], inner = a->shape.dim[ra - 1],
                  cols = column ? 1 : b->shape.dim[rb - 1];
    tg_shape leading_a = a->shape, leading_b = b->shape;
    int64_t  at[TG_MAX_RANK];
    leading_a.rank -= row ? 1 : 2;
    leading_b.rank -= column ? 1 : 2;
    const tg_shape leading = values_broadcast_shape(&leading_a, &leading_b);
    tg_shape       s       = leading;
    if (!row) s.dim[s.rank++] = rows;
    if (!column) s.dim[s.rank++] = cols;
    values_array *y = values_result(c, a->dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        values_at(&s, e, at);
        const int64_t i = row ? 0 : at[leading.rank], j = column ? 0 : at[s.rank - 1];
        const real   *p = a->x + (values_broadcast_element(&leading_a, &leading, at) * rows + i) * inner;
        const real   *q = b->x + values_broadcast_element(&leading_b, &leading, at) * inner * cols + j;
        for (int64_t k = 0; k < inner; k++) {
            y->x[e] += p[k] * q[k * cols];
            y->size[e] += fabsl(p[k] * q[k * cols]);
        }
    }
    return y;
}

/* Composed: x x^T. */
void values_of_matmul(values_call *c)
{
    const values_array *x = &c->in[0];
    if (!c->s->composed) {
        product(c, x, &c->in[1]);
        return;
    }
    values_array  t    = *x;
    const int     rank = x->shape.rank;
    const int64_t rows = x->shape.dim[rank - 2], cols = x->shape.dim[rank - 1], matrix = rows * cols;
    t.shape.dim[rank - 2] = cols;
    t.shape.dim[rank - 1] = rows;
    t.x                   = malloc(((size_t)x->n + 1) * sizeof *t.x);
    if (!t.x) abort();
    for (int64_t e = 0; e < x->n; e++) t.x[e] = x->x[e / matrix * matrix + e % rows * cols + e % matrix / rows];
    product(c, x, &t);
    free(t.x);
}

void values_of_linear(values_call *c)
{
    values_array *y = product(c, &c->in[0], &c->in[1]);
    for (int64_t e = 0; c->n_in > 2 && e < y->n; e++) {
        y->x[e] += c->in[2].x[e % c->in[2].n];
        y->size[e] += fabsl(c->in[2].x[e % c->in[2].n]);
    }
}
