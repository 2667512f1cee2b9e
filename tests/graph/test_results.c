/* test_results.c - ops with several results: recorded, planned and computed once, differentiated through any of them, whatever is asked
 * for, kept, dropped, written or repeated in between. */
#define _GNU_SOURCE
#include "op_test.h"

#include <time.h>

#include "failing.h"
#include "several.h"

#include "graph/graph.h"
#include "tensor/rng.h"

/* ---- ops ---------------------------------------------------------------------------------------------------------- */

static int runs; /* of polar and outer */

/* r = |x + iy| and its angle, of one shape. */
static tg_status polar_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = tg_dtype_of(c->in[0]);
    if (c->dtype != TG_F64 || !tg_shape_equal(&c->shape, tg_shape_of(c->in[1]))) return tg_fail(c, TG_ERR_SHAPE, "takes two of a shape, of f64");
    return TG_OK;
}

static tg_status polar_run(tg_call *c)
{
    const double *x = c->x[0].data, *y = c->x[1].data;
    double       *r = c->y.data, *angle = c->result[1].y.data;
    for (int64_t i = 0; i < several_count(c->y.shape); i++) {
        r[i] = hypot(x[i], y[i]);
        angle[i] = atan2(y[i], x[i]);
    }
    runs++;
    return TG_OK;
}

/* d/dx = g0 x/r - g1 y/r²,  d/dy = g0 y/r + g1 x/r² */
static tg_tensor *polar_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *r = c->out, *g0 = g ? g : tg_zeros_like(r), *g1 = c->result[1].g ? c->result[1].g : tg_zeros_like(r);
    tg_tensor *along = tg_div(tg_mul(g0, c->in[i]), r), *around = tg_div(tg_mul(g1, c->in[1 - i]), tg_square(r));
    return i ? tg_add(along, around) : tg_sub(along, around);
}

static const tg_op polar_op = {.name = "polar", .arity = 2, .results = 2, .infer = polar_infer, .run = polar_run, .vjp = polar_vjp};

static tg_tensor *polar(tg_tensor *x, tg_tensor *y, tg_tensor **angle)
{
    tg_tensor *r = tg_record(&polar_op, (tg_tensor *[]){x, y}, 2, NULL, 0);
    if (angle) *angle = tg_result(r, 1);
    return r;
}

/* x [n], y [m]: the product of their sums, x_i - y_j [n,m], and how many y are below each x, of i64 [n]. */
static tg_status outer_infer(tg_call *c)
{
    const tg_shape *x = tg_shape_of(c->in[0]), *y = tg_shape_of(c->in[1]);
    if (x->rank != 1 || y->rank != 1) return tg_fail(c, TG_ERR_SHAPE, "takes two vectors");
    c->shape.rank = 0;
    c->dtype = c->result[1].dtype = TG_F64;
    c->result[1].shape = (tg_shape){2, {x->dim[0], y->dim[0]}};
    c->result[2].shape = *x;
    c->result[2].dtype = TG_I64;
    return TG_OK;
}

static tg_status outer_run(tg_call *c)
{
    const double *x = c->x[0].data, *y = c->x[1].data;
    const int64_t n = c->x[0].shape->dim[0], m = c->x[1].shape->dim[0];
    double       *difference = c->result[1].y.data, sx = 0, sy = 0;
    int64_t      *below = c->result[2].y.data;
    for (int64_t j = 0; j < m; j++) sy += y[j];
    for (int64_t i = 0; i < n; i++) {
        sx += x[i];
        below[i] = 0;
        for (int64_t j = 0; j < m; j++) {
            difference[i * m + j] = x[i] - y[j];
            below[i] += y[j] < x[i];
        }
    }
    *(double *)c->y.data = sx * sy;
    runs++;
    return TG_OK;
}

static tg_tensor *outer_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *g1 = c->result[1].g, *dx = NULL;
    assert_null(c->result[2].g);
    assert_int_equal(c->result[2].dtype, TG_I64);
    assert_ptr_equal(c->result[1].out, tg_result(c->out, 1));
    if (g) dx = tg_expand(tg_mul(g, tg_sum(c->in[1 - i], TG_ALL_AXES, false)), tg_shape_of(c->in[i]));
    if (!g1) return dx;
    tg_tensor *sum = tg_sum(g1, TG_AXES(1 - i), false);
    if (i) sum = tg_neg(sum);
    return dx ? tg_add(dx, sum) : sum;
}

static const tg_op outer_op = {.name = "outer", .arity = 2, .results = 3, .infer = outer_infer, .run = outer_run, .vjp = outer_vjp};

static tg_tensor *outer(tg_tensor *x, tg_tensor *y) { return tg_record(&outer_op, (tg_tensor *[]){x, y}, 2, NULL, 0); }

/* x [n,m]: the place of the largest of each row, i64, and it itself: integers come first. */
static tg_status best_infer(tg_call *c)
{
    const tg_shape *x = tg_shape_of(c->in[0]);
    if (x->rank != 2 || x->dim[1] < 1) return tg_fail(c, TG_ERR_SHAPE, "takes rows");
    c->shape = c->result[1].shape = (tg_shape){1, {x->dim[0]}};
    c->dtype = TG_I64;
    c->result[1].dtype = TG_F64;
    return TG_OK;
}

static tg_status best_run(tg_call *c)
{
    const int64_t n = c->x[0].shape->dim[0], m = c->x[0].shape->dim[1];
    for (int64_t i = 0; i < n; i++) {
        const double *x = (const double *)c->x[0].data + i * m;
        int64_t       at = 0;
        for (int64_t j = 1; j < m; j++)
            if (x[j] > x[at]) at = j;
        ((int64_t *)c->y.data)[i] = at;
        ((double *)c->result[1].y.data)[i] = x[at];
    }
    return TG_OK;
}

