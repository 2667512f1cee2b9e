/* pointwise.c - the pointwise ops: reference loops, tg_op constants and public functions, all made from the rows of pointwise.def.
 * Here the vocabulary of the rows means libm: what these loops compute is what the vector loops are measured against. */
#include "ops/ops.h"

#include <tgmath.h>

#include "ops/pointwise/pointwise_vjp.h"

/* ---- the vocabulary; T is the type of the loop at hand ------------------------------------------------------------- */

#define C(V)          ((T)(V))
#define EXP(X)        exp(X)
#define LOG(X)        log(X)
#define LOG1P(X)      log1p(X)
#define SIN(X)        sin(X)
#define COS(X)        cos(X)
#define TANH(X)       tanh(X)
#define ERF(X)        erf(X)
#define POW(X, Y)     pow(X, Y)
#define SQRT(X)       sqrt(X)
#define ABS(X)        fabs(X)
#define ZMUL(G, S)    ((G) == 0 ? 0 : (G) * (S))
#define ZDIV(G, S)    ((G) == 0 ? 0 : (G) / (S))
#define MAXIMUM(X, Y) ((X) > (Y) || (X) != (X) ? (X) : (Y))
#define MINIMUM(X, Y) ((X) < (Y) || (X) != (X) ? (X) : (Y))

#define SIGMOID(X)  ((X) >= 0 ? 1 / (1 + exp(-(X))) : exp(X) / (1 + exp(X)))
#define SOFTPLUS(X) ((X) != (X) ? (X) : ((X) > 0 ? (X) : 0) + log1p(exp(-fabs(X))))

#define PART(NAME, X)      _Generic((X), float: NAME##_f32, default: NAME##_f64)(X)
#define PART2(NAME, X, Y)  _Generic((X), float: NAME##_f32, default: NAME##_f64)(X, Y)

/* Slopes of tanh and sigmoid by their result or, where that has come too near to 1, by their argument. */
#define TANH_SLOPE(X, Y)    (fabs(Y) > C(TG_SLOPE_NEAR) ? PART2(far_slope, fabs(X), 2) : (1 - (Y)) * (1 + (Y)))
#define SIGMOID_SLOPE(X, Y) ((Y) > C(TG_SLOPE_NEAR) ? PART2(far_slope, fabs(X) / 2, 1) : (Y) * (1 - (Y)))
#define SIGMOID_SUB(X, Y)   ((X) > 0 ? (1 - (Y)) - SIGMOID(-(X)) : SIGMOID(X) - (Y))

/* far_slope: (scale s)^2/(1 + s^2)^2, s = e^-h. Then x sigmoid(x), and its slope (1 + e - a) e/(1+e)^2 at x = -a, e = e^-a. Powers are
 * squares, for e would be subnormal before the product is. */
#define SIGMOID_PARTS(SUFFIX, TYPE)                                                                                       \
    static TYPE far_slope_##SUFFIX(TYPE h, TYPE scale)                                                                \
    {                                                                                                                 \
        const TYPE s = exp(-h), d = 1 + s * s;                                                                        \
        return scale * s * (scale * s) / (d * d);                                                                     \
    }                                                                                                                 \
    static TYPE x_sigmoid_##SUFFIX(TYPE x)                                                                            \
    {                                                                                                                 \
        if (x >= 0) return x / (1 + exp(-x));                                                                         \
        return x < -1000 ? (TYPE)-0.0 : x * exp(x / 2) * exp(x / 2) / (1 + exp(x));                                   \
    }                                                                                                                 \
    static TYPE x_sigmoid_slope_##SUFFIX(TYPE x)                                                                           \
    {                                                                                                                 \
        const TYPE a = fabs(x), e = exp(-a);                                                                          \
        const TYPE w = a > 1000 ? 0 : (1 + e - a) * exp(-a / 2) * exp(-a / 2) / ((1 + e) * (1 + e));                  \
        return x < 0 ? w : 1 - w;                                                                                     \
    }
