/* vmath_f32.h - float only: the polynomials of vmath.h, erf, the normal distribution, sin, cos, pow. The coefficients are minimax or
 * near-minimax fits; errors are relative, of exact arithmetic. */

/* error 3.2e-9 */
static inline float exp_q_f32(float r)
{
    return FMA(r, FMA(r, FMA(r, FMA(r, 1.39505731e-3f, 8.36895348e-3f), 0.0416662047f), 0.166665183f), 0.50000001f);
}

/* ln(1 + f) = f - f^2/2 + f^3 P(f), error 3.2e-8 */
static inline float log_of_f32(float f, float e)
{
    const float z = f * f;
    const float p = FMA(f, FMA(f, FMA(f, FMA(f, FMA(f, FMA(f, 0.0870048848f, -0.142674457f), 0.149147358f), -0.165775906f),
                                      0.199630673f), -0.250013368f), 0.333339106f);
    const float y = FMA(z * f, p, e * (float)LN2_LO);
    return FMA(e, (float)LN2_HI, f + FMA(z, -0.5f, y));
}

static inline float exponent_f32(uint32_t u) { return (float)((int32_t)u >> 23); }

static inline float zero_mul_f32(float g, float s)
{
    const float p = g * s;
    return g == 0 ? 0 : p;
}
static inline float zero_div_f32(float g, float s)
{
    const float p = g / s;
    return g == 0 ? 0 : p;
}

/* erf x = x P(x^2)/Q(x^2) up to 3.95, where it is 1 to the last bit; all coefficients positive, so nothing cancels. Error 1.5e-8. */
static inline float erf_f32(float x)
{
    float c = x > 3.95f ? 3.95f : x;
    c       = c < -3.95f ? -3.95f : c;
    const float z = c * c;
    const float p = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, 5.82204659e-6f, 3.8548112e-4f), 4.16687883e-3f), 0.0552514996f),
                               0.193326819f), 1.12837917f);
    const float q = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, 2.08488366e-7f, 6.54127177e-5f), 1.37487775e-3f), 0.0160982828f),
                                      0.117186941f), 0.504664766f), 1.0f);
    const float y = c * p / q, top = y > 1 ? 1 : y;
    return top < -1 ? -1 : top;
}

/* Phi(-a) = e^(-a^2/2) R(a) for 0 <= a <= 14.6, R = P/Q (error 2.6e-8). The rounding error l of a^2 matters where a^2/2 is large. */
static inline float tail_exp_f32(float a)
{
    const float h = a * a;
#ifdef __FMA__
    const float l = FMA(a, a, -h);
#else
    const float hi = number_f32(bits_f32(a) & 0xfffff000u), lo = a - hi; /* Dekker's product */
    const float l  = ((hi * hi - h) + 2 * hi * lo) + lo * lo;
#endif
    const float e = exp_f32(-0.5f * h);
    return FMA(-0.5f * l, e, e);
}
static inline float tail_ratio_f32(float a)
{
    const float p = FMA(a, FMA(a, FMA(a, FMA(a, 3.60896051e-3f, 0.037261117f), 0.173316847f), 0.425057645f), 0.5f);
    const float q = FMA(a, FMA(a, FMA(a, FMA(a, FMA(a, 9.0461168e-3f, 0.0934099814f), 0.443269381f), 1.16154645f), 1.64799991f), 1.0f);
    return p / q;
}
/* x Phi(x) = max(x, 0) - a Phi(-a), a = |x| */
static inline float gelu_f32(float x)
{
    const float b = number_f32(bits_f32(x) & 0x7fffffffu), a = b > 14.6f ? 14.6f : b;
    return (x > 0 ? x : 0) - a * tail_ratio_f32(a) * tail_exp_f32(a);
}
/* Phi(x) + x phi(x) = w or 1 - w, w = e^(-a^2/2) (R(a) - a / sqrt(2 pi)) */
static inline float phi_slope_f32(float x)
{
    const float b = number_f32(bits_f32(x) & 0x7fffffffu), a = b > 14.6f ? 14.6f : b;
    const float w = exp_f32(-0.5f * a * a) * FMA(a, -0.39894228f, tail_ratio_f32(a));
    return x < 0 ? w : 1 - w;
}

/* r = x - n pi/2 in double: n times the 33-bit pieces of pi/2 is exact up to |x| = 2^20; quadrant = n mod 4 */
enum { TRIG_LIMIT = 1000000 };
static inline float trig_f32(float x, int turn)
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
static inline float sin_f32(float x)
{
    const float y = trig_f32(x, 0);
    return x == 0 ? x : y; /* -0 stays -0 */
}
static inline float cos_f32(float x) { return trig_f32(x, 1); }

/* |x|^y = e^(y ln |x|) in double; then the sign, and what C says of the special cases. */
static inline float pow_f32(float x, float y)
{
    const float    ax = number_f32(bits_f32(x) & 0x7fffffffu), ay = number_f32(bits_f32(y) & 0x7fffffffu);
    const float    p = (float)exp_f64((double)y * log_f64((double)ax));
    const double   magic = 6755399441055744.0, d = (double)(ay > 0x1p25f ? 0x1p25f : ay), t = d + magic; /* all above 2^25 are even */
    const int      whole = t - magic == d, odd = whole & (int)(bits_f64(t) & 1);
    const uint32_t minus = bits_f32(x) & 0x80000000u;
    const int      undefined = (x < 0) & (x > -INFINITY) & !whole, one = (y == 0) | (x == 1) | ((x == -1) & (ay == INFINITY));
    const float    signed_p = number_f32(bits_f32(p) | (odd ? minus : 0)), z = undefined ? NAN : signed_p;
    return one ? 1 : z;
}
