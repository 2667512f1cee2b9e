/* several_ops.h - more ops with several results, as a user would write them, and the errors that such ops leave. */
#ifndef SEVERAL_OPS_H
#define SEVERAL_OPS_H

#include "op_test.h"
#include "several.h"

#include "tensor/rng.h"

/* ---- ops ---------------------------------------------------------------------------------------------------------- */

static int runs; /* of polar and outer */

/* r = |x + iy| and its angle, of one shape. */
static inline tg_status polar_infer(tg_call *c)
{
    c->shape = c->result[1].shape = *tg_shape_of(c->in[0]);
    c->dtype = c->result[1].dtype = tg_dtype_of(c->in[0]);
    if (c->dtype != TG_F64 || !tg_shape_equal(&c->shape, tg_shape_of(c->in[1]))) return tg_fail(c, TG_ERR_SHAPE, "takes two of a shape, of f64");
    return TG_OK;
}

static inline tg_status polar_run(tg_call *c)
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
static inline tg_tensor *polar_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *r = c->out, *g0 = g ? g : tg_zeros_like(r), *g1 = c->result[1].g ? c->result[1].g : tg_zeros_like(r);
    tg_tensor *along = tg_div(tg_mul(g0, c->in[i]), r), *around = tg_div(tg_mul(g1, c->in[1 - i]), tg_square(r));
    return i ? tg_add(along, around) : tg_sub(along, around);
}

static const tg_op polar_op = {.name = "polar", .arity = 2, .results = 2, .infer = polar_infer, .run = polar_run, .vjp = polar_vjp};

static inline tg_tensor *polar(tg_tensor *x, tg_tensor *y, tg_tensor **angle)
{
    tg_tensor *r = tg_record(&polar_op, (tg_tensor *[]){x, y}, 2, NULL, 0);
    if (angle) *angle = tg_result(r, 1);
    return r;
}

/* x [n], y [m]: the product of their sums, x_i - y_j [n,m], and how many y are below each x, of i64 [n]. */
static inline tg_status outer_infer(tg_call *c)
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

static inline tg_status outer_run(tg_call *c)
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

static inline tg_tensor *outer_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *g1 = c->result[1].g, *dx = NULL;
    assert_null(c->result[2].g);
    assert_int_equal(c->result[2].dtype, TG_I64);
    assert_ptr_equal(c->result[1].out, tg_result(c->out, 1));
    if (g) dx = tg_expand(tg_mul(g, tg_sum_all(c->in[1 - i])), tg_shape_of(c->in[i]));
    if (!g1) return dx;
    tg_tensor *sum = tg_sum(g1, TG_AXES(1 - i), false);
    if (i) sum = tg_neg(sum);
    return dx ? tg_add(dx, sum) : sum;
}

static const tg_op outer_op = {.name = "outer", .arity = 2, .results = 3, .infer = outer_infer, .run = outer_run, .vjp = outer_vjp};

static inline tg_tensor *outer(tg_tensor *x, tg_tensor *y) { return tg_record(&outer_op, (tg_tensor *[]){x, y}, 2, NULL, 0); }

/* x [n,m]: the place of the largest of each row, i64, and it itself: integers come first. */
static inline tg_status best_infer(tg_call *c)
{
    const tg_shape *x = tg_shape_of(c->in[0]);
    if (x->rank != 2 || x->dim[1] < 1) return tg_fail(c, TG_ERR_SHAPE, "takes rows");
    c->shape = c->result[1].shape = (tg_shape){1, {x->dim[0]}};
    c->dtype = TG_I64;
    c->result[1].dtype = TG_F64;
    return TG_OK;
}

static inline tg_status best_run(tg_call *c)
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

static inline tg_tensor *best_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    assert_null(g);
    return tg_mul(tg_unsqueeze(c->result[1].g, 1), tg_one_hot(c->out, tg_dim(c->in[0], 1)));
}

static const tg_op best_op = {.name = "best", .arity = 1, .results = 2, .infer = best_infer, .run = best_run, .vjp = best_vjp};
static const tg_op best_without_op = {.name = "best_without", .arity = 1, .results = 2, .infer = best_infer, .run = best_run};

/* n random numbers and n random bools: attr is n. */
static inline tg_status noise_infer(tg_call *c)
{
    c->shape = c->result[1].shape = (tg_shape){1, {*(const int64_t *)c->attr}};
    c->dtype = TG_F64;
    c->result[1].dtype = TG_BOOL;
    return TG_OK;
}

static inline tg_status noise_run(tg_call *c)
{
    const size_t n = (size_t)c->y.shape->dim[0];
    tg_rng_uniform(c->seed, c->counter, TG_F64, 0, n, c->y.data);
    tg_rng_bernoulli(c->seed, c->counter + tg_rng_steps(n), 0.5, 0, n, c->result[1].y.data);
    return TG_OK;
}

static const tg_op noise_op = {.name = "noise", .arity = 0, .results = 2, .flags = TG_OP_RANDOM | TG_OP_ZERO_GRAD, .infer = noise_infer,
                               .run = noise_run};

static inline tg_tensor *noise(tg_tape *t, int64_t n) { return tg_record_on(t, &noise_op, NULL, 0, &n, sizeof n); }

/* It failed with this status, and a sentence that ends so. */
static inline void assert_said(tg_tape *t, const void *result, tg_status status, const char *end)
{
    assert_null(result);
    if (!tg_error(t) || strlen(tg_error(t)) < strlen(end) || strcmp(tg_error(t) + strlen(tg_error(t)) - strlen(end), end))
        fail_msg("\"%s\" does not end in \"%s\"", tg_error(t) ? tg_error(t) : "", end);
    assert_int_equal(tg_error_status(t), status);
    tg_clear_error(t);
}

/* Its value can't be had, with a sentence that has this in it. */
static inline void assert_unread(tg_tape *t, tg_tensor *y, tg_status status, const char *part)
{
    assert_non_null(y);
    assert_null(tg_data(y));
    expect_error(t, status, part);
}

#endif
