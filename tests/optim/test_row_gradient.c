/* test_row_gradient.c - gradients of tables that stay sets of rows: the same as those of all rows, updated where rows were read and nowhere else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tapegrad.h>
#include <tapegrad_op.h>

#include "failing.h"
#include "optimizers.h"
#include "quiet.h"

enum { ROWS = 30, WIDTH = 70, READ = 11, ELEMENTS = ROWS * WIDTH };

static uint32_t next(uint32_t *seed) { return *seed = *seed * 1664525u + 1013904223u; }

/* Some rows, several of them twice, as the step says. */
static void draw(int64_t ids[READ], int step)
{
    uint32_t seed = 77u + (uint32_t)step;
    for (int k = 0; k < READ; k++) ids[k] = next(&seed) >> 8 & 1 && k > 0 ? ids[k - 1] : (int64_t)(next(&seed) >> 8) % ROWS;
}

static tg_tensor *table_of(tg_tape *t, const char *name)
{
    tg_tensor *w = tg_param(t, name, tg_randn(t, TG_SHAPE(ROWS, WIDTH)));
    assert_non_null(w);
    return w;
}

/* A loss that reads some rows of w: the sum of c_k x^2 / 2 over what was read, so that the gradient at x is c_k x. */
static tg_tensor *loss_of(tg_tensor *w, int step)
{
    int64_t ids[READ];
    draw(ids, step);
    tg_tape   *t = tg_tape_of(w);
    tg_tensor *x = tg_embedding(w, tg_from_i64(t, TG_SHAPE(READ), ids)), *c = tg_linspace(t, 0.5, 2, READ);
    return tg_sum_all(tg_mul_s(tg_mul(tg_square(x), tg_unsqueeze(c, 1)), 0.5));
}

static const double *numbers(tg_tensor *x)
{
    const double *d = tg_data_f64(x);
    assert_non_null(d);
    return d;
}

/* Sums of a few doubles in another order. */
static void assert_near(const double *got, const double *want, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        if (!(fabs(got[i] - want[i]) <= 1e-13 * (1 + fabs(want[i])))) fail_msg("element %d: %.17g instead of %.17g", (int)i, got[i], want[i]);
}

static tg_tape *doubles(void) { return tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = 4, .silent = true}); }

/* ---- the gradient --------------------------------------------------------------------------------------------------- */