SIGMOID_PARTS(f32, float)
SIGMOID_PARTS(f64, double)
#define SILU(X)       PART(x_sigmoid, X)
#define SILU_SLOPE(X) PART(x_sigmoid_slope, X)

/* The parts of gelu for one type. Exponents here are as large as 10^3: they are carried with their rounding errors, as are the constants,
 * of which LEFT is what the type leaves out: of a double V itself, and LOW, of V written out in full. Beyond 40 all is as at infinity.
 * bell, square_bell: e^(-x^2/2) and e^(-x^2), by an h near x whose square is exact.
 * phi: erfc(-x/sqrt 2)/2, without cancellation on the left. erfc(t + dt) is erfc t - 2/sqrt(pi) dt e^(-t^2).
 * power: e^-v, v = k x (1 + a x^2), k = 2 sqrt(2/pi), a = 0.044715. */
#define LEFT(V, LOW) ((T)(((V) - (double)C(V)) + (LOW)))
#define GELU_PARTS(SUFFIX, TYPE)                                                                                       \
    static TYPE bell_##SUFFIX(TYPE x)                                                                                 \
    {                                                                                                                 \
        const TYPE h = floor(16 * x) / 16;                                                                            \
        return fabs(x) > 40 ? 0 : exp(-h * h / 2) * exp((h - x) * (h + x) / 2);                                       \
    }                                                                                                                 \
    static TYPE square_bell_##SUFFIX(TYPE x)                                                                          \
    {                                                                                                                 \
        const TYPE h = floor(16 * x) / 16;                                                                            \
        return fabs(x) > 40 ? 0 : exp(-h * h) * exp((h - x) * (h + x));                                               \
    }                                                                                                                 \
    static TYPE phi_##SUFFIX(TYPE x)                                                                                  \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const T      c = C(ROOT_HALF), t = -c * x, dt = fma(-c, x, -t) - x * LEFT(ROOT_HALF, ROOT_HALF_LOW);          \
        if (fabs(x) > 40) return x > 0;                                                                               \
        return erfc(t) / 2 - C(0.5641895835477563) * dt * bell_##SUFFIX(x);                                           \
    }                                                                                                                 \
    static TYPE power_##SUFFIX(TYPE x)                                                                                \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const T      a = C(GELU_A), k = C(GELU_K), z = x * x, w = a * z, q = 1 + w, u = x * q, v = k * u;             \
        const T      dw = fma(a, z, -w) + a * fma(x, x, -z) + LEFT(GELU_A, GELU_A_LOW) * z, dq = w - (q - 1) + dw;    \
        const T      du = fma(x, q, -u) + x * dq, dv = fma(k, u, -v) + k * du + LEFT(GELU_K, GELU_K_LOW) * u;         \
        if (fabs(x) > 40) return x > 0 ? 0 : (T)INFINITY;                                                             \
        return exp(-v) * (1 - dv);                                                                                    \
    }
#define ROOT_HALF     0.7071067811865476
#define ROOT_HALF_LOW (-4.83365e-17)
#define GELU_A        0.044715
#define GELU_A_LOW    (2.19602e-18)
#define GELU_K        1.5957691216057308
#define GELU_K_LOW    (-9.96931e-17)
GELU_PARTS(f32, float)
GELU_PARTS(f64, double)

/* At -inf the product must not be NaN. */
#define GELU(X)      ((X) < -40 ? C(-0.0) : (X) * PART(phi, X))
#define DENSITY(X)   (C(0.3989422804014327) * PART(bell, X))
#define ERF_SLOPE(X) (C(1.1283791670955126) * PART(square_bell, X))
#define PHI_SLOPE(X) (PART(phi, X) + (fabs(X) > 40 ? 0 : (X) * C(0.39894228040143268) * PART(bell, X)))

