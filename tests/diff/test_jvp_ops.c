/* test_jvp_ops.c - forward mode through every op and every function made of ops, at random shapes, arguments, numbers and layouts: variants of their
 * samples. With y = f(x), random u, v and w:
 *
 *     u (J v) = (u J) v                    forward mode against reverse mode, which differences have checked elsewhere
 *     w d(u J)/dx v, by forward over reverse, = by reverse over reverse
 *     u d(J v)/dx w, by forward over forward, = by reverse over forward
 *
 * and J v against a difference of f along v. TAPEGRAD_SEED repeats a run, TAPEGRAD_GRADIENTS says how many variants of each name. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "quiet.h"
#include "random_samples.h"
#include "topics.h"

#include "graph/graph.h"

static uint64_t seed;
static int      variants;

/* A variant with its leaves, of which x are those that require grad. */
typedef struct called {
    random_sample v;
    tg_tensor    *leaf[SAMPLE_INPUTS], *x[SAMPLE_INPUTS];
    int           n, k;
} called;

static tg_tensor *result(called *c)
{
    tg_tensor *in[SAMPLE_INPUTS + 1] = {NULL};
    random_sample_inputs(&c->v, c->leaf, in);
    return c->v.s.f(&c->v.s, in);
}

static void wrong(const called *c, tg_tape *t, const char *what, double a, double b)
{
    char text[800];
    fail_msg("TAPEGRAD_SEED=%llu, variant %d: %s: %s: %.17g and %.17g; %s", (unsigned long long)seed, c->k, random_sample_text(&c->v, text, sizeof text),
             what, a, b, tg_error(t) ? tg_error(t) : "no error");
}

static void random_like(tg_tensor *const *x, int n, tg_tensor **v)
{
    for (int i = 0; i < n; i++) v[i] = tg_to(tg_randn(tg_tape_of(x[i]), tg_shape_of(x[i])), tg_dtype_of(x[i]));
}

static tg_tensor *dot(tg_tensor *const *a, tg_tensor *const *b, int n)
{
    tg_tensor *sum = NULL;
    for (int i = 0; i < n; i++) {
        tg_tensor *part = tg_sum_all(tg_mul(a[i], b[i]));
        sum = sum ? tg_add(sum, part) : part;
    }
    return sum;
}

/* Of sums whose terms may be large beside them, as dot's may: relative to the sizes of the terms. */
static double size_of(tg_tensor *const *a, tg_tensor *const *b, int n)
{
    double sum = 0;
    for (int i = 0; i < n; i++) sum += tg_item(tg_sum_all(tg_abs(tg_mul(a[i], b[i]))));
    return sum;
}

static void same(const called *c, tg_tape *t, const char *what, tg_tensor *const *a, tg_tensor *const *b, int n, tg_tensor *const *e, tg_tensor *const *f, int m)
{
    const double x = tg_item(dot(a, b, n)), y = tg_item(dot(e, f, m)), scale = fmax(size_of(a, b, n), size_of(e, f, m));
    if (!(fabs(x - y) <= (c->v.s.single ? 1e-5 : 1e-10) * (scale + 1e-3))) wrong(c, t, what, x, y); /* where all of it is roundings: absolutely */
}

static void leaves(tg_tape *t, called *c)
{
    c->n = 0;
    tg_reset(t);
    if (!random_sample_leaves(t, &c->v, c->leaf)) wrong(c, t, "no leaves", 0, 0);
    for (int i = 0; i < sample_inputs(&c->v.s); i++)
        if (tg_requires_grad(c->leaf[i])) c->x[c->n++] = c->leaf[i];
}

