/* reduce.c - reductions over axes: those of table/reductions.def with their rules; the mean and a few others as composites; argmax, argmin, max and min as
 * kernel ops. The
 * loops are in reduce_run.c, and those over tiles in src/kernels. */
#include "ops/batch.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/reduce.h>
#include <tapegrad/shape.h>

#include "kernels/kernels.h"

/* ---- axes --------------------------------------------------------------------------------------------------------- */

bool tg_axis_bits(tg_tensor *x, const tg_axes *axes, const char *function, uint32_t *bits)
{
    const tg_node *n = tg_check(x, function);
    *bits = 0;
    if (!n) return false;
    if (!axes || axes->n < -1 || axes->n > TG_MAX_RANK) {
        if (axes) tg_fail_on(n->tape, TG_ERR_ARG, function, "axes lists %d axes; TG_AXES(…) lists at most %d, TG_ALL_AXES means all", axes->n, TG_MAX_RANK);
        else tg_fail_on(n->tape, TG_ERR_NULL, function, "axes is NULL; TG_AXES(…) lists at most %d, TG_ALL_AXES means all", TG_MAX_RANK);
        return false;
    }
    if (axes->n < 0) *bits = (1u << n->shape->rank) - 1;
    for (int k = 0; k < axes->n; k++) {
        const int a = tg_checked_axis(n, function, axes->axis[k]);
        if (a < 0) return false;
        if (*bits >> a & 1) {
            char text[TG_SHAPE_TEXT];
            tg_fail_on(n->tape, TG_ERR_SHAPE, function, "axis %d is listed twice; the input is %s", a,
                       tg_shape_text(n->shape, text, sizeof text));
            return false;
        }
        *bits |= 1u << a;
    }
    return true;
}

int64_t tg_reduced_count(const tg_shape *s, uint32_t bits)
{
    int64_t n = 1; /* cannot overflow: tg_shape_size refuses that */
    for (int k = 0; k < s->rank; k++)
        if (bits >> k & 1) n *= s->dim[k];
    return n;
}

tg_tensor *tg_reduce_bits(const tg_op *op, tg_tensor *x, uint32_t bits, bool keepdim)
{
    tg_reduce_attr a;
    memset(&a, 0, sizeof a);
    a.axes = bits;
    a.keepdim = keepdim;
    return tg_record(op, &x, 1, &a, sizeof a);
}

/* ---- what is inferred --------------------------------------------------------------------------------------------- */

/* The shape, by the attributes, and the elements' dtype. */
static tg_status reduced_infer(tg_call *c)
{
    const tg_shape       *s = tg_in_shape(c, 0);
    const tg_reduce_attr *a = c->attr;
    if (c->attr_size < sizeof *a || a->axes >> s->rank || a->keepdim > 1)
        return tg_fail(c, TG_ERR_ARG, "the attributes are not a tg_reduce_attr for this input");
    c->shape = tg_reduced_shape(s, a->axes, a->keepdim);
    c->dtype = tg_dtype_of(c->in[0]);
    return TG_OK;
}

/* An empty result needs no element, so it is no error then. */
static tg_status check_nothing(tg_call *c, const char *needs)
{
    const tg_reduce_attr *a = c->attr;
    if (tg_reduced_count(tg_in_shape(c, 0), a->axes) > 0 || tg_reduced_count(&c->shape, (1u << c->shape.rank) - 1) == 0) return TG_OK;
    return tg_fail(c, TG_ERR_SHAPE, "there is no %s: a reduced axis has size 0", needs);
}

tg_status tg_reduce_infer(tg_call *c)
{
    const tg_reduction *r = c->op->reduce;
    const tg_status     s = reduced_infer(c);
    if (s != TG_OK) return s;
    if (r->result == TG_REDUCE_FLOAT && !tg_dtype_is_float(c->dtype)) return tg_fail(c, TG_ERR_DTYPE, "takes float32 and float64");
    c->dtype = tg_reduced_dtype(r, c->dtype);
    return r->needs ? check_nothing(c, r->needs) : TG_OK;
}

/* ---- rules -------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_unreduced(const tg_call *c, tg_tensor *t)
{
    const tg_reduce_attr *a = c->attr;
    const tg_shape        s = tg_reduced_shape(tg_in_shape(c, 0), a->axes, true);
    return tg_reshape_if(t, &s);
}

/* Axes that were reduced in front come back by broadcasting. */
static tg_tensor *sum_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const uint32_t axes = ((const tg_reduce_attr *)c->attr)->axes;
    const bool     leading = (axes & (axes + 1)) == 0;
    (void)i;
    return tg_expand_if(leading ? g : tg_unreduced(c, g), tg_in_shape(c, 0));
}

