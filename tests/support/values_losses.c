/* values_losses.c - references of losses: loops over elements or rows, from the definitions. */
#include "values.h"

#include <stdlib.h>

/* ---- without options: means over elements or rows
 * ------------------------------------------------------------------- */

static values_array *loss(values_call *c, bool sizes)
{
    return values_result(c, c->in[0].dtype, &(tg_shape){0, {0}}, sizes);
}

void values_of_mse(values_call *c)
{
    const values_array *x = &c->in[0], *y = &c->in[1];
    values_array       *l = loss(c, false);
    for (int64_t e = 0; e < x->n; e++) l->x[0] += (x->x[e] - y->x[e]) * (x->x[e] - y->x[e]) / (real)x->n;
}

void values_of_huber(values_call *c)
{
    const values_array *x = &c->in[0], *y = &c->in[1];
    const real          delta = (real)c->s->number;
    values_array       *l = loss(c, false);
    for (int64_t e = 0; e < x->n; e++) {
        const real d = fabsl(x->x[e] - y->x[e]);
        l->x[0] += (d <= delta ? d * d / 2 : delta * (d - delta / 2)) / (real)x->n;
    }
}

/* -t ln p - (1 - t) ln(1 - p), p = sigmoid(x) */
void values_of_bce_with_logits(values_call *c)
{
    const values_array *x = &c->in[0], *t = &c->in[1];
    values_array       *l = loss(c, true);
    for (int64_t e = 0; e < x->n; e++) {
        l->x[0] += (t->x[e] * exact_softplus(-x->x[e]) + (1 - t->x[e]) * exact_softplus(x->x[e])) / (real)x->n;
        l->size[0] += (exact_softplus(fabsl(x->x[e])) + fabsl(x->x[e] * t->x[e])) / (real)x->n;
    }
}

static int64_t first_largest(const real *x, int64_t n)
{
    int64_t at = 0;
    for (int64_t k = 1; k < n; k++)
        if (x[k] > x[at]) at = k;
    return at;
}

void values_of_cross_entropy(values_call *c)
{
    const values_array *x = &c->in[0], *label = &c->in[1];
    const int64_t       classes = x->shape.dim[x->shape.rank - 1];
    values_array       *l       = loss(c, true);
    for (int64_t row = 0; row < label->n; row++) {
        const real *logits = x->x + row * classes;
        real        total  = 0;
        for (int64_t k = 0; k < classes; k++) total += expl(logits[k]);
        const real right = logits[(int64_t)label->x[row]];
        l->x[0] += (logl(total) - right) / (real)label->n;
        l->size[0] +=
            (fabsl(logits[first_largest(logits, classes)]) + fabsl(logl(total)) + fabsl(right)) / (real)label->n;
    }
}

void values_of_accuracy(values_call *c)
{
    const values_array *x = &c->in[0], *label = &c->in[1];
    const int64_t       classes = x->shape.dim[x->shape.rank - 1];
    values_array       *a       = loss(c, false);
    for (int64_t row = 0; row < label->n; row++)
        a->x[0] += (real)(first_largest(x->x + row * classes, classes) == (int64_t)label->x[row]) / (real)label->n;
}

/* ---- with options: the sample's axis1 is the reduction --------------------------------------------------------- */

/* A loss, and the largest of the terms that cancel in it. */
typedef struct term {
    real value, size;
} term;

static term sum_of(real a, real b) { return (term){a + b, fmaxl(fabsl(a), fabsl(b))}; }

/* Puts the losses of n elements or rows, of this shape, into the result; weight: what the mean divides by. */
static void reduce_terms(values_call *c, const tg_shape *shape, const term *each, int64_t n, real weight)
{
    const int      way = c->s->axis1;
    values_array  *y = values_result(c, c->in[0].dtype, way == TG_LOSS_NONE ? shape : &(tg_shape){0, {0}}, true);
    const real     by = way == TG_LOSS_MEAN ? weight : way == TG_LOSS_BATCHMEAN ? (real)shape->dim[0] : 1;
    for (int64_t e = 0; e < n; e++) {
        const int64_t to = way == TG_LOSS_NONE ? e : 0;
        y->x[to] += each[e].value / by;
        y->size[to] += fmaxl(each[e].size, fabsl(each[e].value)) / by;
    }
}

