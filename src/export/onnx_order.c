/* onnx_order.c - sorting and what has come so far along an axis, in ONNX. Of ops like cumprod ONNX has the sum alone; the others are made of
 * log2 n steps, each of which joins every element with the one 1, 2, 4, … before it. Where NaN stands in an order ONNX leaves open. */
#include "export/onnx.h"

static int write_sort(tg_onnx_call *c)
{
    const tg_sort_attr *a = tg_attr(c->node);
    const int           x = tg_onnx_widened(c->m, c->x[0]), count = tg_onnx_list(c->m, &a->count, 1);
    TG_ONNX_ALONG(c->m, a->axis);
    tg_onnx_int(c->m, "largest", a->descending);
    const int y  = TG_ONNX_NODE(c->m, "TopK", tg_onnx_dtype(c->m, x), x, count);
    c->result[1] = tg_onnx_more(c->m, TG_I64);
    return tg_onnx_cast(c->m, y, (tg_dtype)c->node->dtype);
}

/* How many elements of the line come before each value, or are equal to it. */
static int write_searchsorted(tg_onnx_call *c)
{
    const bool      right = *(const int64_t *)tg_attr(c->node) != 0;
    const tg_shape *s = tg_onnx_in_shape(c, 0), *v = tg_onnx_in_shape(c, 1);
    int64_t         line[TG_MAX_RANK + 1], column[TG_MAX_RANK + 1];
    if (tg_node_numel(tg_inputs(c->node)[0]) == 0) return tg_onnx_expand(c->m, tg_onnx_number(c->m, TG_I64, 0), tg_onnx_shape(c));
    int x = tg_onnx_widened(c->m, c->x[0]), y = tg_onnx_widened(c->m, c->x[1]);
    for (int k = 0; k <= s->rank; k++) line[k] = k == s->rank ? s->dim[k - 1] : k == s->rank - 1 ? 1 : s->dim[k];
    for (int k = 0; k <= v->rank; k++) column[k] = k == v->rank ? 1 : v->dim[k];
    if (s->rank > 1) x = TG_ONNX_NODE(c->m, "Reshape", tg_onnx_dtype(c->m, x), x, tg_onnx_list(c->m, line, s->rank + 1));
    y = TG_ONNX_NODE(c->m, "Reshape", tg_onnx_dtype(c->m, y), y, tg_onnx_list(c->m, column, v->rank + 1));
    const bool  is_float = tg_dtype_is_float(tg_onnx_dtype(c->m, x));
    const char *passed   = right ? is_float ? "int64(Or(LessOrEqual(x, y), IsNaN(y)))" : "int64(LessOrEqual(x, y))"
                                 : is_float ? "int64(Or(Less(x, y), And(IsNaN(y), Equal(x, x))))" : "int64(Less(x, y))";
    const int   each = TG_ONNX_FORMULA(c->m, passed, x, y), axis = tg_onnx_list(c->m, (int64_t[]){-1}, 1);
    tg_onnx_int(c->m, "keepdims", 0);
    return TG_ONNX_NODE(c->m, "ReduceSum", TG_I64, each, axis);
}

/* ---- what has come so far -------------------------------------------------------------------------------------------------- */

static const tg_scan_attr *attr_of(const tg_onnx_call *c) { return tg_attr(c->node); }

static int write_cumsum(tg_onnx_call *c)
{
    const int x = tg_onnx_cast(c->m, c->x[0], (tg_dtype)c->node->dtype), axis = tg_onnx_number(c->m, TG_I64, (double)attr_of(c)->axis);
    tg_onnx_int(c->m, "reverse", attr_of(c)->reverse);
    return TG_ONNX_NODE(c->m, "CumSum", (tg_dtype)c->node->dtype, x, axis);
}