static tg_tensor *best_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    assert_null(g);
    return tg_mul(tg_unsqueeze(c->result[1].g, 1), tg_one_hot(c->out, tg_dim(c->in[0], 1)));
}

static const tg_op best_op = {.name = "best", .arity = 1, .results = 2, .infer = best_infer, .run = best_run, .vjp = best_vjp};
static const tg_op best_without_op = {.name = "best_without", .arity = 1, .results = 2, .infer = best_infer, .run = best_run};

/* n random numbers and n random bools: attr is n. */
static tg_status noise_infer(tg_call *c)
{
    c->shape = c->result[1].shape = (tg_shape){1, {*(const int64_t *)c->attr}};
    c->dtype = TG_F64;
    c->result[1].dtype = TG_BOOL;
    return TG_OK;
}

static tg_status noise_run(tg_call *c)
{
    const size_t n = (size_t)c->y.shape->dim[0];
    tg_rng_uniform(c->seed, c->counter, TG_F64, 0, n, c->y.data);
    tg_rng_bernoulli(c->seed, c->counter + tg_rng_steps(n), 0.5, 0, n, c->result[1].y.data);
    return TG_OK;
}

static const tg_op noise_op = {.name = "noise", .arity = 0, .results = 2, .flags = TG_OP_RANDOM | TG_OP_ZERO_GRAD, .infer = noise_infer,
                               .run = noise_run};

static tg_tensor *noise(tg_tape *t, int64_t n) { return tg_record_on(t, &noise_op, NULL, 0, &n, sizeof n); }

/* It failed with this status, and a sentence that ends so. */
static void assert_said(tg_tape *t, const void *result, tg_status status, const char *end)
{
    assert_null(result);
    if (!tg_error(t) || strlen(tg_error(t)) < strlen(end) || strcmp(tg_error(t) + strlen(tg_error(t)) - strlen(end), end))
        fail_msg("\"%s\" does not end in \"%s\"", tg_error(t) ? tg_error(t) : "", end);
    assert_int_equal(tg_error_status(t), status);
    tg_clear_error(t);
}

/* Its value can't be had, with a sentence that has this in it. */
static void assert_unread(tg_tape *t, tg_tensor *y, tg_status status, const char *part)
{
    assert_non_null(y);
    assert_null(tg_data(y));
    if (!tg_error(t) || !strstr(tg_error(t), part)) fail_msg("\"%s\" has no \"%s\"", tg_error(t) ? tg_error(t) : "", part);
    assert_int_equal(tg_error_status(t), status);
    tg_clear_error(t);
}

/* ---- values --------------------------------------------------------------------------------------------------------- */

static void test_values(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        runs = 0;
        assert_f64(r, TG_SCALAR_SHAPE, 14);
        assert_f64(tg_result(r, 1), TG_SHAPE(3, 2), -2, 2, -1, 3, 1, 5);
        assert_values(tg_result(r, 2), TG_I64, TG_SHAPE(3), (const double[]){1, 1, 2}, 0);
        assert_int_equal(runs, 1);
        tg_tensor *angle, *length = polar(VECTOR(t, 3, 0, -2), VECTOR(t, 4, -1, 0), &angle);
        assert_f64(angle, TG_SHAPE(3), atan2(4, 3), atan2(-1, 0), atan2(0, -2));
        assert_f64(length, TG_SHAPE(3), 5, 1, 2);
        assert_int_equal(runs, 2);
    }
    tg_tape_free(t);
}

/* Any of the results, in any order, together and behind other ops: the call runs once, all have their values at once, and keep them. */
static void test_asked_in_any_order(void **state)
{
    static const int orders[][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 18; round++, tg_reset(t)) {
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = tg_mul_s(VECTOR(t, 1.5, -0.5), 2), *r = outer(x, y);
        const int *order = orders[round % 6];
        const void *at[3];
        runs = 0;
        for (int k = 0; k < 3; k++) {
            at[order[k]] = tg_data(tg_result(r, order[k]));
            assert_non_null(at[order[k]]);
        }
        for (int k = 0; k < 3; k++) assert_ptr_equal(tg_data(tg_result(r, k)), at[k]);
        assert_int_equal(runs, 1);
        assert_f64(tg_sum(tg_result(r, 1), TG_ALL_AXES, false), TG_SCALAR_SHAPE, 8);
        assert_int_equal(runs, 1);
    }
    for (int round = 0; round < 6; round++, tg_reset(t)) { /* by something that reads it; the call itself is asked for by nobody */
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        const int  k = round % 3;
        runs = 0;
        tg_tensor *z = tg_mul_s(tg_to(tg_result(r, k), TG_F64), 2);
        if (k == 0) assert_f64(z, TG_SCALAR_SHAPE, 28);
        if (k == 1) assert_f64(z, TG_SHAPE(3, 2), -4, 4, -2, 6, 2, 10);
        if (k == 2) assert_f64(z, TG_SHAPE(3), 2, 2, 4);
        assert_int_equal(runs, 1);
    }
    tg_tape_free(t);
}

/* Steps in which some results die early, others late, and others at once: memory that is given to others must not be read any more. */
static void test_lives(void **state)
{
    tg_tape *t = quiet(TG_F64);
    double   first = 0;
    (void)state;
    for (int round = 0; round < 6; round++, tg_reset(t)) {
        tg_tensor *x = tg_reshape(tg_arange(t, TG_F64, 6000), TG_SHAPE(20, 300)), *kept = NULL, *sum = tg_scalar(t, 0);
        for (int k = 0; k < 8; k++) {
            tg_tensor *centred, *mean = several_centre(x, &centred);
            if (k == 2) kept = centred; /* read at the end */
            if (k % 3) sum = tg_add(sum, tg_sum(mean, TG_ALL_AXES, false));
            x = k % 2 ? tg_add(centred, tg_mul_s(x, 0.5)) : centred;
        }
        sum = tg_add(sum, tg_sum(tg_mul(kept, x), TG_ALL_AXES, false));
        const double got = tg_item(sum);
        if (round == 0) first = got;
        assert_true(got == first && fabs(got) > 1);
    }
    tg_tape_free(t);
}

