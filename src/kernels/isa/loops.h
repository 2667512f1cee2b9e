/* loops.h - what the loops of one instruction set are written with: for the files of this folder, each of which is compiled once for each
 * instruction set, ISA, which is base, avx2 or avx512 (Makefile).
 *
 * Without the right to speculate (nobody reads exception flags here) gcc keeps most selects as branches and the loops scalar. This is
 * no -ffast-math: NaN, infinities, signed zeros and the order of operations stay. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize("no-trapping-math", "no-math-errno", "no-thread-jumps", "no-split-paths", "no-tree-pre")
#elif defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* the few loops that call libm stay scalar; has to stand before the first include */
#endif
#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "table/rows.h"

#define VECTOR_SIZE        VECTOR_SIZE_OF(ISA) /* bytes */
#define VECTOR_SIZE_OF(I)  VECTOR_SIZE_OF_(I)
#define VECTOR_SIZE_OF_(I) VECTOR_SIZE_##I
#define VECTOR_SIZE_base   16
#define VECTOR_SIZE_avx2   32
#define VECTOR_SIZE_avx512 64

#if VECTOR_SIZE > 16
#include <immintrin.h>
#endif

/* The first and third argument have the type; where the CPU has no fused multiply-add, two roundings do. */
#ifdef __FMA__
#define HAS_FMA 1
#define FMA(A, B, D) _Generic((A), float: __builtin_fmaf, default: __builtin_fma)((A), (B), (D))
#else
#define HAS_FMA 0
#define FMA(A, B, D) ((A) * (B) + (D))
#endif

/* A call inside a loop would keep it scalar. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline, unused)) /* a chapter uses some of them */
#else
#define INLINE static inline __attribute__((unused)) /* a chapter uses some of them */
#endif

/* Iterations are independent, also where out is an input. */
#if defined(__clang__)
#define INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define INDEPENDENT _Pragma("GCC ivdep")
#else
#define INDEPENDENT
#endif

/* ---- functions of float and double --------------------------------------------------------------------------------- */

#define C(V) ((T)(V))

/* Words of the rows that functions use as well. */
#define SQRT(X)  _Generic((X), float: sqrtf, default: sqrt)(X)
#define FLOOR(X) _Generic((X), float: floorf, default: floor)(X)
#define CEIL(X)  _Generic((X), float: ceilf, default: ceil)(X)
#define ROUND(X) _Generic((X), float: rintf, default: rint)(X)
#define TRUNC(X) _Generic((X), float: truncf, default: trunc)(X)
#define LEANS(M, Y)        (((M) != 0) & (((M) < 0) != ((Y) < 0)))

#define QUOTIENT_LIMIT C((U)1 << (MANTISSA - 3)) /* fmod: below it the quotient's rounding leaves its whole part in reach */
enum { TRIG_LIMIT = 1000000 }; /* sin and cos: beyond it libm reduces the argument, element by element */

#define T              double
#define U              uint64_t
#define F(NAME)        NAME##_f64
#define MANTISSA       52
#define BIAS           1023
#define SMALLEST       DBL_MIN
#define EXP_MAX        710
#define EXP_MIN        (-746)
#define UP             512
#define DOWN           0x1p-512
#define LN2_HI         0x1.62e42fee00000p-1
#define LN2_LO         0x1.a39ef35793c76p-33
#define SQRT_HALF_BITS UINT64_C(0x3fe6a09e667f3bcd)
#define TANH_MAX       20
#define MILLS          5.5
#define MILLS_T        0.921875
#define GELU_END       38.8
#define GELU_TANH_END  22
#define SILU_END       752
#define ERF_SLOPE_END  27.4
#define GELU_K         0x1.26aec21bce760p+1
#define GELU_K_LO      (-2.9772962085427412e-15)
#define GELU_KA        0.10294323958002349
#define GELU_KA_LO     (-5.978177400718744e-18)
#define GELU_V         0x1.9884533d43650p+0
#define GELU_V_LO      1.223515168339221e-16
#define EXP2_MIN       (-1075)
#define EXP10_MIN      (-323.7)
#define EXP10_MAX      308.26
#define EXPM1_MIN      (-38)
#define SINH_MAX       710.6
#define LG2_HI         0x1.34413509f6000p-2
#define LG2_LO         3.6942390771589305e-13
#define HALF_PI        0x1.921fb54442d18p+0
#define HALF_PI_LO     6.123233995736766e-17
#define PI             0x1.921fb54442d18p+1
#define PI_LO          1.2246467991473532e-16
#define CBRT_STEPS     2
#define CBRT_TINY      0x1p54
#define CBRT_TINY_ROOT 0x1p-18
#define HUGE_ROOT      0x1p60
#define LOGIT_TINY     0x1p-200
#include "kernels/vmath.h"
#include "kernels/vmath_elementary.h"
#include "kernels/vmath_f64.h"
#include "kernels/vmath_undef.h"

