/* onnx_cast.c - numbers and conversions in ONNX. The library's conversions to integers saturate, and make 0 of NaN; ONNX's Cast wraps integers and
 * leaves open what becomes of other numbers, so these are brought into the range before. */
#include "export/onnx.h"

/* The value of a node that nothing is an input of: the numbers themselves. */
static int write_numbers(tg_onnx_call *c)
{
    const void *data = tg_contiguous_value((tg_node *)(uintptr_t)c->node);
    return data ? tg_onnx_data(c->m, NULL, (tg_dtype)c->node->dtype, tg_onnx_shape(c), data) : (c->m->failed = true, 0);
}

static int from_float(const tg_onnx_call *c, tg_dtype to)
{
    tg_onnx  *m = c->m;
    const int x = to == TG_I32 || to == TG_I64 ? tg_onnx_cast(m, c->x[0], TG_F64) : c->x[0]; /* floats don't have its bounds */
    const int least = tg_onnx_number(m, tg_onnx_dtype(m, x), tg_dtypes[to].least);
    const int most = tg_onnx_number(m, tg_onnx_dtype(m, x), tg_dtypes[to].most);
    const int y = tg_onnx_cast(m, TG_ONNX_FORMULA(m, "Where(IsNaN(x), 0, Max(Min(x, z), y))", x, least, most), to);
    if (to != TG_I64) return y;
    const int end = tg_onnx_number(m, TG_F64, 0x1p63); /* the largest double below it is not the largest integer */
    return TG_ONNX_FORMULA(m, "Where(x, z, y)", TG_ONNX_FORMULA(m, "GreaterOrEqual(x, y)", x, end), y, tg_onnx_number(m, TG_I64, 0x1p63));
}

static int from_integer(const tg_onnx_call *c, tg_dtype from, tg_dtype to)
{
    if (from == TG_BOOL || (tg_dtypes[to].least <= tg_dtypes[from].least && tg_dtypes[to].most >= tg_dtypes[from].most)) return tg_onnx_cast(c->m, c->x[0], to);
    const int x = tg_onnx_widened(c->m, c->x[0]);
    const int least = tg_onnx_number(c->m, tg_onnx_dtype(c->m, x), tg_dtypes[to].least);
    const int most = tg_onnx_number(c->m, tg_onnx_dtype(c->m, x), tg_dtypes[to].most);
    return tg_onnx_cast(c->m, TG_ONNX_FORMULA(c->m, "Max(Min(x, z), y)", x, least, most), to);
}

static int write_to(tg_onnx_call *c)
{
    const tg_dtype from = (tg_dtype)tg_inputs(c->node)[0]->dtype, to = (tg_dtype)c->node->dtype;
    if (tg_dtype_is_float(to)) return tg_onnx_cast(c->m, c->x[0], to);
    if (to == TG_BOOL) return TG_ONNX_FORMULA(c->m, "Not(Equal(x, 0))", tg_onnx_widened(c->m, c->x[0]));
    return tg_dtype_is_float(from) ? from_float(c, to) : from_integer(c, from, to);
}

static int write_number(tg_onnx_call *c) { return tg_onnx_number(c->m, (tg_dtype)c->node->dtype, *(const double *)tg_attr(c->node)); }

#define EACH(OPS, WRITER) {&OPS[0], WRITER, 0}, {&OPS[1], WRITER, 0}, {&OPS[2], WRITER, 0}, {&OPS[3], WRITER, 0}, {&OPS[4], WRITER, 0}, \
                          {&OPS[5], WRITER, 0}, {&OPS[6], WRITER, 0}
_Static_assert(TG_NDTYPES == 7, "EACH has them all");
const tg_onnx_op tg_onnx_cast_ops[] = {
    EACH(tg_op_to, write_to),
    EACH(tg_op_const, write_number),
    {&tg_op_arange, write_numbers, 0},
    {&tg_op_linspace, write_numbers, 0},
    {&tg_op_logspace, write_numbers, 0},
    {0},
};