static void test_empty(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 3; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(tg_zeros(t, TG_SHAPE(0)), true), *y = tg_set_requires_grad(VECTOR(t, 3, -1), true), *r = outer(x, y);
        assert_f64(r, TG_SCALAR_SHAPE, 0);
        assert_int_equal(tg_numel(tg_result(r, 1)), 0);
        assert_non_null(tg_data(tg_result(r, 1)));
        assert_non_null(tg_data(tg_result(r, 2)));
        tg_tensor *loss = tg_add(r, tg_sum(tg_result(r, 1), TG_ALL_AXES, false));
        assert_f64(gradient(loss, NULL, y), TG_SHAPE(2), 0, 0);
        assert_int_equal(tg_numel(gradient(loss, NULL, x)), 0);
        tg_tensor *centred, *mean = several_centre(tg_zeros(t, TG_SHAPE(3, 0)), &centred);
        assert_f64(mean, TG_SHAPE(3), 0, 0, 0);
        assert_int_equal(tg_numel(centred), 0);
        mean = several_centre(tg_zeros(t, TG_SHAPE(0, 3)), &centred);
        assert_non_null(tg_data(centred));
        assert_non_null(tg_data(mean));
    }
    tg_tape_free(t);
}

/* ---- recording ------------------------------------------------------------------------------------------------------ */

static void test_handles(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *r = outer(x, y), *second = tg_result(r, 1);
    (void)state;
    assert_ptr_equal(tg_result(r, 0), r);
    assert_ptr_equal(tg_result(r, 1), second);
    assert_ptr_equal(tg_result(x, 0), x);
    assert_int_equal(tg_stats(t).nodes, 5);
    assert_null(tg_result(NULL, 1));
    assert_null(tg_error(t));
    assert_error(t, tg_result(r, 3), TG_ERR_ARG, "tg_result: op 'outer' has results 0 to 2; there is no result 3");
    assert_error(t, tg_result(r, -1), TG_ERR_ARG, "tg_result: op 'outer' has results 0 to 2; there is no result -1");
    assert_error(t, tg_result(second, 0), TG_ERR_ARG,
                 "tg_result: the tensor is not result 0 of an op with several results; there is no result 0 of it");
    assert_error(t, tg_result(x, 1), TG_ERR_ARG,
                 "tg_result: the tensor is not result 0 of an op with several results; there is no result 1 of it");
    assert_int_equal(tg_reset(t), TG_OK);
    assert_error(t, tg_result(r, 1), TG_ERR_STALE,
                 "tg_result: a stale handle: the tensor was dropped by tg_reset or tg_release (tg_keep keeps what must survive)");
    assert_null(tg_shape_of(second));
    tg_tape_free(t);
}

/* The same recording is confirmed, a different one is not: other inputs, other ops right behind the call, other calls in its place. */
static void test_confirmed(void **state)
{
    tg_tape *t = quiet(TG_F64);
    int64_t  plans = 0;
    uint64_t epoch = 0;
    (void)state;
    for (int round = 0; round < 12; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, (double)round), true), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        tg_tensor *loss = tg_add(tg_sum(tg_square(tg_result(r, 1)), TG_ALL_AXES, false), r);
        assert_int_equal(tg_backward(loss), TG_OK);
        assert_f64(tg_grad_of(x), TG_SHAPE(3), 2 * (-2 + 2) + 2, 2 * (-1 + 3) + 2, 2 * (2. * round - 2) + 2);
        if (round == 3) plans = tg_stats(t).plans_made, epoch = t->epoch;
        if (round > 3 && !strcmp(tg_stats(t).evaluator, "fused")) assert_int_equal(tg_stats(t).plans_made, plans);
        if (round > 3) assert_true(t->epoch == epoch);
    }
    for (int round = 0; round < 24; round++, tg_reset(t)) { /* what stands behind or in the place of the results differs from round to round */
        tg_tensor *x = VECTOR(t, 1, 2, 4), *y = VECTOR(t, 3, -1), *z = NULL;
        if (round % 4 == 0) z = tg_add(tg_mul(x, x), x);
        if (round % 4 == 1) z = tg_result(outer(x, y), 1);
        if (round % 4 == 2) z = polar(x, x, NULL);
        if (round % 4 == 3) z = tg_mul(tg_result(outer(x, y), 1), tg_result(outer(y, x), 0));
        assert_non_null(z);
        if (round % 4 == 0) assert_f64(z, TG_SHAPE(3), 2, 6, 20);
        if (round % 4 == 1) assert_f64(z, TG_SHAPE(3, 2), -2, 2, -1, 3, 1, 5);
        if (round % 4 == 3) assert_f64(z, TG_SHAPE(3, 2), -28, 28, -14, 42, 14, 70);
    }
    tg_tape_free(t);
}

/* Results that stand in another chunk of slots than their call, when they are new and when they are confirmed. */
static void test_across_chunks(void **state)
{
    (void)state;
    for (int before = TG_SLOTS - 8; before < TG_SLOTS + 2; before++) {
        tg_tape *t = quiet(TG_F64);
        for (int round = 0; round < 4; round++, tg_reset(t)) {
            tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = VECTOR(t, 3, -1);
            for (int k = 2; k < before; k++) x = tg_neg(x);
            tg_tensor *r = outer(x, y);
            assert_int_equal(tg_stats(t).nodes, before + 3);
            const double sign = before % 2 ? -1 : 1;
            assert_f64(tg_result(r, 1), TG_SHAPE(3, 2), sign - 3, sign + 1, 2 * sign - 3, 2 * sign + 1, 4 * sign - 3, 4 * sign + 1);
            assert_f64(tg_add(r, tg_scalar(t, 1)), TG_SCALAR_SHAPE, 14 * sign + 1);
            assert_f64(gradient(tg_sum(tg_square(tg_result(r, 1)), TG_ALL_AXES, false), NULL, x), TG_SHAPE(3), 2 * (2 * sign - 2),
                       2 * (4 * sign - 2), 2 * (8 * sign - 2));
        }
        tg_tape_free(t);
    }
}

