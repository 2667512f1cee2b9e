/* pointwise.c - the pointwise ops: reference loops, tg_op constants and public functions, all made from the rows of pointwise.def.
 * Here the vocabulary of the rows means libm: what these loops compute is what the vector loops are measured against. */
#include "ops/ops.h"

#include <inttypes.h>
#include <tapegrad/pointwise.h>
#include <tapegrad/special.h>
#include <tgmath.h>

#include "kernels/special.h"
#include "table/rows.h"
#include "ops/pointwise/pointwise_rules.h"

/* ---- the vocabulary; T is the type of the loop at hand ------------------------------------------------------------- */

#define C(V)                 ((T)(V))
#define LIBM(F)              F /* of <tgmath.h> */
#define PART(NAME, X)        _Generic((X), float: NAME##_f32, default: NAME##_f64)(X)
#define PART2(NAME, X, Y)    _Generic((X), float: NAME##_f32, default: NAME##_f64)(X, Y)
#define PART3(NAME, X, Y, Z) _Generic((X), float: NAME##_f32, default: NAME##_f64)(X, Y, Z)
#include "ops/pointwise/words.h"

/* Special functions are those of doubles. */
#define AT1(NAME) C(tg_##NAME##_at((double)(x)))
#define AT2(NAME) C(tg_##NAME##_at((double)(x), (double)(y)))
#define AT3(NAME) C(tg_##NAME##_at((double)(x), (double)(y), (double)(z)))

#define PARTS(SUFFIX, TYPE) SINC_PARTS(SUFFIX, TYPE) FLOORED_PARTS(SUFFIX, TYPE) SIGMOID_PARTS(SUFFIX, TYPE) GELU_PARTS(SUFFIX, TYPE)
PARTS(f32, float)
PARTS(f64, double)

/* ---- reference loops: NAME_f32, NAME_f64 ---------------------------------------------------------------------------- */

/* LOAD: the type operands are widened to; RESULT: what is stored. */
#define LOOP1(NAME, SUFFIX, TYPE, LOAD, RESULT, EXPR)                                                                  \
    static void NAME##_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)                         \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const T     *a = in[0];                                                                                       \
        RESULT      *o = out;                                                                                         \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const LOAD x = (LOAD)a[i];                                                                                \
            (void)x;                                                                                                  \
            o[i] = (RESULT)(EXPR);                                                                                    \
        }                                                                                                             \
    }
/* MORE: what the formula speaks of beside x and y. */
#define LOOP2_OF(LOOP, TYPE, LOAD, RESULT, MORE, EXPR)                                                                 \
    static void LOOP(size_t n, void *out, const void *const *in, const void *attr)                         \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const T     *a = in[0], *b = in[1];                                                                           \
        RESULT      *o = out;                                                                                         \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const LOAD x = (LOAD)a[i], y = (LOAD)b[i];                                                                \
            MORE                                                                                                      \
            o[i] = (RESULT)(EXPR);                                                                                    \
        }                                                                                                             \
    }
#define LOOP2(NAME, SUFFIX, TYPE, LOAD, RESULT, EXPR) LOOP2_OF(NAME##_##SUFFIX, TYPE, LOAD, RESULT, , EXPR)
#define LOOPM(NAME, SUFFIX, TYPE, LOAD, RESULT, EXPR) LOOP2_OF(NAME##_##SUFFIX, TYPE, LOAD, RESULT, const LOAD m = (LOAD)FMOD(x, y);, EXPR)
/* COND: the type of the first operand. */
#define LOOP3(NAME, SUFFIX, TYPE, COND, EXPR)                                                                          \
    static void NAME##_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)                         \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const COND  *a = in[0];                                                                                       \
        const T     *b = in[1], *d = in[2];                                                                           \
        T           *o = out;                                                                                         \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const COND x = a[i];                                                                                      \
            const T    y = b[i], z = d[i];                                                                            \
            o[i] = (T)(EXPR);                                                                                         \
        }                                                                                                             \
    }

#define FLOATS1(NAME, FORMULA) LOOP1(NAME, f32, float, T, T, FORMULA) LOOP1(NAME, f64, double, T, T, FORMULA)
#define FLOATS2(NAME, FORMULA) LOOP2(NAME, f32, float, T, T, FORMULA) LOOP2(NAME, f64, double, T, T, FORMULA)

