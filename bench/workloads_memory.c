/* workloads_memory.c - what is bound by memory or by the cost of an op: a pointwise chain, thousands of tiny ops, one Adam step, and single
 * ops over large matrices. */
#include "bench.h"

#include <stdlib.h>

/* A leaf that survives the steps. */
static tg_tensor *leaf(tg_tensor *init) { return tg_set_requires_grad(tg_keep(init), true); }

/* ---- W4: sum(tanh(x a + b) sigmoid(x) - exp(-x x)) ---------------------------------------------------------------- */

typedef struct chain {
    tg_tape   *t;
    tg_tensor *x, *a, *b;
} chain;

static void *make_chain_forward(tg_tape *t)
{
    chain *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (chain){t, bench_normal(t, TG_SHAPE(4194304)), tg_keep(tg_scalar(t, 1.5)), tg_keep(tg_scalar(t, 0.5))};
    return m;
}

static void *make_chain(tg_tape *t)
{
    chain *m = make_chain_forward(t);
    if (m) tg_set_requires_grad(m->x, true);
    return m;
}

static tg_tensor *chain_value(const chain *m)
{
    tg_tensor *x = m->x, *y = tg_tanh(tg_add(tg_mul(x, m->a), m->b));
    return tg_sum_all(tg_sub(tg_mul(y, tg_sigmoid(x)), tg_exp(tg_mul(tg_neg(x), x))));
}

static bool chain_forward_step(void *model, double *result)
{
    const chain *m = model;
    tg_tensor   *sum = chain_value(m);
    if (tg_eval(&sum, 1)) return false;
    if (result) *result = tg_item(sum);
    return !tg_reset(m->t);
}

static bool chain_step(void *model, double *result)
{
    const chain *m = model;
    tg_tensor   *sum = chain_value(m);
    if (tg_zero_grad(m->t) || tg_backward(sum)) return false;
    if (result) *result = tg_item(sum) + bench_digest(tg_grad_of(m->x));
    return !tg_reset(m->t);
}

/* ---- W8: 1,000 times y = y a + b on one element ------------------------------------------------------------------- */

enum { TINY = 1000 };

static void *make_tiny(tg_tape *t)
{
    chain *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (chain){t, leaf(tg_full(t, TG_F32, TG_SHAPE(1), 0.5)), leaf(tg_full(t, TG_F32, TG_SHAPE(1), 0.999)),
                 leaf(tg_full(t, TG_F32, TG_SHAPE(1), 0.001))};
    return m;
}

static tg_tensor *tiny_value(const chain *m)
{
    tg_tensor *y = m->x;
    for (int i = 0; i < TINY; i++) y = tg_add(tg_mul(y, m->a), m->b);
    return y;
}

static bool tiny_forward_step(void *model, double *result)
{
    const chain *m = model;
    tg_tensor   *y = tiny_value(m);
    if (tg_eval(&y, 1)) return false;
    if (result) *result = tg_item(y);
    return !tg_reset(m->t);
}

static bool tiny_step(void *model, double *result)
{
    const chain *m = model;
    tg_tensor   *y = tiny_value(m);
    if (tg_zero_grad(m->t) || tg_backward(y)) return false;
    if (result) *result = tg_item(y) + tg_item(tg_grad_of(m->x)) + tg_item(tg_grad_of(m->a)) + tg_item(tg_grad_of(m->b));
    return !tg_reset(m->t);
}

/* ---- W9: an Adam step over 10 million parameters ------------------------------------------------------------------ */

typedef struct adam {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *p, *g;
} adam;

static void *make_adam(tg_tape *t)
{
    const tg_shape *shape = TG_SHAPE(10000000);
    adam           *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (adam){t, tg_adam(t, NULL), tg_param(t, "p", tg_randn(t, shape)), bench_normal(t, shape)};
    tg_reset(t);
    return m;
}

