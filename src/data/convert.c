/* convert.c - the loops that scale elements on their way to a batch, and the table of all conversions. */
#include "data/convert.h"

#include "ops/ops.h"
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

/* Integers and bools are taken as they are, by the loops of tg_to. */
#define WIDEN(NAME, FROM, TO)                                                                                          \
    static void NAME(const void *from, void *to, size_t n, double scale, double shift)                                 \
    {                                                                                                                  \
        (void)scale, (void)shift;                                                                                      \
        tg_op_to[TO].loop[FROM](n, to, &from, NULL);                                                                   \
    }
WIDEN(u8_to_i64, TG_U8, TG_I64)
WIDEN(i16_to_i64, TG_I16, TG_I64)
WIDEN(i32_to_i64, TG_I32, TG_I64)
WIDEN(i64_to_i64, TG_I64, TG_I64)
WIDEN(bool_to_bool, TG_BOOL, TG_BOOL)

static const tg_convert_fn conversions[TG_NDTYPES][TG_NDTYPES] = {
    [TG_F32] = {[TG_F32] = f32_to_f32, [TG_F64] = f32_to_f64},
    [TG_F64] = {[TG_F32] = f64_to_f32, [TG_F64] = f64_to_f64},
    [TG_U8] = {[TG_F32] = u8_to_f32, [TG_F64] = u8_to_f64, [TG_I64] = u8_to_i64},
    [TG_I16] = {[TG_F32] = i16_to_f32, [TG_F64] = i16_to_f64, [TG_I64] = i16_to_i64},
    [TG_I32] = {[TG_I64] = i32_to_i64},
    [TG_I64] = {[TG_I64] = i64_to_i64},
    [TG_BOOL] = {[TG_BOOL] = bool_to_bool},
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
