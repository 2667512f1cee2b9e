/* normal_pair.h - two normal numbers of float from two random words, by Box and Muller: sqrt(-2 ln u) (cos a, sin a), u in (0, 1], a in [0, 2 pi).
 *
 * Logarithm, cosine and sine are polynomials in plain arithmetic, which gives the same bits on every CPU, one number at a time or in vectors; the C
 * library's do not. Nothing is fused: gcc leaves products and sums apart in ISO C; clang has to be told. */
#ifndef TG_NORMAL_PAIR_H
#define TG_NORMAL_PAIR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

/* -2 ln u, of u = m 2^e, m in [sqrt(1/2), sqrt 2): ln(1 + f) = f - f^2/2 + f^3 P(f), P off by less than 3.2e-8, and e ln 2 in two parts. */
static inline float tg_minus_two_ln(float u)
{
    uint32_t bits, mantissa;
    float    m;
    memcpy(&bits, &u, sizeof bits);
    bits -= 0x3F3504F3u; /* sqrt(1/2) */
    mantissa = (bits & 0x007FFFFFu) + 0x3F3504F3u;
    memcpy(&m, &mantissa, sizeof m);
    const float e = (float)((int32_t)bits >> 23), f = m - 1, z = f * f;
    const float p = ((((((0.0870048848f * f - 0.142674457f) * f + 0.149147358f) * f - 0.165775906f) * f + 0.199630673f) * f - 0.250013368f) * f) + 0.333339106f;
    const float y = z * f * p + e * -2.12194440e-4f;
    return -2 * (e * 0.693359375f + (f + (y - 0.5f * z)));
}

/* The radius is of the first word, all 32 bits of it: at most 6.66. The angle is of 24 bits of the second, counted in eighths of a turn from the nearest
 * quarter, whose number says which of sine and cosine is which, and their signs. */
static inline void tg_normal_pair(uint32_t first, uint32_t second, float *a, float *b)
{
    const float    r = sqrtf(tg_minus_two_ln(((float)first + 1) * 0x1p-32f));
    const uint32_t turn = second >> 8, quarter = (turn + 0x200000u) >> 22;
    const float    t = (float)((int32_t)turn - (int32_t)(quarter << 22)) * 3.74507039e-7f, z = t * t; /* pi/2 2^-22 */
    const float    sine = t + t * z * (((2.71823746e-6f * z - 1.98393272e-4f) * z + 8.33332936e-3f) * z - 0.166666666f);
    const float    cosine = 1 + z * (((2.4437734e-5f * z - 1.38873615e-3f) * z + 0.0416666467f) * z - 0.5f);
    const float    c = r * (quarter & 1 ? sine : cosine), s = r * (quarter & 1 ? cosine : sine);
    *a = (quarter + 1) & 2 ? -c : c;
    *b = quarter & 2 ? -s : s;
}

#endif
