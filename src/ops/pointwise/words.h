/* words.h - the vocabulary of pointwise.def by libm. Who includes it defines what stands for a type T, that of the loop at hand,
 *
 *   C(number)                a number of type T
 *   LIBM(f)                  the function f of libm for T
 *   PART(name, x), PART2, PART3 (with so many arguments)   a call of one of the functions that the …_PARTS below make, for T
 *
 * and expands the …_PARTS for f32 and f64. There are two: the reference loops (pointwise.c), and files in C, which say in text what these
 * loops compute (export/c_formulas.c). */

#define EXP(X) LIBM(exp)(X)
#define LOG(X) LIBM(log)(X)
#define LOG1P(X) LIBM(log1p)(X)
#define SIN(X) LIBM(sin)(X)
#define COS(X) LIBM(cos)(X)
#define TANH(X) LIBM(tanh)(X)
#define ERF(X) LIBM(erf)(X)
#define EXP2(X) LIBM(exp2)(X)
#define EXPM1(X) LIBM(expm1)(X)
#define LOG2(X) LIBM(log2)(X)
#define LOG10(X) LIBM(log10)(X)
#define CBRT(X) LIBM(cbrt)(X)
#define TAN(X) LIBM(tan)(X)
#define ASIN(X) LIBM(asin)(X)
#define ACOS(X) LIBM(acos)(X)
#define ATAN(X) LIBM(atan)(X)
#define SINH(X) LIBM(sinh)(X)
#define COSH(X) LIBM(cosh)(X)
#define ASINH(X) LIBM(asinh)(X)
#define ACOSH(X) LIBM(acosh)(X)
#define ATANH(X) LIBM(atanh)(X)
#define EXP10(X)      pow(10, X)
#define ATAN2(X, Y) LIBM(atan2)(X, Y)
#define HYPOT(X, Y) LIBM(hypot)(X, Y)
#define COPYSIGN(X, Y) LIBM(copysign)(X, Y)
#define POW(X, Y) LIBM(pow)(X, Y)
#define SQRT(X) LIBM(sqrt)(X)
#define ABS(X) LIBM(fabs)(X)
#define FMOD(X, Y) LIBM(fmod)(X, Y)
#define FLOOR(X) LIBM(floor)(X)
#define CEIL(X) LIBM(ceil)(X)
#define ROUND(X) LIBM(rint)(X)
#define TRUNC(X) LIBM(trunc)(X)
#define LEANS(M, Y)   ((M) != 0 && ((M) < 0) != ((Y) < 0))
#define FLOORED(X, Y, M) PART3(floored, X, Y, M)
#define ZMUL(G, S)    ((G) == 0 ? 0 : (G) * (S))
#define ZDIV(G, S)    ((G) == 0 ? 0 : (G) / (S))
#define MAXIMUM(X, Y) ((X) > (Y) || (X) != (X) ? (X) : (Y))
#define MINIMUM(X, Y) ((X) < (Y) || (X) != (X) ? (X) : (Y))

#define SIGMOID(X)  ((X) >= 0 ? 1 / (1 + EXP(-(X))) : EXP(X) / (1 + EXP(X)))
#define SOFTPLUS(X) ((X) != (X) ? (X) : ((X) > 0 ? (X) : 0) + LOG1P(EXP(-ABS(X))))

/* ln(x / (1 - x)) by the side on which neither factor cancels; ln(e^x + e^y), also of two equal infinities */
#define LOGIT(X)                                                                                                      \
    ((X) < C(0.25)  ? LOG(X) - LOG1P(-(X))                                                                            \
     : (X) < C(0.5) ? -LOG1P((1 - 2 * (X)) / (X))                                                                     \
                    : LOG1P((2 * (X) - 1) / (1 - (X))))
#define LOGADDEXP(X, Y) ((X) == (Y) ? (X) + C(0.6931471805599453) : ((X) > (Y) ? (X) : (Y)) + LOG1P(EXP(-ABS((X) - (Y)))))

