/* vmath.h - exp, log, tanh and their kin for one float type, as straight code that compilers turn into vectors: no branches, no calls, no
 * tables, only selects. Included twice by loops.h, with T, U (the unsigned of T's size), F(name), C(number), FMA and, as numbers:
 * MANTISSA (its bits), BIAS, SMALLEST (normal), EXP_MAX (e^EXP_MAX overflows), EXP_MIN (e^EXP_MIN is 0), LN2_HI (n LN2_HI is exact for
 * every exponent n), LN2_LO, SQRT_HALF_BITS, TANH_MAX (tanh is 1 beyond). Type by type, further down: F(exp_q)(r), which is
 * (e^r - 1 - r)/r^2; F(log_of)(f, e) = ln(1 + f) + e ln 2; F(exponent)(u), u's upper bits as a signed number. */

static inline T F(exp_q)(T r);
static inline T F(log_of)(T f, T e);
static inline T F(exponent)(U u);

static inline U F(bits)(T x)
{
    U u;
    memcpy(&u, &x, sizeof u);
    return u;
}
static inline T F(number)(U u)
{
    T x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* 1.5 2^MANTISSA: adding it rounds to an integer, which then stands in the low bits */
#define ROUNDER ((T)(3 * ((U)1 << (MANTISSA - 1))))

/* e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2. 2^n is applied in two halves, so that results may overflow or be subnormal.
 * The 2 BIAS in the low bits makes both halves exponents as they stand. */
static inline T F(exp)(T x)
{
    T c = x > C(EXP_MAX) ? C(EXP_MAX) : x;
    c   = c < C(EXP_MIN) ? C(EXP_MIN) : c;
    const T magic = ROUNDER + 2 * BIAS;
    const T t     = FMA(c, C(1.4426950408889634), magic);
    const T n     = t - magic;
    const T r     = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), c));
    const T p     = FMA(r, FMA(r, F(exp_q)(r), 1), 1);
    const U b     = F(bits)(t), half = b >> 1;
    return p * F(number)(half << MANTISSA) * F(number)((b - half) << MANTISSA);
}

/* u = bits of m 2^e, m in [sqrt(1/2), sqrt 2), less those of sqrt(1/2): the upper bits are e, the lower m's */
static inline T F(fraction)(U u) { return F(number)((u & (((U)1 << MANTISSA) - 1)) + SQRT_HALF_BITS); }

/* ln x = e ln 2 + ln m */
static inline T F(log)(T x)
{
    const int tiny = x < C(SMALLEST);
    const T   xs   = tiny ? x * C((U)1 << MANTISSA) : x;
    const U   u    = F(bits)(xs) - SQRT_HALF_BITS;
    const T   e    = F(exponent)(u) - (tiny ? C(MANTISSA) : 0);
    const T   y    = F(log_of)(F(fraction)(u) - 1, e);
    const T   end  = x == 0 ? C(-INFINITY) : x < 0 ? C(NAN) : x; /* of NaN and inf: itself */
    return x > 0 && x < C(INFINITY) ? y : end;
}

/* ln(1 + x): e and m of u = 1 + x as above, but the fraction from x itself: f = 2^-e x + (2^-e - 1). Where e is large u is as good. */
static inline T F(log1p)(T x)
{
    const U u    = F(bits)(1 + x) - SQRT_HALF_BITS;
    const T e    = F(exponent)(u);
    const T s    = F(number)(((U)BIAS << MANTISSA) - (u & ~(((U)1 << MANTISSA) - 1)));
    const T f    = e > MANTISSA + 1 ? F(fraction)(u) - 1 : FMA(x, s, s - 1);
    const T y    = F(log_of)(f, e);
    const T end  = x == -1 ? C(-INFINITY) : x < -1 ? C(NAN) : x;
    return x > -1 && x < C(INFINITY) ? y : end;
}

/* tanh |x| = -E / (E + 2), E = e^(-2|x|) - 1 = 2^n (e^r - 1) + (2^n - 1) */
static inline T F(tanh)(T x)
{
    const T a     = F(number)(F(bits)(x) & ~F(bits)(C(-0.0)));
    const T c     = -2 * (a > C(TANH_MAX) ? C(TANH_MAX) : a);
    const T magic = ROUNDER + BIAS;
    const T t     = FMA(c, C(1.4426950408889634), magic);
    const T n     = t - magic;
    const T r     = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), c));
    const T p     = FMA(r * r, F(exp_q)(r), r);
    const T s     = F(number)(F(bits)(t) << MANTISSA);
    const T E     = FMA(s, p, s - 1);
    const T y     = E / (E + 2); /* <= 0 */
    return F(number)((F(bits)(y) & ~F(bits)(C(-0.0))) | (F(bits)(x) & F(bits)(C(-0.0))));
}

/* With e = e^-|x|, which never overflows: 1/(1+e) on the right, e/(1+e) on the left */
static inline T F(sigmoid)(T x)
{
    const T e = F(exp)(x > 0 ? -x : x), r = 1 / (1 + e);
    return x < 0 ? e * r : r;
}

/* max(x, 0) + ln(1 + e^-|x|) */
static inline T F(softplus)(T x) { return (x > 0 ? x : 0) + F(log1p)(F(exp)(x > 0 ? -x : x)); }

/* x sigmoid(v), v = k x (1 + a x^2), k = 2 sqrt(2/pi); its slope is s + x s (1-s) k (1 + 3 a x^2). At 40 all is as at infinity. */
static inline T F(gelu_tanh)(T x)
{
    const T c = x < -40 ? -40 : x;
    return c * F(sigmoid)(C(1.5957691216057308) * c * FMA(c * c, C(0.044715), 1));
}
static inline T F(gelu_tanh_slope)(T x)
{
    T c = x > 40 ? 40 : x;
    c   = c < -40 ? -40 : c;
    const T v = C(1.5957691216057308) * c * FMA(c * c, C(0.044715), 1);
    const T e = F(exp)(v > 0 ? -v : v), r = 1 / (1 + e);
    const T w = e * r * r * c * C(1.5957691216057308) * FMA(c * c, C(0.134145), 1);
    return (v < 0 ? e * r : r) + w;
}
#undef ROUNDER
