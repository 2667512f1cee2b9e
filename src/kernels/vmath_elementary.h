/* vmath_elementary.h - the functions of table/pointwise/elementary.def for one float type, in the way of vmath.h, which loops.h includes
 * first. By number: EXP2_MIN, EXP10_MIN (below them the result is 0), EXP10_MAX (10^EXP10_MAX overflows), EXPM1_MIN (below it the result
 * is -1), SINH_MAX (e^SINH_MAX / 2 overflows), LG2_HI (n LG2_HI is exact for every exponent n) and LG2_LO, which together are log10 2,
 * HALF_PI and PI with what they lack, CBRT_TINY (a power of 8), HUGE_ROOT (its square is a number, and 1 is nothing beside it),
 * LOGIT_TINY (so it is beside 1). Type by
 * type, in vmath_f32.h and vmath_f64.h: F(atan_p)(z) = (atan(t)/t - 1)/z and F(asin_p)(z) likewise, z = t^2; F(hypot). */

INLINE T F(atan_p)(T z);
INLINE T F(asin_p)(T z);
INLINE T F(sin)(T x);
INLINE T F(cos)(T x);

/* 1.5 2^MANTISSA, as in vmath.h */
#define ROUNDER ((T)(3 * ((U)1 << (MANTISSA - 1))))

/* ---- other bases */

INLINE T F(exp2)(T x)
{
    const int none = x < C(EXP2_MIN);
    const T   c = none ? 0 : x, magic = ROUNDER + 2 * BIAS, t = c + magic, r = (c - (t - magic)) * C(0.6931471805599453);
    const T   y = F(power)(r, t), z = none ? 0 : y;
    return x >= BIAS + 1 ? C(INFINITY) : z;
}
/* 10^x = 2^n e^r, n = round(x log2 10), r = (x - n log10 2) ln 10 */
INLINE T F(exp10)(T x)
{
    const int none = x < C(EXP10_MIN);
    const T   c = none ? 0 : x, magic = ROUNDER + 2 * BIAS, t = FMA(c, C(3.321928094887362), magic), n = t - magic;
    const T   r = FMA(n, C(-LG2_LO), FMA(n, C(-LG2_HI), c)) * C(2.302585092994046);
    const T   y = F(power)(r, t), z = none ? 0 : y;
    return x > C(EXP10_MAX) ? C(INFINITY) : z;
}
/* 2^n (e^r - 1) + (2^n - 1), by halves: 2^n may be beyond the largest number. Near 0 it is x. */
INLINE T F(expm1)(T x)
{
    const T c = x < C(EXPM1_MIN) ? C(EXPM1_MIN) : x, magic = ROUNDER + (BIAS - 1);
    const T t = FMA(c, C(1.4426950408889634), magic), n = t - magic;
    const T r = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), c)), s = F(number)(F(bits)(t) << MANTISSA);
    const T y = 2 * FMA(s, FMA(r * r, F(exp_q)(r), r), s - C(0.5)), z = x > C(EXP_MAX) ? C(INFINITY) : y;
    return F(magnitude)(x) < C(1) / ((U)8 << MANTISSA) ? x : z;
}

/* ln m scale + e (hi + lo): the logarithm to the base whose logarithm of 2 is hi + lo, and of e, scale. What is special is as in F(log). */
INLINE T F(log_to)(T x, T scale, T hi, T lo)
{
    const int tiny = x < C(SMALLEST);
    const T   xs   = tiny ? x * C((U)1 << MANTISSA) : x;
    const U   u    = F(bits)(xs) - SQRT_HALF_BITS;
    const T   e    = F(exponent)(u) - (tiny ? C(MANTISSA) : 0);
    const T   y    = FMA(e, hi, FMA(F(log_of)(F(fraction)(u) - 1, 0), scale, e * lo)), end = x * C(INFINITY) + C(INFINITY);
    const T   z    = ((x >= 0) & (x < C(INFINITY))) ? y : end;
    return x == 0 ? C(-INFINITY) : z;
}
INLINE T F(log2)(T x) { return F(log_to)(x, C(1.4426950408889634), 1, 0); }
INLINE T F(log10)(T x) { return F(log_to)(x, C(0.4342944819032518), C(LG2_HI), C(LG2_LO)); }