/* sinc and its slope: near 0 a power series in w = (pi x)^2, whose terms are (-1)^k w^k 6 (k + 1) / (2 k + 3)! */
#define SINC_PARTS(SUFFIX, TYPE)                                                                                      \
    static TYPE sinpi_##SUFFIX(TYPE x, int turn)                                                                      \
    {                                                                                                                 \
        const TYPE n = ROUND(x), r = (TYPE)3.141592653589793 * (x - n), y = turn ? COS(r) : SIN(r);                   \
        return FMOD(n, (TYPE)2) == 0 ? y : -y;                                                                        \
    }                                                                                                                 \
    static TYPE sinc_of_##SUFFIX(TYPE x) { return x == 0 ? 1 : sinpi_##SUFFIX(x, 0) / ((TYPE)3.141592653589793 * x); } \
    static TYPE sinc_slope_of_##SUFFIX(TYPE x)                                                                        \
    {                                                                                                                 \
        const TYPE w = (TYPE)9.869604401089358 * x * x;                                                               \
        TYPE       term = 1, sum = 1;                                                                                 \
        if (!(ABS(x) <= (TYPE)0.5)) return (sinpi_##SUFFIX(x, 1) - sinc_of_##SUFFIX(x)) / x;                          \
        for (int k = 1; k < 12; k++) sum += term *= -w / (TYPE)(2 * k * (2 * k + 3));                                 \
        return (TYPE)-3.289868133696453 * x * sum;                                                                    \
    }
#define SINC(X)       PART(sinc_of, X)
#define SINC_SLOPE(X) PART(sinc_slope_of, X)

/* Zero has the sign of the quotient. */
#define FLOORED_PARTS(SUFFIX, TYPE)                                                                                   \
    static TYPE floored_##SUFFIX(TYPE x, TYPE y, TYPE m)                                                              \
    {                                                                                                                 \
        const TYPE q = x / y, whole = ROUND((x - m) / y) - LEANS(m, y);                                               \
        return y == 0 ? q : whole == 0 ? COPYSIGN(whole, q) : whole;                                                  \
    }

/* Slopes of tanh and sigmoid by their result or, where that has come too near to 1, by their argument. */
#define TANH_SLOPE(X, Y)    (ABS(Y) > C(TG_SLOPE_NEAR) ? PART2(far_slope, ABS(X), 2) : (1 - (Y)) * (1 + (Y)))
#define SIGMOID_SLOPE(X, Y) ((Y) > C(TG_SLOPE_NEAR) ? PART2(far_slope, ABS(X) / 2, 1) : (Y) * (1 - (Y)))
#define SIGMOID_SUB(X, Y)   ((X) > 0 ? (1 - (Y)) - SIGMOID(-(X)) : SIGMOID(X) - (Y))

/* far_slope: (scale s)^2/(1 + s^2)^2, s = e^-h. Then x sigmoid(x), and its slope (1 + e - a) e/(1+e)^2 at x = -a, e = e^-a. Powers are
 * squares, for e would be subnormal before the product is. And x tanh(ln(1 + e^x)) by e = e^-|x|, likewise. */
#define SIGMOID_PARTS(SUFFIX, TYPE)                                                                                   \
    static TYPE far_slope_##SUFFIX(TYPE h, TYPE scale)                                                                \
    {                                                                                                                 \
        const TYPE s = EXP(-h), d = 1 + s * s;                                                                        \
        return scale * s * (scale * s) / (d * d);                                                                     \
    }                                                                                                                 \
    static TYPE x_sigmoid_##SUFFIX(TYPE x)                                                                            \
    {                                                                                                                 \
        if (x >= 0) return x / (1 + EXP(-x));                                                                         \
        return x < -1000 ? (TYPE)-0.0 : x * EXP(x / 2) * EXP(x / 2) / (1 + EXP(x));                                   \
    }                                                                                                                 \
    static TYPE x_sigmoid_slope_##SUFFIX(TYPE x)                                                                      \
    {                                                                                                                 \
        const TYPE a = ABS(x), e = EXP(-a);                                                                           \
        const TYPE w = a > 1000 ? 0 : (1 + e - a) * EXP(-a / 2) * EXP(-a / 2) / ((1 + e) * (1 + e));                  \
        return x < 0 ? w : 1 - w;                                                                                     \
    }                                                                                                                 \
    static TYPE mish_of_##SUFFIX(TYPE x)                                                                              \
    {                                                                                                                 \
        const TYPE e = EXP(-ABS(x)), left = (2 + e) / (2 + e * (2 + e));                                              \
        if (x >= 0) return x * ((1 + 2 * e) / (1 + 2 * e * (1 + e)));                                                 \
        return x < -1000 ? (TYPE)-0.0 : x * EXP(x / 2) * left * EXP(x / 2);                                           \
    }
#define SILU(X)       PART(x_sigmoid, X)
#define SILU_SLOPE(X) PART(x_sigmoid_slope, X)
#define MISH(X)       PART(mish_of, X)

/* The parts of gelu for one type. Exponents here are as large as 10^3: they are carried with their rounding errors, as are the constants,
 * of which LEFT is what the type leaves out: of a double V itself, and LOW, of V written out in full. Beyond 40 all is as at infinity.
 * bell, square_bell: e^(-x^2/2) and e^(-x^2), by an h near x whose square is exact.
 * phi: erfc(-x/sqrt 2)/2, without cancellation on the left. erfc(t + dt) is erfc t - 2/sqrt(pi) dt e^(-t^2).
 * power: e^-v, v = k x (1 + a x^2), k = 2 sqrt(2/pi), a = 0.044715. */
#define LEFT(TYPE, V, LOW) ((TYPE)(((V) - (double)(TYPE)(V)) + (LOW)))
#define GELU_PARTS(SUFFIX, TYPE)                                                                                      \
    static TYPE bell_##SUFFIX(TYPE x)                                                                                 \
    {                                                                                                                 \
        const TYPE h = FLOOR(16 * x) / 16;                                                                            \
        return ABS(x) > 40 ? 0 : EXP(-h * h / 2) * EXP((h - x) * (h + x) / 2);                                        \
    }                                                                                                                 \
    static TYPE square_bell_##SUFFIX(TYPE x)                                                                          \
    {                                                                                                                 \
        const TYPE h = FLOOR(16 * x) / 16;                                                                            \
        return ABS(x) > 40 ? 0 : EXP(-h * h) * EXP((h - x) * (h + x));                                                \
    }                                                                                                                 \
    static TYPE phi_##SUFFIX(TYPE x)                                                                                  \
    {                                                                                                                 \
        const TYPE c = (TYPE)ROOT_HALF, t = -c * x, dt = LIBM(fma)(-c, x, -t) - x * LEFT(TYPE, ROOT_HALF, ROOT_HALF_LOW); \
        if (ABS(x) > 40) return x > 0;                                                                                \
        return LIBM(erfc)(t) / 2 - (TYPE)0.5641895835477563 * dt * bell_##SUFFIX(x);                                  \
    }                                                                                                                 \
    static TYPE power_##SUFFIX(TYPE x)                                                                                \
    {                                                                                                                 \
        const TYPE a = (TYPE)GELU_A, k = (TYPE)GELU_K, z = x * x, w = a * z, q = 1 + w, u = x * q, v = k * u;      \
        const TYPE dw = LIBM(fma)(a, z, -w) + a * LIBM(fma)(x, x, -z) + LEFT(TYPE, GELU_A, GELU_A_LOW) * z, dq = w - (q - 1) + dw; \
        const TYPE du = LIBM(fma)(x, q, -u) + x * dq, dv = LIBM(fma)(k, u, -v) + k * du + LEFT(TYPE, GELU_K, GELU_K_LOW) * u; \
        if (ABS(x) > 40) return x > 0 ? 0 : (TYPE)INFINITY;                                                           \
        return EXP(-v) * (1 - dv);                                                                                    \
    }
#define ROOT_HALF     0.7071067811865476
#define ROOT_HALF_LOW (-4.83365e-17)
#define GELU_A        0.044715
#define GELU_A_LOW    (2.19602e-18)
#define GELU_K        1.5957691216057308
#define GELU_K_LOW    (-9.96931e-17)

/* At -inf the product must not be NaN. */
#define GELU(X)      ((X) < -40 ? C(-0.0) : (X) * PART(phi, X))
#define DENSITY(X)   (C(0.3989422804014327) * PART(bell, X))
#define ERF_SLOPE(X) (C(1.1283791670955126) * PART(square_bell, X))
#define PHI_SLOPE(X) (PART(phi, X) + (ABS(X) > 40 ? 0 : (X) * C(0.39894228040143268) * PART(bell, X)))

/* (1 + tanh u)/2 = sigmoid(2u) = 1/(1 + e^-v); the slope of x times it is s + x s (1-s) k (1 + 3 a x^2) */
#define GELU_TANH_S(X)  (1 / (1 + PART(power, X)))
#define GELU_TANH(X)    ((X) < -40 ? C(-0.0) : (X) * GELU_TANH_S(X))
#define GELU_TANH_SLOPE(X)                                                                                            \
    (GELU_TANH_S(X) + (ABS(X) > 40 ? 0                                                                                \
                                    : GELU_TANH_S(X) * GELU_TANH_S(-(X)) * C(GELU_K) * (X) * (1 + C(0.134145) * (X) * (X))))
#define GELU_TANH_BELL(X) (GELU_TANH_S(X) * GELU_TANH_S(-(X)))
