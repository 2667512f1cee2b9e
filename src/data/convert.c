/* convert.c - the loops that convert elements, and the table of them. */
#include "data/convert.h"

#include "tensor/dtype.h"

#define CONVERT(NAME, FROM, TO, ARITHMETIC)                                                                            \
    static void NAME(const void *from, void *to, size_t n, double scale, double shift)                                 \
    {                                                                                                                  \
        const FROM *x = from;                                                                                          \
        TO         *y = to;                                                                                            \
        ARITHMETIC  s = (ARITHMETIC)scale, b = (ARITHMETIC)shift;                                                      \
        for (size_t k = 0; k < n; k++) y[k] = (TO)(s * (ARITHMETIC)x[k] + b);                                          \
    }
CONVERT(u8_to_f32, uint8_t, float, float)
CONVERT(u8_to_f64, uint8_t, double, double)
CONVERT(i16_to_f32, int16_t, float, float)
CONVERT(i16_to_f64, int16_t, double, double)
CONVERT(f32_to_f32, float, float, float)
CONVERT(f32_to_f64, float, double, double)
CONVERT(f64_to_f32, double, float, double)
CONVERT(f64_to_f64, double, double, double)

/* Integers and bools are taken as they are. */
#define WIDEN(NAME, FROM, TO)                                                                                          \
    static void NAME(const void *from, void *to, size_t n, double scale, double shift)                                 \
    {                                                                                                                  \
        const FROM *x = from;                                                                                          \
        TO         *y = to;                                                                                            \
        (void)scale, (void)shift;                                                                                      \
        for (size_t k = 0; k < n; k++) y[k] = (TO)x[k];                                                                \
    }
WIDEN(u8_to_i64, uint8_t, int64_t)
WIDEN(i16_to_i64, int16_t, int64_t)
WIDEN(i32_to_i64, int32_t, int64_t)
WIDEN(i64_to_i64, int64_t, int64_t)
WIDEN(u8_to_u8, uint8_t, uint8_t)

static const tg_convert_fn conversions[TG_NDTYPES][TG_NDTYPES] = {
    [TG_F32] = {[TG_F32] = f32_to_f32, [TG_F64] = f32_to_f64},
    [TG_F64] = {[TG_F32] = f64_to_f32, [TG_F64] = f64_to_f64},
    [TG_U8] = {[TG_F32] = u8_to_f32, [TG_F64] = u8_to_f64, [TG_I64] = u8_to_i64},
    [TG_I16] = {[TG_F32] = i16_to_f32, [TG_F64] = i16_to_f64, [TG_I64] = i16_to_i64},
    [TG_I32] = {[TG_I64] = i32_to_i64},
    [TG_I64] = {[TG_I64] = i64_to_i64},
    [TG_BOOL] = {[TG_BOOL] = u8_to_u8},
};

tg_convert_fn tg_conversion(tg_dtype from, tg_dtype to) { return conversions[from][to]; }

tg_dtype tg_batch_dtype(tg_dtype from, tg_dtype tape, bool targets)
{
    if (from == TG_BOOL) return TG_BOOL;
    const bool measures = tg_dtype_is_float(from) || (!targets && (from == TG_U8 || from == TG_I16));
    return measures ? tape : TG_I64;
}

double tg_usual_scale(tg_dtype from, tg_dtype to)
{
    if (!tg_dtype_is_float(to)) return 1;
    return from == TG_U8 ? 1.0 / 255 : from == TG_I16 ? 1.0 / 32768 : 1;
}
