/* vmath_f64.h - double only: the polynomials of vmath.h, erf, sin, cos, pow. The coefficients are minimax fits; errors are relative, of
 * exact arithmetic. */

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
static const double   LN2_HI_F64 = LN2_HI, LN2_LO_F64 = LN2_LO;

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

/* M(a) (a + 5.5), 0 <= a <= 38.8, error 7.6e-18 */
INLINE double mills_f64(double t)
{
    const double p = FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, -2.6061385427175497e-09, -1.4623878295100651e-09), 2.8544599138816994e-08),
                         1.1428496992798853e-08), -2.2191786998621416e-07), 3.3331364335881477e-09);
    const double q = FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, p, 1.6552091843175471e-06), -1.4260028108325021e-06), -1.1601497877797713e-05),
                         2.8539351746215162e-05), 5.034623583021285e-05);
    const double r = FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, q, -0.00037766457715106641), 0.0005450751193860141), 0.0021590122282958263),
                         -0.01537173066665311), 0.053116072771429539);
    return FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, r, -0.13269093454525879), 0.26509263866851829), -0.44227857633950718),
                         0.63015151220138188), -0.77602804359734157), 0.83075207934499029);
}
/* (M(a) - 1/2)/a - 1/sqrt(2 pi); error 1.8e-17 of the larger of M(a) and a/sqrt(2 pi) */
INLINE double mills_fall_f64(double t)
{
    const double p = FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, 9.7503519413953304e-11, -8.0722059110869196e-10), -1.7566548892795714e-09),
                         9.7980549213903286e-09), 1.2540020915881787e-08), -9.4286596247912058e-08);
    const double q = FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, p, -2.1088880042300593e-08), 8.7753476849186428e-07), -1.2174236267248571e-06),
                         -6.3662995760926541e-06), 2.9306046961565045e-05);
    const double r = FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, q, -1.8012913133611354e-05), -0.00030394861024280297), 0.0017474902577443942),
                         -0.0059926180172855002), 0.015655802094730484);
    return FMA(t, FMA(t, FMA(t, FMA(t, FMA(t, r, -0.03374043392379019), 0.062376298109471262), -0.10128622915644366),
                         0.14686946356038233), -0.48794629597713701);
}

/* r + rl = x - n pi/2, pi/2 in pieces of 33 bits: n times a piece is exact for |x| <= TRIG_LIMIT, so each step's error is known. The
 * nearest that such an x comes to a multiple is about 2^-58, and the pieces reach down to 2^-156. Then sin and cos of the sum, quadrant = n
 * mod 4. */
INLINE void trig_parts_f64(double x, double *sine, double *cosine, uint64_t *quadrant)
{
    const double magic = 6755399441055744.0, t = FMA(x, 0x1.45f306dc9c883p-1, magic), n = magic - t; /* -n */
    const double a = FMA(n, 0x1.921fb54400000p+0, x);
    const double b = FMA(n, 0x1.0b4611a600000p-34, a), db = FMA(n, 0x1.0b4611a600000p-34, a - b);
    const double c = FMA(n, 0x1.3198a2e000000p-69, b), dc = FMA(n, 0x1.3198a2e000000p-69, b - c);
    const double low = FMA(n, 0x1.b839a252049c1p-104, db + dc), r = c + low, rl = (c - r) + low;
    *quadrant = bits_f64(t);

    const double z = r * r, h = 0.5 * z, w = 1 - h;
    const double p = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, 1.5917947957586513e-10, -2.5051129068897963e-8), 2.7557316087676817e-6),
                                       -1.9841269836726034e-4), 8.333333333330924e-3), -0.16666666666666666);
    const double q = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, -1.138255582879106e-11, 2.0876145100289278e-9), -2.7557317265495212e-7),
                                       2.4801587298752106e-5), -1.3888888888887387e-3), 0.041666666666666664);
    *sine   = r + FMA(r * z, p, rl * w);
    *cosine = w + (((1 - w) - h) + FMA(z * z, q, -r * rl));
}
INLINE double trig_f64(double x, int turn)
{
    double   sine, cosine;
    uint64_t quadrant;
    trig_parts_f64(x, &sine, &cosine, &quadrant);
    quadrant += (uint64_t)turn;
    const uint64_t other = 0 - (quadrant & 1); /* a mask: SSE2 has no comparison for this */
    return number_f64(((bits_f64(cosine) & other) | (bits_f64(sine) & ~other)) ^ ((quadrant & 2) << 62));
}
INLINE double sin_f64(double x)
{
    const double y = trig_f64(x, 0);
    return x == 0 ? x : y; /* -0 stays -0 */
}
INLINE double cos_f64(double x) { return trig_f64(x, 1); }
INLINE double tan_f64(double x)
{
    double   sine, cosine;
    uint64_t quadrant;
    trig_parts_f64(x, &sine, &cosine, &quadrant);
    const uint64_t other = 0 - (quadrant & 1);
    const double   top = number_f64((bits_f64(-cosine) & other) | (bits_f64(sine) & ~other));
    const double   bottom = number_f64((bits_f64(sine) & other) | (bits_f64(cosine) & ~other)), y = top / bottom;
    return x == 0 ? x : y;
}

