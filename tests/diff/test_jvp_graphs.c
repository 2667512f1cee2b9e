/* test_jvp_graphs.c - forward mode against reverse mode on random graphs of f64: along a random direction in all parameters, the loss, and its gradient. How
 * many graphs: TAPEGRAD_JVP_GRAPHS (make jvp-graphs: 10,000), from TAPEGRAD_JVP_FIRST on. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "random_graph.h"

enum { GRAPHS = 300, PARAMS = 2 };

/* <a, b>, and *terms: how large its terms are together. */
static double dot(tg_tensor *const *a, tg_tensor *const *b, int n, double *terms)
{
    double sum = 0;
    *terms = 0;
    for (int k = 0; k < n; k++) {
        tg_tensor *product = tg_mul(a[k], b[k]);
        sum += tg_item(tg_sum_all(product));
        *terms += tg_item(tg_sum_all(tg_abs(product)));
    }
    return sum;
}

/* The same up to roundings; where one is not finite the other is neither. `most`: how large the gradient is that both are made of. */
static bool same(double a, double b, double terms, double most)
{
    if (!isfinite(terms) || !isfinite(most)) return true; /* nothing is known of sums of infinite terms */
    return fabs(a - b) <= 1e-10 * (terms + most + 1e-3); /* what is 0 but for roundings: absolutely */
}

/* What a graph was good for. */
typedef enum verdict { NOTHING, GOOD, BAD } verdict;

static verdict compare(uint64_t seed, tg_tensor *loss, tg_tensor *const *w)
{
    tg_tensor *v[PARAMS], *u[PARAMS], *g[PARAMS], *hv[PARAMS], *h[PARAMS], *jv = NULL, *along;
    double     terms, other, most = 0;
    tg_tape   *t = tg_tape_of(loss);
    for (int k = 0; k < PARAMS; k++) {
        v[k] = tg_uniform(t, tg_shape_of(w[k]), -1, 1);
        u[k] = tg_uniform(t, tg_shape_of(w[k]), -1, 1);
    }
    if (tg_vjp(&loss, NULL, 1, w, PARAMS, true, g) != TG_OK || tg_jvp(&loss, 1, w, v, PARAMS, false, &jv) != TG_OK) fail_msg("graph %d: %s", (int)seed, tg_error(t));
    const double a = dot(g, v, PARAMS, &terms), b = tg_item(jv);
    if (!same(a, b, terms, 0)) fail_msg("graph %d: %.17g by reverse mode, %.17g by forward mode", (int)seed, a, b);
    along = tg_add(tg_sum_all(tg_mul(g[0], u[0])), tg_sum_all(tg_mul(g[1], u[1])));
    if (tg_vjp(&along, NULL, 1, w, PARAMS, false, h) != TG_OK || tg_jvp(g, PARAMS, w, v, PARAMS, false, hv) != TG_OK) fail_msg("graph %d: %s", (int)seed, tg_error(t));
    const double c = dot(h, v, PARAMS, &terms), d = dot(hv, u, PARAMS, &other);
    for (int k = 0; k < PARAMS; k++) most += tg_item(tg_sum_all(tg_abs(g[k])));
    if (!same(c, d, terms + other, most)) fail_msg("graph %d: %.17g by reverse over reverse, %.17g by forward over reverse", (int)seed, c, d);
    return isfinite(terms) && terms > 0 ? GOOD : NOTHING;
}

static verdict one_graph(uint64_t seed)
{
    rg_graph   graph;
    tg_tensor *made[RG_MOST] = {NULL};
    uint64_t   z = seed * 31 + 1;
    const int  size = (int)(seed % 4);
    rg_world   w = {.tape = tg_tape_new(&(tg_tape_options){.silent = true, .dtype = TG_F64, .seed = seed}), .dry = true};
    assert_non_null(w.tape);
    for (; w.n_params < PARAMS; w.n_params++) {
        const tg_shape shape = rg_shape_of(seed << 8 | (uint64_t)size, &z);
        w.param[w.n_params] = tg_param(w.tape, w.n_params ? "b" : "a", rg_data(w.tape, TG_F64, &shape, 0, rg_next(&z)));
    }
    rg_make(&graph, &w, seed, 0, size);
    for (int i = 0; i < graph.n; i++) made[i] = rg_record(&graph, i, &w, made, 0);
    tg_tensor    *loss = rg_loss(&graph, made);
    const verdict is = loss && !graph.single && tg_dtype_of(loss) == TG_F64 ? compare(seed, loss, w.param) : NOTHING;
    tg_tape_free(w.tape);
    return is;
}

static void test_random_graphs(void **state)
{
    const char *count = getenv("TAPEGRAD_JVP_GRAPHS"), *from = getenv("TAPEGRAD_JVP_FIRST");
    const int   n = count ? atoi(count) : GRAPHS, first = from ? atoi(from) : 1;
    int         good = 0;
    (void)state;
    for (int k = 0; k < n; k++) good += one_graph((uint64_t)(first + k)) == GOOD;
    printf("%d of %d graphs have second derivatives that are finite\n", good, n);
    assert_true(good > n / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_random_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