static void test_gradient(void **state)
{
    (void)state;
    tg_tape   *t = doubles();
    tg_tensor *w = table_of(t, "w"), *dense = tg_param(t, "dense", w);
    assert_ptr_equal(tg_set_row_gradient(w, true), w);
    for (int step = 0; step < 5; step++) {
        assert_int_equal(tg_backward(loss_of(w, step)), TG_OK);
        assert_int_equal(tg_backward(loss_of(dense, step)), TG_OK);
        const int64_t *ids;
        const void    *values;
        const int64_t  n = tg_row_gradient_of(w, &ids, &values);
        const double  *all = numbers(tg_grad_of(dense)), *some = values;
        bool           is[ROWS] = {false};
        for (int64_t k = 0; k < n; k++) {
            assert_true(ids[k] >= 0 && ids[k] < ROWS && (k == 0 || ids[k] > ids[k - 1]));
            is[ids[k]] = true;
            assert_near(some + k * WIDTH, all + ids[k] * WIDTH, WIDTH);
        }
        int64_t want[READ];
        draw(want, step);
        for (int k = 0; k < READ; k++) assert_true(is[want[k]]);
        for (int k = 0; k < ROWS; k++)
            if (!is[k]) assert_true(all[k * WIDTH] == 0);
        if (step % 2) { /* asked for, it is one of all rows */
            assert_near(numbers(tg_grad_of(w)), all, ELEMENTS);
            assert_int_equal(tg_row_gradient_of(w, NULL, NULL), -1);
        }
        assert_int_equal(tg_zero_grad(t), TG_OK);
        assert_null(tg_grad_of(w));
        assert_int_equal(tg_row_gradient_of(w, NULL, NULL), -1);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* Backwards add up, reads of one recording too, whatever the gradient so far is. */
static void test_adding_up(void **state)
{
    (void)state;
    for (int how = 0; how < 8; how++) {
        tg_tape   *t = doubles();
        tg_tensor *w = table_of(t, "w"), *dense = tg_param(t, "dense", w), *both[2] = {w, dense};
        assert_non_null(tg_set_row_gradient(w, true));
        for (int k = 0; k < 2; k++) {
            tg_tensor *x = both[k];
            tg_tensor *twice = tg_add(loss_of(x, 1), loss_of(x, 2)), *product = tg_sum_all(tg_matmul(x, tg_ones(t, TG_SHAPE(WIDTH, 2))));
            tg_tensor *columns = tg_sum_all(tg_index_select(x, 1, tg_arange(t, TG_I64, 7)));
            if (how == 0) assert_int_equal(tg_backward(twice), TG_OK);
            if (how == 1) assert_true(tg_backward(loss_of(x, 3)) == TG_OK && tg_backward(twice) == TG_OK);
            if (how == 2) assert_int_equal(tg_backward(tg_add(twice, product)), TG_OK);         /* one of the terms is of all rows */
            if (how == 3) assert_true(tg_backward(twice) == TG_OK && tg_backward(product) == TG_OK); /* … the second backward is */
            if (how == 4) assert_true(tg_backward(product) == TG_OK && tg_backward(twice) == TG_OK);
            if (how == 5) assert_int_equal(tg_backward(tg_add(columns, loss_of(x, 5))), TG_OK); /* rows of another axis */
            if (how == 6) assert_true(tg_backward(twice) == TG_OK && tg_data(tg_grad_of(x)) && tg_backward(loss_of(x, 4)) == TG_OK);
            if (how == 7) { /* more reads than there are pieces */
                tg_tensor *sum = loss_of(x, 10);
                for (int i = 0; i < 40; i++) sum = tg_add(sum, loss_of(x, 11 + i));
                assert_int_equal(tg_backward(sum), TG_OK);
            }
        }
        assert_int_equal(tg_row_gradient_of(w, NULL, NULL) >= 0, how < 2);
        assert_near(numbers(tg_grad_of(w)), numbers(tg_grad_of(dense)), ELEMENTS);
        tg_tape_free(t);
    }
}

/* Indices from the end mean the rows that they mean elsewhere; one that is out of range is told, though nothing computes the lookup itself, and no
 * gradient has changed. */
static void test_indices(void **state)
{
    (void)state;
    tg_tape       *t = doubles();
    tg_tensor     *w = table_of(t, "w"), *dense = tg_param(t, "dense", w), *p = tg_param(t, "p", tg_ones(t, TG_SHAPE(4, WIDTH)));
    tg_tensor     *seed = tg_keep(tg_randn(t, TG_SHAPE(4, WIDTH))), *both[2] = {w, dense};
    const int64_t *rows;
    assert_non_null(tg_set_row_gradient(w, true));
    for (int k = 0; k < 2; k++) {
        tg_tensor *index = tg_from_i64(t, TG_SHAPE(4), (int64_t[]){-1, 2, -ROWS, ROWS - 1}), *narrow = tg_to(index, TG_I32);
        assert_int_equal(tg_backward(tg_sum_all(tg_square(tg_index_select(both[k], 0, narrow)))), TG_OK);
        assert_int_equal(tg_backward_seed(tg_mul(tg_embedding(both[k], index), p), seed), TG_OK);
    }
    assert_int_equal(tg_row_gradient_of(w, &rows, NULL), 3);
    assert_true(rows[0] == 0 && rows[1] == 2 && rows[2] == ROWS - 1);
    double before[4 * WIDTH];
    memcpy(before, numbers(tg_grad_of(p)), sizeof before);
    for (int k = 0; k < 3; k++) {
        tg_tensor *index = tg_from_i64(t, TG_SHAPE(4), (int64_t[]){0, 1, 2, (int64_t[]){ROWS, -ROWS - 1, INT64_MAX}[k]});
        assert_int_equal(tg_backward_seed(tg_add(tg_embedding(w, index), p), seed), TG_ERR_INDEX);
        tg_clear_error(t);
        assert_int_equal(tg_row_gradient_of(w, NULL, NULL), 3);
        assert_memory_equal(numbers(tg_grad_of(p)), before, sizeof before);
    }
    assert_near(numbers(tg_grad_of(w)), numbers(tg_grad_of(dense)), ELEMENTS);
    tg_tape_free(t);
}

/* What arrives may lie in a gradient's memory that the same backward writes: a seed, or a view of one. */
static void test_seeds_that_are_gradients(void **state)
{
    (void)state;
    for (int view = 0; view < 2; view++) {
        tg_tape   *t = doubles();
        tg_tensor *w[2] = {table_of(t, "w")}, *p[2];
        w[1] = tg_param(t, "dense", w[0]);
        assert_non_null(tg_set_row_gradient(w[0], true));
        for (int k = 0; k < 2; k++) p[k] = tg_param(t, k ? "p1" : "p0", tg_linspace(t, 1, 2, 3 * WIDTH));
        for (int step = 0; step < 4; step++) {
            for (int k = 0; k < 2; k++) {
                tg_tensor *index = tg_from_i64(t, TG_SHAPE(3), (int64_t[]){1, 4, 1}), *q = tg_reshape(p[k], TG_SHAPE(3, WIDTH));
                tg_tensor *y = tg_add(tg_embedding(w[k], index), q), *g = tg_grad_of(p[k]);
                if (!view) y = tg_reshape(y, TG_SHAPE(3 * WIDTH));
                else if (g) g = tg_reshape(g, TG_SHAPE(3, WIDTH));
                assert_int_equal(g ? tg_backward_seed(y, g) : tg_backward(tg_sum_all(tg_square(y))), TG_OK);
            }
            assert_int_equal(tg_reset(t), TG_OK);
        }
        assert_true(tg_row_gradient_of(w[0], NULL, NULL) == 2);
        for (int k = 0; k < 2; k++) w[k] = tg_grad_of(w[k]), p[k] = tg_grad_of(p[k]);
        assert_near(numbers(w[0]), numbers(w[1]), ELEMENTS);
        assert_near(numbers(p[0]), numbers(p[1]), 3 * WIDTH);
        tg_tape_free(t);
    }
}

static tg_tensor *asked;
static bool       fails;

static tg_status ask_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

static tg_status ask_run(tg_call *c)
{
    if (asked) assert_non_null(tg_grad_of(asked));
    memcpy(c->y.data, c->x[0].data, 2 * WIDTH * sizeof(double));
    return fails ? tg_fail(c, TG_ERR_ARG, "fails") : TG_OK;
}

static tg_tensor *ask_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)c, (void)i, g; }

