/* test_training.c - whole training runs: losses pinned to a reference run, the same bits twice, no allocations once it runs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"

enum { STEPS = 200, ROWS = 128, LAYERS = 3 };
static const int64_t sizes[LAYERS + 1] = {784, 128, 64, 10};

/* ---- the network of tests/golden/mlp.py --------------------------------------------------------------------------- */

typedef struct net {
    tg_tape   *tape;
    tg_tensor *w[LAYERS], *b[LAYERS];
    tg_optim  *opt;
    void      *x; /* [ROWS, 784] of the tape's dtype */
    int64_t    label[ROWS];
} net;

static tg_tensor *golden_weights(tg_tape *t, tg_dtype dtype, int layer)
{
    size_t  n = (size_t)(sizes[layer] * sizes[layer + 1]);
    double *x = malloc(n * sizeof *x), scale = sqrt(6.0 / (double)sizes[layer]);
    assert_non_null(x);
    for (size_t i = 0; i < n; i++) x[i] = golden_number(1000000 * ((uint64_t)layer + 1) + i) * scale;
    tg_tensor *w = golden_tensor(t, dtype, TG_SHAPE(sizes[layer], sizes[layer + 1]), x, n);
    free(x);
    return w;
}

/* A class pattern plus noise. */
static void golden_rows(net *n, tg_dtype dtype)
{
    size_t width = (size_t)sizes[0];
    n->x = malloc(ROWS * width * tg_dtype_size(dtype));
    assert_non_null(n->x);
    for (size_t r = 0; r < ROWS; r++) {
        n->label[r] = (int64_t)(r * 7 % 10);
        for (size_t k = 0; k < width; k++) {
            double pattern = golden_number(5000000 + (uint64_t)n->label[r] * width + k);
            double value = 0.25 * pattern + 0.5 * golden_number(6000000 + r * width + k);
            if (dtype == TG_F64) ((double *)n->x)[r * width + k] = value;
            else ((float *)n->x)[r * width + k] = (float)value;
        }
    }
}

static net new_net(tg_dtype dtype, uint64_t seed, bool golden)
{
    net n = {.tape = tg_tape_new(&(tg_tape_options){.dtype = dtype, .seed = seed})};
    assert_non_null(n.tape);
    for (int k = 0; k < LAYERS; k++) {
        char name[8] = {'w', (char)('1' + k), 0};
        n.w[k] = tg_param(n.tape, name, golden ? golden_weights(n.tape, dtype, k)
                                               : tg_kaiming(n.tape, TG_SHAPE(sizes[k], sizes[k + 1])));
        name[0] = 'b';
        n.b[k] = tg_param(n.tape, name, tg_zeros(n.tape, TG_SHAPE(sizes[k + 1])));
        assert_true(n.w[k] && n.b[k]);
    }
    golden_rows(&n, dtype);
    tg_reset(n.tape);
    return n;
}

static void free_net(net *n)
{
    tg_tape_free(n->tape);
    free(n->x);
}

/* One step; returns the loss before it. dropout 0: none. */
static double train(net *n, double dropout)
{
    tg_tensor *h = tg_borrow(n->tape, tg_dtype_of(n->w[0]), TG_SHAPE(ROWS, sizes[0]), n->x);
    for (int k = 0; k < LAYERS; k++) {
        h = tg_add(tg_matmul(h, n->w[k]), n->b[k]);
        if (k < LAYERS - 1) h = tg_relu(h);
        if (k < LAYERS - 1 && dropout > 0) h = tg_dropout(h, dropout);
    }
    tg_tensor *loss = tg_cross_entropy(h, tg_from_i64(n->tape, TG_SHAPE(ROWS), n->label));
    assert_int_equal(tg_backward(loss), TG_OK);
    assert_int_equal(tg_step(n->opt), TG_OK);
    double value = tg_item(loss);
    assert_int_equal(tg_reset(n->tape), TG_OK);
    return value;
}

