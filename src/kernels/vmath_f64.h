/* vmath_f64.h - double only: the polynomials of vmath.h (minimax fits), and libm for what is seldom needed in double. */

/* error 3.5e-18 */
INLINE double exp_q_f64(double r)
{
    const double hi = FMA(r, FMA(r, FMA(r, FMA(r, 2.511802048937468183e-8, 2.763141018777095673e-7), 2.755721580661821585e-6),
                                 2.480148960077653504e-5), 1.984126991792508592e-4);
    return FMA(r, FMA(r, FMA(r, FMA(r, FMA(r, hi, 1.388888894732139094e-3), 8.333333333306960235e-3), 0.04166666666651435981),
                      0.1666666666666669944), 0.5000000000000012853);
}

/* ln(1 + f) = 2 atanh s = f - f^2/2 + s (f^2/2 + s^2 R(s^2)), s = f / (2 + f). Error of R 2.5e-18 */
INLINE double log_of_f64(double f, double e)
{
    const double s = f / (2 + f), z = s * s, h = 0.5 * f * f;
    const double r = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, 0.1479609990273629696, 0.1531403631452768999), 0.1818356485124871876),
                                              0.2222219856371347224), 0.285714287424732916), 0.3999999999941432679),
                         0.6666666666666734459);
    return FMA(e, LN2_HI, f - (h - FMA(s, FMA(z, r, h), e * LN2_LO)));
}

/* Without an arithmetic shift of 64 bits and a conversion from int64, which AVX2 lacks: the exponent plus 1024 is put into the low
 * bits of 1.5 2^52. */
INLINE double exponent_f64(uint64_t u)
{
    const double magic = 6755399441055744.0;
    return number_f64(bits_f64(magic) + ((u + (UINT64_C(1024) << 52)) >> 52)) - (magic + 1024);
}

static const uint64_t SQRT_HALF_F64 = SQRT_HALF_BITS;

INLINE double zero_mul_f64(double g, double s)
{
    const double p = g * s;
    return g == 0 ? 0 : p;
}
INLINE double zero_div_f64(double g, double s)
{
    const double p = g / s;
    return g == 0 ? 0 : p;
}

INLINE double sin_f64(double x) { return sin(x); }
INLINE double cos_f64(double x) { return cos(x); }
INLINE double erf_f64(double x) { return erf(x); }
INLINE double pow_f64(double x, double y) { return pow(x, y); }
INLINE double phi_f64(double x) { return 0.5 * erfc(-0.70710678118654752 * x); }
INLINE double gelu_f64(double x) { return x < -40 ? 0 : x * phi_f64(x); }
INLINE double phi_slope_f64(double x)
{
    return phi_f64(x) + (fabs(x) > 40 ? 0 : 0.39894228040143268 * x * exp_f64(-0.5 * x * x));
}
INLINE double gelu_tanh_f64(double x)
{
    const double c = x < -40 ? -40 : x; /* where it is 0 */
    return c * sigmoid_f64(1.5957691216057308 * c * FMA(c * c, 0.044715, 1));
}