/* ---- gradients ------------------------------------------------------------------------------------------------------ */

static tg_tensor *f_outer(void *ctx, tg_tensor *const *in)
{
    const int  which = *(const int *)ctx;
    tg_tensor *r = outer(in[0], in[1]), *sum = tg_scalar(tg_tape_of(r), 0);
    if (which & 1) sum = tg_add(sum, tg_square(r));
    if (which & 2) sum = tg_add(sum, tg_sin(tg_result(r, 1)));
    if (which & 4) sum = tg_add(sum, tg_mul(r, tg_result(r, 1)));
    return sum;
}

static tg_tensor *f_polar(void *ctx, tg_tensor *const *in)
{
    const int  which = *(const int *)ctx;
    tg_tensor *angle, *r = polar(tg_add_s(in[0], 2), in[1], &angle), *sum = tg_scalar(tg_tape_of(r), 0);
    if (which & 1) sum = tg_add(sum, r);
    if (which & 2) sum = tg_add(sum, angle);
    if (which & 4) sum = tg_add(sum, tg_mul(tg_exp(angle), r));
    return sum;
}

static tg_tensor *f_centre(void *ctx, tg_tensor *const *in)
{
    const int  which = *(const int *)ctx;
    tg_tensor *centred, *mean = several_centre(in[0], &centred), *sum = tg_scalar(tg_tape_of(mean), 0);
    if (which & 1) sum = tg_add(sum, tg_sum(tg_square(mean), TG_ALL_AXES, false));
    if (which & 2) sum = tg_add(sum, centred);
    if (which & 4) sum = tg_add(sum, tg_mul(tg_unsqueeze(mean, -1), tg_mul(centred, in[1])));
    return sum;
}

/* Each result alone, both, and products of both; first and second order. */
static void test_gradients(void **state)
{
    static const tg_fn fns[] = {f_outer, f_polar, f_centre};
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int f = 0; f < 3; f++)
        for (int which = 1; which < 8; which++) {
            tg_gradcheck_report r;
            tg_tensor *in[2] = {tg_set_requires_grad(VECTOR(t, 0.3, -0.7, 1.1), true), tg_set_requires_grad(VECTOR(t, 0.5, 0.9, -0.2), true)};
            if (tg_gradcheck(fns[f], &which, in, 2, &(tg_gradcheck_options){.order = 2}, &r) != TG_OK) fail_msg("%d, %d: %s", f, which, r.text);
            assert_int_equal(tg_reset(t), TG_OK);
        }
    tg_tape_free(t);
}

/* Seeds at any of the results; several outputs at once; results as the inputs of a derivative. */
static void test_seeds_and_inputs(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = tg_set_requires_grad(VECTOR(t, 3, -1), true), *r = outer(x, y), *r1 = tg_result(r, 1);
        tg_tensor *seed = tensor(t, TG_F64, TG_SHAPE(3, 2), (const double[]){1, 2, 3, 4, 5, 6}), *g[4];
        assert_true(tg_requires_grad(r) && tg_requires_grad(r1) && !tg_requires_grad(tg_result(r, 2)));
        assert_int_equal(tg_backward_seed(r1, seed), TG_OK);
        assert_f64(tg_grad_of(x), TG_SHAPE(3), 3, 7, 11);
        assert_f64(tg_grad_of(y), TG_SHAPE(2), -9, -12);
        assert_int_equal(tg_grad((tg_tensor *[]){r1, r}, (tg_tensor *[]){seed, tg_scalar(t, 10)}, 2, &x, 1, false, g), TG_OK);
        assert_f64(g[0], TG_SHAPE(3), 23, 27, 31);

        /* d/dr1 and d/dr of something made of both, where one of them is not reached, and of all */
        tg_tensor *z = tg_add(tg_mul(r, tg_sum(tg_square(r1), TG_ALL_AXES, false)), tg_sum(tg_mul(x, x), TG_ALL_AXES, false));
        assert_int_equal(tg_grad(&z, NULL, 1, (tg_tensor *[]){r1, x, r, y}, 4, round % 2, g), TG_OK);
        const double d[6] = {-2, 2, -1, 3, 1, 5}, s = 44;
        assert_f64(g[0], TG_SHAPE(3, 2), 28 * d[0], 28 * d[1], 28 * d[2], 28 * d[3], 28 * d[4], 28 * d[5]);
        assert_f64(g[2], TG_SCALAR_SHAPE, s);
        assert_f64(g[1], TG_SHAPE(3), 28 * 0 + 2 * s + 2, 28 * 2 + 2 * s + 4, 28 * 6 + 2 * s + 8);
        assert_f64(g[3], TG_SHAPE(2), 28 * 2 + 7 * s, -28 * 10 + 7 * s);
        z = tg_sum(r1, TG_ALL_AXES, false);
        assert_int_equal(tg_grad(&z, NULL, 1, (tg_tensor *[]){r, r1, x}, 3, false, g), TG_OK);
        assert_f64(g[0], TG_SCALAR_SHAPE, 0);
        assert_f64(g[1], TG_SHAPE(3, 2), 1, 1, 1, 1, 1, 1);
        assert_f64(g[2], TG_SHAPE(3), 2, 2, 2);
        z = tg_square(r);
        assert_int_equal(tg_grad(&z, NULL, 1, (tg_tensor *[]){r, r1}, 2, false, g), TG_OK);
        assert_f64(g[0], TG_SCALAR_SHAPE, 28);
        assert_f64(g[1], TG_SHAPE(3, 2), 0, 0, 0, 0, 0, 0);
    }
    tg_tape_free(t);
}

