/* parts.c - taking tensors apart, putting them together and hiding parts of them, all made of other ops: split, stack,
 * flatten, embedding, masked_fill, tril, triu, linear. */
#include "ops.h"

/* ---- parts ------------------------------------------------------------------------------------------------------- */

/* Are these the sizes of n parts of an axis of x? */
static tg_status check_sizes(const tg_node *x, int axis, const int64_t *sizes, int n)
{
    const int64_t whole = x->shape->dim[axis];
    int64_t       total = 0;
    if (!sizes && whole % n)
        return tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_split", "%d equal parts do not make up the %lld of axis %d", n,
                          (long long)whole, axis);
    for (int i = 0; sizes && i < n; i++) {
        if (sizes[i] < 0)
            return tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_split", "the size of part %d is %lld", i, (long long)sizes[i]);
        if (__builtin_add_overflow(total, sizes[i], &total)) total = INT64_MAX; /* no axis is as long as that */
    }
    if (!sizes || total == whole) return TG_OK;
    return tg_fail_on(x->tape, TG_ERR_SHAPE, "tg_split", "the sizes of the parts do not add up to the %lld of axis %d",
                      (long long)whole, axis);
}

tg_status tg_split(tg_tensor *x, int axis, const int64_t *sizes, int n, tg_tensor **parts)
{
    for (int i = 0; parts && i < n; i++) parts[i] = NULL;
    const tg_node *node = tg_check(x, "tg_split");
    if (!node) return x ? TG_ERR_STALE : TG_ERR_NULL;
    if (!parts) return tg_fail_on(node->tape, TG_ERR_NULL, "tg_split", "there is no room for the parts: NULL");
    if (n < 1) return tg_fail_on(node->tape, TG_ERR_ARG, "tg_split", "the number of parts is %d", n);
    TG_CALL(node->tape);
    const int k  = tg_checked_axis(node, "tg_split", axis);
    tg_status s  = k < 0 ? TG_ERR_SHAPE : check_sizes(node, k, sizes, n);
    int64_t   at = 0;
    for (int i = 0; i < n && s == TG_OK; i++) {
        const int64_t size = sizes ? sizes[i] : node->shape->dim[k] / n;
        parts[i]           = tg_slice(x, k, at, at + size, 1);
        if (!parts[i]) s = TG_ERR_MEMORY; /* all else is checked */
        at += size;
    }
    for (int i = 0; i < n && s != TG_OK; i++) parts[i] = NULL;
    return s;
}

tg_tensor *tg_stack(tg_tensor *const *x, int n, int axis)
{
    if (!x || n < 1) return NULL;
    const tg_node *first = tg_check(x[0], "tg_stack");
    if (!first) return NULL;
    TG_CALL(first->tape);
    tg_tensor **row = tg_value_room(first->tape, (size_t)n * sizeof *row);
    for (int i = 0; row && i < n; i++)
        if (!(row[i] = tg_unsqueeze(x[i], axis))) return NULL;
    return row ? tg_cat(row, n, axis) : NULL;
}

tg_tensor *tg_flatten(tg_tensor *x, int from, int to)
{
    const tg_node *n = tg_check(x, "tg_flatten");
    if (!n) return NULL;
    if (n->shape->rank == 0 && (from == 0 || from == -1) && (to == 0 || to == -1)) return tg_reshape(x, TG_SHAPE(1));
    const int first = tg_checked_axis(n, "tg_flatten", from),
              last  = first < 0 ? -1 : tg_checked_axis(n, "tg_flatten", to);
    if (first < 0 || last < 0) return NULL;
    if (first > last) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, "tg_flatten", "axis %d comes after axis %d", first, last);
        return NULL;
    }
    tg_shape s = {.rank = n->shape->rank - (last - first)};
    for (int k = 0; k < s.rank; k++) s.dim[k] = k <= first ? n->shape->dim[k] : n->shape->dim[k + last - first];
    for (int k = first + 1; k <= last; k++) s.dim[first] *= n->shape->dim[k];
    return tg_reshape(x, &s);
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

tg_tensor *tg_linear(tg_tensor *x, tg_tensor *w, tg_tensor *bias)
{
    TG_CALL(tg_tape_of(x));
    tg_tensor *y = tg_matmul(x, w);
    return bias ? tg_add(y, bias) : y;
}

/* The rows are picked by one index_select, whose gradient adds up equal rows in the order of the indices. */
tg_tensor *tg_embedding(tg_tensor *weight, tg_tensor *index)
{
    const tg_node *w = tg_check(weight, "tg_embedding"), *i = tg_check(index, "tg_embedding");
    char           text[TG_SHAPE_TEXT];
    if (!w || !i) return NULL;
    TG_CALL(w->tape);
    if (w->shape->rank != 2) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding",
                   "the weight is %s; it has one row for each index, [rows, width]",
                   tg_shape_text(w->shape, text, sizeof text));
        return NULL;
    }
    tg_shape s = *i->shape;
    if (s.rank == TG_MAX_RANK) {
        tg_fail_on(w->tape, TG_ERR_SHAPE, "tg_embedding", "the result would have more than %d axes", TG_MAX_RANK);
        return NULL;
    }
    s.dim[s.rank++] = w->shape->dim[1];
    return tg_reshape_if(tg_index_select(weight, 0, tg_reshape_if(index, TG_SHAPE(tg_node_numel(i)))), &s);
}

/* ---- masks ------------------------------------------------------------------------------------------------------- */

tg_tensor *tg_masked_fill(tg_tensor *x, tg_tensor *mask, double value)
{
    TG_CALL(tg_tape_of(x));
    return tg_where(mask, tg_number_like(x, value, "tg_masked_fill"), x);
}

/* x where column - row <= diagonal (lower) or >= diagonal, else 0. */
static tg_tensor *triangle(tg_tensor *x, int64_t diagonal, bool lower, const char *function)
{
    const tg_node *n = tg_check(x, function);
    if (!n) return NULL;
    TG_CALL(n->tape);
    if (n->shape->rank < 2) {
        tg_fail_on(n->tape, TG_ERR_SHAPE, function, "takes at least 2 dimensions, not %d", n->shape->rank);
        return NULL;
    }
    const int64_t rows = n->shape->dim[n->shape->rank - 2], cols = n->shape->dim[n->shape->rank - 1];
    const int64_t k   = diagonal < -rows ? -rows : diagonal > cols ? cols : diagonal; /* beyond, nothing changes */
    tg_tensor    *row = tg_add_s(tg_reshape(tg_arange(n->tape, TG_I64, rows), TG_SHAPE(rows, 1)), (double)k);
    tg_tensor    *col = tg_arange(n->tape, TG_I64, cols);
    return tg_where(lower ? tg_le(col, row) : tg_ge(col, row), x, tg_number_like(x, 0, function));
}

tg_tensor *tg_tril(tg_tensor *x, int64_t diagonal) { return triangle(x, diagonal, true, "tg_tril"); }
tg_tensor *tg_triu(tg_tensor *x, int64_t diagonal) { return triangle(x, diagonal, false, "tg_triu"); }
