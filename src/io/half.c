/* half.c - 16-bit floats from doubles, and floats from them. */
#include "io/half.h"

#include <string.h>

uint32_t tg_half_to_float(uint16_t half)
{
    const uint32_t h = half, sign = (h & 0x8000) << 16, exponent = h >> 10 & 31, fraction = h & 0x3ff;
    if (exponent == 31) return sign | 0x7f800000 | fraction << 13;                   /* inf, and NaN with its bits */
    if (exponent > 0) return sign | (exponent + (127 - 15)) << 23 | fraction << 13;
    if (fraction == 0) return sign;
    const uint32_t up = (uint32_t)__builtin_clz(fraction) - 21; /* 1 … 10: moves the first bit to where the hidden one is */
    return sign | (127 - 14 - up) << 23 | (fraction << up & 0x3ff) << 13;
}

/* A double in a format of so many bits of fraction, 15 minus that of exponent. A subnormal double is 0 in both. */
static uint16_t shorten(double x, int fraction_bits)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint16_t sign     = (uint16_t)(bits >> 48 & 0x8000);
    const uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    const int      exponent = (int)(bits >> 52 & 0x7ff), least = 1023 + 2 - (1 << (14 - fraction_bits)); /* of what is not subnormal there */
    const uint64_t infinite = UINT64_C(0x7fff) >> fraction_bits << fraction_bits;
    if (exponent == 0x7ff && fraction) return (uint16_t)(sign | infinite | UINT64_C(1) << (fraction_bits - 1) | fraction >> (52 - fraction_bits));
    if (exponent == 0x7ff) return (uint16_t)(sign | infinite);
    const int cut = 52 - fraction_bits + (exponent < least ? least - exponent : 0); /* bits that there is no room for */
    if (exponent == 0 || cut > 54) return sign;
    const uint64_t all = fraction | UINT64_C(1) << 52, rest = all & ((UINT64_C(1) << cut) - 1), tie = UINT64_C(1) << (cut - 1);
    uint64_t       short_bits = all >> cut;
    short_bits += rest > tie || (rest == tie && (short_bits & 1)); /* what this carries goes on into the exponent, as it should */
    if (exponent >= least) short_bits += (uint64_t)(exponent - least) << fraction_bits; /* the hidden bit is exponent 1 */
    return (uint16_t)(sign | (short_bits < infinite ? short_bits : infinite));
}

uint16_t tg_half_from_double(double x) { return shorten(x, 10); }
uint16_t tg_bfloat_from_double(double x) { return shorten(x, 7); }
