/* vmath.h - exp, log, tanh and their kin for one float type, as straight code that compilers turn into vectors: no branches, no calls, no
 * tables, only selects. Included twice by loops.h, with T, U (the unsigned of T's size), F(name), C(number), FMA and, as numbers:
 * MANTISSA (its bits), BIAS, SMALLEST (normal), EXP_MAX (e^EXP_MAX overflows), EXP_MIN (e^EXP_MIN is 0), UP, DOWN = 2^-UP, LN2_HI
 * (n LN2_HI is exact for every exponent n), LN2_LO, SQRT_HALF_BITS, TANH_MAX (tanh is 1 beyond), and for the normal distribution what
 * stands below. Type by type, further down: F(exp_q)(r), which is (e^r - 1 - r)/r^2; F(log_of)(f, e) =
 * ln(1 + f) + e ln 2; F(exponent)(u), u's upper bits as a signed number; F(mills)(t) and F(mills_fall)(t). */

INLINE T F(exp_q)(T r);
INLINE T F(log_of)(T f, T e);
INLINE T F(exponent)(U u);
INLINE T F(mills)(T t);
INLINE T F(mills_fall)(T t);

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

/* a b - s for an s near a b: the rounding error of the product s = a b, or of s = a b + d with s - d for s where that is exact. Without
 * fused multiply-add it comes from the products of halves, which are exact. */
INLINE T F(rest)(T a, T b, T s)
{
#ifdef __FMA__
    return FMA(a, b, -s);
#else
    const U upper = ~(((U)1 << (MANTISSA / 2 + 1)) - 1);
    const T p = a * b, ah = F(number)(F(bits)(a) & upper), al = a - ah, bh = F(number)(F(bits)(b) & upper), bl = b - bh;
    return (p - s) + (((ah * bh - p) + ah * bl + al * bh) + al * bl);
#endif
}

/* What s = FMA(a, b, d) lost by being two roundings, where it is; one alone is not made up for. */
INLINE T F(lost)(T a, T b, T d, T s)
{
#ifdef __FMA__
    (void)a, (void)b, (void)d, (void)s;
    return C(-0.0);
#else
    return F(rest)(a, b, s - d);
#endif
}

/* 1.5 2^MANTISSA: adding it rounds to an integer, which then stands in the low bits */
#define ROUNDER ((T)(3 * ((U)1 << (MANTISSA - 1))))

/* 2^n e^r, where n + 2 BIAS is in the low bits of t. 2^n is applied in two halves, so that results may overflow or be subnormal; the
 * 2 BIAS makes both halves exponents as they stand. */
INLINE T F(power)(T r, T t)
{
    const U b = F(bits)(t), half = b >> 1;
    return FMA(r, FMA(r, F(exp_q)(r), 1), 1) * F(number)(half << MANTISSA) * F(number)((b - half) << MANTISSA);
}

/* e^(hi - less), less being a correction: subtracted, for compilers leave out - 0 but not + 0. It is 2^n e^r, n = round(hi / ln 2),
 * |r| <= ln 2 / 2. */
INLINE T F(exp_of)(T hi, T less)
{
    const T magic = ROUNDER + 2 * BIAS;
    const T t     = FMA(hi, C(1.4426950408889634), magic);
    const T n     = t - magic;
    const T r     = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), hi) - less);
    return F(power)(r, t);
}
/* Where the result is 0 it is selected and not computed: an underflow is a microcode assist, ten times as slow. */
INLINE T F(exp)(T x)
{
    const int none = x < C(EXP_MIN);
    const T   y = F(exp_of)(none ? 0 : x, 0), z = none ? 0 : y;
    return x > C(EXP_MAX) ? C(INFINITY) : z;
}

/* (m + less) 2^n e^r, n being in the low bits of t. less is a small correction: it is multiplied by (e^r - 1)/r, not e^r. */
INLINE T F(grown)(T m, T less, T t, T r)
{
    return FMA(FMA(m, r, less), FMA(r, F(exp_q)(r), 1), m) * F(number)(F(bits)(t) << MANTISSA);
}
/* (m + less) e^-(hi + lo), -2 < hi < 1.4 BIAS, is DOWN times this, which is never subnormal: it is rounded once. */
INLINE T F(raised)(T m, T less, T hi, T lo)
{
    const T magic = ROUNDER + (BIAS + UP);
    const T t     = FMA(hi, C(-1.4426950408889634), magic);
    const T n     = t - magic;
    const T r     = FMA(n, C(-LN2_LO), FMA(n, C(-LN2_HI), -hi) - lo);
    return F(grown)(m, less, t, r);
}
/* e^-a, a >= 0 */
INLINE T F(exp_minus)(T a)
{
    const int none = a > C(-EXP_MIN);
    const T   y    = F(raised)(1, C(-0.0), none ? 0 : a, 0) * C(DOWN);
    return none ? 0 : y;
}

