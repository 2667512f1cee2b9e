/* csv_write.c - a tensor as a CSV file. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <tapegrad/table.h>
#include <tapegrad/tensor.h>

#include "io/csv_out.h"
#include "io/decimal.h"
#include "tensor/fpenv.h"

static tg_status put_header(tg_csv_out *w, const char *const *names, int64_t columns)
{
    tg_status s = TG_OK;
    for (int64_t k = 0; s == TG_OK && k < columns; k++) {
        s = tg_csv_put_text(w, names[k], strlen(names[k]));
        if (s == TG_OK) s = tg_csv_put(w, k < columns - 1 ? "," : "\n", 1);
    }
    return s;
}

static tg_status put_number(tg_csv_out *w, tg_dtype dtype, const void *element)
{
    char          text[TG_DECIMAL_TEXT];
    const double  x = tg_dtypes[dtype].read(element);
    if (isnan(x)) return TG_OK;
    int64_t whole = 0;
    if (dtype == TG_I64) memcpy(&whole, element, sizeof whole); /* a double does not hold all of them */
    const int n = dtype == TG_I64 ? snprintf(text, sizeof text, "%" PRId64, whole) : tg_decimal_write(text, x, dtype == TG_F32);
    return tg_csv_put(w, text, (size_t)n);
}

static tg_status put_rows(tg_csv_out *w, tg_dtype dtype, const char *data, int64_t rows, int64_t columns)
{
    const size_t item = tg_dtype_size(dtype);
    tg_status    s    = TG_OK;
    for (int64_t i = 0; i < rows; i++)
        for (int64_t k = 0; k < columns; k++, data += item) {
            s = put_number(w, dtype, data);
            if (s == TG_OK) s = tg_csv_put(w, k < columns - 1 ? "," : "\n", 1);
            if (s != TG_OK) return s;
        }
    return s;
}

static tg_status write_table(tg_csv_out *w, tg_tape *t, const char *function, const char *path, const char *const *names, tg_tensor *x)
{
    const tg_shape *shape = tg_shape_of(x);
    const int64_t   rows = shape->dim[0], columns = shape->rank == 2 ? shape->dim[1] : 1;
    const void     *data = NULL;
    tg_status       s    = tg_eval(&x, 1);
    if (s == TG_OK && tg_numel(x) > 0 && !(data = tg_data(x))) s = TG_ERR_MEMORY;
    if (s == TG_OK) s = tg_csv_begin(w, t, function, path);
    if (s != TG_OK) return s;
    if (names) s = put_header(w, names, columns);
    if (s == TG_OK) s = put_rows(w, tg_dtype_of(x), data, rows, columns);
    return s == TG_OK ? tg_csv_end(w) : s;
}

static tg_status check(tg_tape *t, const char *function, const char *path, const char *const *names, const tg_tensor *x)
{
    char            text[TG_SHAPE_TEXT];
    const tg_shape *shape = tg_shape_of(x);
    if (!path) return tg_fail_on(t, TG_ERR_NULL, function, "the path is NULL");
    if (shape->rank < 1 || shape->rank > 2 || (shape->rank == 2 && shape->dim[1] == 0))
        return tg_fail_on(t, TG_ERR_SHAPE, function, "a table is [rows,columns] or [rows], with one column at least, not %s",
                          tg_shape_text(shape, text, sizeof text));
    for (int64_t k = 0; names && k < (shape->rank == 2 ? shape->dim[1] : 1); k++)
        if (!names[k]) return tg_fail_on(t, TG_ERR_NULL, function, "the name of column %" PRId64 " is NULL", k);
    return TG_OK;
}

tg_status tg_csv_write(const char *path, const char *const *names, tg_tensor *x)
{
    static const char function[] = "tg_csv_write";
    const tg_node    *node       = tg_check(x, function);
    if (!node) return x ? TG_ERR_STALE : TG_ERR_NULL;
    tg_tape *t = node->tape;
    TG_CALL(t);
    if (!tg_may(t, TG_IN_FUNCTION, function)) return TG_ERR_ARG;
    tg_status s = check(t, function, path, names, x);
    if (s != TG_OK) return s;
    tg_csv_out *w = tg_tape_alloc(t, sizeof *w);
    if (!w) return TG_ERR_MEMORY;
    const tg_fpenv host = tg_fpenv_enter();
    s                   = write_table(w, t, function, path, names, x);
    tg_fpenv_leave(host);
    tg_tape_free_bytes(t, w, sizeof *w);
    return s;
}