#define UNARY(NAME, TYPES, FORMULA, ...)   FLOATS1(NAME, FORMULA)
#define FLAT(NAME, TYPES, FORMULA, ...)    FLOATS1(NAME, FORMULA)
#define BINARY(NAME, TYPES, FORMULA, ...)  FLOATS2(NAME, FORMULA)
#define SCALED(NAME, TYPES, FORMULA, ...)  FLOATS2(NAME, FORMULA)
#define QUOTIENT(NAME, TYPES, FORMULA, ...) LOOPM(NAME, f32, float, T, T, FORMULA) LOOPM(NAME, f64, double, T, T, FORMULA)
#define SLOPE(NAME, OF, FORMULA, ...)      FLOATS2(NAME, FORMULA)
#define TERNARY(NAME, TYPES, FORMULA, ...) LOOP3(NAME, f32, float, T, FORMULA) LOOP3(NAME, f64, double, T, FORMULA)
#define SELECT(NAME, TYPES, FORMULA, ...)  LOOP3(NAME, f32, float, uint8_t, FORMULA) LOOP3(NAME, f64, double, uint8_t, FORMULA)
#define COMPARE(NAME, FORMULA, ...)        LOOP2(NAME, f32, float, T, uint8_t, FORMULA) LOOP2(NAME, f64, double, T, uint8_t, FORMULA)
#define TEST(NAME, FORMULA, ...)           LOOP1(NAME, f32, float, T, uint8_t, FORMULA) LOOP1(NAME, f64, double, T, uint8_t, FORMULA)
#define LOGICAL(NAME, FORMULA, ...)        LOOP1(NAME, bool, uint8_t, T, T, FORMULA)
#include "table/pointwise_each.h"

/* ---- and for integers: NAME_i64 … -----------------------------------------------------------------------------------
 * Ring ops compute modulo 2^64 and cut off, the others in int64, which holds every value of every integer type. Of bools only what
 * stays a bool: comparisons, maximum (or), minimum (and), choices. */

#include "ops/pointwise/words_integers.h"

#define INTS(LOOP, NAME, LOAD, RESULT, FORMULA)                                                                        \
    LOOP(NAME, i64, int64_t, LOAD, RESULT, FORMULA)                                                                   \
    LOOP(NAME, i32, int32_t, LOAD, RESULT, FORMULA)                                                                   \
    LOOP(NAME, i16, int16_t, LOAD, RESULT, FORMULA)                                                                   \
    LOOP(NAME, u8, uint8_t, LOAD, RESULT, FORMULA)
#define INTS_FLOATS(LOOP, NAME, FORMULA)
#define INTS_RING(LOOP, NAME, FORMULA)    INTS(LOOP, NAME, uint64_t, T, FORMULA)
#define INTS_ORDERED(LOOP, NAME, FORMULA) INTS(LOOP, NAME, int64_t, T, FORMULA)
#define INTS_ALL(LOOP, NAME, FORMULA)     INTS(LOOP, NAME, int64_t, T, FORMULA) LOOP(NAME, bool, uint8_t, int64_t, T, FORMULA)

#define UNARY(NAME, TYPES, FORMULA, ...)   INTS_##TYPES(LOOP1, NAME, FORMULA)
#define FLAT(NAME, TYPES, FORMULA, ...)    INTS_##TYPES(LOOP1, NAME, FORMULA)
#define BINARY(NAME, TYPES, FORMULA, ...)  INTS_##TYPES(LOOP2, NAME, FORMULA)
#define SCALED(NAME, TYPES, FORMULA, ...)  INTS_##TYPES(LOOP2, NAME, FORMULA)
#define QUOTIENT(NAME, TYPES, FORMULA, ...) INTS_##TYPES(LOOPM, NAME, FORMULA)
#define SELECT(NAME, TYPES, FORMULA, ...)                                                                              \
    LOOP3(NAME, i64, int64_t, uint8_t, FORMULA)                                                                       \
    LOOP3(NAME, i32, int32_t, uint8_t, FORMULA)                                                                       \
    LOOP3(NAME, i16, int16_t, uint8_t, FORMULA)                                                                       \
    LOOP3(NAME, u8, uint8_t, uint8_t, FORMULA)                                                                        \
    LOOP3(NAME, bool, uint8_t, uint8_t, FORMULA)
#define COMPARE(NAME, FORMULA, ...)        INTS(LOOP2, NAME, T, uint8_t, FORMULA) LOOP2(NAME, bool, uint8_t, int64_t, T, FORMULA)
#define ROW(NAME, ...)
#include "table/pointwise_each.h"

/* ---- the ops ---------------------------------------------------------------------------------------------------------- */

#define LOOPS_FLOATS(NAME)  [TG_F32] = NAME##_f32, [TG_F64] = NAME##_f64
#define LOOPS_RING(NAME)                                                                                               \
    LOOPS_FLOATS(NAME), [TG_I64] = NAME##_i64, [TG_I32] = NAME##_i32, [TG_I16] = NAME##_i16, [TG_U8] = NAME##_u8
