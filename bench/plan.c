/* plan.c - what planning costs when a graph is another one in every step: an LSTM over sequences of changing length, and a random
 * graph of pointwise ops, sums and broadcasts. Each graph is computed as it comes, and then once more, when its program is there. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

enum { WIDTH = 16, WARM_UP = 150 /* graphs, until the programs' memory has its size */, MOST_RUNS = 4096 };

typedef struct graphs {
    tg_tape   *t;
    tg_tensor *x, *wx, *wh, *b; /* [WIDTH,WIDTH], two of [WIDTH,4 WIDTH], [4 WIDTH] */
} graphs;

typedef struct changing {
    const char *name;
    tg_tensor *(*record)(const graphs *m, uint32_t number); /* a loss */
} changing;

static tg_tensor *lstm(const graphs *m, uint32_t number)
{
    tg_tensor    *h = tg_zeros(m->t, TG_SHAPE(WIDTH, WIDTH)), *c = h, *gate[4];
    const uint32_t length = 20 + number * 37 % 101;
    for (uint32_t k = 0; k < length; k++) {
        tg_split(tg_add(tg_add(tg_matmul(m->x, m->wx), tg_matmul(h, m->wh)), m->b), 1, NULL, 4, gate);
        c = tg_add(tg_mul(tg_sigmoid(gate[0]), c), tg_mul(tg_sigmoid(gate[1]), tg_tanh(gate[2])));
        h = tg_mul(tg_sigmoid(gate[3]), tg_tanh(c));
    }
    return tg_sum_all(tg_square(h));
}

static tg_tensor *random_graph(const graphs *m, uint32_t number)
{
    enum { OPS = 500, NEAR = 16 };
    tg_tensor *y[OPS + 2] = {m->x, tg_tanh(m->x)};
    uint32_t   state = number * 2654435761u + 1;
    for (int n = 2; n < OPS + 2; n++) {
        state = state * 1664525u + 1013904223u;
        const int  reach = n < NEAR ? n : NEAR;
        tg_tensor *a = y[n - 1 - (int)(state >> 8) % reach], *b = y[n - 1 - (int)(state >> 16) % reach];
        switch (state >> 28) {
        case 0: y[n] = tg_sub(a, tg_sum(b, TG_AXES(1), true)); break;
        case 1: y[n] = tg_mul(a, tg_mean(b, TG_AXES(0), true)); break;
        case 2: y[n] = tg_add(a, tg_transpose(b, 0, 1)); break;
        case 3: case 4: y[n] = tg_tanh(a); break;
        case 5: case 6: y[n] = tg_sigmoid(a); break;
        case 7: y[n] = tg_mul_s(a, 0.5); break;
        case 8: y[n] = tg_relu(a); break;
        case 9: case 10: y[n] = tg_sub(a, b); break;
        case 11: case 12: y[n] = tg_mul(a, b); break;
        default: y[n] = tg_add(a, b);
        }
    }
    return tg_sum_all(tg_tanh(y[OPS + 1]));
}

static const changing kinds[] = {{"lstm", lstm}, {"random", random_graph}};

/* Records a graph with the gradients of its leaves; seconds for computing it, or a negative number after an error. */
static double compute(const graphs *m, const changing *kind, uint32_t number)
{
    tg_tensor *in[] = {m->x, m->wx, m->wh, m->b}, *roots[5];
    roots[0] = kind->record(m, number);
    if (!roots[0] || tg_grad(roots, NULL, 1, in, 4, false, roots + 1)) return -1;
    const double start = bench_now();
    const bool   good = !tg_eval(roots, 5);
    const double taken = bench_now() - start;
    return good && !tg_reset(m->t) ? taken : -1;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool run_kind(const graphs *m, const changing *kind, double seconds)
{
    static double ns[MOST_RUNS]; /* per node */
    int           runs = 0;
    int64_t       nodes = 0; /* of all graphs that count */
    double        start = bench_now();
    for (uint32_t k = 0; runs < MOST_RUNS && (runs < 8 || bench_now() - start < seconds); k++) {
        const tg_tape_stats before = tg_stats(m->t);
        const double        made = compute(m, kind, k), again = compute(m, kind, k);
        const tg_tape_stats after = tg_stats(m->t);
        if (made < 0 || again < 0) return false;
        if (k < WARM_UP) start = bench_now();
        if (k < WARM_UP || after.plans_made != before.plans_made + 1) continue; /* a program for it was still there */
        const int64_t each = (after.evaluated_nodes - before.evaluated_nodes) / 2;
        ns[runs++] = (made - again) * 1e9 / (double)each;
        nodes += each;
    }
    qsort(ns, (size_t)runs, sizeof *ns, by_size);
    printf("{\"peer\": \"tapegrad\", \"graph\": \"%s\", \"nodes\": %lld, \"graphs\": %d, \"plan_ns_per_node\": %.1f}\n",
           kind->name, (long long)nodes / runs, runs, ns[runs / 2]);
    fflush(stdout);
    return true;
}

bool bench_planning(double seconds)
{
    bool good = true;
    for (size_t i = 0; good && i < sizeof kinds / sizeof *kinds; i++) {
        tg_tape *t = tg_tape_new(&(tg_tape_options){.threads = 1});
        if (!t) return false;
        const graphs m = {t, tg_param(t, "x", tg_randn(t, TG_SHAPE(WIDTH, WIDTH))), bench_weights(t, "wx", WIDTH, 4 * WIDTH),
                          bench_weights(t, "wh", WIDTH, 4 * WIDTH), bench_bias(t, "b", WIDTH, 4 * WIDTH)};
        good = !tg_reset(t) && run_kind(&m, &kinds[i], seconds);
        tg_tape_free(t);
    }
    return good;
}
