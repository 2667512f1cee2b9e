/* cast.c - tg_to: conversion between dtypes, one op for each dtype of the result. Conversions to integers saturate; NaN gives 0. */
#include "ops/ops.h"

#include <tapegrad/pointwise.h>

/* The largest double below 2^63 is far below INT64_MAX, so the bounds are compared as doubles and 2^63 itself saturates. */
static int64_t saturate_f(double x, int64_t lo, int64_t hi)
{
    if (x != x) return 0;
    if (x >= (double)hi) return hi;
    if (x <= (double)lo) return lo;
    return (int64_t)x;
}
static int64_t saturate_i(int64_t x, int64_t lo, int64_t hi) { return x < lo ? lo : x > hi ? hi : x; }

#define TO_F32(X)    (float)(X)
#define TO_F64(X)    (double)(X)
#define F_TO_I64(X)  saturate_f((double)(X), INT64_MIN, INT64_MAX)
#define F_TO_I32(X)  (int32_t)saturate_f((double)(X), INT32_MIN, INT32_MAX)
#define F_TO_U8(X)   (uint8_t)saturate_f((double)(X), 0, UINT8_MAX)
#define F_TO_I16(X)  (int16_t)saturate_f((double)(X), INT16_MIN, INT16_MAX)
#define I_TO_I64(X)  (int64_t)(X)
#define I_TO_I32(X)  (int32_t)saturate_i((int64_t)(X), INT32_MIN, INT32_MAX)
#define I_TO_U8(X)   (uint8_t)saturate_i((int64_t)(X), 0, UINT8_MAX)
#define I_TO_I16(X)  (int16_t)saturate_i((int64_t)(X), INT16_MIN, INT16_MAX)
#define TO_BOOL(X)   ((X) != 0)

#define CAST(TO, TO_TYPE, FROM, FROM_TYPE, EXPR)                                                                       \
    static void FROM##_to_##TO(size_t n, void *out, const void *const *in, const void *attr)                          \
    {                                                                                                                 \
        const FROM_TYPE *x = in[0];                                                                                   \
        TO_TYPE         *o = out;                                                                                     \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) o[i] = EXPR(x[i]);                                                             \
    }
#define CASTS(TO, TO_TYPE, FROM_FLOAT, FROM_INT)                                                                       \
    CAST(TO, TO_TYPE, f32, float, FROM_FLOAT)                                                                         \
    CAST(TO, TO_TYPE, f64, double, FROM_FLOAT)                                                                        \
    CAST(TO, TO_TYPE, i64, int64_t, FROM_INT)                                                                         \
    CAST(TO, TO_TYPE, i32, int32_t, FROM_INT)                                                                         \
    CAST(TO, TO_TYPE, u8, uint8_t, FROM_INT)                                                                          \
    CAST(TO, TO_TYPE, b8, uint8_t, FROM_INT)                                                                          \
    CAST(TO, TO_TYPE, i16, int16_t, FROM_INT)

CASTS(f32, float, TO_F32, TO_F32)
CASTS(f64, double, TO_F64, TO_F64)
CASTS(i64, int64_t, F_TO_I64, I_TO_I64)
CASTS(i32, int32_t, F_TO_I32, I_TO_I32)
CASTS(u8, uint8_t, F_TO_U8, I_TO_U8)
CASTS(b8, uint8_t, TO_BOOL, TO_BOOL)
CASTS(i16, int16_t, F_TO_I16, I_TO_I16)

/* c->op's place in the table is the dtype of the result. */
static tg_status to_infer(tg_call *c)
{
    c->shape = *tg_shape_of(c->in[0]);
    c->dtype = (tg_dtype)(c->op - tg_op_to);
    return TG_OK;
}

static tg_tensor *to_vjp(const tg_call *c, int i, tg_tensor *g) { return tg_to(g, tg_dtype_of(c->in[i])); }

#define TO(D, NAME, SUFFIX, FLAGS)                                                                                         \
    [D] = {.name  = "to_" NAME,                                                                                    \
           .kind  = TG_POINTWISE,                                                                                     \
           .arity = 1,                                                                                                \
           .flags = FLAGS,                                                                                            \
           .infer = to_infer,                                                                                         \
           .vjp   = (FLAGS) ? NULL : to_vjp,                                                                          \
           .jvp   = (FLAGS) ? NULL : tg_linear_jvp,                                                                   \
           .loop  = {f32_to_##SUFFIX, f64_to_##SUFFIX, i64_to_##SUFFIX, i32_to_##SUFFIX, u8_to_##SUFFIX, b8_to_##SUFFIX, \
                     i16_to_##SUFFIX}}

const tg_op tg_op_to[TG_NDTYPES] = {
    TO(TG_F32, "f32", f32, 0),
    TO(TG_F64, "f64", f64, 0),
    TO(TG_I64, "i64", i64, TG_OP_ZERO_GRAD),
    TO(TG_I32, "i32", i32, TG_OP_ZERO_GRAD),
    TO(TG_U8, "u8", u8, TG_OP_ZERO_GRAD),
    TO(TG_BOOL, "bool", b8, TG_OP_ZERO_GRAD | TG_OP_BOOL),
    TO(TG_I16, "i16", i16, TG_OP_ZERO_GRAD),
};

tg_tensor *tg_to(tg_tensor *x, tg_dtype dtype)
{
    tg_node *n = tg_check(x, "tg_to");
    if (!n) return NULL;
    if (!tg_is_dtype(dtype)) {
        tg_fail_on(n->tape, TG_ERR_DTYPE, "tg_to", "there is no dtype %d", (int)dtype);
        return NULL;
    }
    return n->dtype == (uint8_t)dtype ? tg_view_of(x) : tg_record(&tg_op_to[dtype], &x, 1, NULL, 0);
}