/* ---- tests -------------------------------------------------------------------------------------------------------- */

/* column 1: float32, 2: float64 */
static void follow_golden(tg_dtype dtype, int steps, double tolerance)
{
    net n = new_net(dtype, 0, true);
    n.opt = tg_sgd(n.tape, &(tg_sgd_options){.lr = 0.1});
    FILE *f = golden_open("mlp.csv");
    assert_non_null(f);
    for (int step = 1; step <= steps; step++) {
        int    number = 0;
        double single = 0, twice = 0;
        assert_int_equal(fscanf(f, "%d,%lf,%lf", &number, &single, &twice), 3);
        assert_int_equal(number, step);
        double want = dtype == TG_F32 ? single : twice, got = train(&n, 0);
        if (!(fabs(got - want) <= tolerance * fabs(want))) fail_msg("step %d: loss %.9g instead of %.9g", step, got, want);
    }
    fclose(f);
    free_net(&n);
}

static void test_losses_f32(void **state)
{
    (void)state;
    follow_golden(TG_F32, STEPS, 1e-4);
}

static void test_losses_f64(void **state)
{
    (void)state;
    follow_golden(TG_F64, 50, 1e-10);
}

/* All parameters after some steps with random weights and dropout. */
static float *trained(uint64_t seed, size_t *count)
{
    net n = new_net(TG_F32, seed, false);
    n.opt = tg_adam(n.tape, NULL);
    for (int step = 0; step < 20; step++) train(&n, 0.2);
    *count = 0;
    for (int i = 0; i < tg_param_count(n.tape); i++) *count += (size_t)tg_numel(tg_param_at(n.tape, i));
    float *all = malloc(*count * sizeof *all), *p = all;
    assert_non_null(all);
    for (int i = 0; i < tg_param_count(n.tape); i++) {
        size_t size = (size_t)tg_numel(tg_param_at(n.tape, i));
        assert_int_equal(tg_copy_to(tg_param_at(n.tape, i), p, size * sizeof *p), TG_OK);
        p += size;
    }
    free_net(&n);
    return all;
}

static void test_same_seed_same_bits(void **state)
{
    (void)state;
    size_t n1, n2, n3;
    float *a = trained(7, &n1), *b = trained(7, &n2), *c = trained(8, &n3);
    assert_int_equal(n1, n2);
    assert_memory_equal(a, b, n1 * sizeof *a);
    assert_true(n1 == n3 && memcmp(a, c, n1 * sizeof *a));
    free(a);
    free(b);
    free(c);
}

/* Once the first two steps have made room, training neither asks the allocator nor grows. */
static void test_steady_memory(void **state)
{
    (void)state;
    static const char *const names[] = {"sgd", "momentum", "adam", "adamw"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        net n = new_net(TG_F32, 1, false);
        n.opt = k == 0   ? tg_sgd(n.tape, NULL)
                : k == 1 ? tg_sgd(n.tape, &(tg_sgd_options){.momentum = 0.9})
                : k == 2 ? tg_adam(n.tape, NULL)
                         : tg_adamw(n.tape, NULL);
        for (int step = 1; step <= 2; step++) train(&n, 0.1);
        tg_tape_stats early = tg_stats(n.tape);
        for (int step = 3; step <= (k == 0 ? STEPS : 30); step++) train(&n, 0.1);
        tg_tape_stats late = tg_stats(n.tape);
        if (late.allocations != early.allocations || late.bytes_reserved != early.bytes_reserved)
            fail_msg("%s: %lld allocations and %zu bytes after step 2, %lld and %zu at the end", names[k],
                     (long long)early.allocations, early.bytes_reserved, (long long)late.allocations, late.bytes_reserved);
        free_net(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_f32),
        cmocka_unit_test(test_losses_f64),
        cmocka_unit_test(test_same_seed_same_bits),
        cmocka_unit_test(test_steady_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
