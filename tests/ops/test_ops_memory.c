/* test_ops_memory.c - out of memory anywhere in every op, by every_allocation.h: forward and backward of its samples, and the graph of its
 * gradients. */
#define _GNU_SOURCE

#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "samples.h"
#include "every_allocation.h"

/* ---- every op, forward and backward: the samples ------------------------------------------------------------------ */

static bool sample_prepare(world *w)
{
    for (int i = 0; i < sample_inputs(w->s); i++) {
        char              name[2] = {(char)('a' + i), 0};
        const sample_input *in = &w->s->in[i];
        tg_tensor        *x = sample_leaf(w->t, w->s, i, &in->shape, 3);
        w->in[i] = sample_is_float(in) && in->kind != S_FIXED ? tg_param(w->t, name, x) : tg_keep(x);
        if (!w->in[i]) return false;
    }
    return true;
}

static tg_tensor *sample_output(const world *w)
{
    tg_tensor *in[SAMPLE_INPUTS];
    memcpy(in, w->in, sizeof in);
    if (w->s->same) in[1] = in[0];
    return w->s->f((void *)(uintptr_t)w->s, in);
}

static bool sample_backward(world *w)
{
    tg_tensor *y = sample_output(w);
    if (!y) return false;
    if (tg_requires_grad(y) && tg_backward_seed(tg_want(y), tg_ones_like(y)) != TG_OK) return false;
    if (!take(w, y)) return false;
    for (int i = 0; i < tg_param_count(w->t); i++) {
        tg_tensor *g = tg_grad_of(tg_param_at(w->t, i));
        if (g && !take(w, g)) return false;
    }
    return tg_zero_grad(w->t) == TG_OK;
}

/* First and second derivatives as new tensors. */
static bool sample_graph(world *w)
{
    tg_tensor *y = sample_output(w), *g[SAMPLE_INPUTS], *p[SAMPLE_INPUTS], *seed;
    int        n = tg_param_count(w->t);
    if (!y) return false;
    if (!tg_requires_grad(y) || n > SAMPLE_INPUTS) return take(w, y);
    for (int i = 0; i < n; i++) p[i] = tg_param_at(w->t, i);
    seed = tg_ones_like(y);
    if (!seed || tg_grad(&y, &seed, 1, p, n, true, g) != TG_OK) return false;
    for (int i = 0; i < n; i++)
        if (!take(w, g[i])) return false;
    if (!tg_requires_grad(g[0])) return true;
    tg_tensor *loss = tg_sum_all(tg_square(g[0]));
    if (!loss || tg_grad(&loss, NULL, 1, p, n, false, g) != TG_OK) return false;
    return tg_eval(g, n) == TG_OK && take(w, g[0]);
}

static void each_sample(bool (*step)(world *))
{
    sample_list list = samples_all();
    int64_t     hits = 0;
    assert_true(list.n > 100);
    for (int i = 0; i < list.n; i++)
        hits += every_allocation(&(scenario){list.row[i].name, sample_prepare, step, 0, &list.row[i]});
    assert_true(hits > 2 * list.n);
    free(list.row);
}

static void test_ops_backward(void **state)
{
    (void)state;
    each_sample(sample_backward);
}

static void test_ops_create_graph(void **state)
{
    (void)state;
    each_sample(sample_graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ops_backward),
        cmocka_unit_test(test_ops_create_graph),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
