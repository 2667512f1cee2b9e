/* test_trajectories.c - every optimizer, step by step, against the runs in tests/golden/optim.csv, and in groups in optim_groups.csv. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "golden.h"
#include "optimizers.h"

enum { TENSORS = 4, NUMBERS = 26, STEPS = 50, GROUP_STEPS = 200, LINE = 1024 };
static const double max_norm = 0.25;

/* ---- the runs of tests/golden/optim.py ---------------------------------------------------------------------------- */

typedef struct run {
    const char *name;
    maker       make;
    const void *options;
    bool        clip;
    bool        groups; /* one of optim_groups.csv */
} run;

#define SGD(...)   .make = make_sgd, .options = &(const tg_sgd_options){__VA_ARGS__}
#define ADAM(...)  .make = make_adam, .options = &(const tg_adam_options){__VA_ARGS__}
#define ADAMW(...) .make = make_adamw, .options = &(const tg_adam_options){__VA_ARGS__}
#define RMSPROP(...) .make = make_rmsprop, .options = &(const tg_rmsprop_options){__VA_ARGS__}
#define ADAGRAD(...) .make = make_adagrad, .options = &(const tg_adagrad_options){__VA_ARGS__}
static const run runs[] = {
    {"sgd", SGD(.lr = 0.1)},
    {"sgd_decay", SGD(.lr = 0.1, .weight_decay = 0.05)},
    {"momentum", SGD(.lr = 0.05, .momentum = 0.9)},
    {"dampening", SGD(.lr = 0.1, .momentum = 0.8, .dampening = 0.3)},
    {"momentum_decay", SGD(.lr = 0.05, .momentum = 0.9, .weight_decay = 0.05)},
    {"nesterov", SGD(.lr = 0.05, .momentum = 0.9, .nesterov = true)},
    {"nesterov_decay", SGD(.lr = 0.05, .momentum = 0.9, .nesterov = true, .weight_decay = 0.05)},
    {"adam", ADAM(.lr = 0.02)},
    {"adam_betas", ADAM(.lr = 0.02, .beta1 = 0.8, .beta2 = 0.95, .eps = 1e-4)},
    {"adam_decay", ADAM(.lr = 0.02, .weight_decay = 0.05)},
    {"adamw", ADAMW(.lr = 0.02)},
    {"adamw_decay", ADAMW(.lr = 0.02, .weight_decay = 0.2)},
    {"rmsprop", RMSPROP(.lr = 0.01)},
    {"rmsprop_decay", RMSPROP(.lr = 0.01, .alpha = 0.9, .eps = 1e-4, .weight_decay = 0.05)},
    {"rmsprop_momentum", RMSPROP(.lr = 0.005, .momentum = 0.8, .weight_decay = 0.05)},
    {"rmsprop_centered", RMSPROP(.lr = 0.01, .centered = true)},
    {"rmsprop_both", RMSPROP(.lr = 0.005, .alpha = 0.9, .eps = 1e-4, .momentum = 0.8, .centered = true, .weight_decay = 0.05)},
    {"adagrad", ADAGRAD(.lr = 0.1)},
    {"adagrad_decay", ADAGRAD(.lr = 0.1, .weight_decay = 0.05, .eps = 1e-4)},
    {"adagrad_start", ADAGRAD(.lr = 0.1, .lr_decay = 0.05, .initial_accumulator = 0.2)},
    {"clip", SGD(.lr = 0.1, .momentum = 0.9), .clip = true},
};

#define GROUPED(...) __VA_ARGS__, .clip = true, .groups = true
#define OTHER(NAME, ...) .make = make_##NAME, .options = &(const tg_##NAME##_options){__VA_ARGS__}
static const run group_runs[] = {
    {"sgd", GROUPED(SGD(.lr = 0.1, .momentum = 0.9, .weight_decay = 0.05))},
    {"nesterov", GROUPED(SGD(.lr = 0.1, .momentum = 0.9, .nesterov = true, .weight_decay = 0.05))},
    {"adam", GROUPED(ADAM(.lr = 0.01, .weight_decay = 0.05))},
    {"amsgrad", GROUPED(ADAM(.lr = 0.01, .amsgrad = true, .weight_decay = 0.05))},
    {"adamw", GROUPED(ADAMW(.lr = 0.01, .weight_decay = 0.05))},
    {"amsgradw", GROUPED(ADAMW(.lr = 0.01, .amsgrad = true, .weight_decay = 0.05))},
    {"adamax", GROUPED(OTHER(adamax, .lr = 0.01, .weight_decay = 0.05))},
    {"nadam", GROUPED(OTHER(nadam, .lr = 0.005, .weight_decay = 0.05))},
    {"radam", GROUPED(OTHER(radam, .lr = 0.01, .weight_decay = 0.05))},
    {"rmsprop", GROUPED(RMSPROP(.lr = 0.002, .momentum = 0.5, .centered = true, .eps = 1e-3, .weight_decay = 0.05))},
    {"adagrad", GROUPED(ADAGRAD(.lr = 0.05, .lr_decay = 0.001, .initial_accumulator = 0.01, .weight_decay = 0.05))},
    {"adadelta", GROUPED(OTHER(adadelta, .lr = 0.5, .weight_decay = 0.05))},
    {"lion", GROUPED(OTHER(lion, .lr = 0.001, .weight_decay = 0.05))},
    {"lamb", GROUPED(OTHER(lamb, .lr = 0.005, .weight_decay = 0.05))},
};

typedef struct net {
    tg_tape   *tape;
    tg_dtype   dtype;
    tg_tensor *p[TENSORS];
    tg_optim  *opt;
} net;

