/* values_random.c - references of distributions and choices: drawn from the words of the stream by definitions of their own, in plain loops
 * and long double. The samples are drawn with seed 11 from the beginning of the stream. */
#include "values.h"

real values_trial(int64_t e, int64_t number, int k)
{
    const uint32_t half = (uint32_t)(2 + 4 * number + e % 4);
    const uint64_t high = values_philox((uint64_t)e / 4, half, 2 * k), low = values_philox((uint64_t)e / 4, half, 2 * k + 1);
    return ((real)(high << 20 | low >> 12) + 0.5L) * 0x1p-52L;
}

/* floor(count w / 2^64) of the 64-bit word w of element e, for count < 2^32, digit by digit. */
static uint64_t below(int64_t e, uint64_t count)
{
    const uint64_t high = values_philox((uint64_t)e / 4, 0, (int)(e % 4)), low = values_philox((uint64_t)e / 4, 1, (int)(e % 4));
    return (high * count + (low * count >> 32)) >> 32;
}

/* In lo … 1, of element e. */
static real uniform(int64_t e, tg_dtype dtype)
{
    const uint64_t high = values_philox((uint64_t)e / 4, 0, (int)(e % 4)), low = values_philox((uint64_t)e / 4, 1, (int)(e % 4));
    const real     lo = dtype == TG_F32 ? 0x1p-25L : 0x1p-54L;
    return lo + (1 - lo) * (dtype == TG_F32 ? (real)(high >> 8) * 0x1p-24L : (real)((high << 32 | low) >> 11) * 0x1p-53L);
}

/* ---- integers ------------------------------------------------------------------------------------------------------ */

void values_of_randint(values_call *c)
{
    values_array *y = values_result(c, TG_I64, &c->s->shape, false);
    for (int64_t e = 0; e < y->n; e++)
        y->x[e] = (real)c->s->start + (real)below(e, (uint64_t)(c->s->stop - c->s->start));
}

void values_of_randperm(values_call *c)
{
    values_array *y = values_result(c, TG_I64, &(tg_shape){1, {c->s->start}}, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = (real)e;
    for (int64_t e = y->n - 1; e > 0; e--) {
        const uint64_t j = below(e, (uint64_t)e + 1);
        const real     x = y->x[j];
        y->x[j] = y->x[e];
        y->x[e] = x;
    }
}

/* ---- distributions: start, stop are mean and std, bounds ------------------------------------------------------------- */

/* 1 + 2 z of Box and Muller's z, as values_of_randn finds it. */
void values_of_normal(values_call *c)
{
    values_of_randn(c);
    values_array *y = &c->out[0];
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e] = (real)c->s->start + (real)c->s->stop * y->x[e];
        y->size[e] = fabsl((real)c->s->start) + (real)c->s->stop * y->size[e];
    }
}

void values_of_exponential(values_call *c)
{
    values_array *y = values_result(c, c->dtype, &c->s->shape, true);
    for (int64_t e = 0; e < y->n; e++) {
        const real u = uniform(e, c->dtype), rate = c->s->number;
        y->x[e] = -log1pl(-u) / rate;
        y->size[e] = fmaxl(y->x[e], u / (1 - u) / rate); /* u is rounded */
    }
}

static real normal_below(real x) { return erfcl(-x * 0.707106781186547524400844362104849039L) / 2; }

/* By halving: where the share of the probability is u. */
static real truncated(real a, real b, real u)
{
    const bool upper = a + b > 0;
    real       lo = upper ? -b : a, hi = upper ? -a : b, share = upper ? 1 - u : u, left = lo, right = hi;
    if (!isfinite(left)) left = -40;
    if (!isfinite(right)) right = 40;
    for (int k = 0; k < 100; k++) {
        const real m = (left + right) / 2, inside = normal_below(m) - normal_below(lo);
        *(inside < share * (normal_below(hi) - normal_below(lo)) ? &left : &right) = m;
    }
    return upper ? -left : left;
}