/* |x| = 2^(3 k) v, v = 2^j m in 2^-1.5 … 2^1.5; v^(1/3) by a polynomial (error 1.9e-3) and Halley's steps, which cube the error. */
INLINE T F(cbrt)(T x)
{
    const T   a = F(magnitude)(x);
    const int tiny = a < C(SMALLEST);
    const U   u = F(bits)(tiny ? a * C(CBRT_TINY) : a) - SQRT_HALF_BITS;
    const T   e = F(exponent)(u), magic = ROUNDER + BIAS, t = FMA(e, C(0.3333333333333333), magic), j = e - 3 * (t - magic);
    const T   m = F(fraction)(u), up = j > 0 ? 2 * m : m, v = j < 0 ? C(0.5) * m : up;
    T         y = FMA(v, FMA(v, FMA(v, FMA(v, C(-0.019554161), C(0.153337983)), C(-0.473896809)), C(0.898382387)), C(0.443565336));
    for (int k = 0; k < CBRT_STEPS; k++) {
        const T cube = y * y * y;
        y = FMA(y, (v - cube) / FMA(C(2), cube, v), y);
    }
    y *= F(number)(F(bits)(t) << MANTISSA);
    y = tiny ? y * C(CBRT_TINY_ROOT) : y;
    return F(signed_as)(((a > 0) & (a < C(INFINITY))) ? y : a, x);
}

/* ln(x / (1 - x)), by the side on which neither factor cancels: 2 x - 1 = x - (1 - x) is exact near 1/2.
 * The reciprocal of a tiny x overflows, that of 2^64 x does not. */
INLINE T F(logit)(T x)
{
    const int tiny = (x < C(LOGIT_TINY)) & (x > 0);
    const T   rest = 1 - x, far = FMA(C(2), x, C(-1)), left = (tiny ? x * C(0x1p64) : x) + 0;
    const T   y = F(log1p)(F(magnitude)(far) / (x < C(0.5) ? left : rest)) + (tiny ? C(64 * 0.6931471805599453) : 0);
    return F(number)(F(bits)(y) ^ (F(bits)(far) & F(bits)(C(-0.0))));
}

/* ---- circular */

/* asin t by t and z = t^2, t <= 1/2 */
INLINE T F(asin_near)(T t, T z) { return FMA(t * z, F(asin_p)(z), t); }

/* Beyond 1/2 asin x is pi/2 - 2 asin t, t^2 = (1 - x)/2. */
INLINE T F(asin)(T x)
{
    const T a = F(magnitude)(x), z = a > C(0.5) ? C(0.5) * (1 - a) : a * a, t = a > C(0.5) ? SQRT(z) : a, p = F(asin_near)(t, z);
    const T far = C(HALF_PI) - FMA(C(2), p, C(-HALF_PI_LO));
    return F(signed_as)(a > C(0.5) ? far : p, x);
}
INLINE T F(acos)(T x)
{
    const T a = F(magnitude)(x), z = a > C(0.5) ? C(0.5) * (1 - a) : a * a, t = a > C(0.5) ? SQRT(z) : a, p = F(asin_near)(t, z);
    const T near = C(HALF_PI) - (F(signed_as)(p, x) - C(HALF_PI_LO)), left = C(PI) - FMA(C(2), p, C(-PI_LO)), far = x < 0 ? left : 2 * p;
    return a > C(0.5) ? far : near;
}

/* atan t, 0 <= t <= 1, and pi/2 - it */
INLINE T F(atan_near)(T t)
{
    const T z = t * t;
    return FMA(t * z, F(atan_p)(z), t);
}
INLINE T F(atan)(T x)
{
    const T a = F(magnitude)(x), inverse = 1 / a, y = F(atan_near)(a > 1 ? inverse : a), far = C(HALF_PI) - (y - C(HALF_PI_LO));
    return F(signed_as)(a > 1 ? far : y, x);
}
/* By the quotient of the smaller and the larger; two zeros and two infinities have one, too. */
INLINE T F(atan2)(T y, T x)
{
    const T ay = F(magnitude)(y), ax = F(magnitude)(x), lo = ax < ay ? ax : ay, hi = ax < ay ? ay : ax, quotient = lo / hi;
    const T small = ((hi == 0) & (lo == 0)) ? 0 : quotient, t = ((lo == C(INFINITY)) & (hi == C(INFINITY))) ? 1 : small, a = F(atan_near)(t);
    const T steep = C(HALF_PI) - (a - C(HALF_PI_LO)), right = ax < ay ? steep : a, left = C(PI) - (right - C(PI_LO));
    return F(signed_as)(F(signed_as)(1, x) < 0 ? left : right, y);
}

