/* values_numeric.c - references of polynomials, integrals of samples, interpolation, convolution of vectors. */
#include "values.h"

/* Size: the sum of the terms' magnitudes. */
void values_of_polyval(values_call *c)
{
    const values_array *p = &c->in[0], *x = &c->in[1];
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    for (int64_t e = 0; e < x->n; e++)
        for (int64_t k = 0; k < p->n; k++) {
            const real term = p->x[k] * powl(x->x[e], (real)(p->n - 1 - k));
            y->x[e] += term, y->size[e] += fabsl(term);
        }
}

/* start: n; keepdim: increasing */
void values_of_vander(values_call *c)
{
    const values_array *x = &c->in[0];
    const int64_t       n = c->s->start;
    tg_shape            s = x->shape;
    s.dim[s.rank++] = n;
    values_array *y = values_result(c, x->dtype, &s, false);
    for (int64_t e = 0; e < y->n; e++) y->x[e] = powl(x->x[e / n], (real)(c->s->keepdim ? e % n : n - 1 - e % n));
}

void values_of_trapezoid(values_call *c)
{
    const values_array *y = &c->in[0], *x = c->n_in > 1 ? &c->in[1] : NULL;
    const int           axis = values_axis(&y->shape, c->s->axis);
    tg_shape            s = y->shape;
    int64_t             at[TG_MAX_RANK];
    for (int k = axis; k + 1 < s.rank; k++) s.dim[k] = s.dim[k + 1];
    s.rank--;
    values_array *sum = values_result(c, y->dtype, &s, true);
    for (int64_t e = 0; e < sum->n; e++) {
        values_at(&s, e, at);
        for (int k = s.rank; k > axis; k--) at[k] = at[k - 1];
        for (int64_t i = 0; i + 1 < y->shape.dim[axis]; i++) {
            real v[2], place[2];
            for (int end = 0; end < 2; end++) {
                at[axis] = i + end;
                v[end] = y->x[values_element(&y->shape, at)];
                place[end] = !x ? (real)at[axis] : x->shape.rank == 1 ? x->x[at[axis]] : x->x[values_broadcast_element(&x->shape, &y->shape, at)];
            }
            const real width = place[1] - place[0];
            sum->x[e] += width * (v[0] + v[1]) / 2;
            sum->size[e] += (fabsl(place[1]) + fabsl(place[0])) * (fabsl(v[0]) + fabsl(v[1])) / 2;
        }
    }
}

/* x + number among the places k + in[1] / 10 */
void values_of_interp1d(values_call *c)
{
    const values_array *x = &c->in[0], *xp = &c->in[1], *fp = &c->in[2];
    values_array       *y = values_result(c, x->dtype, &x->shape, true);
    for (int64_t e = 0; e < x->n; e++) {
        const real v = x->x[e] + (real)c->s->number;
        int64_t    k = 0;
        while (k < xp->n && (real)k + xp->x[k] / 10 < v) k++;
        const real left = (real)(k - 1) + (k > 0 ? xp->x[k - 1] / 10 : 0), right = (real)k + (k < xp->n ? xp->x[k] / 10 : 0);
        y->x[e] = k == 0 ? fp->x[0] : k == xp->n ? fp->x[k - 1] : fp->x[k - 1] + (fp->x[k] - fp->x[k - 1]) * (v - left) / (right - left);
        y->size[e] = k == 0 || k == xp->n ? 2 : 8 * (1 + fabsl(v));
    }
}

/* start: the mode */
void values_of_convolve(values_call *c)
{
    const values_array *a = &c->in[0], *v = &c->in[1];
    const int64_t       n = a->n > v->n ? a->n : v->n, m = a->n + v->n - n;
    const int64_t       from = c->s->start == TG_CONVOLVE_FULL ? 0 : c->s->start == TG_CONVOLVE_SAME ? (m - 1) / 2 : m - 1;
    const int64_t       count = c->s->start == TG_CONVOLVE_FULL ? n + m - 1 : c->s->start == TG_CONVOLVE_SAME ? n : n - m + 1;
    values_array       *y = values_result(c, a->dtype, &(tg_shape){1, {count}}, true);
    for (int64_t e = 0; e < count; e++)
        for (int64_t i = 0; i < a->n; i++) {
            const int64_t j = e + from - i;
            if (j < 0 || j >= v->n) continue;
            y->x[e] += a->x[i] * v->x[j];
            y->size[e] += fabsl(a->x[i] * v->x[j]);
        }
}