/* No gradient through detached results; a result made a leaf is where the way ends, and the call may be reached through another. */
static void test_cut(void **state)
{
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 3; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = VECTOR(t, 3, -1), *r = outer(x, y);
        tg_tensor *z = tg_add(tg_mul_s(r, 3), tg_sum(tg_detach(tg_result(r, 1)), TG_ALL_AXES, false));
        assert_f64(gradient(z, NULL, x), TG_SHAPE(3), 6, 6, 6);
        z = tg_add(tg_detach(r), tg_sum(tg_result(r, 1), TG_ALL_AXES, false));
        assert_f64(gradient(z, NULL, x), TG_SHAPE(3), 2, 2, 2);

        tg_tensor *p = outer(VECTOR(t, 1, 2), y), *leaf = tg_result(p, round % 2);
        assert_false(tg_requires_grad(p) || tg_requires_grad(tg_result(p, 1)));
        assert_ptr_equal(tg_set_requires_grad(leaf, true), leaf);
        assert_true(tg_requires_grad(p) == (round % 2 == 0) && tg_requires_grad(tg_result(p, 1)) == (round % 2 == 1));
        z = tg_add(tg_mul_s(p, 3), tg_sum(tg_square(tg_result(p, 1)), TG_ALL_AXES, false));
        assert_int_equal(tg_backward(z), TG_OK);
        if (round % 2) assert_f64(tg_grad_of(leaf), TG_SHAPE(2, 2), -4, 4, -2, 6);
        else assert_f64(tg_grad_of(leaf), TG_SCALAR_SHAPE, 3);
        assert_null(tg_set_requires_grad(tg_result(p, 2), true));
        assert_int_equal(tg_error_status(t), TG_ERR_DTYPE);
        tg_clear_error(t);

        const bool was = tg_set_grad_enabled(t, false);
        r = outer(x, y);
        tg_set_grad_enabled(t, was);
        assert_false(tg_requires_grad(r) || tg_requires_grad(tg_result(r, 1)));
    }
    tg_tape_free(t);
}

/* Result 0 is of integers: whether a gradient comes, and whether it may, is another's affair. */
static void test_integers_first(void **state)
{
    static const double v[6] = {1, 5, 2, 7, 3, 4};
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 8; round++, tg_reset(t)) {
        const bool grad = round % 3 != 1;
        tg_tensor *x = tensor(t, TG_F64, TG_SHAPE(2, 3), v), *w = tg_mul_s(tg_set_requires_grad(VECTOR(t, 1, 1, 1), true), 1);
        x = grad ? tg_mul(x, w) : tg_mul(x, tg_detach(w));
        tg_tensor *at = tg_record(&best_op, &x, 1, NULL, 0), *most = tg_result(at, 1);
        assert_false(tg_requires_grad(at));
        assert_true(tg_requires_grad(most) == grad);
        assert_values(at, TG_I64, TG_SHAPE(2), (const double[]){1, 0}, 0);
        assert_f64(most, TG_SHAPE(2), 5, 7);
        if (grad) assert_f64(gradient(tg_sum(tg_square(most), TG_ALL_AXES, false), NULL, x), TG_SHAPE(2, 3), 0, 10, 0, 14, 0, 0);
        at = tg_record(&best_without_op, &x, 1, NULL, 0);
        if (grad) {
            assert_said(t, at, TG_ERR_GRAD,
                         "best_without: the op has no derivative, but a gradient through it is needed; use tg_detach where none is "
                         "wanted (input [2,3] float64)");
        } else {
            assert_f64(tg_result(at, 1), TG_SHAPE(2), 5, 7);
        }
    }
    tg_tape_free(t);
}

/* Gradients that are results themselves: a parameter's memory gets what result 1 of another call is, also added to what is there. */
static tg_status pass_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

/* 2 x and 3 x */
static tg_status pass_run(tg_call *c)
{
    const double *x = c->x[0].data;
    for (int64_t i = 0; i < several_count(c->y.shape); i++) {
        ((double *)c->y.data)[i] = 2 * x[i];
        ((double *)c->result[1].y.data)[i] = 3 * x[i];
    }
    return TG_OK;
}

static tg_tensor *pass_vjp(const tg_call *c, int i, tg_tensor *g);
static const tg_op pass_op = {.name = "pass", .arity = 1, .results = 2, .infer = pass_infer, .run = pass_run, .vjp = pass_vjp};

/* The gradient of 3 x is result 1 of a call, that of 2 x result 0 of another; of both their sum. */
static tg_tensor *pass_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *g1 = c->result[1].g;
    (void)i;
    tg_tensor *a = g ? tg_record(&pass_op, &g, 1, NULL, 0) : NULL, *b = g1 ? tg_result(tg_record(&pass_op, &g1, 1, NULL, 0), 1) : NULL;
    return a && b ? tg_add(a, b) : a ? a : b;
}

