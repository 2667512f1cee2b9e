/* pointwise.c - the vector loops of the rows in CHAPTER, a file of table/pointwise/, for the instruction set ISA: compiled for each of both.
 * Row NAME gives tg_loop_NAME_f32_ISA and tg_loop_NAME_f64_ISA. */
#include "kernels/isa/loops.h"

/* ---- what is left over at the end of a loop: fewer elements than a vector has --------------------------------------- */

#define LANES(TYPE) (VECTOR_SIZE / sizeof(TYPE))

/* n < LANES elements into a whole vector, the others 0, and back. */
#if VECTOR_SIZE == 64
INLINE void load_part_f32(float *to, const float *from, size_t n)
{
    _mm512_storeu_ps(to, _mm512_maskz_loadu_ps((__mmask16)((1u << n) - 1), from));
}
INLINE void store_part_f32(float *to, const float *from, size_t n)
{
    _mm512_mask_storeu_ps(to, (__mmask16)((1u << n) - 1), _mm512_loadu_ps(from));
}
INLINE void load_part_f64(double *to, const double *from, size_t n)
{
    _mm512_storeu_pd(to, _mm512_maskz_loadu_pd((__mmask8)((1u << n) - 1), from));
}
INLINE void store_part_f64(double *to, const double *from, size_t n)
{
    _mm512_mask_storeu_pd(to, (__mmask8)((1u << n) - 1), _mm512_loadu_pd(from));
}
INLINE void load_part_u8(uint8_t *to, const uint8_t *from, size_t n)
{
    _mm_storeu_si128((__m128i *)to, _mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), from));
}
INLINE void store_part_u8(uint8_t *to, const uint8_t *from, size_t n)
{
    _mm_mask_storeu_epi8(to, (__mmask16)((1u << n) - 1), _mm_loadu_si128((const __m128i *)from));
}
enum { U8_PART = 16 };
#else
#if VECTOR_SIZE == 32
/* Lane k takes part where mask[k] is negative: n ones from part_mask + 8 - n. */
static const int32_t part_mask[16] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
INLINE __m256i part_f32(size_t n) { return _mm256_loadu_si256((const __m256i *)(part_mask + 8 - n)); }
INLINE __m256i part_f64(size_t n) { return _mm256_loadu_si256((const __m256i *)(part_mask + 8 - 2 * n)); }
INLINE void    load_part_f32(float *to, const float *from, size_t n)
{
    _mm256_storeu_ps(to, _mm256_maskload_ps(from, part_f32(n)));
}
INLINE void store_part_f32(float *to, const float *from, size_t n)
{
    _mm256_maskstore_ps(to, part_f32(n), _mm256_loadu_ps(from));
}
INLINE void load_part_f64(double *to, const double *from, size_t n)
{
    _mm256_storeu_pd(to, _mm256_maskload_pd(from, part_f64(n)));
}
INLINE void store_part_f64(double *to, const double *from, size_t n)
{
    _mm256_maskstore_pd(to, part_f64(n), _mm256_loadu_pd(from));
}
#else
#define PART(SUFFIX, TYPE)                                                                                             \
    INLINE void load_part_##SUFFIX(TYPE *to, const TYPE *from, size_t n)                                       \
    {                                                                                                                 \
        for (size_t k = 0; k < LANES(TYPE); k++) to[k] = k < n ? from[k] : 0;                                         \
    }                                                                                                                 \
    INLINE void store_part_##SUFFIX(TYPE *to, const TYPE *from, size_t n)                                      \
    {                                                                                                                 \
        for (size_t k = 0; k < n; k++) to[k] = from[k];                                                               \
    }
PART(f32, float)
PART(f64, double)
#endif
INLINE void load_part_u8(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t k = 0; k < 8; k++) to[k] = k < n ? from[k] : 0;
}
INLINE void store_part_u8(uint8_t *to, const uint8_t *from, size_t n)
{
    for (size_t k = 0; k < n; k++) to[k] = from[k];
}
enum { U8_PART = 8 };
#endif

/* ---- the loops: whole vectors, then a last vector filled up with zeros; one element alone by itself ------------------ */

#define PAD_u8(TYPE)  U8_PART
#define PAD_f32(TYPE) LANES(TYPE)
#define PAD_f64(TYPE) LANES(TYPE)

