/* values_norms.c - references of normalisation by channels, of vectors and weights, and of distances: loops over the elements, from the
 * definitions. */
#include "values.h"

#include <stdlib.h>

/* Element e of x [N, channels, …] belongs to this channel, and to this example. */
static int64_t channel_of(const tg_shape *s, int64_t e)
{
    int64_t at[TG_MAX_RANK];
    values_at(s, e, at);
    return at[1];
}
static int64_t example_of(const tg_shape *s, int64_t e)
{
    int64_t at[TG_MAX_RANK];
    values_at(s, e, at);
    return at[0];
}

typedef struct moments {
    real n, mean, var;
} moments;

/* Normalises the elements by the moments of their sets, of which set() says the number, below `sets`; then weight (input 1) and bias (input 2) of the
 * channel, where there are such. */
static void normalize_sets(values_call *c, int64_t sets, int64_t (*set)(const values_call *c, int64_t e))
{
    const values_array *x = &c->in[0];
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    moments            *m = calloc((size_t)sets + 1, sizeof *m);
    if (!m) abort();
    for (int64_t e = 0; e < x->n; e++) m[set(c, e)].n++;
    for (int64_t e = 0; e < x->n; e++) m[set(c, e)].mean += x->x[e] / m[set(c, e)].n;
    for (int64_t e = 0; e < x->n; e++) {
        moments *of = &m[set(c, e)];
        of->var += (x->x[e] - of->mean) * (x->x[e] - of->mean) / of->n;
    }
    for (int64_t e = 0; e < x->n; e++) {
        const moments *of = &m[set(c, e)];
        const int64_t  k  = channel_of(&x->shape, e);
        const real     r = 1 / sqrtl(of->var + (real)c->s->number), w = c->n_in > 1 ? c->in[1].x[k] : 1, b = c->n_in > 2 ? c->in[2].x[k] : 0;
        y->x[e]    = (x->x[e] - of->mean) * r * w + b;
        y->size[e] = fmaxl((fabsl(x->x[e]) + fabsl(of->mean)) * r * fabsl(w), fabsl(b));
    }
    free(m);
}

static int64_t by_channel(const values_call *c, int64_t e) { return channel_of(&c->in[0].shape, e); }
static int64_t by_group(const values_call *c, int64_t e)
{
    const tg_shape *s = &c->in[0].shape;
    return example_of(s, e) * c->s->axis + channel_of(s, e) / (s->dim[1] / c->s->axis);
}
static int64_t by_instance(const values_call *c, int64_t e)
{
    return example_of(&c->in[0].shape, e) * c->in[0].shape.dim[1] + channel_of(&c->in[0].shape, e);
}
void values_of_batch_norm(values_call *c) { normalize_sets(c, c->in[0].shape.dim[1], by_channel); }
void values_of_group_norm(values_call *c) { normalize_sets(c, c->in[0].shape.dim[0] * c->s->axis, by_group); }
void values_of_instance_norm(values_call *c) { normalize_sets(c, c->in[0].shape.dim[0] * c->in[0].shape.dim[1], by_instance); }

void values_of_batch_norm_running(values_call *c)
{
    const values_array *x   = &c->in[0];
    const real          eps = c->s->number != 0 ? (real)c->s->number : 1e-5L;
    values_array       *y   = values_result(c, x->dtype, &x->shape, true);
    for (int64_t e = 0; e < x->n; e++) {
        const int64_t k = channel_of(&x->shape, e);
        const real    r = 1 / sqrtl(c->in[2].x[k] + eps);
        y->x[e]    = (x->x[e] - c->in[1].x[k]) * r;
        y->size[e] = (fabsl(x->x[e]) + fabsl(c->in[1].x[k])) * r;
    }
}

void values_of_local_response_norm(values_call *c)
{
    const values_array *x    = &c->in[0];
    values_array       *y    = values_result(c, x->dtype, &x->shape, false);
    const int           size = c->s->axis;
    for (int64_t e = 0; e < x->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    sum = 0;
        values_at(&x->shape, e, at);
        const int64_t k = at[1];
        for (int d = 0; d < size; d++) {
            at[1] = k - size / 2 + d;
            if (at[1] < 0 || at[1] >= x->shape.dim[1]) continue;
            const real v = x->x[values_element(&x->shape, at)];
            sum += v * v;
        }
        y->x[e] = x->x[e] / powl(2 + (real)c->s->number * sum / size, 0.75L);
    }
}

