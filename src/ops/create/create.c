/* create.c - tensors from nothing and from the caller's data. A filled tensor is a constant of rank 0, expanded: it
 * takes no memory. */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#include <tapegrad/pointwise.h>
#include <tapegrad/shape.h>

/* ---- constants --------------------------------------------------------------------------------------------------- */

static tg_status const_infer(tg_call *c)
{
    c->shape.rank = 0;
    c->dtype      = (tg_dtype)(c->op - tg_op_const);
    return TG_OK;
}

static tg_status const_run(tg_call *c)
{
    tg_dtypes[c->y.dtype].write(c->y.data, *(const double *)c->attr);
    return TG_OK;
}

#define CONSTANT(SUFFIX)                                                                                               \
    {                                                                                                                  \
        .name = "const_" #SUFFIX, .kind = TG_CONST, .arity = 0, .infer = const_infer, .run = const_run                 \
    }
const tg_op tg_op_const[TG_NDTYPES] = {
    [TG_F32] = CONSTANT(f32), [TG_F64] = CONSTANT(f64), [TG_I64] = CONSTANT(i64),
    [TG_I32] = CONSTANT(i32), [TG_U8] = CONSTANT(u8),   [TG_BOOL] = CONSTANT(bool),
    [TG_I16] = CONSTANT(i16),
};

/* A dtype that holds the number, to cast to. */
static const char *dtype_for(double value)
{
    return tg_dtype_holds(TG_I64, value) ? "TG_I64" : tg_dtype_holds(TG_F32, value) ? "TG_F32" : "TG_F64";
}

tg_tensor *tg_number_like(tg_tensor *t, double value, const char *function)
{
    const tg_node *n = tg_check(t, function);
    if (!n) return NULL;
    const tg_dtype dtype = (tg_dtype)n->dtype;
    if (tg_dtype_holds(dtype, value)) return tg_record_on(n->tape, &tg_op_const[dtype], NULL, 0, &value, sizeof value);
    tg_fail_on(n->tape, TG_ERR_DTYPE, function, "%s does not hold the number %.15g; tg_to(x, %s) converts the tensor",
               tg_dtype_name(dtype), value, dtype_for(value));
    return NULL;
}

static bool is_dtype(tg_tape *tape, const char *function, tg_dtype dtype)
{
    if (tg_is_dtype(dtype)) return true;
    tg_fail_on(tape, TG_ERR_DTYPE, function, "there is no dtype %d", (int)dtype);
    return false;
}

/* Is the number one of this dtype's? */
static bool holds(tg_tape *tape, tg_dtype dtype, double value, const char *function)
{
    if (tg_dtype_holds(dtype, value)) return true;
    tg_fail_on(tape, TG_ERR_DTYPE, function, "%s does not hold the number %.15g; %s does", tg_dtype_name(dtype), value,
               dtype_for(value));
    return false;
}

bool tg_checked_shape(tg_tape *tape, const char *function, tg_dtype dtype, const tg_shape *shape, size_t *bytes)
{
    char text[TG_SHAPE_TEXT];
    if (!shape)
        tg_fail_on(tape, TG_ERR_NULL, function, "the shape is NULL");
    else if (tg_shape_size(shape, dtype, NULL, bytes) != TG_OK)
        tg_fail_on(tape, TG_ERR_SHAPE, function, "the shape %s is invalid: rank 0 to 8, sizes >= 0, total size within memory",
                   tg_shape_text(shape, text, sizeof text));
    else
        return true;
    return false;
}

/* Of a shape that is one. */
static tg_tensor *filled(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, double value, const char *function)
{
    if (!holds(tape, dtype, value, function)) return NULL;
    return tg_expand_if(tg_record_on(tape, &tg_op_const[dtype], NULL, 0, &value, sizeof value), shape);
}

static tg_tensor *full(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, double value, const char *function)
{
    if (!tape || !is_dtype(tape, function, dtype) || !tg_checked_shape(tape, function, dtype, shape, NULL)) return NULL;
    return filled(tape, dtype, shape, value, function);
}

tg_tensor *tg_full(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, double value)
{
    return full(tape, dtype, shape, value, "tg_full");
}

tg_tensor *tg_zeros(tg_tape *tape, const tg_shape *shape)
{
    return tape ? full(tape, tape->dtype, shape, 0, "tg_zeros") : NULL;
}

tg_tensor *tg_ones(tg_tape *tape, const tg_shape *shape)
{
    return tape ? full(tape, tape->dtype, shape, 1, "tg_ones") : NULL;
}

tg_tensor *tg_scalar(tg_tape *tape, double value)
{
    return tape ? filled(tape, tape->dtype, TG_SCALAR_SHAPE, value, "tg_scalar") : NULL;
}