static void test_results_as_gradients(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", VECTOR(t, 1, 2)), *v = tg_keep(VECTOR(t, 5, 7)), *leaf;
    (void)state;
    assert_non_null(tg_set_requires_grad(v, true));
    for (int round = 0; round < 9; round++, tg_reset(t)) {
        const int which = round % 3;
        tg_tensor *seed = VECTOR(t, 10, 100);
        if (round >= 6) assert_int_equal(tg_zero_grad(t), TG_OK);
        for (int twice = 0; twice < 2; twice++) {
            leaf = tg_set_requires_grad(VECTOR(t, 1, 1), true);
            tg_tensor *p = tg_record(&pass_op, &w, 1, NULL, 0), *q = tg_record(&pass_op, &v, 1, NULL, 0), *l = tg_record(&pass_op, &leaf, 1, NULL, 0);
            tg_tensor *sum = which == 0 ? p : which == 1 ? tg_result(p, 1) : tg_add(p, tg_result(p, 1));
            sum = tg_add(tg_add(sum, tg_result(q, 1)), tg_result(l, 1));
            assert_int_equal(tg_backward_seed(sum, seed), TG_OK);
            assert_f64(tg_grad_of(leaf), TG_SHAPE(2), 30, 300);
        }
        const double gw[] = {4, 6, 10};
        if (round >= 6) {
            assert_f64(tg_grad_of(w), TG_SHAPE(2), gw[which] * 10, gw[which] * 100);
            assert_f64(tg_grad_of(v), TG_SHAPE(2), 60, 600);
        } else {
            const double all[] = {4, 10, 20, 24, 30, 40};
            assert_f64(tg_grad_of(w), TG_SHAPE(2), all[round] * 10, all[round] * 100);
            assert_f64(tg_grad_of(v), TG_SHAPE(2), 60 * (round + 1), 600 * (round + 1));
        }
    }
    /* in a derivative that can be differentiated again */
    tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2), true), *y = tg_result(tg_record(&pass_op, &x, 1, NULL, 0), 1);
    tg_tensor *g = gradient(tg_sum(tg_mul(y, tg_square(x)), TG_ALL_AXES, false), NULL, x); /* of 3 x^3 */
    assert_f64(g, TG_SHAPE(2), 9, 36);
    assert_f64(gradient(tg_sum(g, TG_ALL_AXES, false), NULL, x), TG_SHAPE(2), 18, 36);
    tg_tape_free(t);
}

/* ---- what outlives, what is written ---------------------------------------------------------------------------------- */

static void test_kept(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *kept[3] = {NULL};
    (void)state;
    for (int round = 0; round < 5; round++, tg_reset(t)) {
        tg_tensor *x = VECTOR(t, 1, 2, 4 + round), *y = VECTOR(t, 3, -1);
        if (round) {
            assert_f64(kept[0], TG_SHAPE(3, 2), -2, 2, -1, 3, round, 4 + round);
            assert_values(kept[1], TG_I64, TG_SHAPE(3), (const double[]){1, 1, 2}, 0);
            for (int k = 0; k < 2; k++) assert_int_equal(tg_release(kept[k]), TG_OK);
        }
        runs = 0;
        tg_tensor *r = outer(x, y);
        kept[0] = tg_keep(tg_result(r, 1)); /* and the call is not */
        kept[1] = tg_keep(tg_result(r, 2));
        assert_int_equal(runs, 1);
        assert_true(kept[0] != tg_result(r, 1));
    }
    tg_tape_free(t);
}

/* A parameter among the inputs is written after the call was recorded, before and after it was computed. */
static void test_written(void **state)
{
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *w = tg_param(t, "w", VECTOR(t, 1, 2, 4));
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        const double now[3] = {1, 2, 4};
        assert_int_equal(tg_copy_from(w, now, sizeof now), TG_OK);
        tg_tensor *r = outer(w, VECTOR(t, 3, -1)), *late = outer(w, VECTOR(t, 0, 0));
        assert_f64(tg_result(r, 1), TG_SHAPE(3, 2), -2, 2, -1, 3, 1, 5);
        const double then[3] = {0, 0, 0};
        assert_int_equal(tg_copy_from(w, then, sizeof then), TG_OK);
        assert_f64(r, TG_SCALAR_SHAPE, 14); /* all of them have their values */
        assert_unread(t, tg_result(late, 1), TG_ERR_STALE, "outer: its value was not computed before parameter 'w' was overwritten");
        assert_unread(t, late, TG_ERR_STALE, "outer: its value was not computed before parameter 'w' was overwritten");
        assert_int_equal(tg_backward(tg_sum(tg_result(r, 1), TG_ALL_AXES, false)), TG_OK); /* a rule that reads no w */
        assert_f64(tg_grad_of(w), TG_SHAPE(3), 2, 2, 2);
        assert_int_equal(tg_zero_grad(t), TG_OK);
        tg_tensor *centred, *mean = several_centre(tg_mul_s(w, 1), &centred), *loss = tg_sum(tg_mul(tg_unsqueeze(mean, -1), centred), TG_ALL_AXES, false);
        assert_int_equal(tg_copy_from(w, now, sizeof now), TG_OK);
        assert_int_equal(tg_backward(loss), TG_ERR_STALE);
        tg_clear_error(t);
        assert_int_equal(tg_zero_grad(t), TG_OK);
    }
    tg_tape_free(t);
}

static void test_random(void **state)
{
    tg_tape *t = quiet(TG_F64), *u = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 4; round++, tg_reset(t), tg_reset(u)) {
        const int64_t n = 37;
        tg_tensor *a = noise(t, n), *b = tg_rand(t, TG_SHAPE(5)), *c = noise(t, n), *twice = tg_add(a, a);
        tg_tensor *want = tg_rand(u, TG_SHAPE(n)), *coin = tg_bernoulli(u, TG_SHAPE(n), 0.5), *behind = tg_rand(u, TG_SHAPE(5)),
                  *again = tg_rand(u, TG_SHAPE(n));
        assert_memory_equal(tg_data(tg_result(a, 1)), tg_data(tg_to(coin, TG_BOOL)), (size_t)n);
        assert_memory_equal(tg_data(a), tg_data(want), (size_t)n * 8);
        assert_memory_equal(tg_data(b), tg_data(behind), 40);
        assert_memory_equal(tg_data(c), tg_data(again), (size_t)n * 8);
        assert_true(tg_data_f64(twice)[3] == 2 * tg_data_f64(want)[3]);
        tg_tensor *kept = tg_keep(noise(t, 8)); /* what follows from nothing is computed where it stays, but for one of several results */
        assert_non_null(kept);
        assert_int_equal(tg_release(kept), TG_OK);
        assert_non_null(tg_rand(u, TG_SHAPE(n))); /* as many counters as c and what was kept */
        assert_non_null(tg_rand(u, TG_SHAPE(16)));
    }
    tg_tape_free(t);
    tg_tape_free(u);
}