static tg_tensor *sum_abs_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, tg_abs_grad(tg_unreduced(c, g), c->in[0]); }

/* For each element the product of the others along an axis, by multiplications alone: a zero is a factor like any other, and derivatives
 * of the product of the others are right in turn. The halves are multiplied element by element, the others found among the products,
 * and each half's others are those times the other half: as many levels as n has bits, each of half the size. */
static tg_tensor *others(tg_tensor *x, int axis)
{
    const tg_shape *s = tg_shape_of(x);
    if (!s) return NULL;
    const int64_t n = s->dim[axis], half = (n + 1) / 2;
    tg_shape      one = *s;
    if (n <= 1) return tg_ones_like(x);
    tg_tensor *a = tg_slice_if(x, axis, 0, half, 1), *b = tg_slice_if(x, axis, half, n, 1);
    one.dim[axis] = 1;
    if (n % 2) b = tg_cat((tg_tensor *[]){b, tg_expand_if(tg_number_like(x, 1, "tg_prod"), &one)}, 2, axis);
    if (n == 2) return tg_cat((tg_tensor *[]){b, a}, 2, axis);
    tg_tensor *rest = others(tg_mul(a, b), axis), *of_b = tg_slice_if(tg_mul(a, rest), axis, 0, n - half, 1);
    return tg_cat((tg_tensor *[]){tg_mul(b, rest), of_b}, 2, axis);
}

/* Axis by axis: the others along the first, times the others of these products along the next, … */
static tg_tensor *prod_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const uint32_t axes = ((const tg_reduce_attr *)c->attr)->axes;
    tg_tensor     *x = c->in[0], *slope = NULL;
    (void)i;
    for (int k = 0; axes >> k; k++) {
        if (!(axes >> k & 1)) continue;
        tg_tensor *along = others(x, k);
        slope = slope ? tg_mul(slope, along) : along;
        if (axes >> k >> 1) x = tg_reduce_bits(c->op, x, 1u << k, true);
    }
    return slope ? tg_mul_zero(tg_unreduced(c, g), slope) : g;
}

/* Equals share: each of the n elements that no other one beats gets g/n. Beside a NaN nothing is beaten, and each gets g NaN.
 *
 * The elements are compared with their extreme m, which is reduced anew. c->out may have been read before, and x be computed again now,
 * with other bits where it is made of sums in tiles of another shape: then no element would equal it. Nobody else knows m, so that
 * whoever computes it computes it from the very x that it is compared with. */
static tg_tensor *extreme_vjp(const tg_call *c, tg_tensor *g, tg_tensor *(*is_beaten)(tg_tensor *, tg_tensor *))
{
    const tg_reduce_attr *a = c->attr;
    tg_tensor            *x = c->in[0], *zero = tg_number_like(g, 0, c->op->name);
    tg_tensor            *m = tg_reduce_bits(c->op, x, a->axes, true), *beaten = is_beaten(x, m);
    tg_tensor            *n = tg_reduce_bits(&tg_op_sum, tg_where(beaten, zero, tg_number_like(g, 1, c->op->name)), a->axes, true);
    tg_tensor            *share = tg_div_zero(tg_unreduced(c, g), tg_where(tg_eq(m, m), n, tg_number_like(g, NAN, c->op->name)));
    return tg_where(beaten, zero, share);
}
static tg_tensor *amax_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, extreme_vjp(c, g, tg_lt); }
static tg_tensor *amin_vjp(const tg_call *c, int i, tg_tensor *g) { return (void)i, extreme_vjp(c, g, tg_gt); }

/* ---- the rows of table/reductions.def ------------------------------------------------------------------------------- */

static tg_tensor *reduce(const tg_op *op, const char *function, tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    return tg_axis_bits(x, axes, function, &bits) ? tg_reduce_bits(op, x, bits, keepdim) : NULL;
}

