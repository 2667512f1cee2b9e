/* gradcheck_probe.c - what a comparison with differences is blind for. It asks for the gradient of directions v in [-1, 1), each time in the
 * same way, so a rule may be right there and wrong for other incoming gradients, in another order of events, or for tensors that lie in memory
 * in another way. Each probe asks for the same gradient once more, under other circumstances, and has to get the same. */
#include "diff/gradcheck.h"

#include <stdio.h>
#include <tapegrad/gradient.h>
#include <tapegrad/tensor.h>

typedef struct circumstances {
    tg_gradcheck_probe probe;
    double             scale; /* of the incoming gradient: the answer has to have it, too */
    const char        *says;
    const char        *values_say; /* where f's values have to be the same, too */
} circumstances;

static const circumstances PROBES[] = {
    {TG_PROBE_AGAIN, 1, "the gradient differs when it is asked for again: a rule depends on something else than its arguments", NULL},
    {TG_PROBE_SCALED, 1024, "the gradient is not proportional to the incoming one: for one that is 1024 times as large", NULL},
    {TG_PROBE_ZERO, 0, "the gradient is not 0 where the incoming one is", NULL},
    {TG_PROBE_ELSEWHERE, 1, "the gradient differs when f was evaluated for other inputs in between: a rule or kernel reads what was computed last", NULL},
    {TG_PROBE_STRIDED, 1, "the gradient differs when the inputs are strided views: a kernel or rule takes them for contiguous",
     "when the inputs are strided views, so a kernel takes them for contiguous"},
    {TG_PROBE_FLOAT32, 1, "the gradient in float32 is another than in float64", "in float32"},
};

/* f for other inputs, computed. */
static tg_status evaluate_elsewhere(check *c)
{
    tg_tensor **leaf = c->leaf, **elsewhere = c->out + 3 * c->most;
    for (int64_t i = 0; i < c->start[c->k]; i++) c->p[i] = c->x[i] + c->o.eps * tg_gradcheck_uniform(c) * fmax(1, fabs(c->x[i]));
    c->leaf     = c->spare;
    tg_status s = tg_gradcheck_apply(c, c->p, elsewhere);
    c->leaf     = leaf;
    return s ? s : tg_eval(elsewhere, c->m);
}

/* The gradient along the first v, as c->p. *none: no result requires grad. */
static tg_status ask(check *c, const circumstances *how, bool *none)
{
    tg_tensor **out = c->out, **seed = out + c->most, **grad = out + 2 * c->most;
    tg_status   s = tg_gradcheck_apply(c, c->x, out);
    if (!s && how->probe == TG_PROBE_ELSEWHERE) s = tg_eval(out, c->m);
    if (!s && how->probe == TG_PROBE_ELSEWHERE) s = evaluate_elsewhere(c);
    if (!s && how->values_say) s = tg_gradcheck_values(out, c->m, c->value + c->size);
    if (s) return s;
    for (int64_t i = 0; i < c->size; i++) c->value[i] = how->scale * c->v[i];
    const int count = tg_gradcheck_seeds(c, out, c->m, c->value, out, seed);
    *none           = count == 0;
    if (count < 0) return TG_ERR_MEMORY;
    if (count == 0) return TG_OK;
    s = tg_grad(out, seed, count, c->leaf, c->k, false, grad);
    return s ? s : tg_gradcheck_gradients(c, grad, c->p);
}

static double largest(const double *x, int64_t n)
{
    double most = 0;
    for (int64_t i = 0; i < n; i++) most = fmax(most, fabs(x[i]));
    return most;
}

/* The first of n elements that is not scale times what it was, or -1. */
static int64_t first_other(const check *c, const double *now, const double *was, int64_t n, double scale)
{
    enum { IN_SINGLE = 100000000 }; /* how much coarser float32 may be */
    const double rounding = (c->single ? 1e-12 * IN_SINGLE : 1e-12) * largest(was, n);
    for (int64_t i = 0; i < n; i++) {
        const double want = scale * was[i];
        if (!(fabs(now[i] - want) <= scale * (c->o.atol + c->o.rtol * fabs(was[i]) + rounding))) return i;
    }
    return -1;
}

static void report(check *c, const circumstances *how, int64_t at)
{
    tg_gradcheck_report *r = c->report;
    int                  j = 0;
    while (at >= c->start[j + 1]) j++;
    c->worst    = INFINITY;
    r->probe    = how->probe;
    r->order    = c->order;
    r->input    = c->input[j];
    r->element  = at - c->start[j];
    r->analytic = isnan(c->p[at]) ? (double)NAN : c->p[at]; /* of no sign */
    r->numeric  = how->scale > 0 ? how->scale * c->g[at] : 0;
    r->relative_error = fabs(r->analytic - r->numeric) / fmax(fabs(r->analytic), fabs(r->numeric));
    c->says = how->says;
}

/* Values of f that depend on how its inputs lie, or on their precision, are an error of f, and no derivative. */
static tg_status same_values(check *c, const circumstances *how)
{
    const int64_t at = first_other(c, c->value + c->size, c->here, c->size, 1);
    char          which[100];
    if (at < 0) return TG_OK;
    c->report->probe = how->probe;
    return tg_fail_on(c->tape, TG_ERR_GRAD, c->function, "%s is another %s: %s is %.10g instead of %.10g",
                      c->order == 1 ? "f" : "the gradient of f", how->values_say, tg_gradcheck_element(c, at, which, sizeof which), c->value[c->size + at],
                      c->here[at]);
}

static tg_status probe(check *c, const circumstances *how)
{
    bool none  = false;
    c->strided = how->probe == TG_PROBE_STRIDED;
    c->single  = how->probe == TG_PROBE_FLOAT32;
    tg_status s = ask(c, how, &none);
    tg_drop_since(c->tape, c->first);
    if (!s && how->values_say) s = same_values(c, how);
    if (!s && !none) {
        const int64_t at = first_other(c, c->p, c->g, c->start[c->k], how->scale);
        if (at >= 0) report(c, how, at);
    }
    c->strided = c->single = false;
    return s;
}

tg_status tg_gradcheck_probes(check *c)
{
    tg_status s = TG_OK;
    for (size_t k = 0; !s && k < sizeof PROBES / sizeof *PROBES && c->worst <= 1; k++) {
        if (PROBES[k].probe == TG_PROBE_FLOAT32 && (!c->o.float32 || c->order > 1)) continue;
        s = probe(c, &PROBES[k]);
    }
    for (int j = 0; !s && c->o.forward && j < c->k && c->worst <= 1; j++) s = tg_gradcheck_forward(c, j);
    return s;
}