#define LOOPS_ORDERED(NAME) LOOPS_RING(NAME)
#define LOOPS_ALL(NAME)     LOOPS_RING(NAME), [TG_BOOL] = NAME##_bool
#define LOOPS_BOOL(NAME)    [TG_BOOL] = NAME##_bool

#define OP(NAME, TYPES, ARITY, VJP, NONDIFF, FLAGS, COST)                                                              \
    const tg_op tg_op_##NAME = {.name    = #NAME,                                                                     \
                                .kind    = TG_POINTWISE,                                                              \
                                .arity   = ARITY,                                                                     \
                                .nondiff = NONDIFF,                                                                   \
                                .flags   = (FLAGS) | TG_SECOND(FLAGS_##NAME, 0, ),                                    \
                                .cost    = TG_COST_##COST,                                                            \
                                .row     = TG_ROW_##NAME,                                                             \
                                .vjp     = VJP,                                                                       \
                                .loop    = {LOOPS_##TYPES(NAME)}};
#define FLAGS_add , TG_OP_ADDITION /* what one op alone is: a second argument, as TG_SECOND wants it */

#define CALL1(NAME) \
    tg_tensor *tg_##NAME(tg_tensor *x) { return tg_record(&tg_op_##NAME, &x, 1, NULL, 0); }
#define CALL2(NAME) \
    tg_tensor *tg_##NAME(tg_tensor *x, tg_tensor *y) { return tg_record(&tg_op_##NAME, (tg_tensor *[]){x, y}, 2, NULL, 0); }
#define CALL3(NAME)                                                                                                    \
    tg_tensor *tg_##NAME(tg_tensor *x, tg_tensor *y, tg_tensor *z)                                                     \
    {                                                                                                                 \
        return tg_record(&tg_op_##NAME, (tg_tensor *[]){x, y, z}, 3, NULL, 0);                                        \
    }

#define DIFF(NAME, TYPES, ARITY, FLAGS, COST) OP(NAME, TYPES, ARITY, NAME##_vjp, NAME##_nondiff, FLAGS, COST)
#define STEP(NAME, TYPES, ARITY, FLAGS, COST) OP(NAME, TYPES, ARITY, NULL, 0, TG_OP_ZERO_GRAD | (FLAGS), COST)

#define UNARY(NAME, TYPES, FORMULA, DX, COST, ...)           DIFF(NAME, TYPES, 1, 0, COST) CALL1(NAME)
#define BINARY(NAME, TYPES, FORMULA, DX, DY, COST, ...)      DIFF(NAME, TYPES, 2, 0, COST) CALL2(NAME)
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, COST, ...) DIFF(NAME, TYPES, 3, 0, COST) CALL3(NAME)
#define SCALED(NAME, TYPES, FORMULA, DX, DY, COST, ...)      DIFF(NAME, TYPES, 2, 0, COST)
#define QUOTIENT(NAME, TYPES, FORMULA, DX, DY, COST, ...)                                                              \
    OP(NAME, TYPES, 2, TG_IS_NONE(DX) ? NULL : NAME##_vjp, 0, TG_IS_NONE(DX) ? TG_OP_ZERO_GRAD : 0, COST)
#define SELECT(NAME, TYPES, FORMULA, DX, DY, DZ, COST, ...)  DIFF(NAME, TYPES, 3, TG_OP_SELECT, COST) CALL3(NAME)
#define SLOPE(NAME, OF, FORMULA, DX, COST, ...)              DIFF(NAME, FLOATS, 2, TG_OP_SLOPE, COST) CALL2(NAME)
#define FLAT(NAME, TYPES, FORMULA, COST, ...)                STEP(NAME, TYPES, 1, 0, COST) CALL1(NAME)
#define COMPARE(NAME, FORMULA, COST, ...)                    STEP(NAME, ALL, 2, TG_OP_BOOL, COST) CALL2(NAME)
#define TEST(NAME, FORMULA, COST, ...)                       STEP(NAME, FLOATS, 1, TG_OP_BOOL, COST) CALL1(NAME)
#define LOGICAL(NAME, FORMULA, COST, ...)                    STEP(NAME, BOOL, 1, TG_OP_BOOL, COST) CALL1(NAME)
#include "table/pointwise_each.h"

/* ---- with a C number ---------------------------------------------------------------------------------------------------- */

/* Is the op one of a's dtype? false after a sentence that speaks of what the caller gave. */
static bool takes(const tg_op *op, const tg_node *a, const char *function)
{
    if (op->loop[a->dtype]) return true;
    tg_fail_on(a->tape, TG_ERR_DTYPE, function, "does not take tensors of %s; tg_to converts them", tg_dtype_name((tg_dtype)a->dtype));
    return false;
}

/* op(a, s), or op(s, a). */
static tg_tensor *with_number(const tg_op *op, tg_tensor *a, double s, bool reversed, const char *function)
{
    tg_tensor *number = tg_number_like(a, s, function); /* NULL for a stale handle, too */
    if (!number || !takes(op, tg_node_of(a), function)) return NULL;
    return tg_record(op, reversed ? (tg_tensor *[]){number, a} : (tg_tensor *[]){a, number}, 2, NULL, 0);
}

tg_tensor *tg_add_s(tg_tensor *a, double s) { return with_number(&tg_op_add, a, s, false, __func__); }
tg_tensor *tg_sub_s(tg_tensor *a, double s) { return with_number(&tg_op_sub, a, s, false, __func__); }
tg_tensor *tg_mul_s(tg_tensor *a, double s) { return with_number(&tg_op_mul, a, s, false, __func__); }
tg_tensor *tg_div_s(tg_tensor *a, double s) { return with_number(&tg_op_div, a, s, false, __func__); }
tg_tensor *tg_rsub_s(double s, tg_tensor *a) { return with_number(&tg_op_sub, a, s, true, __func__); }
tg_tensor *tg_rdiv_s(double s, tg_tensor *a) { return with_number(&tg_op_div, a, s, true, __func__); }

tg_tensor *tg_pow_s(tg_tensor *a, double s)
{
    const tg_node *n = tg_check(a, __func__);
    if (!n) return NULL;
    if (!tg_dtype_holds((tg_dtype)n->dtype, s)) return tg_number_like(a, s, __func__); /* which says so */
    if (s == 1) return takes(&tg_op_square, n, __func__) ? tg_view_of(a) : NULL;
    const tg_op *op = s == 2 ? &tg_op_square : s == 0.5 ? &tg_op_pow_half : s == 0 ? &tg_op_pow_zero : s == -1 ? &tg_op_reciprocal : &tg_op_pow;
    if (op == &tg_op_pow) return with_number(op, a, s, false, __func__);
    return takes(op, n, __func__) ? tg_record(op, &a, 1, NULL, 0) : NULL;
}

tg_tensor *tg_leaky_relu(tg_tensor *x, double slope)
{
    return with_number(&tg_op_leaky_relu, x, slope, false, __func__);
}

/* A derivative, or the like, of a whole order n. */
static tg_tensor *with_order(const tg_op *op, tg_tensor *x, int64_t n, int64_t most, const char *function)
{
    if (n >= 0 && n <= most) return with_number(op, x, (double)n, false, function);
    if (tg_check(x, function)) tg_fail_on(tg_tape_of(x), TG_ERR_ARG, function, "takes an order from 0 to %" PRId64 ", got %" PRId64, most, n);
    return NULL;
}

tg_tensor *tg_polygamma(tg_tensor *x, int64_t n) { return with_order(&tg_op_polygamma, x, n, TG_POLYGAMMA_ORDERS, __func__); }
tg_tensor *tg_expint(tg_tensor *x, int64_t n) { return with_order(&tg_op_expint, x, n, TG_EXPINT_ORDERS, __func__); }

/* ---- the intervals of the gradient tests -------------------------------------------------------------------------------- */

/* By row; 0 for ops without gradient. */
static const double intervals[TG_ROWS][6] = {
#define UNARY(NAME, TYPES, FORMULA, DX, COST, RECIPE, ...)           [TG_ROW_##NAME] = {__VA_ARGS__},
#define BINARY(NAME, TYPES, FORMULA, DX, DY, COST, RECIPE, ...)      [TG_ROW_##NAME] = {__VA_ARGS__},
#define TERNARY(NAME, TYPES, FORMULA, DX, DY, DZ, COST, RECIPE, ...) [TG_ROW_##NAME] = {__VA_ARGS__},
#define SCALED                                                       BINARY
#define QUOTIENT                                                     BINARY
#define SELECT                                                       TERNARY
#define SLOPE(NAME, OF, FORMULA, DX, COST, RECIPE, ...)              [TG_ROW_##NAME] = {__VA_ARGS__},
#define ROW(NAME, ...)
#include "table/pointwise_each.h"
};

bool tg_pointwise_domain(const tg_op *op, double lo[3], double hi[3])
{
    const double *d = intervals[op->row];
    if (d[0] == d[1]) return false;
    for (int i = 0; i < 3; i++) lo[i] = d[2 * i], hi[i] = d[2 * i + 1];
    return true;
}

const tg_op *tg_slope_of(const tg_op *op)
{
    static const tg_op *const of[TG_ROWS] = {
#define SLOPE(NAME, OF, ...) [TG_ROW_##NAME] = &tg_op_##OF,
#define ROW(NAME, ...)
#include "table/pointwise_each.h"
    };
    return of[op->row];
}