/* (1 + tanh u)/2 = sigmoid(2u) = 1/(1 + e^-v); the slope of x times it is s + x s (1-s) k (1 + 3 a x^2) */
#define GELU_TANH_S(X)  (1 / (1 + PART(power, X)))
#define GELU_TANH(X)    ((X) < -40 ? C(-0.0) : (X) * GELU_TANH_S(X))
#define GELU_TANH_SLOPE(X)                                                                                             \
    (GELU_TANH_S(X) + (fabs(X) > 40 ? 0                                                                               \
                                    : GELU_TANH_S(X) * GELU_TANH_S(-(X)) * C(GELU_K) * (X) * (1 + C(0.134145) * (X) * (X))))
#define GELU_TANH_BELL(X) (GELU_TANH_S(X) * GELU_TANH_S(-(X)))

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
#define LOOP2(NAME, SUFFIX, TYPE, LOAD, RESULT, EXPR)                                                                  \
    static void NAME##_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)                         \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const T     *a = in[0], *b = in[1];                                                                           \
        RESULT      *o = out;                                                                                         \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const LOAD x = (LOAD)a[i], y = (LOAD)b[i];                                                                \
            o[i] = (RESULT)(EXPR);                                                                                    \
        }                                                                                                             \
    }
#define LOOP3(NAME, SUFFIX, TYPE, EXPR)                                                                                \
    static void NAME##_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)                         \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        const T     *a = in[0], *b = in[1], *d = in[2];                                                               \
        T           *o = out;                                                                                         \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                              \
            const T x = a[i], y = b[i], z = d[i];                                                                     \
            o[i] = (T)(EXPR);                                                                                         \
        }                                                                                                             \
    }

#define FLOATS1(NAME, EXPR)             LOOP1(NAME, f32, float, T, T, EXPR) LOOP1(NAME, f64, double, T, T, EXPR)
#define FLOATS2(NAME, EXPR)             LOOP2(NAME, f32, float, T, T, EXPR) LOOP2(NAME, f64, double, T, T, EXPR)
#define UNARY(NAME, EXPR, ...)          FLOATS1(NAME, EXPR)
#define UNARY_RING(NAME, EXPR, ...)     FLOATS1(NAME, EXPR)
#define UNARY_ORDERED(NAME, EXPR, ...)  FLOATS1(NAME, EXPR)
#define FLAT(NAME, EXPR)                FLOATS1(NAME, EXPR)
#define TEST(NAME, EXPR)                LOOP1(NAME, f32, float, T, uint8_t, EXPR) LOOP1(NAME, f64, double, T, uint8_t, EXPR)
#define BINARY(NAME, EXPR, ...)         FLOATS2(NAME, EXPR)
#define BINARY_RING(NAME, EXPR, ...)    FLOATS2(NAME, EXPR)
#define BINARY_ORDERED(NAME, EXPR, ...) FLOATS2(NAME, EXPR)
#define SCALED(NAME, EXPR, ...)         FLOATS2(NAME, EXPR)
#define SLOPE(NAME, EXPR, ...)          FLOATS2(NAME, EXPR)
#define COMPARE(NAME, EXPR)             LOOP2(NAME, f32, float, T, uint8_t, EXPR) LOOP2(NAME, f64, double, T, uint8_t, EXPR)
#define TERNARY(NAME, EXPR, ...)        LOOP3(NAME, f32, float, EXPR) LOOP3(NAME, f64, double, EXPR)
#include "table/pointwise.def"
#include "table/pointwise_undef.h"

/* ---- and for integers: NAME_i64 … -----------------------------------------------------------------------------------
 * Ring ops compute modulo 2^64 and cut off, the others in int64, which holds every value of every integer type. Of bools only what
 * stays a bool: comparisons, maximum (or), minimum (and). */

#undef ABS
#undef MAXIMUM
#undef MINIMUM
#define ABS(X)        ((X) < 0 ? (int64_t)(0 - (uint64_t)(X)) : (X))
#define MAXIMUM(X, Y) ((X) > (Y) ? (X) : (Y))
#define MINIMUM(X, Y) ((X) < (Y) ? (X) : (Y))

#define INTS(LOOP, NAME, LOAD, EXPR)                                                                                   \
    LOOP(NAME, i64, int64_t, LOAD, T, EXPR) LOOP(NAME, i32, int32_t, LOAD, T, EXPR) LOOP(NAME, u8, uint8_t, LOAD, T, EXPR)