/* The p-norm of the elements of x that differ from element e along these axes alone. */
static real norm_at(const values_array *x, int64_t e, uint32_t axes, real p)
{
    int64_t here[TG_MAX_RANK] = {0}, at[TG_MAX_RANK];
    real    sum = 0;
    values_at(&x->shape, e, here);
    for (int64_t i = 0; i < x->n; i++) {
        bool same = true;
        values_at(&x->shape, i, at);
        for (int k = 0; k < x->shape.rank; k++) same = same && (axes >> k & 1 || at[k] == here[k]);
        if (same) sum += powl(fabsl(x->x[i]), p);
    }
    return powl(sum, 1 / p);
}

void values_of_normalized(values_call *c)
{
    const values_array *x = &c->in[0];
    values_array       *y = values_result(c, x->dtype, &x->shape, false);
    const uint32_t      axis = 1u << values_axis(&x->shape, c->s->axis);
    for (int64_t e = 0; e < x->n; e++) y->x[e] = x->x[e] / fmaxl(norm_at(x, e, axis, (real)c->s->number), c->s->start ? 100 : 1e-12L);
}

void values_of_weight_norm(values_call *c)
{
    const values_array *v = &c->in[0];
    values_array       *y = values_result(c, v->dtype, &v->shape, false);
    const int           axis = values_axis(&v->shape, c->s->axis);
    for (int64_t e = 0; e < v->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&v->shape, e, at);
        y->x[e] = c->in[1].x[at[axis]] * v->x[e] / norm_at(v, e, ~(1u << axis), 2);
    }
}

void values_of_spectral_norm(values_call *c)
{
    const values_array *w = &c->in[0], *u = &c->in[1];
    values_array       *y = values_result(c, w->dtype, &w->shape, false);
    const int64_t       n = u->n, width = w->n / n;
    real                squares = 0;
    for (int64_t j = 0; j < width; j++) {
        real sum = 0;
        for (int64_t i = 0; i < n; i++) sum += u->x[i] * w->x[i * width + j];
        squares += sum * sum;
    }
    for (int64_t e = 0; e < w->n; e++) y->x[e] = w->x[e] / sqrtl(squares);
}

void values_of_cosine_similarity(values_call *c)
{
    const tg_shape both = values_broadcast_shape(&c->in[0].shape, &c->in[1].shape);
    const int      axis = values_axis(&both, c->s->axis);
    tg_shape       s    = both;
    s.rank--;
    for (int k = axis; k < s.rank; k++) s.dim[k] = both.dim[k + 1];
    values_array *y = values_result(c, c->in[0].dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    ab = 0, aa = 0, bb = 0;
        values_at(&s, e, at);
        for (int k = s.rank; k > axis; k--) at[k] = at[k - 1];
        for (at[axis] = 0; at[axis] < both.dim[axis]; at[axis]++) {
            const real a = c->in[0].x[values_broadcast_element(&c->in[0].shape, &both, at)];
            const real b = c->in[1].x[values_broadcast_element(&c->in[1].shape, &both, at)];
            ab += a * b, aa += a * a, bb += b * b;
        }
        y->x[e]    = ab / sqrtl(aa * bb);
        y->size[e] = 1;
    }
}

/* Rows of differences a - b + eps. */
static real distance(const real *a, const real *b, int64_t n, real eps, real p)
{
    real sum = 0;
    for (int64_t k = 0; k < n; k++) sum += powl(fabsl(a[k] - b[k] + eps), p);
    return powl(sum, 1 / p);
}

void values_of_pairwise_distance(values_call *c)
{
    const tg_shape both = values_broadcast_shape(&c->in[0].shape, &c->in[1].shape);
    const int64_t  n    = both.dim[both.rank - 1];
    tg_shape       s    = both;
    if (c->s->keepdim) s.dim[s.rank - 1] = 1;
    else s.rank--;
    values_array *y = values_result(c, c->in[0].dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK] = {0};
        values_at(&s, e, at);
        at[both.rank - 1] = 0;
        const real *a = c->in[0].x + values_broadcast_element(&c->in[0].shape, &both, at);
        y->x[e] = distance(a, c->in[1].x + values_broadcast_element(&c->in[1].shape, &both, at), n, 1e-6L, (real)c->s->number);
    }
}

void values_of_cdist(values_call *c)
{
    const values_array *a = &c->in[0], *b = &c->in[1];
    const int           ra = a->shape.rank, rb = b->shape.rank;
    const int64_t       k = a->shape.dim[ra - 1], m = b->shape.dim[rb - 2];
    tg_shape            s = a->shape;
    s.dim[ra - 1] = m; /* b has no leading axes here */
    values_array *y = values_result(c, a->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = distance(a->x + e / m * k, b->x + e % m * k, k, 0, (real)c->s->number);
}