static tg_tensor *filled(const net *n, const tg_shape *shape, uint64_t first)
{
    double x[18];
    size_t count = 1;
    for (int k = 0; k < shape->rank; k++) count *= (size_t)shape->dim[k];
    assert_true(count <= sizeof x / sizeof *x);
    for (size_t i = 0; i < count; i++) x[i] = golden_number(first + i);
    return golden_tensor(n->tape, n->dtype, shape, x, count);
}

static net new_net(const run *r, tg_dtype dtype)
{
    static const char *const names[TENSORS] = {"w1", "b1", "w2", "b2"};
    const tg_shape *const    shapes[TENSORS] = {TG_SHAPE(3, 4), TG_SHAPE(4), TG_SHAPE(4, 2), TG_SHAPE(2)};
    net                      n = {.tape = tg_tape_new(NULL), .dtype = dtype};
    assert_non_null(n.tape);
    for (int k = 0; k < TENSORS; k++) {
        n.p[k] = tg_param(n.tape, names[k], filled(&n, shapes[k], 1000 * (uint64_t)k));
        assert_non_null(n.p[k]);
    }
    n.opt = r->make(n.tape, r->options);
    assert_non_null(n.opt);
    if (r->groups) {
        assert_int_equal(tg_optim_add_group(n.opt, &(tg_group_options){.pattern = "w2", .lr_scale = 0.5}), 1);
        assert_int_equal(tg_optim_add_group(n.opt, &(tg_group_options){.pattern = "b?", .lr_scale = 2, .weight_decay = TG_ZERO}), 2);
    }
    tg_reset(n.tape);
    return n;
}

/* One step. Returns the loss before it; *norm gets the gradients' norm where the run clips. */
static double train(const net *n, bool clip, double *norm)
{
    tg_tensor *x = filled(n, TG_SHAPE(6, 3), 5000), *y = filled(n, TG_SHAPE(6, 2), 6000);
    tg_tensor *h = tg_tanh(tg_add(tg_matmul(x, n->p[0]), n->p[1]));
    tg_tensor *loss = tg_mse(tg_add(tg_matmul(h, n->p[2]), n->p[3]), y);
    assert_int_equal(tg_backward(loss), TG_OK);
    if (clip) assert_int_equal(tg_clip_grad_norm(n->opt, max_norm, norm), TG_OK);
    assert_int_equal(tg_step(n->opt), TG_OK);
    double value = tg_item(loss);
    assert_int_equal(tg_reset(n->tape), TG_OK);
    return value;
}

static void read_params(const net *n, double *all)
{
    for (int k = 0; k < TENSORS; k++)
        for (int64_t i = 0; i < tg_numel(n->p[k]); i++)
            *all++ = n->dtype == TG_F64 ? tg_data_f64(n->p[k])[i] : (double)tg_data_f32(n->p[k])[i];
}

/* ---- following them ----------------------------------------------------------------------------------------------- */

/* Relative to the number, and for numbers near 0 to the size that the network's weights have. */
static void check(const run *r, int step, const char *what, double got, double want, double tolerance)
{
    double error = fabs(got - want) / fmax(fabs(want), 0.1);
    if (!(error <= tolerance)) fail_msg("%s, step %d, %s: %.17g instead of %.17g, off by %.2g", r->name, step, what, got, want, error);
}

/* The next number of a row, or false at its end. */
static bool next_number(char **row, double *x)
{
    char *end;
    if (**row == ',') ++*row;
    *x = strtod(*row, &end);
    bool found = end != *row;
    *row = end;
    return found;
}

static void check_row(const run *r, const net *n, char *row, int want_step, double tolerance)
{
    double step, loss, norm, want, got_norm = 0, got[NUMBERS], got_loss = train(n, r->clip, &got_norm);
    assert_true(next_number(&row, &step) && (int)step == want_step);
    assert_true(next_number(&row, &loss));
    check(r, want_step, "loss", got_loss, loss, tolerance);
    if (r->clip) {
        assert_true(next_number(&row, &norm));
        check(r, want_step, "norm", got_norm, norm, tolerance);
    }
    read_params(n, got);
    for (int i = 0; next_number(&row, &want); i++) {
        assert_true(i < NUMBERS);
        check(r, want_step, "a parameter", got[i], want, tolerance);
    }
}

/* Returns how many rows of the file this run has. */
static int follow(const run *r, tg_dtype dtype, double tolerance)
{
    char   line[LINE], head[64];
    int    rows = 0;
    size_t length = (size_t)snprintf(head, sizeof head, "%s,%s,", r->name, tg_dtype_name(dtype));
    net    n = new_net(r, dtype);
    FILE  *f = golden_open(r->groups ? "optim_groups.csv" : "optim.csv");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (!strncmp(line, head, length)) check_row(r, &n, line + length, ++rows, tolerance);
    fclose(f);
    tg_tape_free(n.tape);
    return rows;
}

static const double tolerance[] = {[TG_F32] = 1e-5, [TG_F64] = 1e-12};

static void test_alone(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t k = 0; k < sizeof runs / sizeof *runs; k++) assert_int_equal(follow(&runs[k], d, tolerance[d]), STEPS);
}

static void test_groups(void **state)
{
    (void)state;
    for (tg_dtype d = TG_F32; d <= TG_F64; d++)
        for (size_t k = 0; k < sizeof group_runs / sizeof *group_runs; k++)
            assert_int_equal(follow(&group_runs[k], d, tolerance[d]), GROUP_STEPS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone),
        cmocka_unit_test(test_groups),
    };
    return cmocka_run_group_tests_name("trajectories", tests, NULL, NULL);
}