/* An op's function may ask for the gradient that the backward is adding to: nothing of it is lost, nor counted twice. */
static void test_asked_meanwhile(void **state)
{
    (void)state;
    static const tg_op op = {.name = "ask", .arity = 1, .infer = ask_infer, .run = ask_run, .vjp = ask_vjp};
    for (int k = 0; k < 2; k++) {
        tg_tape   *t = doubles();
        tg_tensor *w = table_of(t, "w"), *dense = tg_param(t, "dense", w), *both[2] = {w, dense};
        assert_non_null(tg_set_row_gradient(w, true));
        for (int i = 0; i < 2; i++) {
            assert_int_equal(tg_backward(loss_of(both[i], 1)), TG_OK);
            tg_tensor *x = tg_embedding(both[i], tg_from_i64(t, TG_SHAPE(2), (int64_t[]){3, 4}));
            tg_tensor *loss = tg_sum_all(tg_square(tg_record(&op, &x, 1, NULL, 0)));
            asked = both[i];
            fails = k == 1;
            assert_int_equal(tg_backward(loss), fails ? TG_ERR_ARG : TG_OK);
            tg_clear_error(t);
            fails = false;
            asked = NULL;
            assert_int_equal(tg_backward(loss_of(both[i], 2)), TG_OK);
        }
        assert_near(numbers(tg_grad_of(w)), numbers(tg_grad_of(dense)), ELEMENTS);
        tg_tape_free(t);
    }
}