/* ---- ops that are wrong ---------------------------------------------------------------------------------------------- */

static int64_t fault; /* what the op that is wrong does: also its attribute, so that no call is confirmed as another one */

static tg_status wrong_infer(tg_call *c)
{
    c->shape = c->result[1].shape = c->result[2].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = c->result[2].dtype = TG_F64;
    switch (fault) {
    case 1: c->result[1].dtype = TG_NDTYPES; break;
    case 2: c->result[2].shape.rank = 9; break;
    case 3: c->result[2].shape.rank = -1; break;
    case 4: c->result[1].shape.dim[0] = -3; break;
    case 5: c->result[2].shape = (tg_shape){3, {INT64_MAX / 2, 3, 5}}; break;
    case 6: return TG_ERR_SHAPE;
    case 7: c->result = NULL; break; /* set right again */
    default: break;
    }
    return TG_OK;
}

static tg_status wrong_run(tg_call *c)
{
    for (int k = 1; k < 3; k++) memset(c->result[k].y.data, 0, 8 * (size_t)several_count(c->result[k].y.shape));
    memset(c->y.data, 0, 8 * (size_t)several_count(c->y.shape));
    if (fault == 8) return TG_ERR_ARG;
    if (fault == 9) return tg_fail(c, TG_ERR_INDEX, "no such thing");
    return TG_OK;
}

static tg_tensor *wrong_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    if (fault == 10) return g; /* NULL where nothing arrived */
    if (fault == 11) return c->result[1].out;
    if (fault == 12) return tg_sum(c->result[1].g, TG_ALL_AXES, false);
    if (fault == 13) return tg_to(c->result[1].g, TG_F32);
    return c->result[1].g;
}

static const tg_op wrong_op = {.name = "wrong", .arity = 1, .results = 3, .infer = wrong_infer, .run = wrong_run, .vjp = wrong_vjp};

static tg_tensor *wrong(tg_tensor *x, int how)
{
    fault = how;
    return tg_record(&wrong_op, &x, 1, &fault, sizeof fault);
}

#define WRONG_INPUT " (input [2,3] float64)"
static void test_wrong_answers(void **state)
{
    static const struct {
        int         fault;
        tg_status   status;
        const char *sentence;
    } rows[] = {
        {1, TG_ERR_DTYPE, "wrong: infer gave no dtype for result 1" WRONG_INPUT},
        {2, TG_ERR_SHAPE, "wrong: infer gave a shape of rank 9 for result 2; 0 to 8 are possible" WRONG_INPUT},
        {3, TG_ERR_SHAPE, "wrong: infer gave a shape of rank -1 for result 2; 0 to 8 are possible" WRONG_INPUT},
        {4, TG_ERR_SHAPE, "wrong: infer gave axis 0 the size -3 for result 1" WRONG_INPUT},
        {5, TG_ERR_SHAPE, "wrong: result 2 is too large for memory" WRONG_INPUT},
        {6, TG_ERR_SHAPE, "wrong: its infer returned the status 'shape error' without saying why" WRONG_INPUT},
    };
    tg_tape *t = quiet(TG_F64);
    (void)state;
    for (int round = 0; round < 2; round++, tg_reset(t)) {
        tg_tensor *x = tg_set_requires_grad(tg_ones(t, TG_SHAPE(2, 3)), true), *seed = tg_ones(t, TG_SHAPE(2, 3)), *y, *g;
        for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
            const int64_t nodes = tg_stats(t).nodes;
            assert_said(t, wrong(x, rows[k].fault), rows[k].status, rows[k].sentence);
            assert_int_equal(tg_stats(t).nodes, nodes);
        }
        assert_f64(tg_result(wrong(x, 7), 2), TG_SHAPE(2, 3), 0, 0, 0, 0, 0, 0);
        assert_unread(t, tg_result(wrong(x, 8), 1), TG_ERR_ARG, "wrong: its run returned the status");
        y = wrong(x, 9);
        assert_unread(t, tg_result(y, 2), TG_ERR_INDEX, "wrong: no such thing");
        assert_unread(t, y, TG_ERR_INDEX, "wrong: no such thing");
        fault = 0; /* what failed is computed when it can be */
        assert_f64(tg_result(y, 2), TG_SHAPE(2, 3), 0, 0, 0, 0, 0, 0);
        for (int how = 10; how < 14; how++) {
            y = tg_result(wrong(x, how), 1);
            const tg_status s = tg_grad(&y, &seed, 1, &x, 1, false, &g);
            assert_int_equal(s, how == 11 ? TG_OK : TG_ERR_GRAD);
            if (how == 10) assert_said(t, NULL, s, "wrong: its vjp returned no gradient for input 0" WRONG_INPUT);
            if (how == 12) assert_said(t, NULL, s, "wrong: its vjp returned a float64 gradient of shape [] for input 0" WRONG_INPUT);
            if (how == 13) assert_said(t, NULL, s, "wrong: its vjp returned a float32 gradient of shape [2,3] for input 0" WRONG_INPUT);
        }
        y = wrong(x, 0); /* and all is well again */
        assert_f64(gradient(tg_result(y, 1), seed, x), TG_SHAPE(2, 3), 1, 1, 1, 1, 1, 1);
    }
    tg_tape_free(t);
}

static tg_tensor *no_merge(tg_tensor *const *parts, int n) { return n ? parts[0] : NULL; }
static void plain_loop(size_t n, void *out, const void *const *in, const void *attr)
{
    (void)attr;
    memcpy(out, in[0], n * 8);
}

