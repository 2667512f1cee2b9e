/* onnx_index.c - picking and putting by index tensors in ONNX. An index outside its range is the runtime's to tell; which of several values at one
 * place stays ONNX leaves open, and runtimes that put them one after the other keep the last, as the library does. */
#include "export/onnx.h"

static int64_t axis_of(const tg_onnx_call *c) { return *(const int64_t *)tg_attr(c->node); }
static tg_dtype dtype_of(const tg_onnx_call *c) { return (tg_dtype)c->node->dtype; }

static int write_gather(tg_onnx_call *c)
{
    TG_ONNX_ALONG(c->m, axis_of(c));
    return TG_ONNX_NODE(c->m, "GatherElements", dtype_of(c), c->x[0], c->x[1]);
}

static int write_index_select(tg_onnx_call *c)
{
    TG_ONNX_ALONG(c->m, axis_of(c));
    return TG_ONNX_NODE(c->m, "Gather", dtype_of(c), c->x[0], c->x[1]);
}

/* Values at places of x along an axis, in place of what is there or added to it. */
static int scattered(const tg_onnx_call *c, int x, int index, int values, bool adds)
{
    if (adds) tg_onnx_text(c->m, "reduction", "add");
    TG_ONNX_ALONG(c->m, axis_of(c));
    return TG_ONNX_NODE(c->m, "ScatterElements", dtype_of(c), x, index, values);
}

static int zeros(const tg_onnx_call *c) { return tg_onnx_expand(c->m, tg_onnx_number(c->m, dtype_of(c), 0), tg_onnx_shape(c)); }
static bool names_nothing(const tg_onnx_call *c) { return tg_node_numel(tg_inputs(c->node)[1]) == 0; }

static int write_scatter(tg_onnx_call *c) { return names_nothing(c) ? c->x[0] : scattered(c, c->x[0], c->x[1], c->x[2], false); }

/* What is added to. */
static int base_of(const tg_onnx_call *c) { return c->node->n_in > 2 ? c->x[2] : zeros(c); }

static int write_scatter_add(tg_onnx_call *c) { return names_nothing(c) ? base_of(c) : scattered(c, base_of(c), c->x[1], c->x[0], true); }

/* ScatterElements wants a place for each element: the index is the same for all of a slice. */
static int write_index_add(tg_onnx_call *c)
{
    const tg_shape *values = tg_onnx_in_shape(c, 0);
    tg_shape        column = {.rank = values->rank};
    if (names_nothing(c)) return base_of(c);
    for (int k = 0; k < column.rank; k++) column.dim[k] = k == axis_of(c) ? values->dim[k] : 1;
    const int index = tg_onnx_expand(c->m, tg_onnx_reshape(c->m, c->x[1], &column), values);
    return scattered(c, base_of(c), index, c->x[0], true);
}

static int write_embedding_bag(tg_onnx_call *c)
{
    if (names_nothing(c)) return zeros(c);
    TG_ONNX_ALONG(c->m, 0);
    const int rows = TG_ONNX_NODE(c->m, "Gather", dtype_of(c), c->x[0], c->x[1]), axis = tg_onnx_list(c->m, (int64_t[]){tg_onnx_shape(c)->rank - 1}, 1);
    tg_onnx_int(c->m, "keepdims", 0);
    return TG_ONNX_NODE(c->m, "ReduceSum", dtype_of(c), rows, axis);
}

/* A one is added for each index. */
static int write_bincount(tg_onnx_call *c)
{
    const tg_shape flat = {1, {tg_node_numel(tg_inputs(c->node)[0])}};
    if (flat.dim[0] == 0) return zeros(c);
    const int index = tg_onnx_reshape(c->m, c->x[0], &flat), none = zeros(c), ones = tg_onnx_expand(c->m, tg_onnx_number(c->m, TG_I64, 1), &flat);
    tg_onnx_text(c->m, "reduction", "add");
    TG_ONNX_ALONG(c->m, 0);
    return TG_ONNX_NODE(c->m, "ScatterElements", TG_I64, none, index, ones);
}

