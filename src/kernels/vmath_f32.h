/* vmath_f32.h - float only: the polynomials of vmath.h, erf, the normal distribution, sin, cos, pow. The coefficients are minimax or
 * near-minimax fits; errors are relative, of exact arithmetic. */

/* error 3.2e-9 */
INLINE float exp_q_f32(float r)
{
    return FMA(r, FMA(r, FMA(r, FMA(r, 1.39505731e-3f, 8.36895348e-3f), 0.0416662047f), 0.166665183f), 0.50000001f);
}

/* ln(1 + f) = f - f^2/2 + f^3 P(f), error 3.2e-8 */
INLINE float log_of_f32(float f, float e)
{
    const float z = f * f;
    const float p = FMA(f, FMA(f, FMA(f, FMA(f, FMA(f, FMA(f, 0.0870048848f, -0.142674457f), 0.149147358f), -0.165775906f),
                                      0.199630673f), -0.250013368f), 0.333339106f);
    const float y = FMA(z * f, p, e * (float)LN2_LO);
    return FMA(e, (float)LN2_HI, f + FMA(z, -0.5f, y));
}

INLINE float exponent_f32(uint32_t u) { return (float)((int32_t)u >> 23); }

INLINE float zero_mul_f32(float g, float s)
{
    const float p = g * s;
    return g == 0 ? 0 : p;
}
INLINE float zero_div_f32(float g, float s)
{
    const float p = g / s;
    return g == 0 ? 0 : p;
}

/* Up to 1.5 erf x = x P(x^2) (error 1.5e-8); beyond it 1 minus a polynomial, which there is small (error 3.8e-8); from 3.95 on it is 1
 * to the last bit. */
INLINE float erf_f32(float x)
{
    const float b = magnitude_f32(x), a = b > 3.95f ? 3.95f : b, z = a * a, u = a - 2.725f;
    const float p = FMA(z, FMA(z, FMA(z, FMA(z, -5.66526654e-6f, 9.20498915e-5f), -8.04614926e-4f), 5.17283036e-3f), -0.0268371709f);
    const float inner = a * FMA(z, FMA(z, FMA(z, p, 0.112829692f), -0.376125485f), 1.12837915f);
    const float q = FMA(u, FMA(u, FMA(u, FMA(u, FMA(u, -4.15724788e-5f, 1.17975464e-4f), 3.69373595e-5f), -6.95711254e-4f), 1.80051287e-3f),
                        -2.99591448e-3f);
    const float tail = FMA(u, FMA(u, FMA(u, FMA(u, FMA(u, q, 3.60796508e-3f), -3.10768917e-3f), 1.83334339e-3f), -6.72038588e-4f),
                           1.16301333e-4f);
    const float outer = 1 - tail, y = a > 1.5f ? outer : inner;
    return number_f32(bits_f32(y) | (bits_f32(x) & 0x80000000u));
}

/* m 2^w, -254 < w <= 0, for a double w whose rounding error a float could not hold: precise also where the result is tiny. */
INLINE float scaled_exp2_f32(float m, double w)
{
    const double   magic = 6755399441055744.0 + 254, t = w + magic;
    const float    r = (float)((w - (t - magic)) * 0.69314718055994531), p = FMA(m * r, FMA(r, exp_q_f32(r), 1), m); /* m e^r */
    const uint32_t b = (uint32_t)bits_f64(t), half = b >> 1;
    return p * number_f32(half << 23) * number_f32((b - half) << 23);
}

/* Phi(-a) = e^(-a^2/2) P(a)/Q(a) for 0 <= a <= 14.6 (error 2.6e-8); all coefficients positive, so that nothing cancels */
INLINE float tail_p_f32(float a)
{
    return FMA(a, FMA(a, FMA(a, FMA(a, 3.60896051e-3f, 0.037261117f), 0.173316847f), 0.425057645f), 0.5f);
}
INLINE float tail_q_f32(float a)
{
    return FMA(a, FMA(a, FMA(a, FMA(a, FMA(a, 9.0461168e-3f, 0.0934099814f), 0.443269381f), 1.16154645f), 1.64799991f), 1.0f);
}
/* x Phi(x) = max(x, 0) - a Phi(-a), a = |x|. From a = 14.6 on the second is 0, as it is for a = 0. 0.72… = log2(e)/2. P and Q in double: in float their roundings add up to 5 ULP. */
INLINE float gelu_f32(float x)
{
    const float  b = magnitude_f32(x), a = b > 14.6f ? 0 : b;
    const double d = (double)a;
    const double p = FMA(d, FMA(d, FMA(d, FMA(d, 0.00360896051, 0.037261117), 0.173316847), 0.425057645), 0.5);
    const double q = FMA(d, FMA(d, FMA(d, FMA(d, FMA(d, 0.0090461168, 0.0934099814), 0.443269381), 1.16154645), 1.64799991), 1.0);
    return (x > 0 ? x : 0) - scaled_exp2_f32((float)(d * p) / (float)q, d * d * -0.72134752044448170);
}
/* Phi(x) + x phi(x) = w or 1 - w, w = e^(-a^2/2) (R(a) - a / sqrt(2 pi)) */
INLINE float phi_slope_f32(float x)
{
    const float b = magnitude_f32(x), a = b > 14.6f ? 14.6f : b;
    const float w = exp_below_f32(-0.5f * a * a) * FMA(a, -0.39894228f, tail_p_f32(a) / tail_q_f32(a));
    return x < 0 ? w : 1 - w;
}

