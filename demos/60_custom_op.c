/* 60_custom_op.c - ops of your own, in your own file: declared, gradient-checked, and used in a training.
 *
 * snake is pointwise: one expression and its rule. leaky_sum is a kernel op: shape, arithmetic and rule as three
 * functions. Then two deliberately wrong rules, to see how the check catches them; and a model of both ops that finds
 * the numbers behind its data. */
#include "demo.h"
#include <tapegrad.h>
#include <tapegrad_op.h>
#include <tgmath.h>

/* ---- a pointwise op: snake x = x + sin^2 x. Ziyin et al. 2020 ---------------------------------------------------- */

/* snake' x = 1 + 2 sin x cos x = 1 + sin 2x. The rule calls ops, so it has a derivative itself. */
static tg_tensor *snake_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, tg_add_s(tg_sin(tg_mul_s(c->in[0], 2)), 1));
}
TG_POINTWISE_UNARY(snake, x + sin(x) * sin(x), snake_vjp)

static tg_tensor *snake(tg_tensor *x) { return tg_record(&tg_op_snake, &x, 1, NULL, 0); }

/* ---- a kernel op: leaky_sum(x, a)[…,i] = y_i with y_i = x_i + a y_{i-1}, y_{-1} = 0 --------------------------- */

static tg_tensor *leaky_sum(tg_tensor *x, tg_tensor *a);

/* x [… , n] and a scalar a of its dtype; the result is like x. */
static tg_status leaky_sum_infer(tg_call *c)
{
    tg_tensor *x = c->in[0], *a = c->in[1];
    if (tg_rank(x) < 1) return tg_fail(c, TG_ERR_SHAPE, "x needs an axis to sum along");
    if (tg_rank(a) != 0) return tg_fail(c, TG_ERR_SHAPE, "a has to be a scalar");
    if (!tg_dtype_is_float(tg_dtype_of(x))) return tg_fail(c, TG_ERR_DTYPE, "x has to be f32 or f64");
    if (tg_dtype_of(a) != tg_dtype_of(x)) return tg_fail(c, TG_ERR_DTYPE, "x and a have different dtypes");
    c->shape = *tg_shape_of(x);
    c->dtype = tg_dtype_of(x);
    return TG_OK;
}

/* The loop in T over rows of n elements; the inputs come contiguous, as the op doesn't say TG_OP_STRIDED. */
#define LEAKY_SUM(T)                                                                              \
    do {                                                                                          \
        const T *x = c->x[0].data, a = *(const T *)c->x[1].data;                                  \
        T       *y = c->y.data;                                                                   \
        for (int64_t k = 0; k < elements; k++) y[k] = x[k] + (k % n == 0 ? 0 : a * y[k - 1]);     \
    } while (0)

static tg_status leaky_sum_run(tg_call *c)
{
    const tg_shape *shape = c->y.shape;
    const int64_t   n = shape->dim[shape->rank - 1];
    int64_t         elements;
    if (tg_shape_size(shape, c->y.dtype, &elements, NULL)) return TG_ERR_SHAPE;
    if (c->y.dtype == TG_F32) LEAKY_SUM(float);
    else LEAKY_SUM(double);
    return TG_OK;
}

/* The last axis backwards: a view. */
static tg_tensor *reversed(tg_tensor *x) { return tg_slice(x, -1, -1, INT64_MIN, -1); }

/* With s_i = g_i + a s_{i+1}, the same sum from the other end: dx = s, da = sum s_i y_{i-1}. */
static tg_tensor *leaky_sum_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor    *s = reversed(leaky_sum(reversed(g), c->in[1]));
    const int64_t n = tg_dim(g, -1);
    if (i == 0) return s;
    return tg_sum_all(tg_mul(tg_slice(s, -1, 1, n, 1), tg_slice(c->out, -1, 0, n - 1, 1)));
}

static const tg_op leaky_sum_op = {
    .name = "leaky_sum", .arity = 2, .infer = leaky_sum_infer, .run = leaky_sum_run, .vjp = leaky_sum_vjp};

static tg_tensor *leaky_sum(tg_tensor *x, tg_tensor *a)
{
    return tg_record(&leaky_sum_op, (tg_tensor *[]){x, a}, 2, NULL, 0);
}

/* ---- the same with mistakes -------------------------------------------------------------------------------------- */

/* 1 - sin 2x: a sign. */
static tg_tensor *wrong_snake_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul(g, tg_rsub_s(1, tg_sin(tg_mul_s(c->in[0], 2))));
}
TG_POINTWISE_UNARY(wrong_snake, x + sin(x) * sin(x), wrong_snake_vjp)

/* da = sum s_i y_i: one step off. dx is right. */
static tg_tensor *wrong_leaky_sum_vjp(const tg_call *c, int i, tg_tensor *g)
{
    if (i == 0) return leaky_sum_vjp(c, i, g);
    return tg_sum_all(tg_mul(leaky_sum_vjp(c, 0, g), c->out));
}
static const tg_op wrong_leaky_sum_op = {.name = "wrong_leaky_sum", .arity = 2, .infer = leaky_sum_infer,
                                         .run = leaky_sum_run, .vjp = wrong_leaky_sum_vjp};