/* A backward that runs out of memory, whenever, leaves all gradients as they were: those of other tables and of all rows, too. */
static void test_no_memory(void **state)
{
    (void)state;
    int       failures = 0;
    tg_status s = TG_ERR_MEMORY;
    for (int left = 0; s != TG_OK; left++) {
        failing    f = {.left = -1};
        tg_tape   *t = failing_tape(&f, TG_F64);
        tg_tensor *w = table_of(t, "w"), *v = table_of(t, "v"), *p = tg_param(t, "p", tg_ones(t, TG_SHAPE(WIDTH))), *all[3] = {w, p, v};
        assert_true(tg_set_row_gradient(w, true) && tg_set_row_gradient(v, true));
        assert_int_equal(tg_backward(tg_add(loss_of(w, 1), tg_sum_all(tg_square(p)))), TG_OK);
        const int64_t n = tg_row_gradient_of(w, NULL, NULL);
        tg_tensor    *loss = tg_add(tg_add(loss_of(w, 2), tg_sum_all(tg_square(p))), loss_of(v, 3));
        f.left = left;
        s = tg_backward(loss);
        f.left = -1;
        if (s != TG_OK) {
            assert_int_equal(s, TG_ERR_MEMORY);
            tg_clear_error(t);
            failures++;
            assert_int_equal(tg_row_gradient_of(w, NULL, NULL), n);
            assert_int_equal(tg_row_gradient_of(v, NULL, NULL), -1);
            for (int i = 0; i < WIDTH; i++) assert_true(numbers(tg_grad_of(p))[i] == 2);
            assert_int_equal(tg_backward_into(loss, all, 3), TG_OK);
        }
        for (int i = 0; i < WIDTH; i++) assert_true(numbers(tg_grad_of(p))[i] == 4);
        assert_true(tg_row_gradient_of(w, NULL, NULL) > n && tg_row_gradient_of(v, NULL, NULL) > 0);
        tg_tape_free(t);
        assert_int_equal(f.held, 0);
    }
    assert_true(failures > 2);
}

/* The bits do not depend on the number of threads; f32 is added up in double. */
static void test_threads(void **state)
{
    (void)state;
    enum { MANY = 4096, FEW = 50, WIDE = 96 };
    float *first = NULL;
    for (int threads = 1; threads <= 4; threads++) {
        tg_tape   *t = tg_tape_new(&(tg_tape_options){.seed = 9, .threads = threads});
        tg_tensor *w = tg_param(t, "w", tg_randn(t, TG_SHAPE(FEW, WIDE)));
        int64_t   *ids = malloc(MANY * sizeof *ids);
        assert_non_null(ids);
        for (int64_t k = 0; k < MANY; k++) ids[k] = k * k % FEW;
        tg_set_row_gradient(w, true);
        tg_tensor *y = tg_index_select(w, 0, tg_from_i64(t, TG_SHAPE(MANY), ids)), *seed = tg_keep(tg_randn(t, TG_SHAPE(MANY, WIDE)));
        assert_int_equal(tg_backward_seed(y, seed), TG_OK);
        const void   *values;
        const int64_t n = tg_row_gradient_of(w, NULL, &values);
        assert_true(n > 10);
        if (!first) {
            first = malloc((size_t)n * WIDE * sizeof *first);
            assert_non_null(first);
            memcpy(first, values, (size_t)n * WIDE * sizeof *first);
            const float *s = tg_data_f32(seed);
            for (int i = 0; i < WIDE; i++) {
                double sum = 0;
                for (int64_t k = 0; k < MANY; k++) sum += ids[k] == 0 ? (double)s[k * WIDE + i] : 0;
                assert_true((double)first[i] == (double)(float)sum);
            }
        }
        assert_memory_equal(values, first, (size_t)n * WIDE * sizeof *first);
        free(ids);
        tg_tape_free(t);
    }
    free(first);
}