static int write_one_hot(tg_onnx_call *c)
{
    const tg_one_hot_attr *a      = tg_attr(c->node);
    const int              values = tg_onnx_cast(c->m, tg_onnx_list(c->m, (int64_t[]){0, 1}, 2), TG_F32);
    const int              index = tg_onnx_cast(c->m, c->x[0], TG_I64), classes = tg_onnx_number(c->m, TG_I64, (double)a->classes);
    TG_ONNX_ALONG(c->m, -1);
    return tg_onnx_cast(c->m, TG_ONNX_NODE(c->m, "OneHot", TG_F32, index, classes, values), dtype_of(c));
}

static int write_check_index(tg_onnx_call *c) { return tg_onnx_cast(c->m, c->x[0], TG_I64); }

static int from_beginning(const tg_onnx_call *c, int index, int64_t size)
{
    const int wide = tg_onnx_cast(c->m, index, TG_I64);
    return TG_ONNX_FORMULA(c->m, "Where(Less(x, 0), Add(x, y), x)", wide, tg_onnx_number(c->m, TG_I64, (double)size));
}
static int write_wrap_index(tg_onnx_call *c) { return from_beginning(c, c->x[0], axis_of(c)); }

/* 0, 1, … n - 1 along one of `rank` axes. */
static int counted(const tg_onnx_call *c, int64_t n, int rank, int axis)
{
    int64_t   size[TG_MAX_RANK + 1];
    const int number = tg_onnx_counted(c->m, n);
    for (int k = 0; k < rank; k++) size[k] = k == axis ? n : 1;
    return TG_ONNX_NODE(c->m, "Reshape", TG_I64, number, tg_onnx_list(c->m, size, rank));
}

/* Each index beside each place along one more axis: the largest number of one that is equal. */
static int write_last_place(tg_onnx_call *c)
{
    const tg_shape *s = tg_onnx_in_shape(c, 0), *to = tg_onnx_shape(c);
    const int       axis = (int)axis_of(c), rank = s->rank + 1;
    int64_t         size[TG_MAX_RANK + 1], before[TG_MAX_RANK] = {0}, behind[TG_MAX_RANK];
    if (tg_node_numel(tg_inputs(c->node)[0]) == 0) return tg_onnx_expand(c->m, tg_onnx_number(c->m, TG_I64, -1), to);
    for (int k = 0; k < rank; k++) size[k] = k <= axis ? s->dim[k] : k == axis + 1 ? 1 : s->dim[k - 1];
    for (int k = 0; k < s->rank; k++) behind[k] = k == axis ? 0 : to->dim[k] - s->dim[k];
    const int index = from_beginning(c, c->x[0], to->dim[axis]);
    const int wide  = TG_ONNX_NODE(c->m, "Reshape", TG_I64, index, tg_onnx_list(c->m, size, rank));
    const int place = counted(c, to->dim[axis], rank, axis + 1), number = counted(c, s->dim[axis], rank, axis);
    const int all   = TG_ONNX_FORMULA(c->m, "Where(Equal(x, y), z, -1)", wide, place, number);
    tg_onnx_ints(c->m, "axes", (int64_t[]){axis}, 1);
    tg_onnx_int(c->m, "keepdims", 0);
    return tg_onnx_pad(c->m, TG_ONNX_NODE(c->m, "ReduceMax", TG_I64, all), before, behind, s->rank, -1);
}

const tg_onnx_op tg_onnx_index_ops[] = {
    {&tg_op_gather, write_gather, 0},           {&tg_op_index_select, write_index_select, 0}, {&tg_op_scatter, write_scatter, 0},
    {&tg_op_scatter_add, write_scatter_add, 0}, {&tg_op_index_add, write_index_add, 0},       {&tg_op_one_hot, write_one_hot, 0},
    {&tg_op_check_index, write_check_index, 0}, {&tg_op_wrap_index, write_wrap_index, 0},     {&tg_op_last_place, write_last_place, 0},
    {&tg_op_bincount, write_bincount, 0},       {&tg_op_embedding_bag, write_embedding_bag, 0},
    {0},
};