/* |x| by the sign bit, which leaves nothing for a compiler to branch on */
INLINE T F(magnitude)(T x) { return F(number)(F(bits)(x) & ~F(bits)(C(-0.0))); }

/* u = bits of m 2^e, m in [sqrt(1/2), sqrt 2), less those of sqrt(1/2): the upper bits are e, the lower m's */
INLINE T F(fraction)(U u) { return F(number)((u & (((U)1 << MANTISSA) - 1)) + SQRT_HALF_BITS); }

/* x with the sign of y */
INLINE T F(signed_as)(T x, T y) { return F(number)(F(bits)(F(magnitude)(x)) | (F(bits)(y) & F(bits)(C(-0.0)))); }

/* x modulo y, with x's sign, where the quotient is small: rounded, it is too large by 1 at most, and never too small. The remainder is exact. */
INLINE int F(is_small)(T x, T y) { return F(magnitude)(x / y) <= QUOTIENT_LIMIT; }
INLINE T F(mod)(T x, T y)
{
    const T q = TRUNC(x / y), r = FMA(-q, y, x), again = r + F(signed_as)(y, x);
    const T m = ((r != 0) & ((r < 0) != (x < 0))) ? again : r;
    return F(signed_as)(q == 0 ? x : m, x);
}
/* x / y rounded down, m being x modulo y. Zero has the sign of the quotient. */
INLINE T F(floored)(T x, T y, T m)
{
    const T q = x / y, whole = ROUND((x - m) / y) - (LEANS(m, y) ? 1 : 0), signed_zero = F(signed_as)(0, q);
    const T down = whole == 0 ? signed_zero : whole;
    return y == 0 ? q : down;
}

/* ln x = e ln 2 + ln m. For inf, NaN and all below 0: x inf + inf is inf, NaN and NaN. */
INLINE T F(log)(T x)
{
    const int tiny = x < C(SMALLEST);
    const T   xs   = tiny ? x * C((U)1 << MANTISSA) : x;
    const U   u    = F(bits)(xs) - SQRT_HALF_BITS;
    const T   e    = F(exponent)(u) - (tiny ? C(MANTISSA) : 0);
    const T   y    = F(log_of)(F(fraction)(u) - 1, e), end = x * C(INFINITY) + C(INFINITY);
    const T   z    = ((x >= 0) & (x < C(INFINITY))) ? y : end;
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
    const T z = ((v >= 0) & (v < C(INFINITY))) ? y : end;
    const T w = v == 0 ? C(-INFINITY) : z;
    return x == 0 ? x : w; /* -0 stays -0 */
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
    const T e = F(exp_minus)(F(magnitude)(x)), top = x < 0 ? e : 1;
    return top / (1 + e);
}

/* Where tanh and sigmoid have come nearer to 1 than 2^-13, their slopes are no longer read from them but computed from their argument:
 * sech^2 x = 4 e/(1+e)^2, e = e^(-2|x|), and e/(1+e)^2, e = e^-|x|. */
INLINE T F(far_slope)(T a, T scale)
{
    const int none = a > C(2 - EXP_MIN);
    const T   e = F(raised)(scale, C(-0.0), none ? 0 : a, 0), d = FMA(e, C(DOWN) / scale, 1);
    const T   y = e / (d * d) * C(DOWN);
    return none ? 0 : y;
}
INLINE T F(tanh_slope)(T x, T y)
{
    const T far = F(far_slope)(2 * F(magnitude)(x), 4), near = (1 - y) * (1 + y);
    return F(magnitude)(y) > C(TG_SLOPE_NEAR) ? far : near;
}
INLINE T F(sigmoid_slope)(T x, T y)
{
    const T far = F(far_slope)(F(magnitude)(x), 1), near = y * (1 - y);
    return y > C(TG_SLOPE_NEAR) ? far : near;
}

/* sigmoid(x) - t: for x > 0 it is (1 - t) - sigmoid(-x), which a sigmoid rounded to 1 would leave nothing of. */
INLINE T F(sigmoid_sub)(T x, T t)
{
    const T e = F(exp_minus)(F(magnitude)(x)), s = e / (1 + e), right = (1 - t) - s, left = s - t;
    return x > 0 ? right : left;
}