/* x sigmoid(v), v = k x (1 + a x^2): with e = e^-|v| it is x/(1+e) on the right and x e/(1+e) on the left. k log2(e) = 2.30… Where e is
 * subnormal and imprecise, 1+e does not care. Far out, a stands in: 0 on the left, where the result is 0, and 10 on the right. */
INLINE float gelu_tanh_f32(float x)
{
    const float  b = magnitude_f32(x), far = x < 0 ? 0 : 10, a = b > 11 ? far : b;
    const double d = (double)a, w = d * FMA(d * d, -0.10294323958002349, -2.3022081981443249);
    const float  e = scaled_exp2_f32(1, w), left = scaled_exp2_f32(-a, w);
    return (x < 0 ? left : x) / (1 + e);
}

/* r = x - n pi/2 in double: n times the 33-bit pieces of pi/2 is exact up to |x| = 2^20; quadrant = n mod 4 */
enum { TRIG_LIMIT = 1000000 };
INLINE float trig_f32(float x, int turn)
{
    const double magic = 6755399441055744.0, d = (double)x;
    const double t = d * 0x1.45f306dc9c883p-1 + magic, n = t - magic;
    const double r = (d - n * 0x1.921fb54400000p+0) - n * 0x1.0b4611a626331p-34;
    const unsigned quadrant = (unsigned)bits_f64(t) + (unsigned)turn;
    const float    f = (float)r, z = f * f;
    const float    s = FMA(f * z, FMA(z, FMA(z, FMA(z, 2.71823746e-6f, -1.98393272e-4f), 8.33332936e-3f), -0.166666666f), f);
    const float    c = FMA(z, FMA(z, FMA(z, FMA(z, 2.4437734e-5f, -1.38873615e-3f), 0.0416666467f), -0.5f), 1.0f);
    const float    y = quadrant & 1 ? c : s;
    return number_f32(bits_f32(y) ^ ((quadrant & 2) << 30));
}
INLINE float sin_f32(float x)
{
    const float y = trig_f32(x, 0);
    return x == 0 ? x : y; /* -0 stays -0 */
}
INLINE float cos_f32(float x) { return trig_f32(x, 1); }

/* |x|^y = 2^(y log2 |x|) in double; then the sign, and what C says of the special cases. */
INLINE float pow_f32(float x, float y)
{
    const float    ax = magnitude_f32(x), ay = magnitude_f32(y);
    const double   dx = (double)ax, magic = 6755399441055744.0;
    const uint64_t u = bits_f64(dx) - SQRT_HALF_F64; /* as in log_f64; a float is never subnormal as a double */
    const double   l = log_of_f64(fraction_f64(u) - 1, exponent_f64(u)), zero = ax == 0 ? (double)-INFINITY : l;
    const double   ln = ax < INFINITY ? zero : dx;
    const float    p = (float)exp_f64((double)y * ln);
    const double   d = (double)(ay > 0x1p25f ? 0x1p25f : ay), t = d + magic; /* all above 2^25 are even */
    const uint32_t whole = t - magic == d ? 1 : 0, odd = whole & (uint32_t)bits_f64(t);
    const uint32_t sign = bits_f32(x) & (odd << 31);
    const float    signed_p = number_f32(bits_f32(p) | sign);
    const float    z = ((x < 0) & (ax < INFINITY) & (whole == 0)) ? NAN : signed_p;
    return ((y == 0) | (x == 1) | ((x == -1) & (ay == INFINITY))) ? 1 : z;
}