#define UNARY(NAME, EXPR, ...)
#define UNARY_RING(NAME, EXPR, ...)    INTS(LOOP1, NAME, uint64_t, EXPR)
#define UNARY_ORDERED(NAME, EXPR, ...) INTS(LOOP1, NAME, int64_t, EXPR)
#define FLAT(NAME, EXPR)               INTS(LOOP1, NAME, int64_t, EXPR)
#define TEST(NAME, EXPR)
#define BINARY(NAME, EXPR, ...)
#define BINARY_RING(NAME, EXPR, ...)    INTS(LOOP2, NAME, uint64_t, EXPR)
#define BINARY_ORDERED(NAME, EXPR, ...) INTS(LOOP2, NAME, int64_t, EXPR) LOOP2(NAME, bool, uint8_t, int64_t, T, EXPR)
#define SCALED(NAME, EXPR, ...)
#define SLOPE(NAME, EXPR, ...)
#define COMPARE(NAME, EXPR)                                                                                            \
    LOOP2(NAME, i64, int64_t, T, uint8_t, EXPR)                                                                       \
    LOOP2(NAME, i32, int32_t, T, uint8_t, EXPR)                                                                       \
    LOOP2(NAME, u8, uint8_t, T, uint8_t, EXPR)                                                                        \
    LOOP2(NAME, bool, uint8_t, int64_t, T, EXPR)
#define TERNARY(NAME, EXPR, ...)
#include "table/pointwise.def"
#include "table/pointwise_undef.h"

LOOP1(logical_not, bool, uint8_t, T, T, !x)

#define LOOP_WHERE(SUFFIX, TYPE)                                                                                       \
    static void where_##SUFFIX(size_t n, void *out, const void *const *in, const void *attr)                          \
    {                                                                                                                 \
        const uint8_t *c = in[0];                                                                                     \
        const TYPE    *a = in[1], *b = in[2];                                                                         \
        TYPE          *o = out;                                                                                       \
        (void)attr;                                                                                                   \
        for (size_t i = 0; i < n; i++) o[i] = c[i] ? a[i] : b[i];                                                     \
    }
LOOP_WHERE(f32, float)
LOOP_WHERE(f64, double)
LOOP_WHERE(i64, int64_t)
LOOP_WHERE(i32, int32_t)
LOOP_WHERE(u8, uint8_t)

/* ---- the ops ---------------------------------------------------------------------------------------------------------- */

#define FLOATS(NAME)   [TG_F32] = NAME##_f32, [TG_F64] = NAME##_f64
#define NUMBERS(NAME)  FLOATS(NAME), [TG_I64] = NAME##_i64, [TG_I32] = NAME##_i32, [TG_U8] = NAME##_u8
#define ANYTHING(NAME) NUMBERS(NAME), [TG_BOOL] = NAME##_bool

#define OP(NAME, ARITY, VJP, NONDIFF, FLAGS, ...)                                                                      \
    const tg_op tg_op_##NAME = {.name    = #NAME,                                                                     \
                                .kind    = TG_POINTWISE,                                                              \
                                .arity   = ARITY,                                                                     \
                                .nondiff = NONDIFF,                                                                   \
                                .flags   = FLAGS,                                                                     \
                                .vjp     = VJP,                                                                       \
                                .loop    = {__VA_ARGS__}};
#define CALL1(NAME) \
    tg_tensor *tg_##NAME(tg_tensor *x) { return tg_record(&tg_op_##NAME, &x, 1, NULL, 0); }
#define CALL2(NAME) \
    tg_tensor *tg_##NAME(tg_tensor *x, tg_tensor *y) { return tg_record(&tg_op_##NAME, (tg_tensor *[]){x, y}, 2, NULL, 0); }