/* sin(pi x), by x's distance to the nearest whole number: exactly 0 where that is 0. Then sinc x = sin(pi x) / (pi x) and its slope, cos(pi x) - sinc x
 * by x, where the two cancel a power series in w = (pi x)^2. */
INLINE T F(sinpi)(T x, int turn)
{
    const T n = ROUND(x), half = C(0.5) * n, r = C(PI) * (x - n), y = turn ? F(cos)(r) : F(sin)(r);
    return half == ROUND(half) ? y : -y;
}
INLINE T F(sinc)(T x)
{
    const T y = F(sinpi)(x, 0) / (C(PI) * x);
    return x == 0 ? 1 : y;
}
INLINE T F(sinc_slope)(T x)
{
    const T b = F(magnitude)(x), a = b > C(0.5) ? 0 : b, w = C(9.869604401089358) * a * a;
    const T high = FMA(w, FMA(w, FMA(w, FMA(w, C(2.5529923126162516e-21), C(-1.1743764638034756e-18)), C(4.439143033177138e-16)), C(-1.34949948208585e-13)), C(3.2118087673643227e-11));
    const T low = FMA(w, FMA(w, FMA(w, FMA(w, FMA(w, high, C(-5.7812557812557815e-09)), C(7.515632515632515e-07)), C(-6.613756613756614e-05)), C(0.0035714285714285713)), C(-0.1));
    const T near = x * C(-3.289868133696453) * FMA(w, low, 1), far = (F(sinpi)(x, 1) - F(sinc)(x)) / x;
    return b > C(0.5) ? far : near;
}

/* ---- hyperbolic: e^a / 2 = 2^(n - 1) e^r and e^-a / 2 likewise, by halves, as n may be one more than the largest exponent */

/* 2 ((u - d) + (u p - d q)), u = 2^(n-2), d = 2^(-n-2), p and q = e^r - 1 and e^-r - 1; or with + for -. d is nothing far out. */
INLINE T F(half_exps)(T a, T sign)
{
    const T magic = ROUNDER + (BIAS - 2), t = FMA(a > C(SINH_MAX) ? 0 : a, C(1.4426950408889634), magic), n = t - magic;
    const T r = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), a > C(SINH_MAX) ? 0 : a)), z = r * r;
    const T up = F(number)(F(bits)(t) << MANTISSA), less = F(number)(((U)(2 * (BIAS - 2)) - F(bits)(t)) << MANTISSA);
    const T down = n > 60 ? 0 : sign * less, p = FMA(z, F(exp_q)(r), r), q = FMA(z, F(exp_q)(-r), -r);
    const T y = 2 * ((up + down) + FMA(up, p, down * q));
    return a > C(SINH_MAX) ? C(INFINITY) : y;
}
INLINE T F(sinh)(T x)
{
    const T a = F(magnitude)(x), y = F(half_exps)(a, -1);
    return F(signed_as)(a < C(1) / ((U)8 << MANTISSA) ? a : y, x);
}
INLINE T F(cosh)(T x) { return F(half_exps)(F(magnitude)(x), 1); }

/* ln(1 + w), and ln(2 a) = ln(1 + a) + ln 2 from HUGE_ROOT on */
INLINE T F(area)(T a, T w)
{
    const int far = a > C(HUGE_ROOT);
    return F(log1p)(far ? a : w) + (far ? C(0.6931471805599453) : 0);
}
INLINE T F(asinh)(T x)
{
    const T a = F(magnitude)(x), z = a * a;
    return F(signed_as)(F(area)(a, a + z / (1 + SQRT(z + 1))), x);
}
INLINE T F(acosh)(T x)
{
    const T t = x - 1;
    return F(area)(x, t + SQRT(t < 0 ? t : FMA(t, t, 2 * t)));
}
INLINE T F(atanh)(T x)
{
    const T a = F(magnitude)(x);
    return F(signed_as)(C(0.5) * F(log1p)(2 * a / (1 - a)), x);
}

/* ---- ln(e^x + e^y) = max + ln(1 + e^-|x - y|), and x + ln 2 where they are equal, also both infinite */
INLINE T F(logaddexp)(T x, T y)
{
    const T most = x > y ? x : y, sum = most + F(softplus)(-F(magnitude)(x - y)), twice = x + C(0.6931471805599453);
    return x == y ? twice : sum;
}
#undef ROUNDER