/* ---- checking ---------------------------------------------------------------------------------------------------- */

/* The op under test is what tg_gradcheck hands through as ctx. */
static tg_tensor *call(void *op, tg_tensor *const *in)
{
    const tg_op *o = op;
    return tg_record(o, in, o->arity, NULL, 0);
}

/* Compares the op's rule with central differences, first and second derivatives. wrong_input -1: it has to pass;
 * else it has to fail at that input. */
static bool check(tg_tape *t, const tg_op *op, int wrong_input)
{
    tg_tensor *in[2] = {tg_set_requires_grad(tg_mul_s(tg_randn(t, TG_SHAPE(2, 5)), 1), true), tg_set_requires_grad(tg_scalar(t, 0.7), true)};
    tg_gradcheck_report report;
    const tg_status     s = tg_gradcheck(call, (void *)op, in, op->arity, &(tg_gradcheck_options){.order = 2}, &report);
    printf("  %-16s %s\n", op->name, s == TG_OK ? "first and second derivatives agree with differences" : report.text);
    tg_reset(t);
    if (wrong_input < 0) return s == TG_OK;
    return s == TG_ERR_GRAD && !report.ok && report.input == wrong_input;
}

static bool check_all(void)
{
    tg_tape *t = tg_tape_new(&(tg_tape_options){.dtype = TG_F64, .seed = 5});
    if (!t) return false;
    tg_set_error_handler(t, NULL, NULL); /* reports are printed */
    puts("The rules:");
    bool ok = check(t, &tg_op_snake, -1);
    ok = check(t, &leaky_sum_op, -1) && ok;
    puts("The same with mistakes, in the sign of the slope, and in da:");
    ok = check(t, &tg_op_wrong_snake, 0) && ok;
    ok = check(t, &wrong_leaky_sum_op, 1) && ok;
    tg_tape_free(t);
    return ok;
}

/* ---- a model of both --------------------------------------------------------------------------------------------- */

enum { SERIES = 32, LENGTH = 40 };

/* u [SERIES, LENGTH]: a signal that is amplified by w, leaks by a, and is seen through snake. */
static tg_tensor *model(tg_tensor *u, tg_tensor *w, tg_tensor *a) { return snake(leaky_sum(tg_mul(u, w), a)); }

static bool train(int64_t steps, uint64_t seed, double *loss, double *largest_error)
{
    const double true_w = 0.6, true_a = 0.8;
    tg_tape     *t = tg_tape_new(&(tg_tape_options){.seed = seed});
    tg_tensor   *u = tg_keep(tg_randn(t, TG_SHAPE(SERIES, LENGTH)));
    tg_tensor   *seen = tg_keep(model(u, tg_scalar(t, true_w), tg_scalar(t, true_a)));
    tg_tensor   *w = tg_param(t, "w", tg_scalar(t, 1)), *a = tg_param(t, "a", tg_scalar(t, 0));
    tg_optim    *opt = tg_adam(t, &(tg_adam_options){.lr = 0.02});
    bool         ok = true;
    printf("\n%6s %14s %10s %10s\n", "step", "loss", "w", "a");
    for (int64_t step = 1; step <= steps && ok; step++) {
        tg_tensor *error = tg_mse(model(u, w, a), seen);
        ok = !tg_minimize(opt, error);
        *loss = ok ? tg_item(error) : NAN;
        if (step == 1 || step % (steps / 5) == 0)
            printf("%6" PRId64 " %14.3e %10.6f %10.6f\n", step, *loss, tg_item(w), tg_item(a));
        tg_reset(t);
    }
    printf("%6s %14s %10.6f %10.6f\n", "behind", "", true_w, true_a);
    *largest_error = fmax(fabs(tg_item(w) - true_w), fabs(tg_item(a) - true_a));
    tg_tape_free(t);
    return ok;
}

int main(int argc, char **argv)
{
    const double started = demo_clock();
    int64_t      steps = 500, seed = 1;
    bool         quick = false;
    int          status;
    const demo_option options[] = {
        {"--epochs", "N", "steps of the training", .count = &steps, .low = 5, .high = 1e6},
        {"--seed", "N", "of the training's data", .count = &seed, .low = 0, .high = 1e15},
        {"--quick", NULL, "the same: this one is always quick", .flag = &quick},
    };
    if (!demo_parse(argc, argv, "Ops of your own: declared, gradient-checked, used in a training.", options,
                    DEMO_COUNT(options), &status))
        return status;

    double     loss = NAN, error = NAN;
    const bool checked = check_all();
    const bool ok = checked && train(steps, (uint64_t)seed, &loss, &error);
    const bool learned = ok && error < 1e-3;
    if (!checked) puts("The checks did not go as they should.");
    else if (!learned) puts("The training did not find the numbers behind the data.");
    const demo_field fields[] = {{"seconds", demo_clock() - started}, {"loss", loss}, {"largest_error", error}};
    return demo_result("60_custom_op", "made", learned, fields, DEMO_COUNT(fields));
}