/* A step uses the gradient up; the next one gets the same again. */
static bool adam_before(void *model)
{
    const adam *m = model;
    return !tg_backward_seed(m->p, m->g) && !tg_reset(m->t);
}

static bool adam_step(void *model, double *result)
{
    const adam *m = model;
    if (tg_step(m->opt)) return false;
    if (result) *result = bench_digest(m->p);
    return true;
}

/* ---- W11: single ops over matrices -------------------------------------------------------------------------------- */

typedef struct matrix {
    tg_tape   *t;
    tg_tensor *x, *w, *c, *g; /* the matrix, row vectors where the op has them, the seed of the gradient */
    tg_tensor *(*f)(const struct matrix *m);
} matrix;

static tg_tensor *softmax(const matrix *m) { return tg_softmax(m->x, -1); }
static tg_tensor *column_sums(const matrix *m) { return tg_sum(m->x, TG_AXES(0), false); }
static tg_tensor *layer_norm(const matrix *m) { return tg_layer_norm(m->x, 1, m->w, m->c, 1e-5); }
static tg_tensor *broadcast(const matrix *m) { return tg_add(m->x, m->c); }

static matrix *make_matrix(tg_tape *t, tg_tensor *(*f)(const matrix *), int64_t cols)
{
    matrix *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    m->t = t;
    m->f = f;
    m->x = leaf(tg_randn(t, TG_SHAPE(4096, cols)));
    m->g = bench_normal(t, f == column_sums ? TG_SHAPE(cols) : TG_SHAPE(4096, cols));
    if (f == layer_norm) m->w = leaf(tg_ones(t, TG_SHAPE(cols)));
    if (f == layer_norm) m->c = leaf(tg_zeros(t, TG_SHAPE(cols)));
    if (f == broadcast) m->c = leaf(tg_randn(t, TG_SHAPE(cols)));
    tg_reset(t);
    return m;
}

static void *make_softmax(tg_tape *t) { return make_matrix(t, softmax, 1000); }
static void *make_layer_norm(tg_tape *t) { return make_matrix(t, layer_norm, 1024); }
static void *make_column_sums(tg_tape *t) { return make_matrix(t, column_sums, 4096); }
static void *make_broadcast(tg_tape *t) { return make_matrix(t, broadcast, 4096); }

static bool matrix_forward_step(void *model, double *result)
{
    const matrix *m = model;
    const bool    was = tg_set_grad_enabled(m->t, false);
    tg_tensor    *y = m->f(m);
    tg_set_grad_enabled(m->t, was);
    if (tg_eval(&y, 1)) return false;
    if (result) *result = bench_digest(y);
    return !tg_reset(m->t);
}

static bool matrix_step(void *model, double *result)
{
    const matrix *m = model;
    tg_tensor    *y = tg_want(m->f(m));
    if (tg_zero_grad(m->t) || tg_backward_seed(y, m->g)) return false;
    if (result) {
        *result = bench_digest(y) + bench_digest(tg_grad_of(m->x));
        if (m->w) *result += bench_digest(tg_grad_of(m->w));
        if (m->c) *result += bench_digest(tg_grad_of(m->c));
    }
    return !tg_reset(m->t);
}

/* ---- W13: softmax over the first of three axes, summed over the one in the middle; W14: some rows of a large table -------- */

static tg_tensor *axes(const matrix *m) { return tg_sum(tg_softmax(m->x, 0), TG_AXES(1), false); }

static void *make_axes(tg_tape *t)
{
    matrix *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (matrix){.t = t, .f = axes, .x = leaf(tg_randn(t, TG_SHAPE(64, 512, 48))), .g = bench_normal(t, TG_SHAPE(64, 48))};
    tg_reset(t);
    return m;
}

enum { TABLE = 100000, READ = 512, WIDTH = 64, NARROW = 16, SETS = 512 /* of rows, 50 MB of tensor and states */ };

typedef struct table {
    tg_tape   *t;
    tg_optim  *opt;
    tg_tensor *w, *at, *g, *sets[SETS];
    int        turn;
} table;