/* Each element's neighbour `by` before it, in the direction of the scan; for the first ones the number. */
static int before(const tg_onnx_call *c, int x, int64_t by, double number)
{
    const tg_shape     *s = tg_onnx_shape(c);
    const tg_scan_attr *a = attr_of(c);
    int64_t             front[TG_MAX_RANK] = {0}, back[TG_MAX_RANK] = {0};
    (a->reverse ? back : front)[a->axis] = by;
    const int64_t from = a->reverse ? by : 0;
    return tg_onnx_pad(c->m, tg_onnx_slice(c->m, x, a->axis, from, from + s->dim[a->axis] - by, 1), front, back, s->rank, number);
}

/* By a formula that joins x, which came before, and y. */
static int joined(const tg_onnx_call *c, const char *formula, double start)
{
    const int64_t n = tg_onnx_shape(c)->dim[attr_of(c)->axis];
    int           y = tg_onnx_cast(c->m, c->x[0], (tg_dtype)c->node->dtype);
    for (int64_t by = 1; by < n && !c->m->failed; by *= 2) y = TG_ONNX_FORMULA(c->m, formula, before(c, y, by, start), y);
    return y;
}

static int write_cumprod(tg_onnx_call *c) { return joined(c, "Mul(x, y)", 1); }
static int write_logcumsumexp(tg_onnx_call *c) { return joined(c, "logaddexp(x, y)", -__builtin_inf()); }

/* The extreme so far and the last place where it is; of NaNs, too. `beats`: does x, which came before, beat y? */
static int cumulative(tg_onnx_call *c, const char *beats, double start)
{
    const int64_t n = tg_onnx_shape(c)->dim[attr_of(c)->axis];
    int           y = tg_onnx_widened(c->m, c->x[0]);
    tg_shape      line = {.rank = tg_onnx_shape(c)->rank};
    for (int k = 0; k < line.rank; k++) line.dim[k] = k == attr_of(c)->axis ? n : 1;
    int place = tg_onnx_expand(c->m, tg_onnx_reshape(c->m, tg_onnx_counted(c->m, n), &line), tg_onnx_shape(c));
    for (int64_t by = 1; by < n && !c->m->failed; by *= 2) {
        const int x = before(c, y, by, start), from = before(c, place, by, 0), stays = TG_ONNX_FORMULA(c->m, beats, x, y);
        place = TG_ONNX_FORMULA(c->m, "Where(x, y, z)", stays, from, place);
        y     = TG_ONNX_FORMULA(c->m, "Where(x, y, z)", stays, x, y);
    }
    c->result[1] = place;
    return tg_onnx_cast(c->m, y, (tg_dtype)c->node->dtype);
}

static bool of_floats(const tg_onnx_call *c) { return tg_dtype_is_float((tg_dtype)c->node->dtype); }
/* A number that no element is beaten by. */
static double end_of(const tg_onnx_call *c, bool least)
{
    if (of_floats(c)) return least ? -__builtin_inf() : __builtin_inf();
    const tg_dtype d = c->node->dtype == TG_I64 ? TG_I64 : TG_I32;
    return least ? tg_dtypes[d].least : d == TG_I64 ? 0x1p63 : tg_dtypes[d].most;
}

static int write_cummax(tg_onnx_call *c)
{
    return cumulative(c, of_floats(c) ? "Or(Greater(x, y), And(IsNaN(x), Equal(y, y)))" : "Greater(x, y)", end_of(c, true));
}
static int write_cummin(tg_onnx_call *c)
{
    return cumulative(c, of_floats(c) ? "Or(Less(x, y), And(IsNaN(x), Equal(y, y)))" : "Less(x, y)", end_of(c, false));
}

const tg_onnx_op tg_onnx_order_ops[] = {
    {&tg_op_sort, write_sort, 0},     {&tg_op_searchsorted, write_searchsorted, 0},   {&tg_op_cumsum, write_cumsum, 0}, {&tg_op_cumprod, write_cumprod, 0},
    {&tg_op_cummax, write_cummax, 0}, {&tg_op_logcumsumexp, write_logcumsumexp, 0}, {&tg_op_cummin, write_cummin, 0}, {0},
};