#define T              float
#define U              uint32_t
#define F(NAME)        NAME##_f32
#define MANTISSA       23
#define BIAS           127
#define SMALLEST       FLT_MIN
#define EXP_MAX        89
#define EXP_MIN        (-104)
#define UP             64
#define DOWN           0x1p-64
#define LN2_HI         0.693359375
#define LN2_LO         (-2.12194440054690583e-4)
#define SQRT_HALF_BITS UINT32_C(0x3f3504f3)
#define TANH_MAX       10
#define MILLS          3.5
#define MILLS_T        0.75
#define GELU_END       14.6
#define GELU_TANH_END  11
#define SILU_END       109
#define ERF_SLOPE_END  10.3
#define GELU_K         2.302207946777344
#define GELU_K_LO      2.51366981e-7
#define GELU_KA        0.10294324159622192
#define GELU_KA_LO     (-2.01619844e-9)
#define GELU_V         1.595768928527832
#define GELU_V_LO      1.930778950054446e-7
#define EXP2_MIN       (-150)
#define EXP10_MIN      (-45.2)
#define EXP10_MAX      38.54
#define EXPM1_MIN      (-18)
#define SINH_MAX       89.5
#define LG2_HI         0.301025390625
#define LG2_LO         4.605038981195214e-6
#define HALF_PI        1.5707963705062866
#define HALF_PI_LO     (-4.371139000186243e-8)
#define PI             3.1415927410125732
#define PI_LO          (-8.742278000372486e-8)
#define CBRT_STEPS     1
#define CBRT_TINY      0x1p24
#define CBRT_TINY_ROOT 0x1p-8
#define HUGE_ROOT      0x1p30
#define LOGIT_TINY     0x1p-100
#include "kernels/vmath.h"
#include "kernels/vmath_elementary.h"
#include "kernels/vmath_f32.h"
#include "kernels/vmath_undef.h"

/* ---- the vocabulary of the rows ------------------------------------------------------------------------------------ */

#define BY_TYPE(NAME, X)   _Generic((X), float: NAME##_f32, default: NAME##_f64)
#define EXP(X)             BY_TYPE(exp, X)(X)
#define LOG(X)             BY_TYPE(log, X)(X)
#define LOG1P(X)           BY_TYPE(log1p, X)(X)
#define SIN(X)             BY_TYPE(sin, X)(X)
#define COS(X)             BY_TYPE(cos, X)(X)
#define TANH(X)            BY_TYPE(tanh, X)(X)
#define ERF(X)             BY_TYPE(erf, X)(X)
#define EXP2(X)            BY_TYPE(exp2, X)(X)
#define EXP10(X)           BY_TYPE(exp10, X)(X)
#define EXPM1(X)           BY_TYPE(expm1, X)(X)
#define LOG2(X)            BY_TYPE(log2, X)(X)
#define LOG10(X)           BY_TYPE(log10, X)(X)
#define CBRT(X)            BY_TYPE(cbrt, X)(X)
#define SINC(X)            BY_TYPE(sinc, X)(X)
#define SINC_SLOPE(X)      BY_TYPE(sinc_slope, X)(X)
#define LOGIT(X)           BY_TYPE(logit, X)(X)
#define TAN(X)             BY_TYPE(tan, X)(X)
#define ASIN(X)            BY_TYPE(asin, X)(X)
#define ACOS(X)            BY_TYPE(acos, X)(X)
#define ATAN(X)            BY_TYPE(atan, X)(X)
#define SINH(X)            BY_TYPE(sinh, X)(X)
#define COSH(X)            BY_TYPE(cosh, X)(X)
#define ASINH(X)           BY_TYPE(asinh, X)(X)
#define ACOSH(X)           BY_TYPE(acosh, X)(X)
#define ATANH(X)           BY_TYPE(atanh, X)(X)
#define ATAN2(X, Y)        BY_TYPE(atan2, X)(X, Y)
#define HYPOT(X, Y)        BY_TYPE(hypot, X)(X, Y)
#define LOGADDEXP(X, Y)    BY_TYPE(logaddexp, X)(X, Y)
#define COPYSIGN(X, Y)     BY_TYPE(signed_as, X)(X, Y)
#define POW(X, Y)          BY_TYPE(pow, X)(X, Y)
#define FLOORED(X, Y, M)   BY_TYPE(floored, X)(X, Y, M)
#define ABS(X)             _Generic((X), float: fabsf, default: fabs)(X)
#define SIGMOID(X)         BY_TYPE(sigmoid, X)(X)
#define TANH_SLOPE(X, Y)   BY_TYPE(tanh_slope, X)(X, Y)
#define SIGMOID_SLOPE(X, Y) BY_TYPE(sigmoid_slope, X)(X, Y)
#define SIGMOID_SUB(X, Y)  BY_TYPE(sigmoid_sub, X)(X, Y)
#define SILU(X)            BY_TYPE(silu, X)(X)
#define SILU_SLOPE(X)      BY_TYPE(silu_slope, X)(X)
#define MISH(X)            BY_TYPE(mish, X)(X)
#define ERF_SLOPE(X)       BY_TYPE(erf_slope, X)(X)
#define DENSITY(X)         BY_TYPE(density, X)(X)
#define SOFTPLUS(X)        BY_TYPE(softplus, X)(X)
#define GELU(X)            BY_TYPE(gelu, X)(X)
#define PHI_SLOPE(X)       BY_TYPE(phi_slope, X)(X)
#define GELU_TANH(X)       BY_TYPE(gelu_tanh, X)(X)
#define GELU_TANH_SLOPE(X) BY_TYPE(gelu_tanh_slope, X)(X)
#define GELU_TANH_BELL(X)  BY_TYPE(gelu_tanh_bell, X)(X)
#define ZMUL(G, S)         BY_TYPE(zero_mul, G)(G, S)
#define ZDIV(G, S)         BY_TYPE(zero_div, G)(G, S)
#define MAXIMUM(X, Y)      ((((X) > (Y)) | ((X) != (X))) ? (X) : (Y))
#define MINIMUM(X, Y)      ((((X) < (Y)) | ((X) != (X))) ? (X) : (Y))
