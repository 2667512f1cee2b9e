/* softmax.c - logsumexp, softmax and log_softmax.
 *
 * The values are made of primitives, recorded with gradients off, which the fused evaluator runs as one pass over a row. An alias op
 * on top, a view of that value, carries the gradient: in terms of its own result, so that second derivatives follow by themselves.
 *
 * Rows are shifted by their largest element m, taken between the lowest and (logsumexp) the highest finite number:
 *   all -inf   softmax 0, log_softmax -inf, logsumexp -inf; the gradient of softmax and logsumexp is 0
 *   a NaN      the row is NaN
 *   a +inf     softmax and log_softmax of the row are NaN; logsumexp is +inf, its gradient NaN at the +inf and 0 elsewhere
 *   no element logsumexp is -inf, softmax and log_softmax are empty */
#include "ops/batch.h"
#include "ops/ops.h"

#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>


/* ---- the alias ---------------------------------------------------------------------------------------------------- */

tg_status tg_alias_infer(tg_call *c)
{
    const tg_tensor *value = c->in[c->op->view_input];
    c->shape = *tg_shape_of(value);
    c->dtype = tg_dtype_of(value);
    return TG_OK;
}

tg_status tg_alias_view(const tg_call *c, const tg_layout *in, tg_layout *out)
{
    (void)c;
    *out = *in;
    return TG_OK;
}

/* An op with inputs {x, …, value}: the value, whose gradient with respect to x is the op's rule. attr: the tg_reduce_attr. */
static tg_tensor *alias(const tg_op *op, tg_tensor *const *in, uint32_t axes, bool keepdim)
{
    const tg_reduce_attr a = {.axes = axes, .keepdim = keepdim}; /* two words, no padding */
    return tg_record(op, in, op->arity, &a, sizeof a);
}

static uint32_t axes_of(const tg_call *c) { return ((const tg_reduce_attr *)c->attr)->axes; }

static tg_status alias_infer(tg_call *c)
{
    const tg_shape *s = tg_in_shape(c, 0);
    if (c->attr_size != sizeof(tg_reduce_attr) || axes_of(c) >> s->rank)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not a tg_reduce_attr for this input");
    return tg_alias_infer(c);
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

static tg_tensor *bound(tg_tensor *like, bool highest)
{
    if (!like) return NULL; /* of which there is no dtype */
    const double most = tg_dtypes[tg_dtype_of(like)].most;
    return tg_number_like(like, highest ? most : -most, "tg_softmax");
}

/* t, but the lowest finite number for -inf. */
static tg_tensor *above_lowest(tg_tensor *t) { return tg_maximum(t, bound(t, false)); }

/* The largest element of each row, by which it is shifted. What is over nothing shifts nothing. */
static tg_tensor *row_shift(tg_tensor *x, uint32_t axes)
{
    if (tg_reduced_count(tg_shape_of(x), axes) == 0) return tg_number_like(x, 0, "tg_softmax");
    return above_lowest(tg_reduce_bits(&tg_op_amax, x, axes, true));
}

static tg_tensor *row_sum(tg_tensor *x, uint32_t axes) { return tg_reduce_bits(&tg_op_sum, x, axes, true); }

static tg_tensor *at_least_1(tg_tensor *t) { return tg_maximum(t, tg_number_like(t, 1, "tg_softmax")); }

/* The sum of a row of e^(x - m): at least 1, from the largest element, unless all are -inf. Then 1 stands in for 0. */
static tg_tensor *row_weight(tg_tensor *e, uint32_t axes)
{
    return at_least_1(row_sum(e, axes));
}

/* ---- softmax ------------------------------------------------------------------------------------------------------ */

/* dy_i/dx_j = y_i (d_ij - y_j): the gradient is y (g - sum g y) */
static tg_tensor *softmax_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_mul_zero(tg_sub(g, row_sum(tg_mul_zero(g, c->out), axes_of(c))), c->out);
}

/* The derivative is symmetric. */
static tg_tensor *softmax_jvp(const tg_call *c, tg_tensor *const *t) { return softmax_vjp(c, 0, t[0]); }

const tg_op tg_op_softmax = {.name       = "softmax",
                             .kind       = TG_VIEW,
                             .arity      = 2,
                             .nondiff    = 2,
                             .infer      = alias_infer,
                             .vjp        = softmax_vjp,
                             .jvp        = softmax_jvp,
                             .view       = tg_alias_view,
                             .view_input = 1,
                             .batch      = tg_batch_reduced};

static bool axis_bit(tg_tensor *x, int axis, const char *function, uint32_t *bits)
{
    return tg_needs_float(x, function) && tg_axis_bits(x, TG_AXES(axis), function, bits);
}