/* The change of f when each leaf moves along v, by a central difference, beside J v. */
static void check_difference(called *c, tg_tape *t, tg_tensor *u, tg_tensor *const *v, tg_tensor *jv)
{
    const double eps = c->v.s.single ? 0.25 : 1e-5;
    tg_tensor   *kept[SAMPLE_INPUTS], *moved[2];
    memcpy(kept, c->leaf, sizeof kept);
    for (int side = 0; side < 2; side++) {
        for (int i = 0, at = 0; i < sample_inputs(&c->v.s); i++) /* as x lists them */
            if (tg_requires_grad(kept[i])) c->leaf[i] = tg_add(kept[i], tg_mul_s(v[at++], side ? -eps : eps));
        assert_int_equal(tg_seed(t, 7), TG_OK);
        moved[side] = result(c);
        memcpy(c->leaf, kept, sizeof kept);
    }
    tg_tensor   *slope = tg_mul_s(tg_sub(moved[0], moved[1]), 0.5 / eps);
    const double x = tg_item(dot(&u, &jv, 1)), y = tg_item(dot(&u, &slope, 1)), scale = size_of(&u, &jv, 1) + size_of(&u, moved, 1);
    if (!(fabs(x - y) <= (c->v.s.single ? 1e-4 : 1e-6) * fmax(scale, 1))) wrong(c, t, "a difference", x, y);
}

static void check(tg_tape *t, called *c)
{
    tg_tensor *v[SAMPLE_INPUTS], *w[SAMPLE_INPUTS], *g[SAMPLE_INPUTS], *h[SAMPLE_INPUTS], *hv[SAMPLE_INPUTS], *u, *jv, *jvw, *s;
    leaves(t, c);
    assert_int_equal(tg_seed(t, 7), TG_OK);
    tg_tensor *y = result(c);
    if (!y) wrong(c, t, "no result", 0, 0);
    random_like(c->x, c->n, v);
    random_like(c->x, c->n, w);
    random_like(&y, 1, &u);
    const bool large = c->v.s.large;
    if (tg_jvp(&y, 1, c->x, v, c->n, true, &jv) != TG_OK) wrong(c, t, "tg_jvp", 0, 0);
    if (tg_vjp(&y, &u, 1, c->x, c->n, !large, g) != TG_OK) wrong(c, t, "tg_vjp", 0, 0);
    same(c, t, "forward and reverse", &u, &jv, 1, g, v, c->n);
    if (!c->v.s.opaque && !strstr(c->v.s.name, "straight_through")) check_difference(c, t, u, v, jv);
    if (large) return;
    s = dot(g, w, c->n);
    if (tg_vjp(&s, NULL, 1, c->x, c->n, false, h) != TG_OK) wrong(c, t, "reverse over reverse", 0, 0);
    if (tg_jvp(g, c->n, c->x, v, c->n, false, hv) != TG_OK) wrong(c, t, "forward over reverse", 0, 0);
    same(c, t, "forward over reverse", w, hv, c->n, h, v, c->n);
    s = dot(&u, &jv, 1);
    if (tg_vjp(&s, NULL, 1, c->x, c->n, false, h) != TG_OK) wrong(c, t, "reverse over forward", 0, 0);
    if (tg_jvp(&jv, 1, c->x, w, c->n, false, &jvw) != TG_OK) wrong(c, t, "forward over forward", 0, 0);
    same(c, t, "forward over forward", &u, &jvw, 1, h, w, c->n);
}

static void test_topic(void **state)
{
    const topic *p = *state;
    tg_tape     *t = quiet(TG_F64);
    called       c;
    for (c.k = 0; c.k < variants; c.k++) {
        if (!random_sample_of(p->list, p->name, seed, c.k, true, &c.v)) fail_msg("%s has no samples", p->name);
        check(t, &c);
    }
    assert_null(tg_error(t));
    tg_tape_free(t);
}

/* Those that have a derivative that is not zero by definition. */
static bool is_asked(const topic *p)
{
    const char *of = getenv("TAPEGRAD_OF");
    if (of && *of && strcmp(of, p->name) != 0) return false;
    return !topic_counts(p) && !(p->op && (p->op->arity == 0 || (p->op->flags & TG_OP_ZERO_GRAD)));
}

int main(void)
{
    const char *given = getenv("TAPEGRAD_GRADIENTS");
    variants = given ? atoi(given) : 10;
    seed = random_samples_seed();
    printf("TAPEGRAD_SEED=%llu, %d variants of each\n", (unsigned long long)seed, variants);
    return run_topics("forward mode", samples_all(), is_asked, test_topic, NULL, 0);
}
