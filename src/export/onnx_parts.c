/* onnx_parts.c - the few nodes that all writers use: of shapes, conversions and margins. */
#include "export/onnx.h"

int tg_onnx_reshape(tg_onnx *m, int x, const tg_shape *to)
{
    return TG_ONNX_NODE(m, "Reshape", tg_onnx_dtype(m, x), x, tg_onnx_list(m, to->dim, to->rank));
}

int tg_onnx_cast(tg_onnx *m, int x, tg_dtype to)
{
    if (m->failed || tg_onnx_dtype(m, x) == to) return x;
    tg_onnx_int(m, "to", tg_onnx_type(to));
    return TG_ONNX_NODE(m, "Cast", to, x);
}

int tg_onnx_permute(tg_onnx *m, int x, const int64_t *from, int rank)
{
    tg_onnx_ints(m, "perm", from, rank);
    return TG_ONNX_NODE(m, "Transpose", tg_onnx_dtype(m, x), x);
}

int tg_onnx_expand(tg_onnx *m, int x, const tg_shape *to)
{
    return TG_ONNX_NODE(m, "Expand", tg_onnx_dtype(m, x), x, tg_onnx_list(m, to->dim, to->rank));
}

int tg_onnx_slice(tg_onnx *m, int x, int64_t axis, int64_t start, int64_t stop, int64_t step)
{
    if (stop < 0) stop = INT64_MIN; /* -1 would count from the end */
    const int from = tg_onnx_list(m, &start, 1), to = tg_onnx_list(m, &stop, 1), along = tg_onnx_list(m, &axis, 1), by = tg_onnx_list(m, &step, 1);
    return TG_ONNX_NODE(m, "Slice", tg_onnx_dtype(m, x), x, from, to, along, by);
}

int tg_onnx_counted(tg_onnx *m, int64_t n)
{
    const int from = tg_onnx_number(m, TG_I64, 0), to = tg_onnx_number(m, TG_I64, (double)n), by = tg_onnx_number(m, TG_I64, 1);
    return TG_ONNX_NODE(m, "Range", TG_I64, from, to, by);
}

int tg_onnx_concat(tg_onnx *m, const int *x, int n, int64_t axis)
{
    if (n == 1) return x[0];
    TG_ONNX_ALONG(m, axis);
    return tg_onnx_node_of(m, "Concat", tg_onnx_dtype(m, x[0]), x, n);
}

int tg_onnx_widened(tg_onnx *m, int x)
{
    const tg_dtype d = tg_onnx_dtype(m, x);
    return d == TG_U8 || d == TG_BOOL || d == TG_I16 ? tg_onnx_cast(m, x, TG_I32) : x;
}

int tg_onnx_pad(tg_onnx *m, int x, const int64_t *before, const int64_t *behind, int rank, double number)
{
    int64_t widths[2 * TG_MAX_RANK + 2];
    const tg_dtype dtype = tg_onnx_dtype(m, x);
    for (int k = 0; k < rank; k++) widths[k] = before[k], widths[rank + k] = behind[k];
    x = dtype == TG_I16 ? tg_onnx_widened(m, x) : x;
    const int list = tg_onnx_list(m, widths, 2 * rank), value = tg_onnx_number(m, tg_onnx_dtype(m, x), number);
    return tg_onnx_cast(m, TG_ONNX_NODE(m, "Pad", tg_onnx_dtype(m, x), x, list, value), dtype);
}