static tg_tensor *full_like(tg_tensor *t, const char *function, double value)
{
    const tg_node *n = tg_check(t, function);
    return n ? filled(n->tape, (tg_dtype)n->dtype, n->shape, value, function) : NULL;
}

tg_tensor *tg_zeros_like(tg_tensor *t) { return full_like(t, "tg_zeros_like", 0); }
tg_tensor *tg_ones_like(tg_tensor *t) { return full_like(t, "tg_ones_like", 1); }
tg_tensor *tg_full_like(tg_tensor *t, double value) { return full_like(t, "tg_full_like", value); }

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

typedef struct range_attr {
    int64_t n, dtype;
} range_attr;

static tg_status arange_infer(tg_call *c)
{
    const range_attr *a = c->attr;
    c->shape            = (tg_shape){1, {a->n}};
    c->dtype            = (tg_dtype)a->dtype;
    return TG_OK;
}

static tg_status arange_run(tg_call *c)
{
    const range_attr *a = c->attr;
    tg_dtypes[c->y.dtype].count(c->y.data, a->n);
    return TG_OK;
}

const tg_op tg_op_arange = {.name = "arange", .arity = 0, .infer = arange_infer, .run = arange_run};

tg_tensor *tg_arange(tg_tape *tape, tg_dtype dtype, int64_t n)
{
    if (!tape || !is_dtype(tape, "tg_arange", dtype)) return NULL;
    if (n < 0 || (!tg_dtype_is_float(dtype) && dtype != TG_I64 && (double)n - 1 > tg_dtypes[dtype].most)) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_arange", "%lld numbers cannot be counted in %s", (long long)n,
                   tg_dtype_name(dtype));
        return NULL;
    }
    const range_attr a = {n, dtype};
    return tg_record_on(tape, &tg_op_arange, NULL, 0, &a, sizeof a);
}

/* How many numbers there are from start to below stop in these steps; -1: none of this can be. */
static int64_t steps_between(double start, double stop, double step)
{
    const double n = ceil((stop - start) / step);
    if (!isfinite(start) || !isfinite(step) || step == 0 || !isfinite(n) || n >= 0x1p53) return -1;
    return n > 0 ? (int64_t)n : 0;
}

/* Counted in f64, so that the first and the last number alone have to be ones of the dtype. */
tg_tensor *tg_arange_step(tg_tape *tape, tg_dtype dtype, double start, double stop, double step)
{
    TG_CALL(tape);
    if (!tape || !is_dtype(tape, "tg_arange_step", dtype)) return NULL;
    const int64_t n = steps_between(start, stop, step);
    if (n < 0) {
        tg_fail_on(tape, TG_ERR_ARG, "tg_arange_step", "from %g to %g in steps of %g are no numbers that can be counted", start, stop, step);
        return NULL;
    }
    if (!holds(tape, dtype, start, "tg_arange_step") || (n > 1 && !holds(tape, dtype, start + step * (double)(n - 1), "tg_arange_step"))) return NULL;
    if (n > 2 && !tg_dtype_is_float(dtype) && step != floor(step)) return holds(tape, TG_I64, step, "tg_arange_step"), NULL;
    return tg_to(tg_add_s(tg_mul_s(tg_arange(tape, TG_F64, n), step), start), dtype);
}

typedef struct linspace_attr {
    double  from, to;
    int64_t n, dtype;
} linspace_attr;

static tg_status linspace_infer(tg_call *c)
{
    const linspace_attr *a = c->attr;
    c->shape               = (tg_shape){1, {a->n}};
    c->dtype               = (tg_dtype)a->dtype;
    return TG_OK;
}

/* The numbers, or 10 to their power. Each half is counted from its own end, so that both ends come out exactly. */
static tg_status count_evenly(tg_call *c, bool powers)
{
    const linspace_attr *a    = c->attr;
    const double         step = a->n > 1 ? (a->to - a->from) / (double)(a->n - 1) : 0;
    for (int64_t k = 0; k < a->n; k++) {
        const bool   lower = a->n == 1 || k < a->n / 2;
        const double at    = lower ? a->from + step * (double)k : a->to - step * (double)(a->n - 1 - k);
        const double v     = powers ? pow(10, at) : at;
        if (c->y.dtype == TG_F32)
            ((float *)c->y.data)[k] = (float)v;
        else
            ((double *)c->y.data)[k] = v;
    }
    return TG_OK;
}

static tg_status linspace_run(tg_call *c) { return count_evenly(c, false); }
static tg_status logspace_run(tg_call *c) { return count_evenly(c, true); }

const tg_op tg_op_linspace = {.name = "linspace", .arity = 0, .infer = linspace_infer, .run = linspace_run};
const tg_op tg_op_logspace = {.name = "logspace", .arity = 0, .infer = linspace_infer, .run = logspace_run};