/* ---- steps ------------------------------------------------------------------------------------------------------------ */

/* The formulas for one element, whose states are a and b, with gradient g at the tensor's step number t. */
typedef void (*formula)(int t, double g, double *w, double *a, double *b);

static void by_sgd(int t, double g, double *w, double *a, double *b) { (void)t, (void)a, (void)b, *w -= 0.1 * g; }
static void by_momentum(int t, double g, double *w, double *a, double *b)
{
    (void)b;
    *a = t == 1 ? g : 0.9 * *a + g;
    *w -= 0.1 * *a;
}
static void by_adam(int t, double g, double *w, double *a, double *b)
{
    *a = 0.8 * *a + 0.2 * g;
    *b = 0.95 * *b + 0.05 * g * g;
    *w -= 0.01 * (*a / (1 - pow(0.8, t))) / (sqrt(*b / (1 - pow(0.95, t))) + 1e-8);
}
static void by_adagrad(int t, double g, double *w, double *a, double *b)
{
    (void)t, (void)b;
    *a += g * g;
    *w -= 0.1 * g / (sqrt(*a) + 1e-10);
}
static void by_adagrad_from(int t, double g, double *w, double *a, double *b)
{
    if (t == 1) *a = 0.3;
    by_adagrad(t, g, w, a, b);
}

static void test_steps(void **state)
{
    (void)state;
    const tg_sgd_options     sgd = {.lr = 0.1}, momentum = {.lr = 0.1, .momentum = 0.9};
    const tg_adam_options    adam = {.lr = 0.01, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-8};
    const tg_adagrad_options adagrad = {.lr = 0.1, .eps = 1e-10}, from = {.lr = 0.1, .eps = 1e-10, .initial_accumulator = 0.3};
    const struct {
        maker       make;
        const void *options;
        formula     f;
        bool        all_first; /* the first step reaches all rows */
    } of[] = {{make_sgd, &sgd, by_sgd, false},         {make_sgd, &momentum, by_momentum, false}, {make_adam, &adam, by_adam, false},
              {make_adagrad, &adagrad, by_adagrad, false}, {make_adagrad, &from, by_adagrad_from, true}};
    for (size_t k = 0; k < sizeof of / sizeof *of; k++) {
        tg_tape      *t = doubles();
        tg_tensor    *w = table_of(t, "w");
        static double x[ELEMENTS], a[ELEMENTS], b[ELEMENTS];
        memcpy(x, numbers(w), sizeof x);
        memset(a, 0, sizeof a);
        memset(b, 0, sizeof b);
        tg_set_row_gradient(w, true);
        tg_optim *o = of[k].make(t, of[k].options);
        for (int step = 1; step <= 8; step++) {
            int64_t ids[READ];
            double  slope[ROWS] = {0}; /* d loss / dx = slope x */
            bool    is[ROWS] = {false};
            draw(ids, step);
            for (int i = 0; i < READ; i++) slope[ids[i]] += 0.5 + 1.5 * i / (READ - 1), is[ids[i]] = true;
            for (int i = 0; i < ELEMENTS; i++)
                if (is[i / WIDTH] || (of[k].all_first && step == 1)) of[k].f(step, slope[i / WIDTH] * x[i], &x[i], &a[i], &b[i]);
            assert_int_equal(tg_minimize(o, loss_of(w, step)), TG_OK);
            const double *got = numbers(w);
            for (int i = 0; i < ELEMENTS; i++)
                if (!(fabs(got[i] - x[i]) <= 1e-12 * (1 + fabs(x[i]))))
                    fail_msg("optimizer %d, step %d, row %d: %.17g instead of %.17g", (int)k, step, i / WIDTH, got[i], x[i]);
            assert_int_equal(tg_reset(t), TG_OK);
        }
        tg_tape_free(t);
    }
}

