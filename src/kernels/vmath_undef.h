/* vmath_undef.h - takes back what vmath.h is parametrised with. No include guard: on purpose. */
#undef T
#undef U
#undef F
#undef MANTISSA
#undef BIAS
#undef SMALLEST
#undef EXP_MAX
#undef EXP_MIN
#undef LN2_HI
#undef LN2_LO
#undef SQRT_HALF_BITS
#undef TANH_MAX
