/* half.h - 16-bit floats in files: IEEE binary16 (1 bit of sign, 5 of exponent, 10 of fraction) and bfloat16 (1, 8, 7). */
#ifndef TG_HALF_H
#define TG_HALF_H

#include <stdint.h>

/* The bits of the float that is the same number: each of them is a float. NaN keeps its bits. */
uint32_t        tg_half_to_float(uint16_t half);
static inline uint32_t tg_bfloat_to_float(uint16_t bfloat) { return (uint32_t)bfloat << 16; } /* it is the upper half of a float */

/* The nearest one, the even one of two that are as near; infinite from where that would be larger than the largest. NaN stays one, quiet.
 * Integer arithmetic alone: the rounding of the environment does not matter. */
uint16_t tg_half_from_double(double x);
uint16_t tg_bfloat_from_double(double x);

#endif