/* LAMB measures the whole tensor: the same as with gradients of all rows. */
static void test_norms(void **state)
{
    (void)state;
    tg_tape   *t = doubles();
    tg_tensor *w = table_of(t, "w"), *dense = tg_param(t, "dense", w);
    tg_set_row_gradient(w, true);
    tg_optim *o = tg_lamb(t, NULL);
    for (int step = 0; step < 4; step++) {
        assert_int_equal(tg_minimize(o, tg_add(loss_of(w, step), loss_of(dense, step))), TG_OK);
        assert_near(numbers(w), numbers(dense), ELEMENTS);
        assert_int_equal(tg_reset(t), TG_OK);
    }
    tg_tape_free(t);
}

/* Clipping, skipping what is not finite, freezing, and gradients that are too old are as with all rows. */
static void test_between(void **state)
{
    (void)state;
    tg_tape   *t = doubles();
    tg_tensor *w = table_of(t, "w"), *dense = tg_param(t, "dense", w), *both[] = {w, dense};
    tg_set_row_gradient(w, true);
    double norm[2];
    for (int k = 0; k < 2; k++) {
        assert_int_equal(tg_backward_into(loss_of(both[k], 3), &both[k], 1), TG_OK);
        assert_int_equal(tg_clip_grad_norm_of(&both[k], 1, 0.7, &norm[k]), TG_OK);
    }
    assert_true(norm[0] > 1 && fabs(norm[0] - norm[1]) < 1e-12 * norm[1] && tg_row_gradient_of(w, NULL, NULL) > 0);
    const double *all = numbers(tg_grad_of(dense));
    const int64_t *ids;
    const void    *values;
    const int64_t  n = tg_row_gradient_of(w, &ids, &values);
    for (int64_t k = 0; k < n; k++) assert_near((const double *)values + k * WIDTH, all + ids[k] * WIDTH, WIDTH);
    /* A step uses it up: the next one has nothing to do, the next backward does not add to it. */
    tg_optim *o = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &w, .n_params = 1, .skip_nonfinite = true});
    assert_int_equal(tg_step(o), TG_OK);
    assert_int_equal(tg_step(o), TG_ERR_GRAD);
    tg_clear_error(t);
    assert_int_equal(tg_row_gradient_of(w, NULL, NULL), n);
    assert_int_equal(tg_reset(t), TG_OK);
    assert_int_equal(tg_optim_backward(o, loss_of(w, 4)), TG_OK);
    double before[ELEMENTS];
    memcpy(before, numbers(w), sizeof before);
    /* Older than a step that did not use it. */
    tg_optim *other = tg_sgd(t, &(tg_sgd_options){.lr = 0.1, .params = &dense, .n_params = 1});
    assert_int_equal(tg_optim_backward(other, loss_of(dense, 1)), TG_OK);
    assert_int_equal(tg_step(other), TG_OK);
    assert_int_equal(tg_backward(loss_of(w, 5)), TG_ERR_GRAD);
    tg_clear_error(t);
    /* Infinite: the step is left out. */
    assert_int_equal(tg_zero_grad(t), TG_OK);
    assert_int_equal(tg_optim_backward(o, tg_mul_s(loss_of(w, 5), INFINITY)), TG_OK);
    assert_int_equal(tg_step(o), TG_SKIPPED);
    assert_memory_equal(numbers(w), before, sizeof before);
    /* Frozen: passed over. */
    assert_int_equal(tg_optim_backward(o, loss_of(w, 6)), TG_OK);
    tg_set_requires_grad(w, false);
    assert_int_equal(tg_step(o), TG_ERR_GRAD);
    tg_clear_error(t);
    tg_set_requires_grad(w, true);
    assert_int_equal(tg_step(o), TG_OK);
    tg_tape_free(t);
}

