/* values_gamma.c - references of the gamma distribution and what is made of it: the series of its distribution function and halving, in long
 * double. The samples are drawn with seed 11 from the beginning of the stream. */
#include "values.h"

/* ln P(a, e^l): x^a e^-x / Gamma(a + 1) times 1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) … */
static real log_below(real a, real l)
{
    const real x = expl(l);
    real       term = 1, sum = 1;
    for (int n = 1; term > 1e-22L * sum; n++) sum += term *= x / (a + n);
    return a * l - x - lgammal(a + 1) + logl(sum);
}

/* ln x with P(a, x) = u, by halving. */
static real log_gamma(real a, real u)
{
    real left = (logl(u) + lgammal(a + 1)) / a - 1, right = left + 1;
    while (log_below(a, right) < logl(u)) right += fmaxl(1, fabsl(right) / 2);
    for (int k = 0; k < 90; k++) {
        const real m = (left + right) / 2;
        *(log_below(a, m) < logl(u) ? &left : &right) = m;
    }
    return left;
}

/* The sample's ln x: of element e after `before` blocks of the stream. */
static real log_gamma_at(real a, int64_t before, int64_t e) { return log_gamma(a, values_trial(e + 4 * before, 0, 0)); }

/* By how much more an f64 may be off, in units of its last place, than an f32, which has its last place from the same double. */
static real spread(const values_call *c) { return c->dtype == TG_F64 ? 32 : 1; }
static int64_t blocks(int64_t n) { return (n + 3) / 4; }

void values_of_standard_gamma(values_call *c)
{
    const values_array *a = &c->in[0];
    values_array       *x = values_result(c, a->dtype, &a->shape, true), *l = values_result(c, a->dtype, &a->shape, true);
    for (int64_t e = 0; e < a->n; e++) {
        l->x[e] = log_gamma_at(a->x[e], 0, e);
        x->x[e] = expl(l->x[e]);
        x->size[e] = spread(c) * x->x[e] * (1 + fabsl(l->x[e]));
        l->size[e] = spread(c) * (1 + fabsl(l->x[e]));
    }
}

/* By differences of long doubles, whose own error is some 1e-14. */
void values_of_standard_gamma_slope(values_call *c)
{
    const values_array *a = &c->in[0];
    values_array       *y = values_result(c, a->dtype, &a->shape, true);
    for (int64_t e = 0; e < a->n; e++) {
        const real h = a->x[e] * 2e-4L;
        real       l[5];
        for (int k = 0; k < 5; k++) l[k] = log_gamma_at(a->x[e] + (k - 2) * h, 0, e);
        y->x[e] = (8 * (l[3] - l[1]) - (l[4] - l[0])) / (12 * h);
        y->size[e] = (a->dtype == TG_F32 ? 1 : 64) * y->x[e];
    }
}

void values_of_dirichlet(values_call *c)
{
    const values_array *a = &c->in[0];
    values_array       *y = values_result(c, a->dtype, &a->shape, true);
    const int64_t       n = a->shape.dim[a->shape.rank - 1];
    for (int64_t row = 0; row < a->n; row += n) {
        real sum = 0;
        for (int64_t k = 0; k < n; k++) sum += expl(log_gamma_at(a->x[row + k], 0, row + k));
        for (int64_t k = 0; k < n; k++) {
            const real l = log_gamma_at(a->x[row + k], 0, row + k);
            y->x[row + k] = expl(l) / sum;
            y->size[row + k] = spread(c) * y->x[row + k] * (1 + fabsl(l)) + 1e-2L;
        }
    }
}

/* The second gamma number comes after the two results of the first. */
void values_of_rand_beta(values_call *c)
{
    const tg_shape s = values_broadcast_shape(&c->in[0].shape, &c->in[1].shape);
    values_array  *y = values_result(c, c->in[0].dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        values_at(&s, e, at);
        const real a = c->in[0].x[values_broadcast_element(&c->in[0].shape, &s, at)], b = c->in[1].x[values_broadcast_element(&c->in[1].shape, &s, at)];
        const real l = log_gamma_at(a, 0, e), m = log_gamma_at(b, 2 * blocks(y->n), e);
        y->x[e] = 1 / (1 + expl(m - l));
        y->size[e] = y->x[e] * (1 + fabsl(l) + fabsl(m));
    }
}

void values_of_chisquare(values_call *c)
{
    const values_array *df = &c->in[0];
    values_array       *y = values_result(c, df->dtype, &df->shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        const real l = log_gamma_at(df->x[e] / 2, 0, e);
        y->x[e] = 2 * expl(l);
        y->size[e] = spread(c) * y->x[e] * (1 + fabsl(l));
    }
}

/* Normal numbers come first. */
void values_of_standard_t(values_call *c)
{
    values_of_randn(c);
    const values_array *df = &c->in[0];
    values_array       *y = &c->out[0];
    for (int64_t e = 0; e < y->n; e++) {
        const real l = log_gamma_at(df->x[e] / 2, blocks(y->n), e), by = expl((logl(df->x[e] / 2) - l) / 2);
        y->x[e] *= by;
        y->size[e] = (y->size[e] + fabsl(y->x[e] / by) * (1 + fabsl(l))) * by;
    }
}
