/* parts.c - taking tensors apart and putting them together, made of other ops: split, chunk, unbind, stack, hstack, vstack, flatten. */
#include "ops/ops.h"

#include <tapegrad/shape.h>

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
    if (!parts) return tg_fail_on(node->tape, TG_ERR_NULL, "tg_split", "the array for the parts is NULL");
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

/* The checks that chunk and unbind have in common: the axis, or -1 after an error, whose status is in *s. */
static int check_parts(tg_tensor *x, int axis, int n, tg_tensor **parts, const char *function, tg_status *s)
{
    for (int i = 0; parts && i < n; i++) parts[i] = NULL;
    const tg_node *node = tg_check(x, function);
    *s                  = x ? TG_ERR_STALE : TG_ERR_NULL;
    if (!node) return -1;
    if (!parts) *s = tg_fail_on(node->tape, TG_ERR_NULL, function, "the array for the parts is NULL");
    else if (n < 1) *s = tg_fail_on(node->tape, TG_ERR_ARG, function, "the number of parts is %d", n);
    else {
        const int k = tg_checked_axis(node, function, axis);
        *s          = k < 0 ? TG_ERR_SHAPE : TG_OK;
        return k;
    }
    return -1;
}

tg_status tg_chunk(tg_tensor *x, int axis, int n, tg_tensor **parts)
{
    tg_status s;
    const int k = check_parts(x, axis, n, parts, "tg_chunk", &s);
    if (k < 0) return s;
    TG_CALL(tg_tape_of(x));
    const int64_t size = tg_dim(x, k), each = size / n + (size % n != 0);
    for (int i = 0; i < n && s == TG_OK && (i == 0 || i * each < size); i++)
        if (!(parts[i] = tg_slice(x, k, i * each, (i + 1) * each, 1))) s = TG_ERR_MEMORY; /* all else is checked */
    for (int i = 0; i < n && s != TG_OK; i++) parts[i] = NULL;
    return s;
}

tg_status tg_unbind(tg_tensor *x, int axis, int n, tg_tensor **parts)
{
    tg_status s;
    const int k = check_parts(x, axis, n, parts, "tg_unbind", &s);
    if (k < 0) return s;
    TG_CALL(tg_tape_of(x));
    if (tg_dim(x, k) != n)
        return tg_fail_on(tg_tape_of(x), TG_ERR_SHAPE, "tg_unbind", "axis %d has %lld slices, not %d", k, (long long)tg_dim(x, k), n);
    for (int i = 0; i < n && s == TG_OK; i++)
        if (!(parts[i] = tg_select(x, k, i))) s = TG_ERR_MEMORY; /* all else is checked */
    for (int i = 0; i < n && s != TG_OK; i++) parts[i] = NULL;
    return s;
}

/* Tensors of at least `rank` axes, smaller ones with axes of size 1 in front, joined along an axis; of vectors along their own. */
static tg_tensor *joined(tg_tensor *const *x, int n, int rank, int axis, const char *function)
{
    if (!x || n < 1) return NULL;
    const tg_node *first = tg_check(x[0], function);
    if (!first) return NULL;
    TG_CALL_AS(first->tape, function);
    tg_tensor **part = tg_value_room(first->tape, (size_t)n * sizeof *part);
    for (int i = 0; part && i < n; i++) {
        const tg_node *one = tg_check(x[i], function);
        if (!one) return NULL;
        const int r = one->shape->rank;
        part[i] = r >= rank ? x[i] : tg_reshape(x[i], rank == 1 ? TG_SHAPE(1) : TG_SHAPE(1, r ? one->shape->dim[0] : 1));
    }
    return part ? tg_cat(part, n, tg_rank(part[0]) > axis ? axis : 0) : NULL;
}

tg_tensor *tg_hstack(tg_tensor *const *x, int n) { return joined(x, n, 1, 1, "tg_hstack"); }
tg_tensor *tg_vstack(tg_tensor *const *x, int n) { return joined(x, n, 2, 0, "tg_vstack"); }

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