/* The element of input i at element e of the first: the same, or by broadcasting. */
static real beside(const values_call *c, int i, int64_t e)
{
    int64_t at[TG_MAX_RANK];
    if (i >= c->n_in) return 1;
    values_at(&c->in[0].shape, e, at);
    return c->in[i].x[values_broadcast_element(&c->in[i].shape, &c->in[0].shape, at)];
}

/* x, target, third input (1: there is none) */
typedef term (*formula)(const sample *s, real x, real t, real z);

static void elementwise(values_call *c, formula f)
{
    const values_array *x    = &c->in[0];
    term               *each = calloc((size_t)x->n + 1, sizeof *each);
    if (!each) abort();
    for (int64_t e = 0; e < x->n; e++) each[e] = f(c->s, x->x[e], c->in[1].x[e], beside(c, 2, e));
    reduce_terms(c, &x->shape, each, x->n, (real)x->n);
    free(each);
}

#define ELEMENTWISE(NAME, ...)                                                                                         \
    static term NAME##_term(const sample *s, real x, real t, real z)                                                  \
    {                                                                                                                  \
        const real d = x - t, number = (real)s->number;                                                                \
        (void)d, (void)number, (void)z;                                                                                \
        return __VA_ARGS__;                                                                                            \
    }                                                                                                                  \
    void values_of_##NAME(values_call *c) { elementwise(c, NAME##_term); }

static term huber_term(real d, real delta)
{
    const real a = fabsl(d);
    return (term){a <= delta ? d * d / 2 : delta * (a - delta / 2), a};
}
static term times(term t, real by) { return (term){t.value * by, t.size * fabsl(by)}; }
static term beyond(real x, real size) { return (term){fmaxl(x, 0), size}; }
static real or_1(real x) { return x != 0 ? x : 1; }

ELEMENTWISE(mse_loss, (term){d * d, fabsl(d)})
ELEMENTWISE(l1_loss, (term){fabsl(d), 1})
ELEMENTWISE(huber_loss, huber_term(d, or_1(number)))
ELEMENTWISE(smooth_l1_loss, times(huber_term(d, or_1(number)), 1 / or_1(number)))
ELEMENTWISE(log_cosh, (term){logl(coshl(d)), fabsl(d)})
ELEMENTWISE(gaussian_nll_loss, sum_of((logl(z) + (s->start ? logl(2 * acosl(-1)) : 0)) / 2, d * d / (2 * z)))
ELEMENTWISE(bce, times(sum_of(-t * logl(x), -(1 - t) * logl(1 - x)), z))
ELEMENTWISE(bce_with_logits_loss, times(sum_of(t * exact_softplus(-x), (1 - t) * exact_softplus(x)), z))
ELEMENTWISE(pos_weight, sum_of(z * t * exact_softplus(-x), (1 - t) * exact_softplus(x)))
ELEMENTWISE(kl_div_loss, s->start ? sum_of(expl(t) * t, -expl(t) * x) : sum_of(t * logl(t), -t * x))
ELEMENTWISE(hinge_loss, beyond(or_1(number) - t * x, 1 + fabsl(t * x)))
ELEMENTWISE(soft_margin_loss, (term){exact_softplus(-t * x), 1})
ELEMENTWISE(hinge_embedding_loss, t > 0 ? (term){x, 0} : beyond(or_1(number) - x, or_1(number) + fabsl(x)))
ELEMENTWISE(margin_ranking_loss, beyond(-z * (x - t) + number, fabsl(x) + fabsl(t) + number))

/* start: x is the rate; stop: with ln t! by Stirling */
static term poisson_term(const sample *s, real x, real t, real z)
{
    const real pi = acosl(-1), full = s->stop && t > 1 ? t * logl(t) - t + logl(2 * pi * t) / 2 : 0;
    (void)z;
    const term u = s->start ? sum_of(x, -t * logl(x + (real)s->number)) : sum_of(expl(x), -t * x);
    return (term){u.value + full, u.size + fabsl(full)};
}
void values_of_poisson_nll_loss(values_call *c) { elementwise(c, poisson_term); }

/* ---- of rows ---- */

typedef struct rows {
    int64_t  n, width;
    tg_shape shape;
    term    *each;
} rows;