#define LOOP1(LOOP, NAME, SUFFIX, TYPE, RS, RESULT, EXPR)                                                              \
    INLINE RESULT one_##NAME##_##SUFFIX(TYPE x)                                                                \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        (void)x;                                                                                                      \
        return (RESULT)(0 ? (T)0 : (EXPR));                                                                           \
    }                                                                                                                 \
    LOOP(size_t n, void *out, const void *const *in, const void *attr)                                                \
    {                                                                                                                 \
        const TYPE *a = in[0];                                                                                        \
        RESULT     *o = out;                                                                                          \
        (void)attr;                                                                                                   \
        if (n == 1) {                                                                                                 \
            o[0] = one_##NAME##_##SUFFIX(a[0]);                                                                       \
            return;                                                                                                   \
        }                                                                                                             \
        const size_t rest = n % LANES(TYPE), whole = n - rest;                                                        \
        INDEPENDENT for (size_t i = 0; i < whole; i++) o[i] = one_##NAME##_##SUFFIX(a[i]);                            \
        if (rest == 0) return;                                                                                        \
        TYPE   x[LANES(TYPE)];                                                                                        \
        RESULT r[PAD_##RS(TYPE)];                                                                                     \
        load_part_##SUFFIX(x, a + whole, rest);                                                                       \
        for (size_t k = 0; k < LANES(TYPE); k++) r[k] = one_##NAME##_##SUFFIX(x[k]);                                  \
        store_part_##RS(o + whole, r, rest);                                                                          \
    }

#define LOOP2(LOOP, NAME, SUFFIX, TYPE, RS, RESULT, EXPR)                                                              \
    INLINE RESULT one_##NAME##_##SUFFIX(TYPE x, TYPE y)                                                        \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        return (RESULT)(0 ? (T)0 : (EXPR));                                                                           \
    }                                                                                                                 \
    LOOP(size_t n, void *out, const void *const *in, const void *attr)                                                \
    {                                                                                                                 \
        const TYPE *a = in[0], *b = in[1];                                                                            \
        RESULT     *o = out;                                                                                          \
        (void)attr;                                                                                                   \
        if (n == 1) {                                                                                                 \
            o[0] = one_##NAME##_##SUFFIX(a[0], b[0]);                                                                 \
            return;                                                                                                   \
        }                                                                                                             \
        const size_t rest = n % LANES(TYPE), whole = n - rest;                                                        \
        INDEPENDENT for (size_t i = 0; i < whole; i++) o[i] = one_##NAME##_##SUFFIX(a[i], b[i]);                      \
        if (rest == 0) return;                                                                                        \
        TYPE   x[LANES(TYPE)], y[LANES(TYPE)];                                                                        \
        RESULT r[PAD_##RS(TYPE)];                                                                                     \
        load_part_##SUFFIX(x, a + whole, rest);                                                                       \
        load_part_##SUFFIX(y, b + whole, rest);                                                                       \
        for (size_t k = 0; k < LANES(TYPE); k++) r[k] = one_##NAME##_##SUFFIX(x[k], y[k]);                            \
        store_part_##RS(o + whole, r, rest);                                                                          \
    }

/* AS, A: suffix and type of the first operand, which may be a condition. */
#define LOOP3(LOOP, NAME, SUFFIX, TYPE, AS, A, EXPR)                                                                   \
    INLINE TYPE one_##NAME##_##SUFFIX(A x, TYPE y, TYPE z)                                                     \
    {                                                                                                                 \
        typedef TYPE T;                                                                                               \
        return (0 ? (T)0 : (EXPR));                                                                                   \
    }                                                                                                                 \
    LOOP(size_t n, void *out, const void *const *in, const void *attr)                                                \
    {                                                                                                                 \
        const A    *a = in[0];                                                                                        \
        const TYPE *b = in[1], *c = in[2];                                                                            \
        TYPE       *o = out;                                                                                          \
        (void)attr;                                                                                                   \
        if (n == 1) {                                                                                                 \
            o[0] = one_##NAME##_##SUFFIX(a[0], b[0], c[0]);                                                           \
            return;                                                                                                   \
        }                                                                                                             \
        const size_t rest = n % LANES(TYPE), whole = n - rest;                                                        \
        INDEPENDENT for (size_t i = 0; i < whole; i++) o[i] = one_##NAME##_##SUFFIX(a[i], b[i], c[i]);                \
        if (rest == 0) return;                                                                                        \
        A    x[PAD_##AS(TYPE)];                                                                                       \
        TYPE y[LANES(TYPE)], z[LANES(TYPE)], r[LANES(TYPE)];                                                          \
        load_part_##AS(x, a + whole, rest);                                                                           \
        load_part_##SUFFIX(y, b + whole, rest);                                                                       \
        load_part_##SUFFIX(z, c + whole, rest);                                                                       \
        for (size_t k = 0; k < LANES(TYPE); k++) r[k] = one_##NAME##_##SUFFIX(x[k], y[k], z[k]);                      \
        store_part_##SUFFIX(o + whole, r, rest);                                                                      \
    }

#define EXPORT(NAME, SUFFIX) void TG_LOOP(NAME, SUFFIX, ISA)
#define INSIDE(NAME, SUFFIX) static void loop_##NAME##_##SUFFIX

#define FLOATS1(LOOP, NAME, FORMULA)                                                                                   \
    LOOP1(LOOP(NAME, f32), NAME, f32, float, f32, float, FORMULA)                                                     \
    LOOP1(LOOP(NAME, f64), NAME, f64, double, f64, double, FORMULA)
#define FLOATS2(LOOP, NAME, FORMULA)                                                                                   \
    LOOP2(LOOP(NAME, f32), NAME, f32, float, f32, float, FORMULA)                                                     \
    LOOP2(LOOP(NAME, f64), NAME, f64, double, f64, double, FORMULA)

/* ---- periodic functions: beyond TRIG_LIMIT libm has to do the argument reduction, element by element ----------------- */

#define TRIG(NAME, SUFFIX, TYPE, LIBM)                                                                                 \
    EXPORT(NAME, SUFFIX)(size_t n, void *out, const void *const *in, const void *attr)                                \
    {                                                                                                                 \
        const TYPE *x      = in[0];                                                                                   \
        TYPE       *o      = out;                                                                                     \
        int         beyond = 0;                                                                                       \
        for (size_t i = 0; i < n; i++) beyond |= ABS(x[i]) <= TRIG_LIMIT ? 0 : 1; /* NaN too */                       \
        if (!beyond) {                                                                                                \
            loop_##NAME##_##SUFFIX(n, out, in, attr);                                                                 \
            return;                                                                                                   \
        }                                                                                                             \
        for (size_t i = 0; i < n; i++) o[i] = ABS(x[i]) <= TRIG_LIMIT ? one_##NAME##_##SUFFIX(x[i]) : LIBM(x[i]);     \
    }

/* ---- quotients: where one is too large libm has to find the remainder, element by element; without fused multiply-add always ---- */

#define QUOTIENTS(NAME, SUFFIX, TYPE, LIBM, EXPR)                                                                     \
    INLINE TYPE of_##NAME##_##SUFFIX(TYPE x, TYPE y, TYPE m)                                                          \
    {                                                                                                                 \
        (void)x, (void)y;                                                                                             \
        return EXPR;                                                                                                  \
    }                                                                                                                 \
    LOOP2(INSIDE(NAME, SUFFIX), NAME, SUFFIX, TYPE, SUFFIX, TYPE, of_##NAME##_##SUFFIX(x, y, mod_##SUFFIX(x, y)))     \
    EXPORT(NAME, SUFFIX)(size_t n, void *out, const void *const *in, const void *attr)                                \
    {                                                                                                                 \
        const TYPE *x      = in[0], *y = in[1];                                                                       \
        TYPE       *o      = out;                                                                                     \
        int         beyond = !HAS_FMA;                                                                                \
        for (size_t i = 0; i < n; i++) beyond |= is_small_##SUFFIX(x[i], y[i]) ? 0 : 1; /* NaN too */                 \
        if (!beyond) {                                                                                                \
            loop_##NAME##_##SUFFIX(n, out, in, attr);                                                                 \
            return;                                                                                                   \
        }                                                                                                             \
        for (size_t i = 0; i < n; i++)                                                                                \
            o[i] = HAS_FMA && is_small_##SUFFIX(x[i], y[i]) ? one_##NAME##_##SUFFIX(x[i], y[i])                       \
                                                            : of_##NAME##_##SUFFIX(x[i], y[i], LIBM(x[i], y[i]));     \
    }

/* ---- slopes that are read from the result y, but for where y has come too near to 1: few blocks look there ------------------- */

/* Is any of `bytes` of results, without the bits of `sign`, beyond TG_SLOPE_NEAR? A NaN counts as none: the first operand of a maximum. */
#if VECTOR_SIZE == 64
INLINE int far_f32(const float *y, size_t bytes, float sign)
{
    const __m512 limit = _mm512_set1_ps((float)TG_SLOPE_NEAR), mask = _mm512_set1_ps(sign);
    __m512       m = limit;
    for (size_t k = 0; k < bytes / 64; k++) m = _mm512_max_ps(_mm512_andnot_ps(mask, _mm512_loadu_ps(y + 16 * k)), m);
    return _mm512_cmp_ps_mask(m, limit, _CMP_GT_OQ);
}
INLINE int far_f64(const double *y, size_t bytes, double sign)
{
    const __m512d limit = _mm512_set1_pd(TG_SLOPE_NEAR), mask = _mm512_set1_pd(sign);
    __m512d       m = limit;
    for (size_t k = 0; k < bytes / 64; k++) m = _mm512_max_pd(_mm512_andnot_pd(mask, _mm512_loadu_pd(y + 8 * k)), m);
    return _mm512_cmp_pd_mask(m, limit, _CMP_GT_OQ);
}
#elif VECTOR_SIZE == 32
INLINE int far_f32(const float *y, size_t bytes, float sign)
{
    const __m256 limit = _mm256_set1_ps((float)TG_SLOPE_NEAR), mask = _mm256_set1_ps(sign);
    __m256       m = limit;
    for (size_t k = 0; k < bytes / 32; k++) m = _mm256_max_ps(_mm256_andnot_ps(mask, _mm256_loadu_ps(y + 8 * k)), m);
    return _mm256_movemask_ps(_mm256_cmp_ps(m, limit, _CMP_GT_OQ));
}
INLINE int far_f64(const double *y, size_t bytes, double sign)
{
    const __m256d limit = _mm256_set1_pd(TG_SLOPE_NEAR), mask = _mm256_set1_pd(sign);
    __m256d       m = limit;
    for (size_t k = 0; k < bytes / 32; k++) m = _mm256_max_pd(_mm256_andnot_pd(mask, _mm256_loadu_pd(y + 4 * k)), m);
    return _mm256_movemask_pd(_mm256_cmp_pd(m, limit, _CMP_GT_OQ));
}
#else
#define FAR(SUFFIX, TYPE)                                                                                             \
    INLINE int far_##SUFFIX(const TYPE *y, size_t bytes, TYPE sign)                                                   \
    {                                                                                                                 \
        int any = 0;                                                                                                  \
        for (size_t k = 0; k < bytes / sizeof(TYPE); k++) any |= (signbit(sign) ? ABS(y[k]) : y[k]) > (TYPE)TG_SLOPE_NEAR; \
        return any;                                                                                                   \
    }
FAR(f32, float)
FAR(f64, double)
#endif

/* What is near is computed with the compiler's vectors: of loops as short it makes none. */
#define BY_RESULT(NAME, SUFFIX, TYPE, SIGN, NEAR)                                                                     \
    INLINE void near_##NAME##_##SUFFIX(TYPE *o, const TYPE *y, size_t bytes)                                          \
    {                                                                                                                 \
        typedef TYPE vec __attribute__((vector_size(VECTOR_SIZE)));                                                   \
        const TYPE one = 1;                                                                                           \
        for (size_t k = 0; k < bytes / sizeof(TYPE); k += LANES(TYPE)) {                                              \
            vec v;                                                                                                    \
            memcpy(&v, y + k, sizeof v);                                                                              \
            v = NEAR(v);                                                                                              \
            memcpy(o + k, &v, sizeof v);                                                                              \
        }                                                                                                             \
    }                                                                                                                 \
    /* Less than a piece: padded with zeros, which are near. */                                                       \
    static void last_##NAME##_##SUFFIX(size_t n, TYPE *o, const TYPE *x, const TYPE *y)                               \
    {                                                                                                                 \
        enum { PIECE = 64 };                                                                                          \
        TYPE piece[PIECE / sizeof(TYPE)] = {0};                                                                       \
        for (size_t k = 0; k < n; k++) piece[k] = y[k];                                                               \
        if (far_##SUFFIX(piece, PIECE, SIGN)) {                                                                       \
            loop_##NAME##_##SUFFIX(n, o, (const void *[]){x, y}, NULL);                                               \
            return;                                                                                                   \
        }                                                                                                             \
        near_##NAME##_##SUFFIX(piece, piece, PIECE);                                                                  \
        for (size_t k = 0; k < n; k++) o[k] = piece[k];                                                               \
    }                                                                                                                 \
    EXPORT(NAME, SUFFIX)(size_t n, void *out, const void *const *in, const void *attr)                                \
    {                                                                                                                 \
        enum { PIECE = 64, BLOCK = 256, P = PIECE / sizeof(TYPE), B = BLOCK / sizeof(TYPE) }; /* bytes, elements */   \
        const TYPE *x = in[0], *y = in[1];                                                                            \
        TYPE       *o = out;                                                                                          \
        size_t      i = 0;                                                                                            \
        for (; i + B <= n; i += B) {                                                                                  \
            if (!far_##SUFFIX(y + i, BLOCK, SIGN)) {                                                                  \
                near_##NAME##_##SUFFIX(o + i, y + i, BLOCK);                                                          \
                continue;                                                                                             \
            }                                                                                                         \
            for (size_t k = i; k < i + B; k += P)                                                                     \
                if (far_##SUFFIX(y + k, PIECE, SIGN))                                                                 \
                    loop_##NAME##_##SUFFIX(P, o + k, (const void *[]){x + k, y + k}, attr);                           \
                else near_##NAME##_##SUFFIX(o + k, y + k, PIECE);                                                     \
        }                                                                                                             \
        for (; i + P <= n; i += P)                                                                                    \
            if (far_##SUFFIX(y + i, PIECE, SIGN)) loop_##NAME##_##SUFFIX(P, o + i, (const void *[]){x + i, y + i}, attr); \
            else near_##NAME##_##SUFFIX(o + i, y + i, PIECE);                                                         \
        if (i < n) last_##NAME##_##SUFFIX(n - i, o + i, x + i, y + i);                                                \
    }

/* What they are where they are near, and whether they are so by |y| (-0) or by y (0). */
#define NEAR_tanh_slope(Y)    ((one - (Y)) * (one + (Y)))
#define NEAR_sigmoid_slope(Y) ((Y) * (one - (Y)))
#define SIGN_tanh_slope       -0.0f
#define SIGN_sigmoid_slope    0.0f

/* ---- the rows ------------------------------------------------------------------------------------------------------------ */

#define UNARY(NAME, TYPES, FORMULA, ...)   FLOATS1(EXPORT, NAME, FORMULA)
#define FLAT(NAME, TYPES, FORMULA, ...)    FLOATS1(EXPORT, NAME, FORMULA)
#define BINARY(NAME, TYPES, FORMULA, ...)  FLOATS2(EXPORT, NAME, FORMULA)
#define SCALED(NAME, TYPES, FORMULA, ...)  FLOATS2(EXPORT, NAME, FORMULA)
#define TERNARY(NAME, TYPES, FORMULA, ...)                                                                             \
    LOOP3(EXPORT(NAME, f32), NAME, f32, float, f32, float, FORMULA)                                                   \
    LOOP3(EXPORT(NAME, f64), NAME, f64, double, f64, double, FORMULA)
#define SELECT(NAME, TYPES, FORMULA, ...)                                                                              \
    LOOP3(EXPORT(NAME, f32), NAME, f32, float, u8, uint8_t, FORMULA)                                                  \
    LOOP3(EXPORT(NAME, f64), NAME, f64, double, u8, uint8_t, FORMULA)
#define COMPARE(NAME, FORMULA, ...)                                                                                    \
    LOOP2(EXPORT(NAME, f32), NAME, f32, float, u8, uint8_t, FORMULA)                                                  \
    LOOP2(EXPORT(NAME, f64), NAME, f64, double, u8, uint8_t, FORMULA)
#define TEST(NAME, FORMULA, ...)                                                                                       \
    LOOP1(EXPORT(NAME, f32), NAME, f32, float, u8, uint8_t, FORMULA)                                                  \
    LOOP1(EXPORT(NAME, f64), NAME, f64, double, u8, uint8_t, FORMULA)
#define PERIODIC(NAME, TYPES, FORMULA, ...)                                                                            \
    FLOATS1(INSIDE, NAME, FORMULA)                                                                                    \
    TRIG(NAME, f32, float, NAME##f)                                                                                   \
    TRIG(NAME, f64, double, NAME)
#define QUOTIENT(NAME, TYPES, FORMULA, ...)                                                                            \
    QUOTIENTS(NAME, f32, float, fmodf, FORMULA)                                                                       \
    QUOTIENTS(NAME, f64, double, fmod, FORMULA)
#define SLOPE(NAME, OF, FORMULA, ...)                                                                                  \
    FLOATS2(INSIDE, NAME, FORMULA)                                                                                    \
    BY_RESULT(NAME, f32, float, SIGN_##NAME, NEAR_##NAME)                                                             \
    BY_RESULT(NAME, f64, double, SIGN_##NAME, NEAR_##NAME)
#define LOGICAL(NAME, FORMULA, ...)
#include CHAPTER