/* error 4.6e-18 */
INLINE double atan_p_f64(double z)
{
    const double p = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, 1.3225016715621461e-5, -0.0001521602662394435), 0.00083131903151382209),
                         -0.0028849103554810588), 0.0071964872549494809), -0.013900537408422226);
    const double q = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, p, 0.021984829212644357), -0.029903838933382019), 0.036641898725026747),
                         -0.042191783697927556), 0.047223220007796172);
    const double r = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, q, -0.052535184926361603), 0.058805278022337219), -0.066664040557816488),
                         0.076922798391227627), -0.090909070029825822);
    return FMA(z, FMA(z, FMA(z, FMA(z, r, 0.11111111007026079), -0.14285714282575124), 0.19999999999951461), -0.33333333333333068);
}
/* error 1.5e-17, z <= 1/4 */
INLINE double asin_p_f64(double z)
{
    const double p = FMA(z, FMA(z, FMA(z, FMA(z, 0.031912197532918817, -0.01622414906019194), 0.019528200628560465), 0.0065279981065773706),
                         0.012169206583816919);
    const double q = FMA(z, FMA(z, FMA(z, FMA(z, p, 0.013885236198243369), 0.017359704692872678), 0.022371758054862445), 0.030381959136797702);
    return FMA(z, FMA(z, FMA(z, q, 0.044642856828331647), 0.075000000003370125), 0.16666666666665409);
}
/* By a power of 2 squares neither overflow nor vanish. An infinity counts more than a NaN. */
INLINE double hypot_f64(double x, double y)
{
    const double ax = magnitude_f64(x), ay = magnitude_f64(y), most = ax > ay ? ax : ay;
    const double grow = most < 0x1p-500 ? 0x1p600 : 1, scale = most > 0x1p500 ? 0x1p-600 : grow, xs = x * scale, ys = y * scale;
    const double r = SQRT(FMA(xs, xs, ys * ys)) / scale;
    const int    far = ax == INFINITY, end = ay == INFINITY;
    return (far | end) ? INFINITY : r;
}

#ifdef __FMA__
/* Up to 1 erf x = x P(x^2) (error 7.3e-18); beyond it 1 - erfc x, erfc x = 2 Phi(-x sqrt 2); from 6 on it is 1 to the last bit. */
INLINE double erf_f64(double x)
{
    const double b = magnitude_f64(x), a = b > 6 ? 6 : b, z = a * a;
    const double hi = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, -7.779462971761597e-10, 1.371098870419052e-8), -1.620631875296921e-7),
                                        1.644713269978662e-6), -1.4924712439534814e-5), 1.205529358693695e-4);
    const double p  = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, hi, -8.548325929766244e-4), 5.223977606130842e-3), -0.026866170643113415),
                                 0.112837916709442), -0.3761263890318352);
    const double inner = a * FMA(z, p, 1.1283791670955126);
    const double c = a * 1.4142135623730951, u = 1 / (c + MILLS);
    const double outer = 1 - 2 * exp_minus_f64(z) * (u * mills_f64(FMA(c + c, u, -MILLS_T))), y = a > 1 ? outer : inner;
    return number_f64(bits_f64(y) | (bits_f64(x) & bits_f64(-0.0)));
}