static rows rows_of(const values_call *c)
{
    rows r = {.width = c->in[0].shape.dim[c->in[0].shape.rank - 1], .shape = c->in[0].shape};
    r.shape.rank--;
    r.n    = c->in[0].n / r.width;
    r.each = calloc((size_t)r.n + 1, sizeof *r.each);
    if (!r.each) abort();
    return r;
}

/* The sum over classes of -weight q log_p, where q is the target's probability, `smoothing` of it spread over all. */
static void class_loss(values_call *c, bool logits)
{
    const values_array *x = &c->in[0], *target = &c->in[1];
    rows                r       = rows_of(c);
    const bool          indices = !tg_dtype_is_float(target->dtype);
    const real          e       = logits ? (real)c->s->number : 0;
    real                weight  = 0;
    for (int64_t row = 0; row < r.n; row++) {
        const real   *line = x->x + row * r.width;
        const int64_t label = indices ? (int64_t)target->x[row] : -1;
        real          total = 0;
        if (indices && c->s->start && label == c->s->start) continue;
        for (int64_t k = 0; k < r.width; k++) total += expl(line[k]);
        for (int64_t k = 0; k < r.width; k++) {
            const real w = c->n_in > 2 ? c->in[2].x[k] : 1, log_p = logits ? line[k] - logl(total) : line[k];
            const real q = (1 - e) * (indices ? (real)(k == label) : target->x[row * r.width + k]) + e / (real)r.width;
            r.each[row].value -= w * q * log_p;
            r.each[row].size += w * q * (fabsl(line[k]) + fabsl(logl(total)));
            if (k == label) weight += w;
        }
    }
    reduce_terms(c, &r.shape, r.each, r.n, indices ? weight : (real)r.n);
    free(r.each);
}
void values_of_cross_entropy_loss(values_call *c) { class_loss(c, true); }
void values_of_nll_loss(values_call *c) { class_loss(c, false); }

void values_of_multi_margin_loss(values_call *c)
{
    rows r = rows_of(c);
    for (int64_t row = 0; row < r.n; row++) {
        const real   *line = c->in[0].x + row * r.width;
        const int64_t label = (int64_t)c->in[1].x[row];
        for (int64_t k = 0; k < r.width; k++) {
            const real z = or_1((real)c->s->number) - line[label] + line[k], w = c->n_in > 2 ? c->in[2].x[label] : 1;
            if (k != label && z > 0) r.each[row].value += powl(z, (real)c->s->start) * w / (real)r.width;
        }
        r.each[row].size = 2;
    }
    reduce_terms(c, &r.shape, r.each, r.n, (real)r.n);
    free(r.each);
}

void values_of_cosine_embedding_loss(values_call *c)
{
    rows r = rows_of(c);
    for (int64_t row = 0; row < r.n; row++) {
        const real *a = c->in[0].x + row * r.width, *b = c->in[1].x + row * r.width;
        real        ab = 0, aa = 1e-12L, bb = 1e-12L;
        for (int64_t k = 0; k < r.width; k++) ab += a[k] * b[k], aa += a[k] * a[k], bb += b[k] * b[k];
        const real cosine = ab / sqrtl(aa * bb);
        r.each[row] = c->in[2].x[row] > 0 ? (term){1 - cosine, 2} : beyond(cosine - (real)c->s->number, 2 + fabsl((real)c->s->number));
    }
    reduce_terms(c, &r.shape, r.each, r.n, (real)r.n);
    free(r.each);
}

static real distance(const real *a, const real *b, int64_t n)
{
    real sum = 0;
    for (int64_t k = 0; k < n; k++) sum += (a[k] - b[k] + 1e-6L) * (a[k] - b[k] + 1e-6L);
    return sqrtl(sum);
}

void values_of_triplet_margin_loss(values_call *c)
{
    rows r = rows_of(c);
    for (int64_t row = 0; row < r.n; row++) {
        const real *a = c->in[0].x + row * r.width, *p = c->in[1].x + row * r.width, *q = c->in[2].x + row * r.width;
        const real  near = distance(a, p, r.width), away = distance(a, q, r.width), swapped = distance(p, q, r.width);
        const real  far = c->s->start ? fminl(away, swapped) : away;
        r.each[row]     = beyond(near - far + or_1((real)c->s->number), near + away + swapped + fabsl((real)c->s->number));
    }
    reduce_terms(c, &r.shape, r.each, r.n, (real)r.n);
    free(r.each);
}