/* Can the tape's dtype hold both ends, or 10 to their power? false after a sentence. */
static bool holds_ends(tg_tape *tape, double from, double to, bool powers, const char *function)
{
    const double most = tape->dtype == TG_F32 ? 38.5318 : 308.2547; /* the logarithm of the largest number, rounded down */
    if (!powers) return holds(tape, tape->dtype, from, function) && holds(tape, tape->dtype, to, function);
    if (from <= most && to <= most) return true;
    tg_fail_on(tape, TG_ERR_DTYPE, function, "%s does not hold 10 to the power of %g; of at most %g it does", tg_dtype_name(tape->dtype),
               from <= most ? to : from, most);
    return false;
}

static tg_tensor *space(tg_tape *tape, const tg_op *op, double from, double to, int64_t n, const char *function)
{
    if (!tape) return NULL;
    if (n < 0 || !isfinite(to - from)) {
        tg_fail_on(tape, TG_ERR_ARG, function, "%lld numbers from %g to %g are not possible", (long long)n, from, to);
        return NULL;
    }
    if (!holds_ends(tape, from, to, op == &tg_op_logspace, function)) return NULL;
    const linspace_attr a = {from, to, n, tape->dtype};
    return tg_record_on(tape, op, NULL, 0, &a, sizeof a);
}

tg_tensor *tg_linspace(tg_tape *tape, double from, double to, int64_t n) { return space(tape, &tg_op_linspace, from, to, n, "tg_linspace"); }
tg_tensor *tg_logspace(tg_tape *tape, double from, double to, int64_t n) { return space(tape, &tg_op_logspace, from, to, n, "tg_logspace"); }

tg_tensor *tg_eye(tg_tape *tape, int64_t n)
{
    if (!tape) return NULL;
    if (n < 0) {
        tg_fail_on(tape, TG_ERR_SHAPE, "tg_eye", "the size is %lld", (long long)n);
        return NULL;
    }
    TG_CALL(tape);
    tg_tensor *k = tg_arange(tape, TG_I64, n);
    return tg_to(tg_eq(tg_unsqueeze(k, 1), k), tape->dtype);
}

/* ---- the caller's data ------------------------------------------------------------------------------------------- */

/* Can `data` be read as a tensor of this dtype and shape? */
static bool is_data(tg_tape *tape, const char *function, tg_dtype dtype, const tg_shape *shape, const void *data,
                    size_t *bytes)
{
    if (!is_dtype(tape, function, dtype) || !tg_checked_shape(tape, function, dtype, shape, bytes)) return false;
    if (data || !*bytes) return true;
    tg_fail_on(tape, TG_ERR_NULL, function, "the data is NULL, for a shape that has elements");
    return false;
}

static tg_tensor *from_data(tg_tape *tape, const char *function, tg_dtype dtype, const tg_shape *shape, const void *data)
{
    size_t bytes = 0;
    void  *room  = NULL;
    if (!tape || !is_data(tape, function, dtype, shape, data, &bytes)) return NULL;
    const tg_node *n = tg_new_leaf(tape, dtype, shape, NULL, &room);
    if (!n) return NULL;
    if (dtype == TG_BOOL) /* whatever the caller's bytes are, a bool is 0 or 1 */
        for (size_t k = 0; k < bytes; k++) ((uint8_t *)room)[k] = ((const uint8_t *)data)[k] != 0;
    else if (bytes)
        memcpy(room, data, bytes);
    return tg_handle(n);
}

tg_tensor *tg_from_data(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *data)
{
    return from_data(tape, "tg_from_data", dtype, shape, data);
}
tg_tensor *tg_from_f32(tg_tape *tape, const tg_shape *shape, const float *data)
{
    return from_data(tape, "tg_from_f32", TG_F32, shape, data);
}
tg_tensor *tg_from_f64(tg_tape *tape, const tg_shape *shape, const double *data)
{
    return from_data(tape, "tg_from_f64", TG_F64, shape, data);
}
tg_tensor *tg_from_i64(tg_tape *tape, const tg_shape *shape, const int64_t *data)
{
    return from_data(tape, "tg_from_i64", TG_I64, shape, data);
}

tg_tensor *tg_borrow(tg_tape *tape, tg_dtype dtype, const tg_shape *shape, const void *data)
{
    size_t bytes = 0;
    if (!tape || !is_data(tape, "tg_borrow", dtype, shape, data, &bytes)) return NULL;
    if (dtype == TG_BOOL)
        for (size_t k = 0; k < bytes; k++)
            if (((const uint8_t *)data)[k] > 1) {
                tg_fail_on(tape, TG_ERR_ARG, "tg_borrow", "byte %zu is %u, and a bool is 0 or 1; tg_from_data converts",
                           k, ((const uint8_t *)data)[k]);
                return NULL;
            }
    return tg_handle(tg_new_leaf(tape, dtype, shape, data, NULL)); /* data NULL: an empty tensor with room of its own */
}