static void *make_table_of(tg_tape *t, tg_optim *opt, int rows, int64_t width)
{
    table *m = calloc(1, sizeof *m);
    if (!m) return NULL;
    *m = (table){.t = t, .opt = opt, .w = tg_param(t, "w", tg_randn(t, TG_SHAPE(rows, width))),
                 .at = bench_labels(t, TG_SHAPE(READ), rows), .g = bench_normal(t, TG_SHAPE(READ, width))};
    tg_set_row_gradient(m->w, true);
    tg_reset(t);
    return m;
}

static void *make_table(tg_tape *t) { return make_table_of(t, tg_sgd(t, NULL), TABLE, WIDTH); }

/* A step reads and changes the same number of rows, however many there are, and other ones than the steps before: they are in no cache. */
static void *make_turning(tg_tape *t, int rows)
{
    table *m = make_table_of(t, tg_adam(t, NULL), rows, NARROW);
    for (int k = 0; m && k < SETS; k++) m->sets[k] = bench_labels(t, TG_SHAPE(READ), rows);
    tg_reset(t);
    return m;
}

static void *make_million(tg_tape *t) { return make_turning(t, 1000000); }
static void *make_ten_million(tg_tape *t) { return make_turning(t, 10000000); }

static bool table_before(void *model)
{
    table *m = model;
    return !tg_assign(m->at, m->sets[m->turn++ % SETS]) && !tg_reset(m->t);
}

static bool table_step(void *model, double *result)
{
    const table *m = model;
    tg_tensor   *y = tg_want(tg_embedding(m->w, m->at));
    if (tg_backward_seed(y, m->g) || tg_step(m->opt)) return false;
    if (result) *result = bench_digest(y);
    return !tg_reset(m->t);
}

const workload workloads_memory[] = {
    {.name = "W4_chain_fwd", .warm_up = 20, .make = make_chain_forward, .step = chain_forward_step},
    {.name = "W4_chain", .warm_up = 20, .make = make_chain, .step = chain_step},
    {.name = "W8_tiny_fwd", .warm_up = 20, .ops = 2 * TINY, .make = make_tiny, .step = tiny_forward_step},
    {.name = "W8_tiny", .warm_up = 20, .ops = 2 * TINY, .make = make_tiny, .step = tiny_step},
    {.name = "W9_adam", .warm_up = 20, .make = make_adam, .before = adam_before, .step = adam_step},
    {.name = "W11_softmax_fwd", .warm_up = 5, .make = make_softmax, .step = matrix_forward_step},
    {.name = "W11_softmax", .warm_up = 5, .make = make_softmax, .step = matrix_step},
    {.name = "W11_layernorm_fwd", .warm_up = 5, .make = make_layer_norm, .step = matrix_forward_step},
    {.name = "W11_layernorm", .warm_up = 5, .make = make_layer_norm, .step = matrix_step},
    {.name = "W11_sum0_fwd", .warm_up = 5, .make = make_column_sums, .step = matrix_forward_step},
    {.name = "W11_sum0", .warm_up = 5, .make = make_column_sums, .step = matrix_step},
    {.name = "W11_bcast_fwd", .warm_up = 5, .make = make_broadcast, .step = matrix_forward_step},
    {.name = "W11_bcast", .warm_up = 5, .make = make_broadcast, .step = matrix_step},
    {.name = "W13_axes_fwd", .warm_up = 5, .make = make_axes, .step = matrix_forward_step},
    {.name = "W13_axes", .warm_up = 5, .make = make_axes, .step = matrix_step},
    {.name = "W14_rows", .warm_up = 20, .make = make_table, .step = table_step},
    {.name = "W14_adam_1m", .warm_up = 20, .make = make_million, .before = table_before, .step = table_step},
    {.name = "W14_adam_10m", .warm_up = 20, .make = make_ten_million, .before = table_before, .step = table_step},
    {0},
};
