/* vmath.h - exp, log, tanh and their kin for one float type, as straight code that compilers turn into vectors: no branches, no calls, no
 * tables, only selects. Included twice by loops.h, with T, U (the unsigned of T's size), F(name), C(number), FMA and, as numbers:
 * MANTISSA (its bits), BIAS, SMALLEST (normal), EXP_MAX (e^EXP_MAX overflows), EXP_MIN (e^EXP_MIN is 0), LN2_HI (n LN2_HI is exact for
 * every exponent n), LN2_LO, SQRT_HALF_BITS, TANH_MAX (tanh is 1 beyond). Type by type, further down: F(exp_q)(r), which is
 * (e^r - 1 - r)/r^2; F(log_of)(f, e) = ln(1 + f) + e ln 2; F(exponent)(u), u's upper bits as a signed number. */

INLINE T F(exp_q)(T r);
INLINE T F(log_of)(T f, T e);
INLINE T F(exponent)(U u);

INLINE U F(bits)(T x)
{
    U u;
    memcpy(&u, &x, sizeof u);
    return u;
}
INLINE T F(number)(U u)
{
    T x;
    memcpy(&x, &u, sizeof x);
    return x;
}

/* 1.5 2^MANTISSA: adding it rounds to an integer, which then stands in the low bits */
#define ROUNDER ((T)(3 * ((U)1 << (MANTISSA - 1))))

/* e^x = 2^n e^r, n = round(x / ln 2), |r| <= ln 2 / 2. 2^n is applied in two halves, so that results may overflow or be subnormal.
 * The 2 BIAS in the low bits makes both halves exponents as they stand. Where the result is 0 it is selected and not computed: an
 * underflow is a microcode assist, ten times as slow. */
INLINE T F(exp_below)(T x) /* x <= EXP_MAX */
{
    const int none  = x < C(EXP_MIN);
    const T   c     = none ? 0 : x;
    const T   magic = ROUNDER + 2 * BIAS;
    const T   t     = FMA(c, C(1.4426950408889634), magic);
    const T   n     = t - magic;
    const T   r     = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), c));
    const T   p     = FMA(r, FMA(r, F(exp_q)(r), 1), 1);
    const U   b     = F(bits)(t), half = b >> 1;
    const T   y     = p * F(number)(half << MANTISSA) * F(number)((b - half) << MANTISSA);
    return none ? 0 : y;
}
INLINE T F(exp)(T x)
{
    const T y = F(exp_below)(x);
    return x > C(EXP_MAX) ? C(INFINITY) : y;
}

/* |x| and -|x| by the sign bit, which leaves nothing for a compiler to branch on */
INLINE T F(magnitude)(T x) { return F(number)(F(bits)(x) & ~F(bits)(C(-0.0))); }
INLINE T F(negative)(T x) { return F(number)(F(bits)(x) | F(bits)(C(-0.0))); }

/* u = bits of m 2^e, m in [sqrt(1/2), sqrt 2), less those of sqrt(1/2): the upper bits are e, the lower m's */
INLINE T F(fraction)(U u) { return F(number)((u & (((U)1 << MANTISSA) - 1)) + SQRT_HALF_BITS); }

/* ln x = e ln 2 + ln m. inf, NaN and all below 0 have the highest bits: x inf + inf is inf, NaN and NaN for them. */
INLINE T F(log)(T x)
{
    const int tiny = x < C(SMALLEST);
    const T   xs   = tiny ? x * C((U)1 << MANTISSA) : x;
    const U   u    = F(bits)(xs) - SQRT_HALF_BITS;
    const T   e    = F(exponent)(u) - (tiny ? C(MANTISSA) : 0);
    const T   y    = F(log_of)(F(fraction)(u) - 1, e), end = x * C(INFINITY) + C(INFINITY);
    const T   z    = F(bits)(x) >= F(bits)(C(INFINITY)) ? end : y;
    return x == 0 ? C(-INFINITY) : z;
}

/* ln(1 + x): e and m of v = 1 + x as above, but the fraction from x itself: f = 2^-e x + (2^-e - 1). Where e is large v is as good. */
INLINE T F(log1p)(T x)
{
    const T v = 1 + x;
    const U u = F(bits)(v) - SQRT_HALF_BITS;
    const T e = F(exponent)(u);
    const T s = F(number)(((U)BIAS << MANTISSA) - (u & ~(((U)1 << MANTISSA) - 1)));
    const T m = F(fraction)(u) - 1, near = FMA(x, s, s - 1), f = e > MANTISSA + 1 ? m : near;
    const T y = F(log_of)(f, e), end = v * C(INFINITY) + C(INFINITY);
    const T z = F(bits)(v) >= F(bits)(C(INFINITY)) ? end : y;
    return v == 0 ? C(-INFINITY) : z;
}

/* tanh |x| = -E / (E + 2), E = e^(-2|x|) - 1 = 2^n (e^r - 1) + (2^n - 1) */
INLINE T F(tanh)(T x)
{
    const T a     = F(magnitude)(x);
    const T c     = -2 * (a > C(TANH_MAX) ? C(TANH_MAX) : a);
    const T magic = ROUNDER + BIAS;
    const T t     = FMA(c, C(1.4426950408889634), magic);
    const T n     = t - magic;
    const T r     = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), c));
    const T p     = FMA(r * r, F(exp_q)(r), r);
    const T s     = F(number)(F(bits)(t) << MANTISSA);
    const T E     = FMA(s, p, s - 1);
    const T y     = E / (E + 2); /* <= 0 */
    return F(number)(F(bits)(F(magnitude)(y)) | (F(bits)(x) & F(bits)(C(-0.0))));
}

/* With e = e^-|x|, which never overflows: 1/(1+e) on the right, e/(1+e) on the left */
INLINE T F(sigmoid)(T x)
{
    const T e = F(exp_below)(F(negative)(x)), top = x < 0 ? e : 1;
    return top / (1 + e);
}

/* max(x, 0) + ln(1 + e^-|x|) */
INLINE T F(softplus)(T x)
{
    const T l = F(log1p)(F(exp_below)(F(negative)(x)));
    return (x > 0 ? x : 0) + l;
}

/* (x sigmoid(v))' = s + x s (1-s) k (1 + 3 a x^2), v = k x (1 + a x^2), k = 2 sqrt(2/pi). Beyond 40 it is as at infinity. */
INLINE T F(gelu_tanh_slope)(T x)
{
    const T b = F(magnitude)(x), a = b > 40 ? 40 : b, z = a * a;
    const T e = F(exp_below)(C(-1.5957691216057308) * a * FMA(z, C(0.044715), 1)), r = 1 / (1 + e);
    const T w = e * r * (1 - r * a * C(1.5957691216057308) * FMA(z, C(0.134145), 1)); /* the slope at -a; at a it is 1 - w */
    return x < 0 ? w : 1 - w;
}
#undef ROUNDER