#define CALL3(NAME)                                                                                                    \
    tg_tensor *tg_##NAME(tg_tensor *x, tg_tensor *y, tg_tensor *z)                                                     \
    {                                                                                                                 \
        return tg_record(&tg_op_##NAME, (tg_tensor *[]){x, y, z}, 3, NULL, 0);                                        \
    }

#define STEP                                           (TG_OP_ZERO_GRAD | TG_OP_BOOL)
#define UNARY(NAME, EXPR, VJP, ...)                    OP(NAME, 1, VJP, 0, 0, FLOATS(NAME)) CALL1(NAME)
#define UNARY_RING(NAME, EXPR, VJP, ...)               OP(NAME, 1, VJP, 0, 0, NUMBERS(NAME)) CALL1(NAME)
#define UNARY_ORDERED(NAME, EXPR, VJP, ...)            OP(NAME, 1, VJP, 0, 0, NUMBERS(NAME)) CALL1(NAME)
#define FLAT(NAME, EXPR)                               OP(NAME, 1, NULL, 0, TG_OP_ZERO_GRAD, NUMBERS(NAME)) CALL1(NAME)
#define TEST(NAME, EXPR)                               OP(NAME, 1, NULL, 0, STEP, FLOATS(NAME)) CALL1(NAME)
#define BINARY(NAME, EXPR, VJP, NONDIFF, ...)          OP(NAME, 2, VJP, NONDIFF, 0, FLOATS(NAME)) CALL2(NAME)
#define BINARY_RING(NAME, EXPR, VJP, NONDIFF, ...)     OP(NAME, 2, VJP, NONDIFF, 0, NUMBERS(NAME)) CALL2(NAME)
#define BINARY_ORDERED(NAME, EXPR, VJP, NONDIFF, ...)  OP(NAME, 2, VJP, NONDIFF, 0, ANYTHING(NAME)) CALL2(NAME)
#define SCALED(NAME, EXPR, VJP, NONDIFF, ...)          OP(NAME, 2, VJP, NONDIFF, 0, FLOATS(NAME))
#define SLOPE(NAME, EXPR, VJP, ...)                    OP(NAME, 2, VJP, 2, 0, FLOATS(NAME)) CALL2(NAME)
#define COMPARE(NAME, EXPR)                            OP(NAME, 2, NULL, 0, STEP, ANYTHING(NAME)) CALL2(NAME)
#define TERNARY(NAME, EXPR, VJP, NONDIFF, ...)         OP(NAME, 3, VJP, NONDIFF, 0, FLOATS(NAME)) CALL3(NAME)
#include "table/pointwise.def"
#include "table/pointwise_undef.h"

OP(logical_not, 1, NULL, 0, STEP, [TG_BOOL] = logical_not_bool)
CALL1(logical_not)

/* The side not taken gets 0, whatever it holds. */
static tg_tensor *where_vjp(const tg_call *c, int i, tg_tensor *g)
{
    tg_tensor *zero = tg_number_like(g, 0, "tg_where");
    return i == 1 ? tg_where(c->in[0], g, zero) : tg_where(c->in[0], zero, g);
}
OP(where, 3, where_vjp, 1, TG_OP_SELECT, NUMBERS(where), [TG_BOOL] = where_u8)
CALL3(where)

/* ---- with a C number ---------------------------------------------------------------------------------------------------- */

tg_tensor *tg_number_like(tg_tensor *t, double value, const char *function)
{
    const tg_node *n = tg_check(t, function);
    return n ? tg_record_on(n->tape, &tg_op_const[n->dtype], NULL, 0, &value, sizeof value) : NULL;
}

tg_tensor *tg_add_s(tg_tensor *a, double s) { return tg_add(a, tg_number_like(a, s, "tg_add_s")); }
tg_tensor *tg_sub_s(tg_tensor *a, double s) { return tg_sub(a, tg_number_like(a, s, "tg_sub_s")); }
tg_tensor *tg_mul_s(tg_tensor *a, double s) { return tg_mul(a, tg_number_like(a, s, "tg_mul_s")); }
tg_tensor *tg_div_s(tg_tensor *a, double s) { return tg_div(a, tg_number_like(a, s, "tg_div_s")); }
tg_tensor *tg_rsub_s(double s, tg_tensor *a) { return tg_sub(tg_number_like(a, s, "tg_rsub_s"), a); }
tg_tensor *tg_rdiv_s(double s, tg_tensor *a) { return tg_div(tg_number_like(a, s, "tg_rdiv_s"), a); }

tg_tensor *tg_pow_s(tg_tensor *a, double s)
{
    if (s == 2) return tg_square(a);
    if (s == 0.5) return tg_pow_half(a);
    if (s == 1) return tg_check(a, "tg_pow_s") ? tg_view_of(a) : NULL;
    if (s == 0) return tg_pow_zero(a);
    if (s == -1) return tg_reciprocal(a);
    return tg_pow(a, tg_number_like(a, s, "tg_pow_s"));
}

tg_tensor *tg_leaky_relu(tg_tensor *x, double slope)
{
    tg_tensor *s = tg_number_like(x, slope, "tg_leaky_relu");
    return tg_record(&tg_op_leaky_relu, (tg_tensor *[]){x, s}, 2, NULL, 0);
}

/* ---- the intervals of the gradient tests -------------------------------------------------------------------------------- */

typedef struct domain {
    const tg_op *op;
    double       lo0, hi0, lo1, hi1, lo2, hi2;
} domain;

static const domain domains[] = {
#define UNARY(NAME, EXPR, VJP, ...)                   {&tg_op_##NAME, __VA_ARGS__, 0, 0, 0, 0},
#define UNARY_RING(NAME, EXPR, VJP, ...)              UNARY(NAME, EXPR, VJP, __VA_ARGS__)
#define UNARY_ORDERED(NAME, EXPR, VJP, ...)           UNARY(NAME, EXPR, VJP, __VA_ARGS__)
#define FLAT(NAME, EXPR)
#define TEST(NAME, EXPR)
#define BINARY(NAME, EXPR, VJP, NONDIFF, ...)         {&tg_op_##NAME, __VA_ARGS__, 0, 0},
#define BINARY_RING(NAME, EXPR, VJP, NONDIFF, ...)    BINARY(NAME, EXPR, VJP, NONDIFF, __VA_ARGS__)
#define BINARY_ORDERED(NAME, EXPR, VJP, NONDIFF, ...) BINARY(NAME, EXPR, VJP, NONDIFF, __VA_ARGS__)
#define SCALED(NAME, EXPR, VJP, NONDIFF, ...)         BINARY(NAME, EXPR, VJP, NONDIFF, __VA_ARGS__)
#define SLOPE(NAME, EXPR, VJP, OF, ...)               {&tg_op_##NAME, __VA_ARGS__, 0, 0, 0, 0},
#define COMPARE(NAME, EXPR)
#define TERNARY(NAME, EXPR, VJP, NONDIFF, ...)        {&tg_op_##NAME, __VA_ARGS__},
#include "table/pointwise.def"
#include "table/pointwise_undef.h"
    {&tg_op_where, 0, 1, -2, 2, -2, 2},
};

bool tg_pointwise_domain(const tg_op *op, double lo[3], double hi[3])
{
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++) {
        const domain *d = &domains[i];
        if (d->op != op) continue;
        lo[0] = d->lo0, lo[1] = d->lo1, lo[2] = d->lo2;
        hi[0] = d->hi0, hi[1] = d->hi1, hi[2] = d->hi2;
        return true;
    }
    return false;
}

const tg_op *tg_slope_of(const tg_op *op)
{
#define ROW(NAME, ...)
#define UNARY          ROW
#define UNARY_RING     ROW
#define UNARY_ORDERED  ROW
#define FLAT           ROW
#define TEST           ROW
#define BINARY         ROW
#define BINARY_RING    ROW
#define BINARY_ORDERED ROW
#define SCALED         ROW
#define COMPARE        ROW
#define TERNARY        ROW
#define SLOPE(NAME, EXPR, VJP, OF, ...) \
    if (op == &tg_op_##NAME) return &tg_op_##OF;
#include "table/pointwise.def"
#include "table/pointwise_undef.h"
    return NULL;
}