tg_tensor *tg_softmax(tg_tensor *x, int axis)
{
    uint32_t bits;
    if (!axis_bit(x, axis, "tg_softmax", &bits)) return NULL;
    tg_tape   *tape = tg_tape_of(x);
    TG_CALL(tape);
    const bool was = tg_set_grad_enabled(tape, false);
    tg_tensor *e = tg_exp(tg_sub(x, row_shift(x, bits)));
    tg_tensor *value = tg_div(e, row_weight(e, bits));
    tg_set_grad_enabled(tape, was);
    return alias(&tg_op_softmax, (tg_tensor *[]){x, value}, bits, true);
}

tg_tensor *tg_softmin(tg_tensor *x, int axis)
{
    TG_CALL(tg_tape_of(x));
    return tg_needs_float(x, __func__) ? tg_softmax(tg_neg(x), axis) : NULL;
}

/* ---- logsumexp ---------------------------------------------------------------------------------------------------- */

/* Inputs {x, m, sum, value}: sum = sum e^(x - m), m the row's shift. d ln sum e^x / dx is softmax(x) = e^(x - m)/sum, made of what the
 * value was made of: of the value itself, m + ln sum, nothing but m may be left. Softmax's alias carries its derivatives. */
static tg_tensor *logsumexp_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    tg_tensor     *x = c->in[0];
    const tg_shape s = tg_reduced_shape(tg_shape_of(x), axes_of(c), true);
    tg_tape       *tape = tg_tape_of(x);
    const bool     was = tg_set_grad_enabled(tape, false);
    tg_tensor     *p = tg_div(tg_exp(tg_sub(x, c->in[1])), at_least_1(c->in[2]));
    tg_set_grad_enabled(tape, was);
    return tg_mul_zero(tg_reshape_if(g, &s), alias(&tg_op_softmax, (tg_tensor *[]){x, p}, axes_of(c), true));
}

const tg_op tg_op_logsumexp = {.name       = "logsumexp",
                               .kind       = TG_VIEW,
                               .arity      = 4,
                               .nondiff    = 2 | 4 | 8,
                               .infer      = alias_infer,
                               .vjp        = logsumexp_vjp,
                               .view       = tg_alias_view,
                               .view_input = 3,
                               .batch      = tg_batch_reduced};

tg_tensor *tg_logsumexp(tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    if (!tg_needs_float(x, "tg_logsumexp") || !tg_axis_bits(x, axes, "tg_logsumexp", &bits)) return NULL;
    tg_tape *tape = tg_tape_of(x);
    TG_CALL(tape);
    const tg_shape s = tg_reduced_shape(tg_shape_of(x), bits, keepdim);
    const bool     was = tg_set_grad_enabled(tape, false);
    tg_tensor     *m = tg_minimum(row_shift(x, bits), bound(x, true)), *sum = row_sum(tg_exp(tg_sub(x, m)), bits);
    tg_tensor     *value = tg_reshape_if(tg_add(tg_log(sum), m), &s);
    tg_set_grad_enabled(tape, was);
    return alias(&tg_op_logsumexp, (tg_tensor *[]){x, m, sum, value}, bits, keepdim);
}

/* ---- log_softmax -------------------------------------------------------------------------------------------------- */

/* dy_i/dx_j = d_ij - e^y_j: the gradient is g - e^y sum g */
static tg_tensor *log_softmax_vjp(const tg_call *c, int i, tg_tensor *g)
{
    (void)i;
    return tg_sub(g, tg_mul_zero(row_sum(g, axes_of(c)), tg_exp(c->out)));
}

static tg_tensor *log_softmax_jvp(const tg_call *c, tg_tensor *const *t)
{
    return tg_sub(t[0], row_sum(tg_mul_zero(t[0], tg_exp(c->out)), axes_of(c)));
}

const tg_op tg_op_log_softmax = {.name       = "log_softmax",
                                 .kind       = TG_VIEW,
                                 .arity      = 2,
                                 .nondiff    = 2,
                                 .infer      = alias_infer,
                                 .vjp        = log_softmax_vjp,
                                 .jvp        = log_softmax_jvp,
                                 .view       = tg_alias_view,
                                 .view_input = 1,
                                 .batch      = tg_batch_reduced};

/* (x - m) - ln sum e^(x - m): x - logsumexp(x) would lose the digits that m and logsumexp have in common. */
tg_tensor *tg_log_softmax(tg_tensor *x, int axis)
{
    uint32_t bits;
    if (!axis_bit(x, axis, "tg_log_softmax", &bits)) return NULL;
    tg_tape   *tape = tg_tape_of(x);
    TG_CALL(tape);
    const bool was = tg_set_grad_enabled(tape, false);
    tg_tensor *shifted = tg_sub(x, row_shift(x, bits));
    tg_tensor *value = tg_sub(shifted, tg_log(row_weight(tg_exp(shifted), bits)));
    tg_set_grad_enabled(tape, was);
    return alias(&tg_op_log_softmax, (tg_tensor *[]){x, value}, bits, true);
}
