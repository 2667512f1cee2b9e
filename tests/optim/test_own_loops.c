/* test_own_loops.c - what docs/training.md says a training loop can do with public pieces: a large batch in micro-batches, and an optimizer of
 * the user's own. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "golden.h"
#include "optimizers.h"
#include "quiet.h"

enum { BATCH = 24, IN = 5, OUT = 3, STEPS = 10 };

typedef struct world {
    tg_tape   *t;
    tg_tensor *x, *y, *w, *b;
} world;

static tg_tensor *filled(tg_tape *t, tg_dtype d, const tg_shape *shape, uint64_t first)
{
    double v[BATCH * IN];
    size_t n = 1;
    for (int k = 0; k < shape->rank; k++) n *= (size_t)shape->dim[k];
    for (size_t i = 0; i < n; i++) v[i] = golden_number(first + i);
    return golden_tensor(t, d, shape, v, n);
}

static world new_world(tg_dtype d)
{
    world m = {.t = quiet(d)};
    m.x = tg_keep(filled(m.t, d, TG_SHAPE(BATCH, IN), 0));
    m.y = tg_keep(filled(m.t, d, TG_SHAPE(BATCH, OUT), 1000));
    m.w = tg_param(m.t, "w", filled(m.t, d, TG_SHAPE(IN, OUT), 2000));
    m.b = tg_param(m.t, "b", filled(m.t, d, TG_SHAPE(OUT), 3000));
    assert_true(m.x && m.y && m.w && m.b);
    return m;
}

/* The mean loss of samples from … to-1, whose labels' shares make it more than a plain mean of squares. */
static tg_tensor *loss_of(const world *m, int64_t from, int64_t to)
{
    tg_tensor *x = tg_slice(m->x, 0, from, to, 1), *y = tg_slice(m->y, 0, from, to, 1);
    return tg_mse(tg_tanh(tg_add(tg_matmul(x, m->w), m->b)), y);
}

static void assert_close(tg_tensor *a, tg_tensor *b, double tolerance)
{
    for (int64_t i = 0; i < tg_numel(a); i++) {
        const double x = tg_dtype_of(a) == TG_F64 ? tg_data_f64(a)[i] : (double)tg_data_f32(a)[i];
        const double y = tg_dtype_of(b) == TG_F64 ? tg_data_f64(b)[i] : (double)tg_data_f32(b)[i];
        if (!(fabs(x - y) <= tolerance)) fail_msg("element %d: %.17g and %.17g", (int)i, x, y);
    }
}

/* Micro-batches, equal and ragged, that count as their part of the batch, against the batch: with clipping, for several optimizers. */
static void test_micro_batches(void **state)
{
    static const int64_t parts[][6] = {{12, 12}, {8, 8, 8}, {23, 1}, {7, 4, 5, 1, 7}, {24}, {5, 5, 5, 5, 4}};
    static const maker   makers[] = {make_sgd, make_adam, make_lamb};
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
            for (size_t k = 0; k < sizeof makers / sizeof *makers; k++) {
                world     one = new_world(d), many = new_world(d);
                tg_optim *whole = makers[k](one.t, NULL), *pieces = makers[k](many.t, NULL);
                for (int step = 0; step < STEPS; step++) {
                    double norm[2];
                    assert_int_equal(tg_optim_backward(whole, loss_of(&one, 0, BATCH)), TG_OK);
                    int64_t from = 0;
                    for (int i = 0; from < BATCH; from += parts[p][i++]) {
                        tg_tensor *loss = loss_of(&many, from, from + parts[p][i]);
                        assert_int_equal(tg_optim_backward(pieces, tg_mul_s(loss, (double)parts[p][i] / BATCH)), TG_OK);
                        tg_reset(many.t);
                    }
                    assert_close(tg_grad_of(one.w), tg_grad_of(many.w), d == TG_F32 ? 1e-6 : 1e-14);
                    assert_int_equal(tg_clip_grad_norm(whole, 0.1, &norm[0]), TG_OK);
                    assert_int_equal(tg_clip_grad_norm(pieces, 0.1, &norm[1]), TG_OK);
                    assert_true(fabs(norm[0] - norm[1]) < (d == TG_F32 ? 1e-6 : 1e-14));
                    assert_true(tg_step(whole) == TG_OK && tg_step(pieces) == TG_OK);
                    tg_reset(one.t);
                }
                assert_close(one.w, many.w, d == TG_F32 ? 1e-5 : 1e-12);
                assert_close(one.b, many.b, d == TG_F32 ? 1e-5 : 1e-12);
                tg_tape_free(one.t);
                tg_tape_free(many.t);
            }
}

/* The example of docs/training.md. */
static void lion_step(tg_tape *t, tg_tensor **m, double lr)
{
    const bool was = tg_set_grad_enabled(t, false);
    for (int i = 0; i < tg_param_count(t); i++) {
        tg_tensor *w = tg_param_at(t, i), *g = tg_grad_of(w);
        if (!m[i]) m[i] = tg_keep(tg_zeros_like(w));
        tg_assign(w, tg_sub(w, tg_mul_s(tg_sign(tg_add(tg_mul_s(m[i], 0.9), tg_mul_s(g, 0.1))), lr)));
        tg_assign(m[i], tg_add(tg_mul_s(m[i], 0.99), tg_mul_s(g, 0.01)));
    }
    tg_zero_grad(t);
    tg_set_grad_enabled(t, was);
}

static void test_own_optimizer(void **state)
{
    (void)state;
    world         own = new_world(TG_F64), library = new_world(TG_F64);
    tg_optim     *lion = tg_lion(library.t, &(tg_lion_options){.lr = 0.01});
    tg_tensor    *m[2] = {NULL, NULL};
    tg_tape_stats before = {0};
    for (int step = 0; step < 40; step++) {
        if (step == 20) before = tg_stats(own.t);
        assert_int_equal(tg_backward(loss_of(&own, 0, BATCH)), TG_OK);
        lion_step(own.t, m, 0.01);
        assert_int_equal(tg_minimize(lion, loss_of(&library, 0, BATCH)), TG_OK);
        assert_close(own.w, library.w, 1e-13);
        assert_close(own.b, library.b, 1e-13);
        tg_reset(own.t);
        tg_reset(library.t);
    }
    assert_null(tg_error(own.t));
    if (!strcmp(before.evaluator, "fused")) assert_true(tg_stats(own.t).plans_made == before.plans_made);
    tg_tape_free(own.t);
    tg_tape_free(library.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_micro_batches),
        cmocka_unit_test(test_own_optimizer),
    };
    return cmocka_run_group_tests_name("own_loops", tests, NULL, NULL);
}
