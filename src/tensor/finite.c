/* finite.c - looks an array through for what is infinite or NaN: row by row, and by exponents alone, which compilers make vectors of. */
#include "tensor/finite.h"

#include <math.h>
#include <string.h>

#include "tensor/array.h"

#define EXPONENT_F32 UINT32_C(0x7f800000)
#define EXPONENT_F64 UINT64_C(0x7ff0000000000000)

/* Have n elements side by side all an exponent that is not the one of infinities and NaN? */
#define ALL_FINITE(NAME, BITS, EXPONENT)                                                 \
    static bool NAME(const char *p, size_t n)                                            \
    {                                                                                    \
        BITS some = 0;                                                                   \
        for (size_t k = 0; k < n; k++) {                                                 \
            BITS bits;                                                                   \
            memcpy(&bits, p + k * sizeof bits, sizeof bits);                             \
            some |= (BITS)((bits & EXPONENT) == EXPONENT);                               \
        }                                                                                \
        return !some;                                                                    \
    }
ALL_FINITE(all_finite_f32, uint32_t, EXPONENT_F32)
ALL_FINITE(all_finite_f64, uint64_t, EXPONENT_F64)

static double element(const tg_array *a, const char *p)
{
    if (a->dtype == TG_F64) return *(const double *)(const void *)p;
    return *(const float *)(const void *)p;
}

/* A row, `stride` bytes from element to element. Notes a first element that is not finite, and one that is NaN in place of one that is not. */
static void look_at_row(const tg_array *a, const char *p, ptrdiff_t stride, const int64_t *row, int64_t index[TG_MAX_RANK], double *value, bool *found)
{
    const int     last = a->shape->rank - 1;
    const int64_t n = last < 0 ? 1 : a->shape->dim[last];
    if (stride == (ptrdiff_t)tg_dtype_size(a->dtype) && (a->dtype == TG_F64 ? all_finite_f64 : all_finite_f32)(p, (size_t)n)) return;
    for (int64_t k = 0; k < n; k++) {
        const double x = element(a, p + k * stride);
        if (isfinite(x) || (*found && !(isnan(x) && !isnan(*value)))) continue;
        memcpy(index, row, sizeof *row * TG_MAX_RANK);
        if (last >= 0) index[last] = k;
        *value = x;
        *found = true;
    }
}

bool tg_find_not_finite(const tg_array *a, int64_t index[TG_MAX_RANK], double *value)
{
    const int   rank = a->shape->rank;
    const char *p = a->data;
    int64_t     row[TG_MAX_RANK] = {0};
    size_t      n = 1;
    ptrdiff_t   stride[1][TG_MAX_RANK];
    bool        found = false;
    for (int k = 0; k < rank; k++) {
        n *= (size_t)a->shape->dim[k];
        stride[0][k] = (ptrdiff_t)(a->stride[k] * (int64_t)tg_dtype_size(a->dtype));
    }
    if (!n || (a->contiguous && (a->dtype == TG_F64 ? all_finite_f64 : all_finite_f32)(p, n))) return false;
    do look_at_row(a, p, rank ? stride[0][rank - 1] : 0, row, index, value, &found);
    while (!(found && isnan(*value)) && tg_next_row(a->shape, row, 1, &p, stride));
    return found;
}