static void test_refused(void **state)
{
    (void)state;
    tg_tape   *t = doubles();
    tg_tensor *w = table_of(t, "w"), *x = tg_randn(t, TG_SHAPE(3, 4)), *one = tg_param(t, "one", tg_scalar(t, 1));
    assert_null(tg_set_row_gradient(NULL, true));
    assert_null(tg_set_row_gradient(x, true));
    assert_string_equal(tg_error(t), "tg_set_row_gradient: the tensor is neither a parameter nor kept: its gradient goes with the recording");
    tg_clear_error(t);
    assert_null(tg_set_row_gradient(one, true));
    assert_string_equal(tg_error(t), "tg_set_row_gradient: takes float32 or float64 of at least 1 dimension");
    tg_clear_error(t);
    assert_ptr_equal(tg_set_row_gradient(w, false), w);
    assert_ptr_equal(tg_set_row_gradient(w, true), w);
    assert_ptr_equal(tg_set_row_gradient(w, true), w);
    assert_int_equal(tg_row_gradient_of(NULL, NULL, NULL), -1);
    /* Off again, with a gradient there: it is one of all rows. An index out of range leaves everything as it was. */
    assert_int_equal(tg_backward(loss_of(w, 2)), TG_OK);
    const int64_t n = tg_row_gradient_of(w, NULL, NULL);
    tg_tensor *bad = tg_embedding(w, tg_full(t, TG_I64, TG_SHAPE(2), ROWS));
    assert_int_equal(tg_backward(tg_sum_all(bad)), TG_ERR_INDEX);
    tg_clear_error(t);
    assert_int_equal(tg_row_gradient_of(w, NULL, NULL), n);
    assert_ptr_equal(tg_set_row_gradient(w, false), w);
    assert_int_equal(tg_row_gradient_of(w, NULL, NULL), -1);
    assert_non_null(tg_grad_of(w));
    /* No rows at all, released with a gradient, and one dimension. */
    tg_tensor *v = tg_keep(tg_ones(t, TG_SHAPE(5)));
    tg_set_requires_grad(v, true);
    tg_set_row_gradient(v, true);
    assert_int_equal(tg_backward(tg_sum_all(tg_index_select(v, 0, tg_arange(t, TG_I64, 0)))), TG_OK);
    assert_int_equal(tg_row_gradient_of(v, NULL, NULL), 0);
    tg_optim *o = tg_sgd(t, &(tg_sgd_options){.lr = 1, .params = &v, .n_params = 1});
    assert_int_equal(tg_step(o), TG_OK);
    assert_int_equal(tg_backward_into(tg_sum_all(tg_index_select(v, 0, tg_full(t, TG_I64, TG_SHAPE(2), 3))), &v, 1), TG_OK);
    assert_int_equal(tg_step(o), TG_OK);
    assert_true(numbers(v)[3] == -1 && numbers(v)[2] == 1);
    assert_int_equal(tg_release(v), TG_OK);
    /* Rows without elements: picked, counted, and nothing is copied. */
    tg_tensor *empty = tg_param(t, "empty", tg_ones(t, TG_SHAPE(5, 0)));
    assert_non_null(tg_set_row_gradient(empty, true));
    for (int k = 0; k < 3; k++) {
        assert_int_equal(tg_backward_into(tg_sum_all(tg_index_select(empty, 0, tg_arange(t, TG_I64, 4))), &empty, 1), TG_OK);
        assert_int_equal(tg_row_gradient_of(empty, NULL, NULL), 4);
    }
    assert_int_equal(tg_numel(tg_grad_of(empty)), 0);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gradient), cmocka_unit_test(test_adding_up), cmocka_unit_test(test_indices), cmocka_unit_test(test_seeds_that_are_gradients),
        cmocka_unit_test(test_no_memory), cmocka_unit_test(test_asked_meanwhile),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_steps),
        cmocka_unit_test(test_norms),    cmocka_unit_test(test_between),   cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