static void test_wrong_ops(void **state)
{
    tg_op nine = wrong_op, negative = wrong_op, merges = wrong_op, pointwise = wrong_op, result = wrong_op;
    tg_tape   *t = quiet(TG_F64);
    tg_tensor *x = tg_ones(t, TG_SHAPE(2, 3));
    const int64_t nodes = tg_stats(t).nodes;
    (void)state;
    nine.results = 9;
    negative.results = -1;
    merges.merge = no_merge;
    pointwise.kind = TG_POINTWISE;
    pointwise.infer = NULL;
    pointwise.loop[TG_F64] = plain_loop;
    result.kind = TG_RESULT;
    result.results = 1;
    assert_said(t, tg_record(&nine, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: an op has one to eight results" WRONG_INPUT);
    assert_said(t, tg_record(&negative, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: an op has one to eight results" WRONG_INPUT);
    assert_said(t, tg_record(&merges, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: an op with several results has no merge" WRONG_INPUT);
    assert_said(t, tg_record(&pointwise, &x, 1, NULL, 0), TG_ERR_ARG, "wrong: only a kernel op has several results" WRONG_INPUT);
    assert_said(t, tg_record(&result, &x, 1, NULL, 0), TG_ERR_ARG,
                 "wrong: the kind TG_RESULT is the library's own; a kernel op says how many results it has" WRONG_INPUT);
    assert_null(tg_record(&wrong_op, (tg_tensor *[]){NULL}, 1, NULL, 0));
    assert_null(tg_error(t));
    assert_int_equal(tg_stats(t).nodes, nodes);
    tg_tape_free(t);
}

/* Memory runs out at each of the requests that recording, computing and differentiating calls makes: what there was stays. */
static void test_out_of_memory(void **state)
{
    bool done = false;
    (void)state;
    for (long after = 0; !done && after < 400; after++) {
        failing  f = {.left = -1};
        tg_tape *t = failing_tape(&f, TG_F64);
        assert_non_null(t);
        for (int round = 0; round < 2; round++, tg_reset(t)) {
            tg_tensor *x = tg_set_requires_grad(VECTOR(t, 1, 2, 4), true), *y = VECTOR(t, 3, -1), *z = x, *centred = NULL;
            f.left = round ? -1 : after;
            for (int k = 0; z && k < 300; k++) z = several_centre(z, &centred) ? centred : NULL;
            tg_tensor *r = z ? outer(z, y) : NULL, *loss = tg_add(r, tg_sum(tg_result(r, 1), TG_ALL_AXES, false));
            const bool ok = loss && tg_backward(loss) == TG_OK;
            f.left = -1;
            if (round) assert_true(ok && tg_numel(tg_grad_of(x)) == 3);
            else done = ok;
            tg_clear_error(t);
        }
        tg_tape_free(t);
    }
    assert_true(done);
}

/* ---- what is told ------------------------------------------------------------------------------------------------------ */

static void test_plan_text(void **state)
{
    char     text[4000];
    tg_tape *t = quiet(TG_F64);
    (void)state;
    if (!strcmp(tg_stats(t).evaluator, "fused")) {
        tg_tensor *r = outer(VECTOR(t, 1, 2, 4), VECTOR(t, 3, -1)), *y = tg_exp(tg_result(r, 1));
        assert_true(tg_plan_format(t, &y, 1, text, sizeof text) > 0);
        assert_non_null(strstr(text, "plan: 4 nodes, 2 steps (1 group, 0 products, 1 kernel)"));
        assert_non_null(strstr(text, "step 1: kernel, before all others\n    %2 = outer %0 %1 -> float64 [], 8 bytes at "));
        assert_non_null(strstr(text, "\n    %3 = result 1 of %2 -> float64 [3,2], 48 bytes at "));
        assert_non_null(strstr(text, "\n    %4 = result 2 of %2 -> int64 [3], 24 bytes at "));
        assert_non_null(strstr(text, "= exp %3"));
    }
    tg_tape_free(t);
}

/* ---- many --------------------------------------------------------------------------------------------------------------- */

static double seconds(void)
{
    struct timespec s;
    clock_gettime(CLOCK_MONOTONIC, &s);
    return (double)s.tv_sec + 1e-9 * (double)s.tv_nsec;
}

/* The time for n calls one after the other, forward and back; the least of some rounds. */
static double time_of(tg_tape *t, int n)
{
    double least = INFINITY;
    for (int round = 0; round < 4; round++, tg_reset(t)) {
        const double begin = seconds();
        tg_tensor   *x = tg_set_requires_grad(VECTOR(t, 1, 2), true), *centred = x, *sum = tg_scalar(t, 0);
        for (int k = 0; k < n; k++) {
            tg_tensor *mean = several_centre(centred, &centred);
            if (k % 16 == 0) sum = tg_add(sum, mean);
        }
        assert_int_equal(tg_backward(tg_add(sum, tg_sum(centred, TG_ALL_AXES, false))), TG_OK);
        assert_non_null(tg_data(tg_grad_of(x)));
        const double took = seconds() - begin;
        if (took < least) least = took;
    }
    return least;
}

static void test_linear(void **state)
{
    tg_tape     *t = quiet(TG_F64);
    const double few = time_of(t, 10000), many = time_of(t, 100000);
    (void)state;
    if (many > 25 * few) fail_msg("100,000 calls take %.3f s, 10,000 take %.3f s", many, few);
    tg_tape_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_asked_in_any_order), cmocka_unit_test(test_lives), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_handles), cmocka_unit_test(test_confirmed), cmocka_unit_test(test_across_chunks),
        cmocka_unit_test(test_gradients), cmocka_unit_test(test_seeds_and_inputs), cmocka_unit_test(test_cut),
        cmocka_unit_test(test_integers_first), cmocka_unit_test(test_results_as_gradients), cmocka_unit_test(test_kept),
        cmocka_unit_test(test_written), cmocka_unit_test(test_random), cmocka_unit_test(test_wrong_answers), cmocka_unit_test(test_wrong_ops),
        cmocka_unit_test(test_out_of_memory), cmocka_unit_test(test_plan_text), cmocka_unit_test(test_linear),
    };
    return cmocka_run_group_tests_name("results", tests, NULL, NULL);
}