/* x sigmoid(x): with e = e^-|x| it is x/(1+e) on the right and x e/(1+e) on the left, where x e counts as 0 from SILU_END on. */
INLINE T F(silu)(T x)
{
    const T b = F(magnitude)(x), far = x < 0 ? 0 : C(SILU_END), a = b > C(SILU_END) ? far : b;
    const T e = F(raised)(1, C(-0.0), a, 0), left = a * e * C(-DOWN);
    return (x < 0 ? left : x) / FMA(e, C(DOWN), 1);
}
/* x tanh(ln(1 + e^x)): x e (2 + e)/(2 + e (2 + e)) on the left, x (1 + 2 e)/(1 + 2 e (1 + e)) on the right, of which nearly all is exact: e less a
 * part of it, and 1 less it. x e counts as 0 as above. */
INLINE T F(mish)(T x)
{
    const T b = F(magnitude)(x), far = x < 0 ? 0 : C(SILU_END), a = b > C(SILU_END) ? far : b;
    const T e1 = F(raised)(1, C(-0.0), a, 0), e = e1 * C(DOWN), ee = e * (1 + e);
    const T part = (x < 0 ? ee : 2 * e * e) / (x < 0 ? 2 + (ee + e) : FMA(C(2), ee, C(1)));
    return x < 0 ? -a * FMA(-e1, part, e1) * C(DOWN) : x * (1 - part);
}
/* (x sigmoid(x))' at -a is w = e (1 + e - a)/(1+e)^2, at a it is 1 - w. */
INLINE T F(silu_slope)(T x)
{
    const T b = F(magnitude)(x), a = b > C(SILU_END) ? 1 : b, e1 = F(raised)(1, C(-0.0), a, 0), e = e1 * C(DOWN);
    const T y = e1 * ((1 + e - a) / FMA(e, 2 + e, 1)) * C(DOWN), w = b > C(SILU_END) ? 0 : y;
    return x < 0 ? w : 1 - w;
}

/* max(x, 0) + ln(1 + e), e = e^-|x|: 1 + e is 2^k (1 + f) with k = 0 or 1 */
INLINE T F(softplus)(T x)
{
    const T e = F(exp_minus)(F(magnitude)(x)), halved = C(0.5) * e - C(0.5);
    const T f = e > C(0.41421356) ? halved : e, k = e > C(0.41421356) ? 1 : 0;
    return (x > 0 ? x : 0) + F(log_of)(f, k);
}

/* ---- the normal distribution: Phi(-a) = e^(-a^2/2) M(a), a >= 0. M (Mills' ratio by sqrt(2 pi)) falls smoothly from 1/2 to about 0.4/a:
 * it is F(mills)(t)/(a + MILLS), a polynomial in t = 2 a/(a + MILLS) - MILLS_T. From GELU_END on, e^(-a^2/2) counts as 0. */

/* (m + less) e^(-a^2/2), less as in raised */
INLINE T F(bell)(T m, T less, T a)
{
    const T h = C(0.5) * a, z = h * a;
    return F(raised)(m, less, z, F(rest)(h, a, z)) * C(DOWN);
}
/* e^(-x^2) 2/sqrt(pi), the slope of erf */
INLINE T F(erf_slope)(T x)
{
    const T b = F(magnitude)(x), a = b > C(ERF_SLOPE_END) ? 0 : b, z = a * a;
    const T y = F(raised)(C(1.1283791670955126), C(-0.0), z, F(rest)(a, a, z)) * C(DOWN);
    return b > C(ERF_SLOPE_END) ? 0 : y;
}
/* phi(x) = e^(-x^2/2)/sqrt(2 pi), the slope of Phi */
INLINE T F(density)(T x)
{
    const T b = F(magnitude)(x), a = b > C(GELU_END) ? 0 : b, y = F(bell)(C(0.3989422804014327), C(-0.0), a);
    return b > C(GELU_END) ? 0 : y;
}
/* x Phi(x) = max(x, 0) - a Phi(-a), a = |x|. For a = 0 the second is 0, as it is far out. A zero has the sign of x. */
INLINE T F(gelu)(T x)
{
    const T b = F(magnitude)(x), a = b > C(GELU_END) ? 0 : b, s = a / (a + C(MILLS)), p = F(mills)(FMA(C(2), s, C(-MILLS_T))), m = s * p;
    const T y = (x > 0 ? x : 0) - F(bell)(m, F(rest)(s, p, m), a);
    return F(number)(F(bits)(y) | (F(bits)(x) & F(bits)(C(-0.0))));
}
/* Phi(x) + x phi(x) = w or 1 - w, w = e^(-a^2/2) (M(a) - a / sqrt(2 pi)): the difference is 1/2 + a F(mills_fall)(t), which rounds less
 * than its two terms do. */