/* ln x for x > 0 to about 2^-67: the result and, in *lo, its rounding error. With s = f / (2 + f) it is 2 s + s^3 (2/3 + s^2 R(s^2)), R to
 * 4.6e-18; s, s^3 and the bracket are in two parts each. */
INLINE double log_pair_f64(double x, double *lo)
{
    const double   third = 0x1.5555555555555p-1; /* 2/3 */
    const int      tiny = x < DBL_MIN;
    const uint64_t u = bits_f64(tiny ? x * 0x1p52 : x) - SQRT_HALF_F64;
    const double   e = exponent_f64(u) - (tiny ? 52 : 0);
    const double   f = fraction_f64(u) - 1, d = 2 + f, dd = f - (d - 2), i = 1 / d;
    const double   s = f * i, ds = -i * FMA(s, dd, rest_f64(s, d, f));
    const double   z = s * s, dz = FMA(2 * s, ds, rest_f64(s, s, z));
    const double   r = FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, FMA(z, 0.1172339395384121, 0.11706214010533667), 0.13334805603309727),
                                                    0.15384594954144155), 0.18181818335583094), 0.22222222221654947),
                             0.2857142857142937), 0.4);
    const double   w = z * r, q = third + w, dq = (w - (q - third)) + 0x1.5555555555555p-55;
    const double   c = z * s, dc = FMA(dz, s, FMA(z, ds, rest_f64(z, s, c)));
    const double   v = c * q, dv = FMA(dc, q, FMA(c, dq, rest_f64(c, q, v)));
    const double   m = 2 * s + v, dm = (v - (m - 2 * s)) + FMA(2.0, ds, dv);
    const double   n = e * LN2_HI_F64, y = n + m;
    *lo = FMA(e, LN2_LO_F64, (m - (y - n)) + dm);
    return y;
}

/* |x|^y = e^(y ln |x|); then the sign, and what C says of the special cases. */
INLINE double pow_f64(double x, double y)
{
    const double   ax = magnitude_f64(x), ay = magnitude_f64(y);
    double         dl;
    const double   l = log_pair_f64(ax, &dl), ln = ax < INFINITY ? l : ax, v = y * (ax == 0 ? -INFINITY : ln);
    const double   dv = magnitude_f64(v) < 750 ? FMA(y, dl, rest_f64(y, l, v)) : 0, top = v > 750 ? 750 : v;
    const double   p = exp_of_f64(top < -750 ? -750 : top, -dv);
    const double   d = ay > 0x1p54 ? 0x1p54 : ay, half = 0.5 * d; /* all above 2^53 are even */
    const int      whole = (d >= 0x1p52) | (d + 0x1p52 - 0x1p52 == d), odd = whole & (half + 0x1p52 - 0x1p52 != half);
    const uint64_t sign = odd ? bits_f64(x) & bits_f64(-0.0) : 0;
    const double   signed_p = number_f64(bits_f64(p) | sign);
    const double   z = ((x < 0) & (ax < INFINITY) & (whole == 0)) ? -NAN : signed_p; /* as log's: x86 makes this one */
    return ((y == 0) | (x == 1) | ((x == -1) & (ay == INFINITY))) ? 1 : z;
}
#else /* two vectors of two are no match for libm's tables */
INLINE double erf_f64(double x) { return erf(x); }
INLINE double pow_f64(double x, double y) { return pow(x, y); }
#endif
