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

/* M(a) (a + 3.5), 0 <= a <= 14.6, error 1.7e-8 */
INLINE float mills_f32(float t)
{
    const float p = FMA(t, FMA(t, FMA(t, FMA(t, 0.000122693382f, 0.000164590325f), -0.00110461132f), -0.0017069194f), 0.0102979746f);
    return FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, p, 0.00668237265f), -0.128498361f), 0.407804757f), -0.7459777f), 0.907394826f);
}
/* (M(a) - 1/2)/a - 1/sqrt(2 pi); error 1.3e-8 of the larger of M(a) and a/sqrt(2 pi) */
INLINE float mills_fall_f32(float t)
{
    const float p = FMA(t, FMA(t, FMA(t, FMA(t, -4.29209285e-05f, 7.56150039e-05f), 0.000457852322f), -0.00122413493f), -0.00434811972f);
    return FMA(t, FMA(t, FMA(t, FMA(t, p, 0.0334428959f), -0.105338648f), 0.218168765f), -0.559878111f);
}

/* r = x - n pi/2 in double: n times the 33-bit pieces of pi/2 is exact up to |x| = 2^20; quadrant = n mod 4 */
INLINE void trig_parts_f32(float x, float *sine, float *cosine, unsigned *quadrant)
{
    const double magic = 6755399441055744.0, d = (double)x;
    const double t = d * 0x1.45f306dc9c883p-1 + magic, n = t - magic;
    const double r = (d - n * 0x1.921fb54400000p+0) - n * 0x1.0b4611a626331p-34;
    const float  f = (float)r, z = f * f;
    *quadrant = (unsigned)bits_f64(t);
    *sine     = FMA(f * z, FMA(z, FMA(z, FMA(z, 2.71823746e-6f, -1.98393272e-4f), 8.33332936e-3f), -0.166666666f), f);
    *cosine   = FMA(z, FMA(z, FMA(z, FMA(z, 2.4437734e-5f, -1.38873615e-3f), 0.0416666467f), -0.5f), 1.0f);
}
INLINE float trig_f32(float x, int turn)
{
    float    s, c;
    unsigned quadrant;
    trig_parts_f32(x, &s, &c, &quadrant);
    quadrant += (unsigned)turn;
    const float y = quadrant & 1 ? c : s;
    return number_f32(bits_f32(y) ^ ((quadrant & 2) << 30));
}
INLINE float sin_f32(float x)
{
    const float y = trig_f32(x, 0);
    return x == 0 ? x : y; /* -0 stays -0 */
}
INLINE float cos_f32(float x) { return trig_f32(x, 1); }
INLINE float tan_f32(float x)
{
    float    s, c;
    unsigned quadrant;
    trig_parts_f32(x, &s, &c, &quadrant);
    const float y = quadrant & 1 ? -c / s : s / c;
    return x == 0 ? x : y;
}

/* error 2.6e-9 */
INLINE float atan_p_f32(float z)
{
    const float p = FMA(z, FMA(z, FMA(z, FMA(z, -0.00179362723f, 0.0109146331f), -0.0311779028f), 0.0579576584f), -0.0840345471f);
    return FMA(z, FMA(z, FMA(z, FMA(z, p, 0.109521876f), -0.142642421f), 0.199985483f), -0.333332991f);
}
/* error 4.9e-9, z <= 1/4 */
INLINE float asin_p_f32(float z)
{
    return FMA(z, FMA(z, FMA(z, FMA(z, 0.0421660929f, 0.0241796506f), 0.0454703469f), 0.0749529788f), 0.166667525f);
}
/* In double squares neither overflow nor vanish. An infinity counts more than a NaN. */
INLINE float hypot_f32(float x, float y)
{
    const double dx = (double)x, dy = (double)y;
    const float  r = (float)sqrt(FMA(dx, dx, dy * dy));
    const int    far = magnitude_f32(x) == INFINITY, end = magnitude_f32(y) == INFINITY;
    return (far | end) ? INFINITY : r;
}

/* log2 x in double, for x > 0: as log_f64, but to 4.3e-12 only. A float is never subnormal as a double. */
INLINE double pow_log2_f32(double x)
{
    const uint64_t u = bits_f64(x) - SQRT_HALF_F64;
    const double   f = fraction_f64(u) - 1, s = f / (2 + f), z = s * s;
    const double   p = FMA(z, FMA(z, FMA(z, FMA(z, 0.3407297509808422, 0.4116727373220062), 0.577083584676079), 0.9617966733432164),
                           2.885390081790085);
    return FMA(s, p, exponent_f64(u));
}
/* 2^w, |w| <= 200, error 1.9e-9 */
INLINE float pow_exp2_f32(double w)
{
    const double magic = 6755399441055744.0 + 1023, t = w + magic, r = w - (t - magic);
    const double p = FMA(r, FMA(r, FMA(r, FMA(r, 1.534575108670214e-4, 1.339993488313248e-3), 9.61848918251005e-3), 0.05550328766410182),
                         0.2402264688841078);
    return (float)(FMA(r, FMA(r, p, 0.693147205743986), 1.0000000005556942) * number_f64(bits_f64(t) << 52));
}

/* |x|^y = 2^(y log2 |x|) in double; then the sign, and what C says of the special cases. */
INLINE float pow_f32(float x, float y)
{
    const float    ax = magnitude_f32(x), ay = magnitude_f32(y);
    const double   dx = (double)ax, l = pow_log2_f32(dx), ln = ax < INFINITY ? l : dx;
    const double   w = (double)y * (ax == 0 ? (double)-INFINITY : ln), top = w > 200 ? 200 : w;
    const float    p = pow_exp2_f32(top < -200 ? -200 : top);
    const float    d = ay > 0x1p25f ? 0x1p25f : ay, half = 0.5f * d; /* all above 2^24 are even */
    const int      whole = (d >= 0x1p23f) | (d + 0x1p23f - 0x1p23f == d), odd = whole & (half + 0x1p23f - 0x1p23f != half);
    const uint32_t sign = odd ? bits_f32(x) & 0x80000000u : 0;
    const float    signed_p = number_f32(bits_f32(p) | sign);
    const float    z = ((x < 0) & (ax < INFINITY) & (whole == 0)) ? -NAN : signed_p; /* as log's: x86 makes this one */
    return ((y == 0) | (x == 1) | ((x == -1) & (ay == INFINITY))) ? 1 : z;
}