void values_of_truncated_normal(values_call *c)
{
    values_array *y = values_result(c, c->dtype, &c->s->shape, true);
    const real    mean = c->s->number, lo = (real)c->s->start, hi = (real)c->s->stop; /* std is 2 */
    for (int64_t e = 0; e < y->n; e++) {
        y->x[e] = mean + 2 * truncated((lo - mean) / 2, (hi - mean) / 2, values_trial(e, 0, 0));
        y->size[e] = fabsl(mean) + fmaxl(1, fabsl(y->x[e]));
    }
}

/* ---- choices ------------------------------------------------------------------------------------------------------- */

/* One after the other: of those that are left, and where each is alone the first whose sum is more than the share. */
static int64_t choose(const real *w, int64_t size, real u)
{
    real sum = 0, aim = 0;
    for (int64_t k = 0; k < size; k++) aim += w[k] * u;
    for (int64_t k = 0; k < size; k++)
        if ((sum += w[k]) > aim) return k;
    return size - 1;
}

/* The number of elements whose E / w is less than that of k. */
static int64_t rank_of(const real *w, int64_t size, int64_t k, int64_t first)
{
    int64_t    n = 0;
    const real own = -logl(values_trial(first, k, 0)) / w[k];
    for (int64_t j = 0; j < size; j++) n += -logl(values_trial(first, j, 0)) / w[j] < own;
    return n;
}

void values_of_multinomial(values_call *c)
{
    const values_array *w = &c->in[0];
    tg_shape            s = w->shape;
    const int64_t       size = s.dim[s.rank - 1], n = c->s->start;
    s.dim[s.rank - 1] = n;
    values_array *y = values_result(c, TG_I64, &s, false);
    for (int64_t e = 0; e < y->n && c->s->axis; e++) y->x[e] = (real)choose(w->x + e / n * size, size, values_trial(e, 0, 0));
    for (int64_t row = 0; n && !c->s->axis && row < y->n / n; row++)
        for (int64_t k = 0; k < size; k++) {
            const int64_t place = rank_of(w->x + row * size, size, k, row * n);
            if (place < n) y->x[row * n + place] = (real)k;
        }
}

static real gumbel(int64_t e, tg_dtype dtype) { return -logl(-log1pl(-uniform(e, dtype))); }

void values_of_categorical(values_call *c)
{
    const values_array *x = &c->in[0];
    tg_shape            s = x->shape;
    const int64_t       size = s.dim[--s.rank];
    values_array       *y = values_result(c, TG_I64, &s, false);
    for (int64_t e = 0; e < y->n; e++)
        for (int64_t k = 1; k < size; k++) {
            const int64_t best = e * size + (int64_t)y->x[e];
            if (x->x[e * size + k] + gumbel(e * size + k, c->dtype) > x->x[best] + gumbel(best, c->dtype)) y->x[e] = (real)k;
        }
}

/* The bound is that of the logits with what is added to them, whose rounding counts 1/tau times. */
void values_of_gumbel_softmax(values_call *c)
{
    const values_array *x = &c->in[0];
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    const int           axis = values_axis(&x->shape, c->s->axis);
    const real          tau = c->s->number != 0 ? (real)c->s->number : 1;
    for (int64_t e = 0; e < y->n; e++) {
        int64_t at[TG_MAX_RANK];
        real    sum = 0;
        values_at(&x->shape, e, at);
        const real own = x->x[e] + gumbel(e, c->dtype);
        for (at[axis] = 0; at[axis] < x->shape.dim[axis]; at[axis]++) {
            const int64_t k = values_element(&x->shape, at);
            sum += expl((x->x[k] + gumbel(k, c->dtype) - own) / tau);
        }
        y->x[e] = 1 / sum;
        y->size[e] = 1;
    }
}

void values_of_plus_three(values_call *c)
{
    values_array *y = values_result(c, c->in[0].dtype, &c->in[0].shape, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = c->in[0].x[e] + 3;
}
