/* dtype.c - the element types, from their rows; and the names of the statuses. */
#include "tensor/dtype.h"

#include <float.h>
#include <string.h>

/* Towards zero, to the nearest that there is, NaN to 0. hi, as a double, may be more than can be converted: it is compared first. */
static int64_t to_integer(double x, int64_t lo, int64_t hi)
{
    if (x != x) return 0;
    return x <= (double)lo ? lo : x >= (double)hi ? hi : (int64_t)x;
}

#define TO_F32(X)  (float)(X)
#define TO_F64(X)  (X)
#define TO_I64(X)  to_integer(X, INT64_MIN, INT64_MAX)
#define TO_I32(X)  (int32_t)to_integer(X, INT32_MIN, INT32_MAX)
#define TO_U8(X)   (uint8_t)to_integer(X, 0, UINT8_MAX)
#define TO_BOOL(X) (X) != 0
#define TO_I16(X)  (int16_t)to_integer(X, INT16_MIN, INT16_MAX)

#define DTYPE(NAME, TYPE, TEXT, KIND, SUM, LEAST, MOST, EPSILON, LOOPS)                                                        \
    static double read_##NAME(const void *element) { return (double)*(const TYPE *)element; }                                 \
    static void   write_##NAME(void *element, double x) { *(TYPE *)element = TO_##NAME(x); }                                   \
    static void   count_##NAME(void *to, int64_t n)                                                                            \
    {                                                                                                                          \
        for (int64_t k = 0; k < n; k++) ((TYPE *)to)[k] = (TYPE)k;                                                             \
    }
#include "table/dtypes.def"
#undef DTYPE

#define DTYPE(NAME, TYPE, TEXT, KIND, SUM, LEAST, MOST, EPSILON, LOOPS)                                                        \
    [TG_##NAME] = {.name = TEXT, .size = sizeof(TYPE), .kind = TG_KIND_##KIND, .sum = TG_##SUM, .least = LEAST, .most = MOST,  \
                   .epsilon = EPSILON, .loops = LOOPS, .read = read_##NAME, .write = write_##NAME, .count = count_##NAME},
const tg_dtype_traits tg_dtypes[TG_NDTYPES] = {
#include "table/dtypes.def"
};
#undef DTYPE

const char *tg_dtype_name(tg_dtype d) { return tg_is_dtype(d) ? tg_dtypes[d].name : "invalid"; }
size_t      tg_dtype_size(tg_dtype d) { return tg_is_dtype(d) ? tg_dtypes[d].size : 0; }

/* Has x, which is finite, no digits behind the point? By its bits: conversions would raise floating-point exceptions. */
static bool is_whole(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    const int exponent = (int)(bits >> 52 & 0x7ff) - 1023;
    return exponent < 0 ? bits << 1 == 0 : exponent >= 52 || bits << (12 + exponent) == 0;
}

bool tg_dtype_holds_at_all(tg_dtype d, double x)
{
    const tg_dtype_traits *t = &tg_dtypes[d];
    const bool             finite = x == x && x >= -DBL_MAX && x <= DBL_MAX, inside = finite && x >= t->least && x <= t->most;
    return t->kind == TG_KIND_FLOAT ? inside || !finite : inside && is_whole(x);
}

const char *tg_status_name(tg_status s)
{
    static const char *const names[] = {
        [TG_OK]              = "ok",
        [TG_ERR_NULL]        = "null argument",
        [TG_ERR_SHAPE]       = "shape error",
        [TG_ERR_DTYPE]       = "dtype error",
        [TG_ERR_ARG]         = "argument error",
        [TG_ERR_STALE]       = "stale tensor",
        [TG_ERR_TAPE]        = "tensors of different tapes",
        [TG_ERR_GRAD]        = "gradient error",
        [TG_ERR_INDEX]       = "index error",
        [TG_ERR_MEMORY]      = "out of memory",
        [TG_ERR_IO]          = "input/output error",
        [TG_ERR_FORMAT]      = "format error",
        [TG_ERR_UNSUPPORTED] = "unsupported",
        [TG_ERR_NONFINITE] = "not finite",
        [TG_SKIPPED] = "skipped",
    };
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "invalid status";
}
