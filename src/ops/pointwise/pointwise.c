/* pointwise.c - the pointwise ops: reference loops, tg_op constants and public functions, all made from the rows of pointwise.def.
 * Here the vocabulary of the rows means libm: what these loops compute is what the vector loops are measured against. */
#include "ops/ops.h"

#include <tapegrad/pointwise.h>
#include <tgmath.h>

#include "table/rows.h"
#include "ops/pointwise/pointwise_rules.h"

/* ---- the vocabulary; T is the type of the loop at hand ------------------------------------------------------------- */

#define C(V)          ((T)(V))
#define EXP(X)        exp(X)
#define LOG(X)        log(X)
#define LOG1P(X)      log1p(X)
#define SIN(X)        sin(X)
#define COS(X)        cos(X)
#define TANH(X)       tanh(X)
#define ERF(X)        erf(X)
#define EXP2(X)       exp2(X)
#define EXPM1(X)      expm1(X)
#define LOG2(X)       log2(X)
#define LOG10(X)      log10(X)
#define CBRT(X)       cbrt(X)
#define TAN(X)        tan(X)
#define ASIN(X)       asin(X)
#define ACOS(X)       acos(X)
#define ATAN(X)       atan(X)
#define SINH(X)       sinh(X)
#define COSH(X)       cosh(X)
#define ASINH(X)      asinh(X)
#define ACOSH(X)      acosh(X)
#define ATANH(X)      atanh(X)
#define EXP10(X)      pow(10, X)
#define ATAN2(X, Y)   atan2(X, Y)
#define HYPOT(X, Y)   hypot(X, Y)
#define COPYSIGN(X, Y) copysign(X, Y)
#define POW(X, Y)     pow(X, Y)
#define SQRT(X)       sqrt(X)
#define ABS(X)        fabs(X)
#define FMOD(X, Y)    fmod(X, Y)
#define FLOOR(X)      floor(X)
#define CEIL(X)       ceil(X)
#define ROUND(X)      rint(X)
#define TRUNC(X)      trunc(X)
#define LEANS(M, Y)   ((M) != 0 && ((M) < 0) != ((Y) < 0))
#define FLOORED(X, Y, M) PART3(floored, X, Y, M)
#define ZMUL(G, S)    ((G) == 0 ? 0 : (G) * (S))
#define ZDIV(G, S)    ((G) == 0 ? 0 : (G) / (S))
#define MAXIMUM(X, Y) ((X) > (Y) || (X) != (X) ? (X) : (Y))
#define MINIMUM(X, Y) ((X) < (Y) || (X) != (X) ? (X) : (Y))

#define SIGMOID(X)  ((X) >= 0 ? 1 / (1 + exp(-(X))) : exp(X) / (1 + exp(X)))
#define SOFTPLUS(X) ((X) != (X) ? (X) : ((X) > 0 ? (X) : 0) + log1p(exp(-fabs(X))))

/* ln(x / (1 - x)) by the side on which neither factor cancels; ln(e^x + e^y), also of two equal infinities */
#define LOGIT(X)                                                                                                       \
    ((X) < C(0.25)  ? log(X) - log1p(-(X))                                                                            \
     : (X) < C(0.5) ? -log1p((1 - 2 * (X)) / (X))                                                                     \
                    : log1p((2 * (X) - 1) / (1 - (X))))
#define LOGADDEXP(X, Y) ((X) == (Y) ? (X) + C(0.6931471805599453) : ((X) > (Y) ? (X) : (Y)) + log1p(exp(-fabs((X) - (Y)))))

#define PART(NAME, X)      _Generic((X), float: NAME##_f32, default: NAME##_f64)(X)
#define PART2(NAME, X, Y)  _Generic((X), float: NAME##_f32, default: NAME##_f64)(X, Y)
#define PART3(NAME, X, Y, Z) _Generic((X), float: NAME##_f32, default: NAME##_f64)(X, Y, Z)

/* sinc and its slope: near 0 a power series in w = (pi x)^2, whose terms are (-1)^k w^k 6 (k + 1) / (2 k + 3)! */
#define SINC_PARTS(SUFFIX, TYPE)                                                                                          \
    static TYPE sinpi_##SUFFIX(TYPE x, bool turn)                                                                     \
    {                                                                                                                 \
        const TYPE n = rint(x), r = (TYPE)3.141592653589793 * (x - n), y = turn ? cos(r) : sin(r);                    \
        return fmod(n, (TYPE)2) == 0 ? y : -y;                                                                        \
    }                                                                                                                 \
    static TYPE sinc_##SUFFIX##_of(TYPE x) { return x == 0 ? 1 : sinpi_##SUFFIX(x, false) / ((TYPE)3.141592653589793 * x); } \
    static TYPE sinc_slope_##SUFFIX##_of(TYPE x)                                                                      \
    {                                                                                                                 \
        const TYPE w = (TYPE)9.869604401089358 * x * x;                                                               \
        TYPE       term = 1, sum = 1;                                                                                 \
        if (!(fabs(x) <= (TYPE)0.5)) return (sinpi_##SUFFIX(x, true) - sinc_##SUFFIX##_of(x)) / x;                    \
        for (int k = 1; k < 12; k++) sum += term *= -w / (TYPE)(2 * k * (2 * k + 3));                                 \
        return (TYPE)-3.289868133696453 * x * sum;                                                                    \
    }
SINC_PARTS(f32, float)
SINC_PARTS(f64, double)
#define SINC(X)       _Generic((X), float: sinc_f32_of, default: sinc_f64_of)(X)
#define SINC_SLOPE(X) _Generic((X), float: sinc_slope_f32_of, default: sinc_slope_f64_of)(X)

/* Zero has the sign of the quotient. */
#define FLOORED_PARTS(SUFFIX, TYPE)                                                                                       \
    static TYPE floored_##SUFFIX(TYPE x, TYPE y, TYPE m)                                                              \
    {                                                                                                                 \
        const TYPE q = x / y, whole = rint((x - m) / y) - LEANS(m, y);                                                \
        return y == 0 ? q : whole == 0 ? copysign(whole, q) : whole;                                                  \
    }
FLOORED_PARTS(f32, float)
FLOORED_PARTS(f64, double)

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

#undef ABS
#undef MAXIMUM
#undef MINIMUM
#define ABS(X)        ((X) < 0 ? (int64_t)(0 - (uint64_t)(X)) : (X))
#define MAXIMUM(X, Y) ((X) > (Y) ? (X) : (Y))
#define MINIMUM(X, Y) ((X) < (Y) ? (X) : (Y))
#undef FLOOR
#undef CEIL
#undef ROUND
#undef TRUNC
#undef FMOD
#undef FLOORED
#define FLOOR(X) (X)
#define CEIL(X)  (X)
#define ROUND(X) (X)
#define TRUNC(X) (X)

/* Of a divisor 0, which is an error before its result is read, and of -1, for which the CPU has no quotient of the lowest number. */
#define FMOD(X, Y)       ((Y) == 0 || (Y) == -1 ? 0 : (X) % (Y))
#define FLOORED(X, Y, M) ((Y) == 0 ? 0 : (Y) == -1 ? (int64_t)(0 - (uint64_t)(X)) : ((X) - (M)) / (Y) - LEANS(M, Y))

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