INLINE T F(phi_slope)(T x)
{
    const T b = F(magnitude)(x), a = b > C(GELU_END) ? 1 : b, fall = F(mills_fall)(FMA(a + a, 1 / (a + C(MILLS)), C(-MILLS_T)));
    const T m = FMA(a, fall, C(0.5)), y = F(bell)(m, F(lost)(a, fall, C(0.5), m), a), w = b > C(GELU_END) ? 0 : y;
    return x < 0 ? w : 1 - w;
}

/* ---- x sigmoid(v), v = k x (1 + 0.044715 x^2), k = 2 sqrt(2/pi): with e = e^-|v| it is x/(1+e) on the right and x e/(1+e) on the left.
 * From GELU_TANH_END on, x e counts as 0. */

/* (m + less) e / DOWN for a = |x|. e = 2^(a q), q = -log2(e) k (1 + 0.044715 a^2) = -GELU_K - GELU_KA a^2, whose rounding error is dq:
 * GELU_K has so few bits that q + GELU_K is exact. */
INLINE T F(gelu_raised)(T m, T less, T a)
{
    const T magic = ROUNDER + (BIAS + UP);
    const T z = a * a, q = FMA(z, C(-GELU_KA), C(-GELU_K)), t = FMA(a, q, magic), n = t - magic;
    const T dq = F(rest)(z, C(-GELU_KA), q + C(GELU_K)) + FMA(z, C(-GELU_KA_LO), FMA(F(rest)(a, a, z), C(-GELU_KA), C(-GELU_K_LO)));
    return F(grown)(m, less, t, FMA(a, dq, F(rest)(a, q, n)) * C(0.6931471805599453));
}
/* Far out, a stands in: 0 on the left, where the result is 0, and something large on the right. */
INLINE T F(gelu_tanh)(T x)
{
    const T b = F(magnitude)(x), far = x < 0 ? 0 : 10, a = b > C(GELU_TANH_END) ? far : b;
    const T e = F(gelu_raised)(1, C(-0.0), a), left = a * e * C(-DOWN);
    return (x < 0 ? left : x) / FMA(e, C(DOWN), 1);
}
/* (x sigmoid(v))' = s + x s (1-s) v', v' = k (1 + 3 0.044715 x^2); at -a that is w = e (1 + e - a v') / (1 + e)^2, at a it is 1 - w.
 * (1 + e)^2 = 1 + e (2 + e), rounded once; dv1 is what v1, which is v', lacks, and
 * counts where e is small. Where products are rounded too, what `top` lacks counts as well, about 1 - 3 e/4 of it. */
INLINE T F(gelu_tanh_slope)(T x)
{
    const T b = F(magnitude)(x), a = b > C(GELU_TANH_END) ? 1 : b, z = a * a;
    const T k3 = C(0.21406444881780073), v1 = FMA(z, k3, C(GELU_V));
    const T dv1 = FMA(F(rest)(a, a, z), k3, F(lost)(z, k3, C(GELU_V), v1) + C(GELU_V_LO));
    const T e = F(gelu_raised)(1, C(-0.0), a) * C(DOWN);
    const T s = 1 + e, top = FMA(a, -v1, s), m = top / FMA(e, 2 + e, 1);
    const T less = HAS_FMA ? 0 : (e - (s - 1) + F(lost)(a, -v1, s, top)) * FMA(e, C(-0.75), 1);
    const T y = F(gelu_raised)(m, FMA(-a, dv1, less), a) * C(DOWN), w = b > C(GELU_TANH_END) ? 0 : y;
    return x < 0 ? w : 1 - w;
}
/* sigmoid'(v) = e/(1+e)^2; where x e is nothing e is nothing either */
INLINE T F(gelu_tanh_bell)(T x)
{
    const T b = F(magnitude)(x), a = b > C(GELU_TANH_END) ? 1 : b, e = F(gelu_raised)(1, C(-0.0), a), d = FMA(e, C(DOWN), 1);
    const T y = e / (d * d) * C(DOWN);
    return b > C(GELU_TANH_END) ? 0 : y;
}
#undef ROUNDER