#define OP(NAME, RULE, JVP, FLAGS)                                                                                           \
    const tg_op tg_op_##NAME = {.name   = #NAME,                                                                       \
                                .kind   = TG_REDUCE,                                                                   \
                                .arity  = 1,                                                                           \
                                .flags  = TG_OP_STRIDED | (FLAGS),                                                     \
                                .infer  = tg_reduce_infer,                                                             \
                                .run    = tg_reduce_run,                                                               \
                                .vjp    = RULE,                                                                        \
                                .jvp    = JVP,                                                                         \
                                .reduce = &tg_reduction_##NAME};                                                       \
    tg_tensor *tg_##NAME(tg_tensor *x, const tg_axes *axes, bool keepdim)                                              \
    {                                                                                                                  \
        return reduce(&tg_op_##NAME, "tg_" #NAME, x, axes, keepdim);                                                   \
    }
#define RESULT_RING   TG_REDUCE_WIDE
#define RESULT_FLOATS TG_REDUCE_FLOAT
#define RESULT_TESTS  TG_REDUCE_BOOL
#define FLAGS_RING    0
#define FLAGS_FLOATS  0
#define FLAGS_TESTS   TG_OP_ZERO_GRAD
#define SUM(NAME, RULE)                                                                                                \
    const tg_reduction tg_reduction_##NAME = {                                                                         \
        .name = #NAME, .row = TG_REDUCTION_##NAME, .result = TG_REDUCE_WIDE, .adds = true};                            \
    OP(NAME, RULE, tg_linear_jvp, 0)
#define FOLD(NAME, DTYPES, START, TERM, JOIN, RESULT, RULE)                                                            \
    const tg_reduction tg_reduction_##NAME = {.name = #NAME, .row = TG_REDUCTION_##NAME, .result = RESULT_##DTYPES};   \
    OP(NAME, RULE, NULL, FLAGS_##DTYPES)
#define PICK(NAME, START, BEATS, CALLED, RULE)                                                                         \
    const tg_reduction tg_reduction_##NAME = {.name = #NAME, .row = TG_REDUCTION_##NAME, .needs = CALLED " element"};  \
    OP(NAME, RULE, NULL, 0)
#include "table/reductions_each.h"

/* ---- what is made of them ------------------------------------------------------------------------------------------- */

tg_tensor *tg_mean_bits(tg_tensor *x, uint32_t axes, bool keepdim)
{
    const tg_shape *s = tg_shape_of(x);
    return s ? tg_div_s(tg_reduce_bits(&tg_op_sum, x, axes, keepdim), (double)tg_reduced_count(s, axes)) : NULL;
}

static tg_tensor *mean(const char *function, tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    TG_CALL_AS(tg_tape_of(x), function);
    if (!tg_needs_float(x, function) || !tg_axis_bits(x, axes, function, &bits)) return NULL;
    return tg_mean_bits(x, bits, keepdim);
}

tg_tensor *tg_mean(tg_tensor *x, const tg_axes *axes, bool keepdim) { return mean("tg_mean", x, axes, keepdim); }

static tg_tensor *reduce_all(const tg_op *op, const char *function, tg_tensor *x)
{
    TG_CALL_AS(tg_tape_of(x), function);
    return reduce(op, function, x, TG_ALL_AXES, false);
}

tg_tensor *tg_sum_all(tg_tensor *x) { return reduce_all(&tg_op_sum, "tg_sum_all", x); }
tg_tensor *tg_amax_all(tg_tensor *x) { return reduce_all(&tg_op_amax, "tg_amax_all", x); }
tg_tensor *tg_amin_all(tg_tensor *x) { return reduce_all(&tg_op_amin, "tg_amin_all", x); }
tg_tensor *tg_prod_all(tg_tensor *x) { return reduce_all(&tg_op_prod, "tg_prod_all", x); }
tg_tensor *tg_any_all(tg_tensor *x) { return reduce_all(&tg_op_any, "tg_any_all", x); }
tg_tensor *tg_all_all(tg_tensor *x) { return reduce_all(&tg_op_all, "tg_all_all", x); }
tg_tensor *tg_mean_all(tg_tensor *x) { return mean("tg_mean_all", x, TG_ALL_AXES, false); }

tg_tensor *tg_aminmax(tg_tensor *x, const tg_axes *axes, bool keepdim, tg_tensor **largest)
{
    if (largest) *largest = NULL;
    TG_CALL(tg_tape_of(x));
    tg_tensor *smallest = reduce(&tg_op_amin, "tg_aminmax", x, axes, keepdim);
    if (smallest && largest) *largest = reduce(&tg_op_amax, "tg_aminmax", x, axes, keepdim);
    return smallest;
}

tg_tensor *tg_count_nonzero(tg_tensor *x, const tg_axes *axes, bool keepdim)
{
    uint32_t bits;
    TG_CALL(tg_tape_of(x));
    if (!tg_axis_bits(x, axes, "tg_count_nonzero", &bits)) return NULL;
    return tg_reduce_bits(&tg_op_sum, tg_to(x, TG_BOOL), bits, keepdim);
}

/* ---- argmax, argmin, max and min: attr is the axis as a tg_reduce_attr with one bit ---------------------------------------- */

static tg_status axis_infer(tg_call *c)
{
    tg_status s = reduced_infer(c);
    if (s != TG_OK) return s;
    const uint32_t axis = ((const tg_reduce_attr *)c->attr)->axes;
    if (axis == 0 || (axis & (axis - 1))) return tg_fail(c, TG_ERR_ARG, "takes one axis");
    return check_nothing(c, c->op == &tg_op_min || c->op == &tg_op_argmin ? "smallest element" : "largest element");
}

static tg_status place_infer(tg_call *c)
{
    const tg_status s = axis_infer(c);
    c->dtype = TG_I64;
    return s;
}

const tg_op tg_op_argmax = {.name    = "argmax",
                            .arity   = 1,
                            .nondiff = 1,
                            .flags   = TG_OP_ZERO_GRAD | TG_OP_STRIDED,
                            .infer   = place_infer,
                            .run     = tg_argmax_run,
                            .batch   = tg_batch_reduced};
const tg_op tg_op_argmin = {.name    = "argmin",
                            .arity   = 1,
                            .nondiff = 1,
                            .flags   = TG_OP_ZERO_GRAD | TG_OP_STRIDED,
                            .infer   = place_infer,
                            .run     = tg_argmin_run,
                            .batch   = tg_batch_reduced};

static tg_tensor *reduce_axis(const tg_op *op, const char *function, tg_tensor *x, int axis, bool keepdim)
{
    const tg_node *n = tg_check(x, function);
    const int      k = n ? tg_checked_axis(n, function, axis) : -1;
    return k < 0 ? NULL : tg_reduce_bits(op, x, 1u << k, keepdim);
}

tg_tensor *tg_argmax(tg_tensor *x, int axis, bool keepdim) { return reduce_axis(&tg_op_argmax, "tg_argmax", x, axis, keepdim); }
tg_tensor *tg_argmin(tg_tensor *x, int axis, bool keepdim) { return reduce_axis(&tg_op_argmin, "tg_argmin", x, axis, keepdim); }

/* The extreme and its place. */
static tg_status extreme_and_place_infer(tg_call *c)
{
    const tg_status s = axis_infer(c);
    c->result[1].shape = c->shape;
    c->result[1].dtype = TG_I64;
    return s;
}

/* g goes to the chosen element, whatever else is as large: nothing is compared. Where that is NaN its slope is. */
static tg_tensor *extreme_and_place_vjp(const tg_call *c, int i, tg_tensor *g)
{
    const int  axis = __builtin_ctz(((const tg_reduce_attr *)c->attr)->axes);
    tg_tensor *m = tg_unreduced(c, c->out), *place = tg_unreduced(c, c->result[1].out), *nan = tg_number_like(g, NAN, c->op->name);
    (void)i;
    g = tg_unreduced(c, g);
    return tg_scattered(tg_where(tg_eq(m, m), g, tg_mul_zero(g, nan)), place, axis, tg_in_shape(c, 0));
}

const tg_op tg_op_max = {.name = "max",
                         .arity = 1,
                         .results = 2,
                         .flags = TG_OP_STRIDED,
                         .infer = extreme_and_place_infer,
                         .run = tg_max_run,
                         .vjp = extreme_and_place_vjp,
                         .batch = tg_batch_reduced};
const tg_op tg_op_min = {.name = "min",
                         .arity = 1,
                         .results = 2,
                         .flags = TG_OP_STRIDED,
                         .infer = extreme_and_place_infer,
                         .run = tg_min_run,
                         .vjp = extreme_and_place_vjp,
                         .batch = tg_batch_reduced};

static tg_tensor *extreme_and_place(const tg_op *op, const char *function, tg_tensor *x, int axis, bool keepdim, tg_tensor **places)
{
    tg_tensor *m = reduce_axis(op, function, x, axis, keepdim);
    if (places) *places = tg_result(m, 1);
    return m;
}

tg_tensor *tg_max(tg_tensor *x, int axis, bool keepdim, tg_tensor **places)
{
    return extreme_and_place(&tg_op_max, "tg_max", x, axis, keepdim, places);
}

tg_tensor *tg_min(tg_tensor *x, int axis, bool keepdim, tg_tensor **places)
{
    return extreme_and_place(&tg_op_min, "tg_min", x, axis, keepdim, places);
}
