/* dtype.c - the names and sizes of the element types, and the names of the statuses. */
#include <tapegrad.h>

static const struct {
    const char *name;
    size_t      size;
} dtypes[TG_NDTYPES] = {
    [TG_F32] = {"float32", 4}, [TG_F64] = {"float64", 8}, [TG_I64] = {"int64", 8},
    [TG_I32] = {"int32", 4},   [TG_U8] = {"uint8", 1},    [TG_BOOL] = {"bool", 1},
};

/* An enum from outside may hold anything, and its type may be signed or not: compare as unsigned. */
static bool is_dtype(tg_dtype d) { return (unsigned)d < TG_NDTYPES; }

const char *tg_dtype_name(tg_dtype d) { return is_dtype(d) ? dtypes[d].name : "invalid"; }
size_t      tg_dtype_size(tg_dtype d) { return is_dtype(d) ? dtypes[d].size : 0; }

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
        [TG_SKIPPED] = "skipped",
    };
    return (unsigned)s < sizeof names / sizeof *names ? names[s] : "invalid status";
}
