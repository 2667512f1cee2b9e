/* values_special.c - references of the incomplete gamma and beta functions: integrals by the rule of Takahasi and Mori. */
#include <string.h>

#include "exact_special.h"
#include "values.h"

/* Of f(s, 1 - s) over 0 … 1, also where it is infinite at an end: s = 1 / (1 + e^(-pi sinh v)), in steps of v. */
typedef real (*integrand)(real s, real rest, const real *p);
static real integral(integrand f, const real *p)
{
    const real step = 0.03125L;
    real       sum = 0;
    for (int k = -160; k <= 160; k++) {
        const real v = step * k, e = expl(-exact_pi() * sinhl(v)), s = 1 / (1 + e), rest = e / (1 + e);
        if (s > 0 && rest > 0) sum += f(s, rest, p) * s * rest * coshl(v);
    }
    return sum * step * exact_pi();
}

/* p: a, x, the order of the derivative by a. With t = x s, t^a e^-t / Gamma(a) over s, times 1, w, w^2 - psi' or its further derivative. */
static real bell(real k, real w, real a)
{
    const real bend = exact_polygamma(a, 1);
    return k == 0 ? 1 : k == 1 ? w : k == 2 ? w * w - bend : w * (w * w - 3 * bend) - exact_polygamma(a, 2);
}
static real gamma_density(real a, real x, real k) { return expl((a - 1) * logl(x) - x - lgammal(a)) * bell(k, logl(x) - exact_digamma(a), a); }
static real of_gamma(real s, real rest, const real *p) { return (void)rest, p[1] * gamma_density(p[0], p[1] * s, p[2]); }

/* p: a, b, x. With t = x s. */
static real of_beta(real s, real rest, const real *p)
{
    const real t = p[2] * s;
    return (void)rest, p[2] * expl((p[0] - 1) * logl(t) + (p[1] - 1) * log1pl(-t) - exact_betaln(p[0], p[1]));
}

static real incomplete(const char *name, const real *p)
{
    if (!strcmp(name, "betainc")) return integral(of_beta, p);
    if (!strcmp(name, "gamma_density")) return gamma_density(p[0], p[1], p[2]);
    const bool slope = !strcmp(name, "gammainc_slope");
    const real lower = integral(of_gamma, (const real[]){p[0], p[1], slope ? p[2] : 0});
    return strcmp(name, "gammaincc") ? lower : 1 - lower;
}

void values_of_incomplete(values_call *c)
{
    tg_shape s = c->in[0].shape;
    int64_t  at[TG_MAX_RANK];
    for (int i = 1; i < c->n_in; i++) s = values_broadcast_shape(&s, &c->in[i].shape);
    values_array *y = values_result(c, c->in[0].dtype, &s, true);
    for (int64_t e = 0; e < y->n; e++) {
        real p[3] = {0};
        values_at(&s, e, at);
        for (int i = 0; i < c->n_in; i++) p[i] = c->in[i].x[values_broadcast_element(&c->in[i].shape, &s, at)];
        if (c->n_in < 2) p[1] = p[0]; /* the same twice */
        y->x[e] = incomplete(c->s->name, p);
        y->size[e] = fmaxl(fabsl(y->x[e]), !strcmp(c->s->name, "gammainc_slope") || !strcmp(c->s->name, "gamma_density") ? 0.125L : 0);
    }
}
